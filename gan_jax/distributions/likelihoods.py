"""Likelihoods p(x | z): distributions of an example x, given a decoder's outputs of the same shape."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import random
from jax.nn import sigmoid

from gan_jax.losses import elbo

__all__ = ["bernoulli", "binarised", "learned_normal", "normal"]  # what a config can name

Tree = Any


class Likelihood(NamedTuple):
    """A distribution of x, given a decoder's outputs.

    Attributes:
        limits: the range that x must be scaled to, None for any.
        init: `() -> params`, the learned parameters of the distribution itself.
        observe: `(keys [b], x [b, ...]) -> x [b, ...]`, the examples that are modelled: the given ones, or sampled
            from them.
        log_prob: `(params, outputs [b, ...], x [b, ...]) -> [b]`, nats.
        mean: `outputs [b, ...] -> E(x | z) [b, ...]`.
    """

    limits: tuple[float, float] | None
    init: Callable[[], Tree]
    observe: Callable[[jax.Array, jax.Array], jax.Array]
    log_prob: Callable[[Tree, jax.Array, jax.Array], jax.Array]
    mean: Callable[[jax.Array], jax.Array]


def bernoulli() -> Likelihood:
    """Returns the distribution of pixels that are 1 with probability sigmoid(output).

    For grey values in [0, 1] its `log_prob` is minus the cross-entropy, not a log density.
    """
    return Likelihood(
        limits=(0.0, 1.0),
        init=dict,
        observe=_as_given,
        log_prob=lambda params, logits, x: elbo.bernoulli_log_prob(logits, x),
        mean=sigmoid,
    )


def binarised() -> Likelihood:
    """Returns `bernoulli` for pixels that are sampled again in every step, 1 with probability x: dynamic binarisation.

    Burda et al. 2015, arXiv:1509.00519. The pixels depend on the example's key, so that evaluations with one key see
    the same pixels every time.
    """

    def observe(keys: jax.Array, x: jax.Array) -> jax.Array:
        return jax.vmap(lambda key, p: random.bernoulli(key, p).astype(x.dtype))(keys, x)

    return bernoulli()._replace(observe=observe)


def normal(std: float = 1.0) -> Likelihood:
    """Returns N(output, std^2) for each value. Raises ValueError if `std` is not above 0."""
    logvar = _logvar(std)
    return Likelihood(
        limits=None,
        init=dict,
        observe=_as_given,
        log_prob=lambda params, mean, x: elbo.normal_log_prob(mean, logvar, x),
        mean=_identity,
    )


def learned_normal(std: float = 0.2) -> Likelihood:
    """Returns `normal` with one learned std for all values, at first `std` (Rybkin et al. 2021, arXiv:2006.13202).

    With a std for each value the likelihood would be unbounded: pixels that are equal in all images have no variance.
    Raises ValueError if `std` is not above 0.
    """
    logvar = _logvar(std)
    return Likelihood(
        limits=None,
        init=lambda: {"logvar": logvar},
        observe=_as_given,
        log_prob=lambda params, mean, x: elbo.normal_log_prob(mean, params["logvar"], x),
        mean=_identity,
    )


def _logvar(std: float) -> jax.Array:
    if not std > 0:
        raise ValueError(f"std is {std}: it must be above 0")
    return jnp.float32(2 * math.log(std))


def _as_given(keys: jax.Array, x: jax.Array) -> jax.Array:
    del keys
    return x


def _identity(outputs: jax.Array) -> jax.Array:
    return outputs
