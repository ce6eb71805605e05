"""Four objectives on the 2D-ring, 8 Gaussians, at an equal budget of points shown to the critic: modes found and kept.

python scripts/sweep.py --sweep=configs/sweeps/objectives_ring.py --workdir=runs/objectives_ring

The cells of objectives_grid.py, on configs/ring_gan.py.
"""

from pathlib import Path

from gan_jax.config import load
from gan_jax.sweeps import plan


def get_sweep() -> plan.Sweep:
    """Minimax, non-saturating, WGAN and WGAN-GP; 10 seeds."""
    grid = plan.load(Path(__file__).with_name("objectives_grid.py"))
    return grid._replace(base=load(plan.CONFIGS / "ring_gan.py"))
