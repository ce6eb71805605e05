"""Precision, recall, density and coverage: overlap of the regions of real examples and fakes in feature space.

Each example of a set has an open ball whose radius is the distance to its k-th nearest other example of the set. Values
equal those of the `prdc` package (Naeem et al. 2020) exactly. Other packages differ: torch-fidelity's balls are closed,
which matters where distances tie.

Distances are computed in float64, because rounding in float32 may swap a radius and a distance near it. They are
computed in blocks, so that memory grows with n + m and not with n m. For 10,000 and 10,000 examples precision and
recall take 4 s and 190 MB at d = 128, 20 s and 440 MB at d = 784 (2 CPU cores under other load, 2026-11-23).
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.typing import ArrayLike

from gan_jax.metrics.features import check_pair

AT_ONCE = 2_500_000  # distances in memory at a time: 20 MB
LANES = 128
SAME = 1e-6  # relative distance: features of one example, computed twice in float32, differ by less
DIRECTIONS = 4  # random projections, enough that no two of a million examples are as near in all by chance


class PrecisionRecall(NamedTuple):
    """Shares from 0 to 1: `precision` of fakes that look real, `recall` of real examples that could be fakes."""

    precision: float
    recall: float


class DensityCoverage(NamedTuple):
    """`density`: the mean number of real balls around a fake, over k, ideally 1; `coverage`: the share with a fake."""

    density: float
    coverage: float


def precision_recall(real: ArrayLike, fake: ArrayLike, *, k: int = 3) -> PrecisionRecall:
    """Computes the shares of fakes in any real ball, and of real examples in any fake's: features [n, d] and [m, d].

    These are improved precision and recall (Kynkaanniemi et al. 2019, arXiv:1904.06991, eq. 1 and 2). A single outlier
    among the real examples has a large ball, which inflates the precision: see `density_coverage`. Raises ValueError as
    `features.check` does, and if `k` is below 1 or not below both n and m.
    """
    real, fake = check_pair(real, fake)
    _check_k(k, min(len(real), len(fake)))
    with jax.enable_x64(True):
        fooled, recalled = _precision_recall(jnp.asarray(real), jnp.asarray(fake), k=k)
    return PrecisionRecall(*(float(np.asarray(hits).mean()) for hits in (fooled, recalled)))


def density_coverage(real: ArrayLike, fake: ArrayLike, *, k: int = 5) -> DensityCoverage:
    """Computes the mean number of real balls around a fake, divided by k, and the share of real balls with a fake.

    Features are [n, d] and [m, d].

    Naeem et al. 2020 (arXiv:2002.09797, section 3). For fakes with the real examples' distribution, and n = m, density
    is 1 in expectation, and coverage is nearly 1 - 2^-k. Raises ValueError as `features.check` does, and if `k` is
    below 1 or not below n.
    """
    real, fake = check_pair(real, fake)
    _check_k(k, len(real))
    with jax.enable_x64(True):
        inside = np.asarray(_fakes_inside(jnp.asarray(real), jnp.asarray(fake), k=k))
    return DensityCoverage(float(inside.sum() / (k * len(fake))), float((inside > 0).mean()))


def without_ball(x: ArrayLike, *, k: int) -> int:
    """Returns the number of examples whose balls have radius 0, and so are empty: features [n, d].

    Their k-th nearest other example is a duplicate, up to float32's rounding. Exact copies of such real examples count
    as misses: if each example occurs k + 1 times, precision, density and coverage are 0.
    """
    from scipy.spatial import KDTree

    x = np.asarray(x, np.float64)
    if x.shape[1] > DIRECTIONS:  # examples as near in all of these as duplicates are duplicates
        x = x @ np.random.default_rng(0).normal(size=(x.shape[1], DIRECTIONS)) / np.sqrt(x.shape[1])
    reach = SAME * np.sqrt(np.square(x).sum(1).mean())
    return int((KDTree(x).query_ball_point(x, reach, return_length=True) > k).sum())


def _check_k(k: int, examples: int) -> None:
    if not 1 <= k < examples:
        raise ValueError(f"k is {k}: it must be at least 1 and below the number of examples, {examples}")


@partial(jax.jit, static_argnames="k")
def _precision_recall(real: jax.Array, fake: jax.Array, *, k: int) -> tuple[jax.Array, jax.Array]:
    """Returns bool [m], [n]: each fake is in any real ball, and each real example in any fake's."""
    around_real, around_fake = _radii(real, k), _radii(fake, k)

    def inside(rows: jax.Array, squared: jax.Array) -> tuple[jax.Array, jax.Array]:
        return (squared < around_real[rows, None]).any(0), (squared < around_fake).any(1)

    fooled, recalled = _by_rows(inside, real, fake)
    return fooled.any(0), recalled.reshape(-1)[: len(real)]


@partial(jax.jit, static_argnames="k")
def _fakes_inside(real: jax.Array, fake: jax.Array, *, k: int) -> jax.Array:
    """Returns the number of fakes in each real ball: int [n]."""
    around_real = _radii(real, k)

    def count(rows: jax.Array, squared: jax.Array) -> jax.Array:
        return (squared < around_real[rows, None]).sum(1)

    return _by_rows(count, real, fake).reshape(-1)[: len(real)]


def _radii(x: jax.Array, k: int) -> jax.Array:
    """Returns the squared distance [n] of each example of x [n, d] to its k-th nearest other one."""

    def kth(rows: jax.Array, squared: jax.Array) -> jax.Array:
        itself = rows[:, None] == jnp.arange(len(x))
        return _smallest(jnp.where(itself, jnp.inf, squared), k)[:, -1]

    return _by_rows(kth, x, x).reshape(-1)[: len(x)]


def _smallest(values: jax.Array, k: int) -> jax.Array:
    """Returns the k smallest of each row in order, [r, m] -> [r, k], k <= m; on a CPU 10 times as fast as lax.top_k."""
    r, m = values.shape
    lanes = jnp.pad(values, ((0, 0), (0, -m % LANES)), constant_values=jnp.inf).reshape(r, -1, LANES)

    def insert(i: int, kept: list[jax.Array]) -> list[jax.Array]:
        """Returns each lane's k smallest values in order, with the i-th value inserted."""
        value, sorted_ = lanes[:, i], []
        for smaller in kept:
            sorted_.append(jnp.minimum(smaller, value))
            value = jnp.maximum(smaller, value)
        return sorted_

    kept = lax.fori_loop(0, lanes.shape[1], insert, [jnp.full((r, LANES), jnp.inf, values.dtype)] * k)
    return jnp.sort(jnp.concatenate(kept, axis=1), axis=1)[:, :k]


def _by_rows(of_block, x: jax.Array, y: jax.Array):
    """Returns the stacked results of a function for blocks of the squared distances between x [n, d] and y [m, d].

    `of_block(rows, squared)` gets a block's indices int [r] and its distances [r, m]. The last block is padded with the
    last row.
    """
    r = max(1, min(len(x), AT_ONCE // len(y)))
    rows = jnp.minimum(jnp.arange(-(-len(x) // r) * r), len(x) - 1).reshape(-1, r)
    norms = jnp.square(y).sum(1)

    def block(rows: jax.Array):
        some = x[rows]
        squared = jnp.square(some).sum(1)[:, None] + norms - 2 * some @ y.T
        return of_block(rows, jnp.maximum(squared, 0))

    return lax.map(block, rows)
