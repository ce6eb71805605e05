"""A paired data set: digits, and their outlines as `source`."""

import numpy as np

from gan_jax.data import digits
from gan_jax.data.base import Dataset


def load(split: str, *, level: int = 100) -> Dataset:
    """Returns digits as `x` and as `source` what of them is brighter than `level`, both uint8 [n, 8, 8, 1]."""
    x = digits.load(split).x
    source = np.where(x > level, 255, 0).astype(np.uint8)
    return Dataset("pairs", split, x, None, 0, others={"source": source})
