"""StyleGAN2 on CIFAR-10, at a size for CPUs.

python -m gan_jax.main --config=configs/cifar10_stylegan2.py --workdir=runs/cifar10_stylegan2

This config has not been trained to the end. After 2,880 steps the Fréchet distance is 101.3 by VGG16's features and
53.1 by AlexNet's, on JPEG copies of CIFAR-10, from configs/sweeps/cifar10_networks.py. The two mapping layers, gamma
0.01 and the learning rates are those of the preset `cifar` in the authors' later code
(https://github.com/NVlabs/stylegan2-ada-pytorch, train.py). That preset has widths of 512, here 64, and a critic that
compares examples in groups of 32, here 8. It also leaves out path length regularisation, style mixing and the critic's
shortcuts (architecture="orig"). A call runs 16 steps, so that each call has one R1 penalty and four path length
penalties.
"""

from configs.common import stylegan2
from gan_jax.config import ConfigDict, defaults


def get_config() -> ConfigDict:
    """Returns the config."""
    config = defaults()
    config.data.name = "cifar10"
    config.batch_size = 64
    config.steps = 50_000
    config.steps_per_call = 16
    config.log_every_steps = 160
    config.sample_every_steps = 1_600
    config.checkpoint_every_steps = 1_600
    sizes = {"widths": (64, 64, 64, 64), "layers": 2, "features": 128, "group": 8}
    stylegan2(config, **sizes, gamma=0.01, learning_rate=2.5e-3, half_life=5e5)
    config.players.generator.ema_warmup = "half_life"
    return config
