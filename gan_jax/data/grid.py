"""2D-grid: 25 Gaussians of standard deviation 0.05 at {-4, -2, 0, 2, 4} x {-4, -2, 0, 2, 4}, row by row.

As in PacGAN (Lin et al. 2018, arXiv:1712.04086, section 4.1) and its code; generated, so nothing is downloaded.
"""

import itertools

import numpy as np

from gan_jax.data import gaussians
from gan_jax.data.base import Dataset, Mixture


def load(split: str) -> Dataset:
    """Returns `x` float32 [n, 2] and `label` int32 [n], 0..24: 100,000 'train' or 10,000 'test' points."""
    centres = np.array([(x, y) for y, x in itertools.product(range(-4, 5, 2), repeat=2)], np.float32)
    return gaussians.sample("grid", split, Mixture(centres, std=0.05))
