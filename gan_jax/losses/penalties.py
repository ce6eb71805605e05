"""Penalties of a critic, of how steep it is: a score function, keys, real and fake examples in; one value each out.

A slope is the norm of the score's gradient in its own example, over all axes but the first. It is taken from the
gradient of the batch's summed scores, which is right only for a critic that scores each example by itself: under batch
statistics the sum has no per-example gradients.
"""

from collections.abc import Callable
from typing import TypeAlias

import jax
import jax.numpy as jnp
from jax import random

ScoreFn: TypeAlias = Callable[[jax.Array], jax.Array]
"""x [b, ...] -> scores [b]."""
Penalty: TypeAlias = Callable[[ScoreFn, jax.Array, jax.Array, jax.Array], tuple[jax.Array, jax.Array]]
"""`(score_fn, keys [b], real [b, ...], fake [b, ...]) -> (penalty [b], slope [b])`."""


def gradient_penalty(
    score_fn: ScoreFn, keys: jax.Array, real: jax.Array, fake: jax.Array, *, epsilon: float = 1e-12
) -> tuple[jax.Array, jax.Array]:
    """(slope - 1)^2 between real and fake examples, and the slopes: [b, ...] twice -> ([b], [b]).

    E (|grad D(x)| - 1)^2 at `interpolate(keys, real, fake)`: Gulrajani et al. 2017, arXiv:1704.00028, eq. 3.
    """
    slope = slopes(score_fn, interpolate(keys, real, fake), epsilon=epsilon)
    return jnp.square(slope - 1), slope


def r1(
    score_fn: ScoreFn, keys: jax.Array, real: jax.Array, fake: jax.Array, *, epsilon: float = 1e-12
) -> tuple[jax.Array, jax.Array]:
    """slope^2 at real examples, and the slopes: [b, ...] twice -> ([b], [b]).

    E |grad D(x)|^2 of Mescheder et al. 2018, arXiv:1801.04406, eq. 9, whose gamma / 2 is the penalty's weight.
    """
    del keys, fake
    slope = slopes(score_fn, real, epsilon=epsilon)
    return jnp.square(slope), slope


def interpolate(keys: jax.Array, real: jax.Array, fake: jax.Array) -> jax.Array:
    """alpha real + (1 - alpha) fake, alpha ~ U[0, 1) one for each example, from its key: [b], [b, ...] twice -> same.

    Gulrajani et al. 2017, algorithm 1.
    """
    alpha = jax.vmap(random.uniform)(keys).reshape(-1, *[1] * (real.ndim - 1))
    return alpha * real + (1 - alpha) * fake


def slopes(score_fn: ScoreFn, x: jax.Array, *, epsilon: float = 1e-12) -> jax.Array:
    """sqrt(|grad of the score in its own example|^2 + epsilon): [b, ...] -> [b].

    `epsilon` keeps value and gradient finite where the slope is 0.
    """
    gradients = jax.grad(lambda x: score_fn(x).sum())(x)
    return jnp.sqrt(jnp.square(gradients).reshape(len(x), -1).sum(axis=1) + epsilon)
