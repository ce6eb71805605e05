"""2D-ring: 8 Gaussians of standard deviation 0.01 on the unit circle, the first at (1, 0), anticlockwise.

As in PacGAN (Lin et al. 2018, arXiv:1712.04086, section 4.1) and its code; generated, so nothing is downloaded.
"""

import numpy as np

from gan_jax.data import gaussians
from gan_jax.data.base import Dataset, Mixture


def load(split: str) -> Dataset:
    """Returns `x` float32 [n, 2] and `label` int32 [n], 0..7: 100,000 'train' or 10,000 'test' points."""
    angle = np.arange(8) * (2 * np.pi / 8)
    centres = np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32)
    return gaussians.sample("ring", split, Mixture(centres, std=0.01))
