"""Emoji of one style in the other: L1 alone and pix2pix, told the pairs, CycleGAN and CUT without them; 3 seeds.

python scripts/sweep.py --sweep=configs/sweeps/emoji_translation.py --workdir=runs/emoji_translation
"""

from configs.sweeps.facades import METRICS
from gan_jax.config import load
from gan_jax.sweeps.cells import named
from gan_jax.sweeps.plan import CONFIGS, Seeds, Sweep


def get_sweep() -> Sweep:
    """L1 alone, pix2pix, CycleGAN, CUT: each config with its own steps."""
    names = {"L1 alone": "emoji_l1", "pix2pix": "emoji_pix2pix", "CycleGAN": "emoji_cyclegan", "CUT": "emoji_cut"}
    cells = {name: load(CONFIGS / f"{file}.py") for name, file in names.items()}
    return Sweep(cells["L1 alone"], named(cells), Seeds(3, at_once=1), metrics=METRICS)
