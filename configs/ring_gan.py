"""GAN on the 2D-ring: 8 Gaussians on the unit circle, by the networks and optimizers of PacGAN's experiments.

python -m gan_jax.main --config=configs/ring_gan.py --workdir=runs/ring_gan

40,000 steps, a tenth of the paper's, in 8 min 32 s on 2 CPU cores, shared with other work (2026-11-23). Of 2,500
samples: all 8 modes from step 8,000 on; at the last step 72% of high quality and a reverse KL of 0.10 nats, and over
the last 20,000 steps, in which the generator wanders, 72% to 95% (88% on average) and 0.09 to 0.21 (0.14). One seed.
The paper's GAN after 400,000 steps, over 10 seeds: 6.3 +- 0.5 modes, 98.2%, 0.45 (arXiv:1712.04086, table 1).
Its samples and its critic: configs/pictures/ring_gan.png.
"""

from configs import grid_gan
from gan_jax.config import ConfigDict


def get_config() -> ConfigDict:
    """Returns the config: that of grid_gan.py on other data."""
    config = grid_gan.get_config()
    config.data.name = "ring"
    return config
