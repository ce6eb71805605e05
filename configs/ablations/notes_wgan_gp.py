"""The cost of two mistakes in WGAN-GP: a sigmoid after the critic, and one real batch for all five updates.

python -m gan_jax.main --config=configs/ablations/notes_wgan_gp.py --workdir=runs/notes_wgan_gp

Everything else is as in configs/mnist_wgan_gp.py. 1,124 steps took 25 min 49 s on 2 CPU cores, while other work took
most of the processor (2026-11-23); a step does the same work as one of mnist_wgan_gp. The critic's "distance", a
difference of probabilities, does not show progress: 0.46 over steps 40-100, 0.58 over the last 100, where that of
mnist_wgan_gp falls from 12.2 to 5.2. After the same number of steps the samples are blurred, and half of them are not
digits: configs/pictures/notes_wgan_gp.png, one seed.
"""

from configs import mnist_wgan_gp
from gan_jax.config import ConfigDict


def get_config() -> ConfigDict:
    """Returns the config."""
    config = mnist_wgan_gp.get_config()
    config.networks.critic.last_activation = ConfigDict({"name": "sigmoid"})
    config.step_rule.name = "alternating_on_one_batch"
    return config
