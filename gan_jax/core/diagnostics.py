"""Signs of how a game goes, from what a move has at hand: float32 scalars to log, of the global batch, no gradient.

Products of matrices are avoided, so that they cost about as much as reading the batch twice.
"""

from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import optax
from jax import lax

from gan_jax.core import collectives

T = TypeVar("T")
MOST = 1000.0
"""Of a share: next to nothing is under the fraction, and how much less says nothing more."""
ROUNDING = 4e-6  # of the means' size: what a spread in float32 has of it by rounding alone
PROBES, NEIGHBOURS = 4, 16  # of a batch: of 10 images made again and again, four in five meet themselves among 16


def norm(tree: Any) -> jax.Array:
    """The root of the summed squares of all values of a tree's arrays: []."""
    return optax.tree.norm(_as_they_are(tree))


def accuracy(real_scores: jax.Array, fake_scores: jax.Array, threshold: jax.Array | float) -> jax.Array:
    """The share of examples on their side of the threshold, real ones above, fakes below: scores [b] twice -> []."""
    right = (real_scores > threshold).mean() + (fake_scores < threshold).mean()
    return collectives.mean(0.5 * right)


def middle(real_scores: jax.Array, fake_scores: jax.Array) -> jax.Array:
    """Half-way between the mean scores: a threshold for a critic whose scores have no zero of their own."""
    return collectives.mean(0.5 * (real_scores.mean() + fake_scores.mean()))


def largest(values: jax.Array) -> jax.Array:
    """The largest of all values [b] of the global batch."""
    return _whole(values).max()


def batch_diversity(real: jax.Array, fake: jax.Array) -> dict[str, jax.Array]:
    """Compares the spread of a batch's fakes and real examples: [b, ...] twice -> three scalars, none of one example.

    diversity: the fakes' spread, the root of their summed variances, as a share of the real ones'.
    mean_gap: the squared distance between the two means, in units of the real ones' summed variances, less what chance
        gives batches of this size: about 0 for two batches of one law, above it when kinds of examples are missing.
    nearest_neighbor_ratio: how far an example is from the next one like it among 16 of the batch, as a share of what it
        is for real ones: low when fakes repeat themselves (the birthday test: Arora and Zhang 2017, arXiv:1706.08224).

    Real examples without any spread, as in a constant set, are no unit to measure in. Where fakes have none either the
    shares are 1; the offset is then in the fakes' variances; and no value goes beyond MOST.
    """
    if (n := _size(real)) < 2:
        return {}
    real, fake = _as_they_are([x.reshape(len(x), -1) for x in (real, fake)])
    (real_mean, real_variance), (fake_mean, fake_variance) = _moments(real), _moments(fake)
    apart = jnp.square(fake_mean - real_mean).sum() - (real_variance + fake_variance) / n
    rounding = ROUNDING**2 * (jnp.square(real_mean) + jnp.square(fake_mean)).sum() + jnp.finfo(real.dtype).tiny
    unit = jnp.where(real_variance > rounding, real_variance, fake_variance)
    return {
        "diversity": jnp.minimum(jnp.sqrt((fake_variance + rounding) / (real_variance + rounding)), MOST),
        "mean_gap": jnp.clip(apart / (unit + rounding), -MOST, MOST),
        "nearest_neighbor_ratio": jnp.minimum(
            (_nearest(fake) + jnp.sqrt(rounding)) / (_nearest(real) + jnp.sqrt(rounding)), MOST
        ),
    }


def _as_they_are(tree: T) -> T:
    """The tree without gradients, and made once: compilers like to make what is cheap anew for each sum over it."""
    return lax.optimization_barrier(lax.stop_gradient(tree))


def _moments(x: jax.Array) -> tuple[jax.Array, jax.Array]:
    """x [b, d] -> the mean [d] and the summed variances []."""
    mean = collectives.mean(x.mean(0))
    return mean, collectives.mean(jnp.square(x - mean).sum(1).mean())


def _nearest(x: jax.Array) -> jax.Array:
    """The mean distance of the first examples from the nearest other of some of the batch: [b, d] -> []."""
    x = _whole(x[:NEIGHBOURS])[:NEIGHBOURS]
    squares = jnp.square(x[:PROBES, None] - x).sum(-1)
    itself = jnp.eye(*squares.shape, dtype=bool)
    squares = jnp.where(itself, jnp.finfo(squares.dtype).max, squares)  # finite: of one example there is no other
    return jnp.sqrt(squares.min(1)).mean()


def _whole(x: jax.Array) -> jax.Array:
    """All of the global batch's examples, in order."""
    name = collectives.axis()
    return x if name is None else lax.all_gather(x, name, tiled=True)


def _size(x: jax.Array) -> int:
    """How many examples the global batch has."""
    name = collectives.axis()
    return len(x) * (1 if name is None else lax.axis_size(name))
