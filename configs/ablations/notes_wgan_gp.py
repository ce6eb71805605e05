"""What the two slips of a widespread WGAN-GP cost: a sigmoid after its critic, one real batch for all five moves.

python -m gan_jax.main --config=configs/ablations/notes_wgan_gp.py --workdir=runs/notes_wgan_gp

All else as in configs/mnist_wgan_gp.py.
"""

from pathlib import Path

from gan_jax.config import ConfigDict, load


def get_config() -> ConfigDict:
    """A fresh copy of this config."""
    config = load(Path(__file__).parents[1] / "mnist_wgan_gp.py")
    config.objective.name = "adversarial.wasserstein_gp_of_probabilities"
    config.order.name = "alternating_on_one_batch"
    return config
