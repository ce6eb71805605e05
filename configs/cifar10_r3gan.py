"""Class-conditional R3GAN on CIFAR-10: a starting point for large runs. The full size was never trained.

python -m gan_jax.main --config=configs/cifar10_r3gan.py --workdir=runs/cifar10_r3gan

The authors' preset (https://github.com/brownvc/R3GAN, train.py, CIFAR10), for GPUs: 20.8 million parameters in the
generator, 21.3 million in the critic, batches of 512, and their schedules, augmentation and mirrored images.
--config=configs/cifar10_r3gan.py:cpu has one block per stage, widths of 96, batches of 64 and a constant decay of the
generator's average, has no classes and no augmentation, and takes 50,000 steps. --config=configs/cifar10_r3gan.py:880
is the same with 880 steps, which its schedules are fitted to. Its Fréchet distance is 298.5 by VGG16's features
(mean of 3 seeds, from 267.3 to 348.6), on JPEG copies of CIFAR-10, from configs/sweeps/cifar10_networks.py.
"""

from configs.common import check_choice, r3gan
from gan_jax.config import ConfigDict, defaults


def get_config(size: str = "paper") -> ConfigDict:
    """Returns the config of a size: 'paper', 'cpu', or a number of steps for the CPU's size."""
    steps = int(size) if size.isdecimal() else 0
    if not steps:
        check_choice(size, ("paper", "cpu"))
    cpu = size != "paper"
    config = defaults()
    config.data.name = "cifar10"
    config.batch_size = 64 if cpu else 512
    config.steps = (steps or 50_000) if cpu else 195_000  # 100 million images
    config.steps_per_call = 10
    config.log_every_steps = 100
    config.sample_every_steps = 1_000
    config.checkpoint_every_steps = 1_000
    widths = (96 if cpu else 768,) * 4
    images = config.steps * 64 if cpu else 2e7
    more = {} if cpu else {"half_life": 5e6, "p": 0.55}
    r3gan(config, images=images, gamma=(0.05, 0.005), stages=widths, classes=not cpu, **more)
    if not cpu:
        config.augment = ConfigDict({"mirror": {"name": "horizontal_flip"}})
    if cpu:
        config.players.generator.update({"ema": 0.999, "ema_warmup": "half_life"})
        for network in config.networks.values():
            network.blocks, network.group = 1, 8
    return config
