"""Binarised MNIST: each pixel is on with a probability of its grey value / 255, and was sampled once.

The distribution is that of Salakhutdinov and Murray 2008 (On the quantitative analysis of deep belief networks), on
which log likelihoods are compared. The sample is this project's own, not the file known as `binarized_mnist`. It is
made from MNIST as TensorFlow Datasets prepared it.
"""

import numpy as np

from gan_jax.data import tfds
from gan_jax.data.base import Dataset
from gan_jax.errors import UserError, suggestions

SPLITS = ("train", "test")
SEED = 2008


def load(split: str) -> Dataset:
    """Returns `x` uint8 [n, 28, 28, 1], 255 with probability grey / 255, otherwise 0, with MNIST's labels.

    Args:
        split: 'train' (60,000 images) or 'test' (10,000).

    Raises:
        UserError: for any other split, or if MNIST is not prepared.
    """
    if split not in SPLITS:
        raise UserError(f"binary_mnist has no split {split!r}; {suggestions(split, SPLITS)}")
    digits = tfds.read("mnist", split)
    random = np.random.default_rng((SEED, SPLITS.index(split)))
    thresholds = random.integers(255, size=digits.x.shape, dtype=np.uint8)  # 0..254: grey 0 is never on, 255 always
    x = np.where(digits.x > thresholds, 255, 0).astype(np.uint8)
    return digits._replace(name="binary_mnist", split=split, x=x, version="", splits=SPLITS)
