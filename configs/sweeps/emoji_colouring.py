"""Colourisation of emoji: the U-Net with L1 alone, and against a critic; 3 seeds.

python scripts/sweep.py --sweep=configs/sweeps/emoji_colouring.py --workdir=runs/emoji_colouring
"""

from configs.sweeps.facades import METRICS
from gan_jax.config import load
from gan_jax.sweeps.cells import named
from gan_jax.sweeps.plan import CONFIGS, Seeds, Sweep


def get_sweep() -> Sweep:
    """L1 alone, and L1 with a critic."""
    config = CONFIGS / "emoji_colouring.py"
    cells = {"L1 alone": load(f"{config}:l1"), "against a critic": load(config)}
    return Sweep(cells["L1 alone"], named(cells), Seeds(3, at_once=1), metrics=METRICS)
