"""Inpainting of emoji: four networks with L1 alone, and the U-Net against a critic; 3 seeds.

python scripts/sweep.py --sweep=configs/sweeps/emoji_inpainting.py --workdir=runs/emoji_inpainting
"""

from configs.sweeps.facades import METRICS
from gan_jax.config import load
from gan_jax.sweeps.cells import named
from gan_jax.sweeps.plan import CONFIGS, Seeds, Sweep


def get_sweep() -> Sweep:
    """Networks with L1 alone, and L1 with a critic."""
    config = CONFIGS / "emoji_inpainting.py"
    alone = load(f"{config}:l1")
    networks = ("ContextEncoder", "DilatedCompletion", "GatedCompletion")
    cells = {
        "U-Net, L1 alone": alone,
        "U-Net against a critic": load(config),
        **{f"{name}, L1 alone": {"networks.generator.name": f"inpainting.{name}"} for name in networks},
    }
    return Sweep(alone, named(cells), Seeds(3, at_once=1), metrics=METRICS)
