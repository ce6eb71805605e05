"""Likelihoods p(x | z): what a decoder's outputs, as many as x has values, say of an example x."""

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
    """A law of x given a decoder's outputs.

    limits: the range that x must be scaled to, None for any.
    init: `() -> params`, what is learned of the law itself.
    observe: `(keys [b], x [b, ...]) -> x [b, ...]`, the example that is modelled, where it is drawn from what is given.
    log_prob: `(params, outputs [b, ...], x [b, ...]) -> [b]`, nats.
    mean: `outputs [b, ...] -> E(x | z) [b, ...]`.
    """

    limits: tuple[float, float] | None
    init: Callable[[], Tree]
    observe: Callable[[jax.Array, jax.Array], jax.Array]
    log_prob: Callable[[Tree, jax.Array, jax.Array], jax.Array]
    mean: Callable[[jax.Array], jax.Array]


def bernoulli() -> Likelihood:
    """Pixels are 1 with probability sigmoid(output); of greys in [0, 1] it is the cross-entropy, no density."""
    return Likelihood(
        limits=(0.0, 1.0),
        init=dict,
        observe=_as_given,
        log_prob=lambda params, logits, x: elbo.bernoulli_log_prob(logits, x),
        mean=sigmoid,
    )


def binarised() -> Likelihood:
    """`bernoulli`, of pixels drawn anew at each look: 1 with probability x (Burda et al. 2015, arXiv:1509.00519).

    The draw belongs to the example's key, so that an evaluation by one key sees the same pixels every time.
    """

    def observe(keys: jax.Array, x: jax.Array) -> jax.Array:
        return jax.vmap(lambda key, p: random.bernoulli(key, p).astype(x.dtype))(keys, x)

    return bernoulli()._replace(observe=observe)


def normal(std: float = 1.0) -> Likelihood:
    """Values are N(output, std^2). Raises ValueError where `std` is not above 0."""
    logvar = _logvar(std)
    return Likelihood(
        limits=None,
        init=dict,
        observe=_as_given,
        log_prob=lambda params, mean, x: elbo.normal_log_prob(mean, logvar, x),
        mean=_as_it_is,
    )


def learned_normal(std: float = 0.2) -> Likelihood:
    """`normal` with one learned std for all values, `std` at first (Rybkin et al. 2021, arXiv:2006.13202, section 3).

    With one for each value the likelihood has no bound: pixels that are the same in all images have no variance.
    Raises ValueError where `std` is not above 0.
    """
    logvar = _logvar(std)
    return Likelihood(
        limits=None,
        init=lambda: {"logvar": logvar},
        observe=_as_given,
        log_prob=lambda params, mean, x: elbo.normal_log_prob(mean, params["logvar"], x),
        mean=_as_it_is,
    )


def _logvar(std: float) -> jax.Array:
    if not std > 0:
        raise ValueError(f"std is {std}: it must be above 0")
    return jnp.float32(2 * math.log(std))


def _as_given(keys: jax.Array, x: jax.Array) -> jax.Array:
    del keys
    return x


def _as_it_is(outputs: jax.Array) -> jax.Array:
    return outputs
