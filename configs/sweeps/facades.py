"""Photographs of facades from label maps: L1 alone, and pix2pix, which adds a critic; 3 seeds.

python scripts/sweep.py --sweep=configs/sweeps/facades.py --workdir=runs/facades
"""

from gan_jax.config import load
from gan_jax.sweeps.cells import named
from gan_jax.sweeps.plan import CONFIGS, Metric, Seeds, Sweep

METRICS = Metric("pairs/lpips/alexnet-lpips-v1", "lower"), Metric("pairs/l1", "lower"), Metric("pairs/ssim", "higher")


def get_sweep() -> Sweep:
    """L1 alone, pix2pix."""
    config = CONFIGS / "facades_pix2pix.py"
    cells = {"L1 alone": load(f"{config}:l1"), "pix2pix": load(config)}
    return Sweep(cells["pix2pix"], named(cells), Seeds(3, at_once=1), metrics=METRICS)
