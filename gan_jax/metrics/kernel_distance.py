"""The kernel distance between two sets of features: their maximum mean discrepancy, squared, in float64."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax, random
from jax.typing import ArrayLike

from gan_jax.metrics.features import check_pair


class KernelDistance(NamedTuple):
    """The `mean` over subsets, and their standard deviation `std`, which is not the mean's error: subsets overlap."""

    mean: float
    std: float


def kernel_distance(
    real: ArrayLike, fake: ArrayLike, key: jax.Array, *, subsets: int = 100, size: int = 1000
) -> KernelDistance:
    """Computes mean and spread of `mmd2` over random subsets of `size` examples of features [n, d] and [m, d].

    On InceptionV3's features it is the KID (Binkowski et al. 2018, arXiv:1801.01401). Unlike the Fréchet distance its
    mean does not depend on the number of examples. Subsets are sampled without replacement, by `key`.

    Raises ValueError as `features.check` does, and if `size` is below 2 or above the smaller set, or `subsets` is below
    1.
    """
    real, fake = check_pair(real, fake)
    fewer = min(len(real), len(fake))
    if not 2 <= size <= fewer:
        raise ValueError(f"size is {size}: it must be from 2 to {fewer}, the number of examples in the smaller set")
    if subsets < 1:
        raise ValueError(f"subsets is {subsets}: it must be at least 1")
    chosen = [_subsets(k, len(x), subsets, size) for k, x in zip(random.split(key), (real, fake), strict=True)]
    with jax.enable_x64(True):
        values = np.asarray(_mmd2s(jnp.asarray(real), jnp.asarray(fake), *chosen))
    return KernelDistance(float(values.mean()), float(values.std()))


def mmd2(real: jax.Array, fake: jax.Array) -> jax.Array:
    """Returns the unbiased MMD^2 of features [n, d] and [m, d] -> [], with the kernel (x . y / d + 1)^3.

    The mean of k(x, x') over pairs of different real examples, plus that of fakes, minus twice that of k(x, y) over
    pairs of one of each (Gretton et al. 2012, eq. 3). It may be negative, and needs float64 for the difference of sums.
    """

    def others(x: jax.Array) -> jax.Array:
        kernel = _kernel(x, x)
        return (kernel.sum() - jnp.trace(kernel)) / (len(x) * (len(x) - 1))

    return others(real) + others(fake) - 2 * _kernel(real, fake).mean()


def _kernel(x: jax.Array, y: jax.Array) -> jax.Array:
    return (x @ y.T / x.shape[1] + 1) ** 3


@jax.jit
def _mmd2s(real: jax.Array, fake: jax.Array, rows: np.ndarray, columns: np.ndarray) -> jax.Array:
    """Returns `mmd2` [subsets] of each pair of subsets, given as indices int [subsets, size] of both sets."""
    return lax.map(lambda chosen: mmd2(real[chosen[0]], fake[chosen[1]]), (rows, columns))


def _subsets(key: jax.Array, n: int, subsets: int, size: int) -> np.ndarray:
    """Returns random indices below n, int [subsets, size], without repetition in a row."""
    return np.asarray(jax.vmap(lambda k: random.permutation(k, n)[:size])(random.split(key, subsets)))
