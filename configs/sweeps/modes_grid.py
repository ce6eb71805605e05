"""Four objectives on the 2D-grid, 25 Gaussians, at an equal budget of steps and with falling learning rates.

python scripts/sweep.py --sweep=configs/sweeps/modes_grid.py --workdir=runs/modes_grid

The cells of modes_ring.py, with other data and four times as many steps.
"""

from configs.sweeps import modes_ring
from gan_jax.config import load
from gan_jax.sweeps.plan import CONFIGS, Sweep


def get_sweep() -> Sweep:
    """Non-saturating, WGAN-GP, hinge with spectral norm, R3GAN; 3 seeds."""
    overrides = {"evaluate_every_steps": 4_000, "sample_every_steps": 16_000}
    return modes_ring.get_sweep()._replace(base=load(CONFIGS / "grid_r3gan.py"), overrides=overrides)
