"""Training diagnostics: float32 scalars of the global batch to log, computed from values that an update has anyway.

They have no gradients. They need no matrix products, so they cost about as much as reading the batch twice.
"""

from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import optax
from jax import lax

from gan_jax.core import collectives

T = TypeVar("T")
MAX_RATIO = 1000.0
"""The largest ratio that is logged. Beyond it the denominator is almost 0, and the exact ratio means nothing."""
ROUNDING = 4e-6  # the relative error of a spread in float32, as a share of the mean's size
PROBES, NEIGHBOURS = 4, 16  # examples: if fakes repeat 10 images, 4 in 5 have a copy among the 16


def norm(tree: Any) -> jax.Array:
    """Returns the global norm []: the root of the summed squares of all values of a tree's arrays."""
    return optax.tree.norm(_without_gradients(tree))


def accuracy(real_scores: jax.Array, fake_scores: jax.Array, threshold: jax.Array | float) -> jax.Array:
    """Returns the share [] of scores on the correct side of the threshold: real [b] above it, fake [b] below it."""
    right = (real_scores > threshold).mean() + (fake_scores < threshold).mean()
    return collectives.mean(0.5 * right)


def middle(real_scores: jax.Array, fake_scores: jax.Array) -> jax.Array:
    """Returns the midpoint [] of the two mean scores, a threshold for critics whose scores [b] have no natural zero."""
    return collectives.mean(0.5 * (real_scores.mean() + fake_scores.mean()))


def largest(values: jax.Array) -> jax.Array:
    """Returns the largest [] of the global batch's values [b], or of the current part's if the batch is accumulated."""
    return collectives.whole(values).max()


def batch_diversity(real: jax.Array, fake: jax.Array) -> dict[str, jax.Array]:
    """Returns three scalars [] that compare the spread of a batch's real examples and fakes, [b, ...] each.

    For a batch of one example the dict is empty.

    diversity: the spread of fakes over that of real examples. The spread is the root of the summed variances.
    mean_gap: the squared distance between the two means, in units of the real examples' summed variances, minus the
        value expected by chance for batches of this size. It is about 0 for two batches from the same distribution, and
        above 0 if some kinds of examples are missing.
    nearest_neighbor_ratio: the mean distance of fakes to their nearest neighbours among the batch's first 16, over the
        same for real examples. It is low if fakes repeat (the birthday test: Arora and Zhang 2017, arXiv:1706.08224).

    If real examples have no spread, as in a constant set, the gap is in units of the fakes' variance instead. If the
    fakes have none either, the ratios are 1. All values are clipped at MAX_RATIO.
    """
    if (n := _size(real)) < 2:
        return {}
    real, fake = _without_gradients([x.reshape(len(x), -1) for x in (real, fake)])
    (real_mean, real_variance), (fake_mean, fake_variance) = _moments(real), _moments(fake)
    apart = jnp.square(fake_mean - real_mean).sum() - (real_variance + fake_variance) / (n - 1)  # without bias
    rounding = ROUNDING**2 * (jnp.square(real_mean) + jnp.square(fake_mean)).sum() + jnp.finfo(real.dtype).tiny
    unit = jnp.where(real_variance > rounding, real_variance, fake_variance)
    return {
        "diversity": jnp.minimum(jnp.sqrt((fake_variance + rounding) / (real_variance + rounding)), MAX_RATIO),
        "mean_gap": jnp.clip(apart / (unit + rounding), -MAX_RATIO, MAX_RATIO),
        "nearest_neighbor_ratio": jnp.minimum(
            (_nearest(fake) + jnp.sqrt(rounding)) / (_nearest(real) + jnp.sqrt(rounding)), MAX_RATIO
        ),
    }


def _without_gradients(tree: T) -> T:
    """Returns the tree without gradients, computed once: the barrier keeps XLA from recomputing it in each sum."""
    return lax.optimization_barrier(lax.stop_gradient(tree))


def _moments(x: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Returns the mean [d] and the summed variances [] of x [b, d]."""
    mean = collectives.mean(x.mean(0))
    return mean, collectives.mean(jnp.square(x - mean).sum(1).mean())


def _nearest(x: jax.Array) -> jax.Array:
    """Returns the mean distance [] of the first examples of x [b, d] to the nearest other one of the first 16."""
    x = collectives.whole(x[:NEIGHBOURS])[:NEIGHBOURS]
    squares = jnp.square(x[:PROBES, None] - x).sum(-1)
    itself = jnp.eye(*squares.shape, dtype=bool)
    squares = jnp.where(itself, jnp.finfo(squares.dtype).max, squares)  # finite, as a batch of one has no other example
    return jnp.sqrt(squares.min(1)).mean()


def _size(x: jax.Array) -> int:
    """Returns the number of examples in the global batch."""
    name = collectives.axis()
    return len(x) * (1 if name is None else lax.axis_size(name))
