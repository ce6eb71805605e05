"""Four objectives on the 2D-ring, 8 Gaussians, at an equal budget of points shown to the critic: modes found and kept.

python scripts/sweep.py --sweep=configs/sweeps/objectives_ring.py --workdir=runs/objectives_ring

The cells of objectives_grid.py, with configs/ring_gan.py as their base.
"""

from configs.sweeps import objectives_grid
from gan_jax.config import load
from gan_jax.sweeps.plan import CONFIGS, Sweep


def get_sweep() -> Sweep:
    """Minimax, non-saturating, WGAN and WGAN-GP; 10 seeds."""
    return objectives_grid.get_sweep()._replace(base=load(CONFIGS / "ring_gan.py"))
