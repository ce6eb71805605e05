"""Emoji from one style to the other: L1 alone and pix2pix with pairs, CycleGAN and CUT without them; 3 seeds.

The first two cells have the configs' U-Net, without flips and shifts. Other generators have residual blocks.

python scripts/sweep.py --sweep=configs/sweeps/emoji_translation.py --workdir=runs/emoji_translation
"""

from configs.sweeps.facades import METRICS
from gan_jax.config import load
from gan_jax.sweeps.cells import named
from gan_jax.sweeps.plan import CONFIGS, Seeds, Sweep


def get_sweep() -> Sweep:
    """L1 alone, pix2pix, CycleGAN, CUT: each config with its own steps."""
    files = {"U-Net, L1 alone": "emoji_l1.py", "U-Net, pix2pix": "emoji_pix2pix.py"}
    files |= {"L1 alone": "emoji_l1.py:resnet", "pix2pix": "emoji_pix2pix.py:resnet"}
    files |= {"CycleGAN": "emoji_cyclegan.py", "CUT": "emoji_cut.py"}
    cells = {name: load(CONFIGS / file) for name, file in files.items()}
    return Sweep(cells["L1 alone"], named(cells), Seeds(3, at_once=1), metrics=METRICS)
