"""GAN on the 2D-ring: 8 Gaussians on the unit circle, with the networks and optimizers of PacGAN's experiments.

python -m gan_jax.main --config=configs/ring_gan.py --workdir=runs/ring_gan

40,000 steps, a tenth of the paper's, took 8 min 32 s on 2 CPU cores shared with other work (2026-11-23); one seed.
2,500 samples have all 8 modes from step 8,000 on. At the last step 72% are of high quality and the reverse KL is 0.10
nats. Over the last 20,000 steps the generator wanders: 72% to 95% (88% on average) and 0.09 to 0.21 (0.14).
The paper's GAN has 6.3 +- 0.5 modes, 98.2% and 0.45 after 400,000 steps, over 10 seeds (arXiv:1712.04086, table 1).
Samples and critic: configs/pictures/ring_gan.png.
"""

from configs import grid_gan
from gan_jax.config import ConfigDict


def get_config() -> ConfigDict:
    """Returns the config of grid_gan.py with other data."""
    config = grid_gan.get_config()
    config.data.name = "ring"
    return config
