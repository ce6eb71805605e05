"""Regularisation terms: gradient penalties, path length, LeCam and consistency; one value for each example or score.

Gradient penalties use the norm of the scores' gradient with respect to the critic's input, over all axes but the first.
It is taken from the gradient of the batch's summed scores. That is right only for a critic that scores each example by
itself: with batch statistics the sum has no per-example gradients.
"""

from collections.abc import Callable
from typing import TypeAlias

import jax
import jax.numpy as jnp
from jax import random
from jax.extend.core import Var

ScoreFn: TypeAlias = Callable[[jax.Array], jax.Array]
"""x [b, ...] -> scores [b, ...]."""


def gradient_penalty(
    score_fn: ScoreFn, keys: jax.Array, real: jax.Array, fake: jax.Array, *, epsilon: float = 1e-12
) -> tuple[jax.Array, jax.Array]:
    """Returns (norm - 1)^2 between real and fake examples, and the norms: keys [b], [b, ...] twice -> ([b], [b]).

    E (|grad D(x)| - 1)^2 at `interpolate(keys, real, fake)`: Gulrajani et al. 2017 (arXiv:1704.00028), equation 3.
    """
    norm = input_gradient_norm(score_fn, interpolate(keys, real, fake), epsilon=epsilon)
    return jnp.square(norm - 1), norm


def r1(score_fn: ScoreFn, real: jax.Array, *, epsilon: float = 1e-12) -> tuple[jax.Array, jax.Array]:
    """Returns norm^2 at real examples, and the norms: [b, ...] -> ([b], [b]).

    E |grad D(x)|^2 of Mescheder et al. 2018 (arXiv:1801.04406), equation 9; the penalty's weight is its gamma / 2.
    """
    norm = input_gradient_norm(score_fn, real, epsilon=epsilon)
    return jnp.square(norm), norm


def r2(score_fn: ScoreFn, fake: jax.Array, *, epsilon: float = 1e-12) -> tuple[jax.Array, jax.Array]:
    """Returns norm^2 at fakes, and the norms: [b, ...] -> ([b], [b]).

    E |grad D(G(z))|^2 of Mescheder et al. 2018, equation 10; the penalty's weight is its gamma / 2.
    """
    return r1(score_fn, fake, epsilon=epsilon)


def path_length(slopes: jax.Array, average: jax.Array, *, epsilon: float = 1e-12) -> tuple[jax.Array, jax.Array]:
    """Returns (length - a)^2 and the lengths |J' y|: J' y [b, layers, dim] for each layer's style -> [b] each.

    The length is sqrt(sum over dim, mean over layers, of squares + epsilon); a is `average` []. Karras et al. 2020
    (arXiv:1912.04958), equation 4, with the mean of their code. Raises ValueError for an epsilon not above 0.
    """
    _check(epsilon)
    squares = jnp.square(slopes).sum(-1)
    lengths = jnp.sqrt(squares.reshape(len(slopes), -1).mean(1) + epsilon)
    return jnp.square(lengths - average), lengths


def lecam(real_scores: jax.Array, fake_scores: jax.Array, real_anchor: jax.Array, fake_anchor: jax.Array) -> jax.Array:
    """Returns (D(x) - fake anchor)^2 + (D(G(z)) - real anchor)^2: [b, ...] twice, [] twice -> [b, ...].

    The anchors are moving averages of the mean scores. Tseng et al. 2021 (arXiv:2104.03310), section 3.2. The authors'
    code squares only D(x) above the fakes' anchor, and D(G(z)) below the reals'.
    """
    return jnp.square(real_scores - fake_anchor) + jnp.square(fake_scores - real_anchor)


def consistency(scores: jax.Array, augmented_scores: jax.Array) -> jax.Array:
    """Returns (D(x) - D(T(x)))^2 of an image and its augmented copy: [b, ...] twice -> [b, ...].

    Zhao et al. 2020 (arXiv:2002.04724), algorithm 1.
    """
    return jnp.square(scores - augmented_scores)


def interpolate(keys: jax.Array, real: jax.Array, fake: jax.Array) -> jax.Array:
    """Returns alpha real + (1 - alpha) fake with alpha ~ U[0, 1) for each example: keys [b], [b, ...] twice -> same.

    Gulrajani et al. 2017, algorithm 1.
    """
    alpha = jax.vmap(random.uniform)(keys).reshape(-1, *[1] * (real.ndim - 1))
    return alpha * real + (1 - alpha) * fake


def input_gradient_norm(score_fn: ScoreFn, x: jax.Array, *, epsilon: float = 1e-12) -> jax.Array:
    """Returns sqrt(|gradient of the scores with respect to their example|^2 + epsilon): [b, ...] -> [b].

    `epsilon` keeps value and gradient finite where the norm is 0. Raises ValueError if the scores pass no gradient to x
    at all, or if `epsilon` is not above 0.
    """
    _check(epsilon)
    if not _depends_on_change(score_fn, x):
        raise ValueError(
            "the critic passes no gradient to its examples, so there is nothing to penalise: on the way from them to "
            "the scores is a jax.lax.stop_gradient, or a function without slope as rounding is"
        )
    gradients = jax.grad(lambda x: score_fn(x).sum())(x)
    return jnp.sqrt(jnp.square(gradients).reshape(len(x), -1).sum(axis=1) + epsilon)


def _check(epsilon: float) -> None:
    if not epsilon > 0:
        raise ValueError(f"epsilon is {epsilon}: it must be above 0, as 1e-12, for finite gradients at a norm of 0")


def _depends_on_change(score_fn: ScoreFn, x: jax.Array) -> bool:
    """Returns whether a change of the scores [b, ...] depends on one of x [b, ...], according to the traced program."""
    jaxpr = jax.make_jaxpr(lambda x, change: jax.jvp(score_fn, (x,), (change,))[1])(x, x).jaxpr
    needed = {var for var in jaxpr.outvars if isinstance(var, Var)}
    for equation in reversed(jaxpr.eqns):
        if needed.intersection(equation.outvars):
            needed.update(var for var in equation.invars if isinstance(var, Var))
    return jaxpr.invars[1] in needed
