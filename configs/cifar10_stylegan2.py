"""StyleGAN2 on CIFAR-10, of a size for CPUs.

python -m gan_jax.main --config=configs/cifar10_stylegan2.py --workdir=runs/cifar10_stylegan2

After 2,880 steps a Fréchet distance of 101.3 by VGG16 and 53.1 by AlexNet, in configs/sweeps/cifar10_networks.py; not
trained to its end. Two layers of mapping, gamma 0.01 and learning rates are those of the preset `cifar` of the
authors' later code (https://github.com/NVlabs/stylegan2-ada-pytorch, train.py), whose widths are 512, here 64, whose
critic compares examples in groups of 32, here 8, and which leaves out path lengths, style mixing and the critic's
shortcuts (architecture="orig"). Calls are of 16 steps, so that each has one R1 and four path lengths.
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
