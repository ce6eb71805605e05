"""Nearest neighbours of examples, as a test for copies of the training set."""

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.typing import ArrayLike

AT_ONCE = 5_000_000  # distances in memory at a time: 20 MB
PART = 1 << 28
"""The bytes of references, as float32, that are in memory at a time."""


class NearestNeighbours(NamedTuple):
    """Median distances to the nearest training example, for `samples` and for `test` examples.

    `closer`: the probability that a sample is closer to one than a test example is, half for samples like the data.
    """

    samples: float
    test: float
    closer: float


@jax.jit
def nearest(x: jax.Array, references: jax.Array) -> jax.Array:
    """Returns the index of the reference nearest to each example by Euclidean distance: [n, ...], [m, ...] -> [n]."""
    return _nearest_and_squares(x, references)[0]


def nearest_in_parts(x: ArrayLike, references: Any) -> np.ndarray:
    """Returns `nearest` for references that need not fit into memory: they are read in parts."""
    x, size = jnp.asarray(x), max(1, PART // (4 * math.prod(references.shape[1:])))
    found, least = np.zeros(len(x), np.int64), np.full(len(x), np.inf, np.float32)
    for start in range(0, len(references), size):
        here, values = map(np.asarray, _nearest_and_squares(x, jnp.asarray(references[start : start + size])))
        found, least = np.where(values < least, start + here, found), np.minimum(values, least)
    return found


@jax.jit
def _nearest_and_squares(x: jax.Array, references: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Returns the index of each example's nearest reference, and their squared distance minus the square of x: [n]."""
    x, references = (values.reshape(len(values), -1).astype(jnp.float32) for values in (x, references))
    squares = jnp.square(references).sum(axis=1)

    def of_one(x: jax.Array) -> tuple[jax.Array, jax.Array]:
        values = squares - 2 * jnp.matmul(references, x, precision=lax.Precision.HIGHEST)
        return jnp.argmin(values), values.min()

    return lax.map(of_one, x, batch_size=max(1, min(len(x), AT_ONCE // len(references))))


def nearest_distances(x: ArrayLike, references: ArrayLike) -> np.ndarray:
    """Returns the Euclidean distance of each example to the nearest reference: [n, ...], [m, ...] -> float64 [n].

    The search is in float32, so it may find any of several references at nearly the same distance. The distance is
    computed in float64. Raises ValueError if their shapes differ, one is empty, or a value is not finite.
    """
    x, references = np.asarray(x), np.asarray(references)
    if x.shape[1:] != references.shape[1:] or not (len(x) and len(references)):
        raise ValueError(f"examples of shape {x.shape} cannot be compared with references of shape {references.shape}")
    if not (np.isfinite(x).all() and np.isfinite(references).all()):
        raise ValueError("examples or references have NaN or infinity: they have no distances")
    indices = nearest_in_parts(x, references)
    return np.linalg.norm((x.astype(np.float64) - references[indices]).reshape(len(x), -1), axis=1)


def nearest_neighbours(samples: ArrayLike, train: ArrayLike, test: ArrayLike) -> NearestNeighbours:
    """Compares samples' and test examples' distances to the training set: [n, ...], [m, ...], [k, ...].

    Samples that are closer than test examples are a sign of memorisation.

    `closer` is P(a sample's distance < a test example's), where ties count half: the Mann-Whitney U divided by n k,
    with which Meehan et al. 2020 (arXiv:2004.05675) test for copied data. Near 1 the generator copies; near 0 its
    samples are far from all data. Distances are Euclidean, and say more for features than for pixels.
    """
    ours, theirs = (nearest_distances(x, train) for x in (samples, test))
    ranked = np.sort(theirs)
    further = 2 * len(theirs) - np.searchsorted(ranked, ours) - np.searchsorted(ranked, ours, side="right")
    return NearestNeighbours(
        float(np.median(ours)), float(np.median(theirs)), float(further.mean() / (2 * len(theirs)))
    )
