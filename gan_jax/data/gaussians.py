"""Points sampled from mixtures of equal Gaussians, so that the modes are known."""

import numpy as np

from gan_jax.data.base import Dataset, Mixture
from gan_jax.errors import UserError, suggestions

SIZES = {"train": 100_000, "test": 10_000}


def sample(name: str, split: str, mixture: Mixture, *, seed: int = 2018) -> Dataset:
    """Returns a split of a mixture: `x` float32 [n, d], and `label` int32 [n], the index of the point's Gaussian.

    Args:
        name: the data set's name, for messages.
        split: 'train' (100,000 points) or 'test' (10,000), each a function of `(seed, split)` alone.
        mixture: the distribution.
        seed: the seed of all splits. It belongs to the data set, so that every run sees the same points.

    Raises:
        UserError: for any other split.
    """
    if split not in SIZES:
        raise UserError(f"{name} has no split {split!r}; {suggestions(split, SIZES)}")
    random = np.random.default_rng((seed, list(SIZES).index(split)))
    modes, d = mixture.centres.shape
    label = random.integers(modes, size=SIZES[split], dtype=np.int32)
    x = mixture.centres[label] + mixture.std * random.standard_normal((len(label), d), dtype=np.float32)
    return Dataset(name, split, x.astype(np.float32), label, modes, mixture, splits=tuple(SIZES))
