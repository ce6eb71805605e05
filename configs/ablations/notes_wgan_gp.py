"""The cost of the two slips of a widespread WGAN-GP: a sigmoid after its critic, one real batch for all five updates.

python -m gan_jax.main --config=configs/ablations/notes_wgan_gp.py --workdir=runs/notes_wgan_gp

All else as in configs/mnist_wgan_gp.py. 1,124 steps on 2 CPU cores (2026-11-23; the work of a step is the same: 25
min 49 s, while other work took most of the processor). What the critic calls a distance, a difference of
probabilities, tells nothing of progress: 0.46 over steps 40-100, 0.58 over the last 100, where mnist_wgan_gp's falls
from 12.2 to 5.2. Its samples after as many steps are blurred and half of them not digits:
configs/pictures/notes_wgan_gp.png, one seed.
"""

from configs import mnist_wgan_gp
from gan_jax.config import ConfigDict


def get_config() -> ConfigDict:
    """Returns the config."""
    config = mnist_wgan_gp.get_config()
    config.networks.critic.last_activation = ConfigDict({"name": "sigmoid"})
    config.step_rule.name = "alternating_on_one_batch"
    return config
