"""The kernel distance between two sets of features: their maximum mean discrepancy, squared, in float64."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax, random
from jax.typing import ArrayLike

from gan_jax.metrics.features import check_pair


class KernelDistance(NamedTuple):
    """The `mean` over subsets, and their standard deviation `std`; not the mean's error, for subsets overlap."""

    mean: float
    std: float


def kernel_distance(
    real: ArrayLike, fake: ArrayLike, key: jax.Array, *, subsets: int = 100, size: int = 1000
) -> KernelDistance:
    """The mean and spread of `mmd2` over random subsets of `size` examples each, of features [n, d] and [m, d].

    As Binkowski et al. 2018 (arXiv:1801.01401) have it: on InceptionV3's features it is the KID. Unlike the
    Fréchet distance its mean does not hang on the number of examples. Subsets are drawn without replacement, by `key`.

    Raises ValueError where `features.check` finds fault, `size` is below 2 or above the smaller set, or `subsets` is
    below 1.
    """
    real, fake = check_pair(real, fake)
    fewer = min(len(real), len(fake))
    if not 2 <= size <= fewer:
        raise ValueError(
            f"size is {size}: subsets are of at least 2 examples, and at most the {fewer} of the smaller set"
        )
    if subsets < 1:
        raise ValueError(f"subsets is {subsets}: it must be at least 1")
    chosen = [_subsets(k, len(x), subsets, size) for k, x in zip(random.split(key), (real, fake), strict=True)]
    with jax.enable_x64(True):
        values = np.asarray(_mmd2s(jnp.asarray(real), jnp.asarray(fake), *chosen))
    return KernelDistance(float(values.mean()), float(values.std()))


def mmd2(real: jax.Array, fake: jax.Array) -> jax.Array:
    """The unbiased MMD^2 of features [n, d] and [m, d] -> [], by the kernel (x . y / d + 1)^3; it may be negative.

    The mean of k(x, x') over pairs of different real examples, plus that of fakes, less twice that of k(x, y) over
    pairs of one of each (Gretton et al. 2012, eq. 3): a small difference of large sums, to be taken in float64.
    """

    def others(x: jax.Array) -> jax.Array:
        kernel = _kernel(x, x)
        return (kernel.sum() - jnp.trace(kernel)) / (len(x) * (len(x) - 1))

    return others(real) + others(fake) - 2 * _kernel(real, fake).mean()


def _kernel(x: jax.Array, y: jax.Array) -> jax.Array:
    return (x @ y.T / x.shape[1] + 1) ** 3


@jax.jit
def _mmd2s(real: jax.Array, fake: jax.Array, rows: np.ndarray, columns: np.ndarray) -> jax.Array:
    """`mmd2` of each pair of subsets: indices int [subsets, size] twice -> [subsets]."""
    return lax.map(lambda chosen: mmd2(real[chosen[0]], fake[chosen[1]]), (rows, columns))


def _subsets(key: jax.Array, n: int, subsets: int, size: int) -> np.ndarray:
    """Indices below n, none twice in a row: int [subsets, size]."""
    return np.asarray(jax.vmap(lambda k: random.permutation(k, n)[:size])(random.split(key, subsets)))
