"""Stacked MNIST: three random MNIST digits as the red, green and blue channels of one image, which gives 1,000 modes.

From Metz et al. 2017 (arXiv:1611.02163, section 3.3.1), with the sizes of PacGAN (Lin et al. 2018, arXiv:1712.04086,
section 4.2): 128,000 images for training and 26,000 for tests. Each split is built from MNIST's own, as TensorFlow
Datasets prepared it. The digits of an image were sampled once.
"""

import numpy as np

from gan_jax.data import tfds
from gan_jax.data.base import Dataset
from gan_jax.errors import UserError, suggestions

SIZES = {"train": 128_000, "test": 26_000}
SEED = 2017


def load(split: str) -> Dataset:
    """Returns `x` uint8 [n, 28, 28, 3] (300 MB for 'train') and `label` int32 [n], 0..999, the channels' digits.

    Args:
        split: 'train' (128,000 images) or 'test' (26,000).

    Raises:
        UserError: for any other split, or if MNIST is not prepared.
    """
    if split not in SIZES:
        raise UserError(f"stacked_mnist has no split {split!r}; {suggestions(split, SIZES)}")
    digits = tfds.read("mnist", split)
    random = np.random.default_rng((SEED, list(SIZES).index(split)))
    indices = random.integers(len(digits.x), size=(SIZES[split], 3))
    x = np.empty((len(indices), *digits.shape[:2], 3), np.uint8)
    for channel in range(3):
        x[..., channel] = digits.x[indices[:, channel], ..., 0]
    label = digits.labels("stacked_mnist")[indices] @ np.array([100, 10, 1], np.int32)
    return Dataset("stacked_mnist", split, x, label, classes=1000, splits=tuple(SIZES))
