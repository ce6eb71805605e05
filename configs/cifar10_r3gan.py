"""R3GAN on CIFAR-10 by class: a start for large runs, never run here.

python -m gan_jax.main --config=configs/cifar10_r3gan.py --workdir=runs/cifar10_r3gan

The authors' preset (https://github.com/brownvc/R3GAN, train.py, CIFAR10): 20.8 million parameters in the generator,
21.3 in the critic, batches of 512, for GPUs. Their augmentation, whose p rises from 0 to 0.55, is not set.
--config=configs/cifar10_r3gan.py:cpu is of one block a stage and widths of 96, without classes, in batches of 64.
"""

from configs.common import r3gan
from gan_jax.config import ConfigDict, defaults


def get_config(size: str = "paper") -> ConfigDict:
    """Returns the config of a size: 'paper' or 'cpu'."""
    cpu = size == "cpu"
    config = defaults()
    config.data.name = "cifar10"
    config.batch_size = 64 if cpu else 512
    config.steps = 50_000 if cpu else 195_000  # 100 million images
    config.steps_per_call = 10
    config.log_every_steps = 100
    config.sample_every_steps = 1_000
    config.checkpoint_every_steps = 1_000
    widths = (96 if cpu else 768,) * 4
    images = config.steps * 64 if cpu else 2e7
    r3gan(config, images=images, gamma=(0.05, 0.005), stages=widths, classes=not cpu)
    config.players.generator.ema = 0.999 if cpu else 0.5 ** (512 / 5e6)
    if cpu:
        for network in config.networks.values():
            network.blocks, network.group = 1, 8
    return config
