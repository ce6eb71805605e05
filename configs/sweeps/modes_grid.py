"""Four objectives on the 2D-grid, 25 Gaussians, at an equal budget of steps, at falling learning rates.

python scripts/sweep.py --sweep=configs/sweeps/modes_grid.py --workdir=runs/modes_grid

The cells of modes_ring.py, on other data.
"""

from configs.sweeps import modes_ring
from gan_jax.sweeps.plan import Sweep


def get_sweep() -> Sweep:
    """Non-saturating, WGAN-GP, hinge with spectral norm, R3GAN; 3 seeds."""
    sweep = modes_ring.get_sweep()
    return sweep._replace(overrides={"data.name": "grid", **sweep.overrides})
