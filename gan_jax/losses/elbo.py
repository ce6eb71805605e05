"""Terms of the evidence lower bound, in nats: sums over all axes but the first (Kingma and Welling 2013)."""

import math

import jax
import jax.numpy as jnp
from jax.nn import softplus
from jax.typing import ArrayLike


def kl_to_standard_normal(mean: jax.Array, logvar: jax.Array) -> jax.Array:
    """Returns KL(N(mean, exp(logvar)) || N(0, I)): [b, d] twice -> [b].

    It is the sum of (mean^2 + var - 1 - log var) / 2 (arXiv:1312.6114, appendix B).
    """
    # expm1, because the two large terms of exp(logvar) - 1 - logvar cancel near 0.
    return 0.5 * _per_example(jnp.square(mean) + jnp.expm1(logvar) - logvar)


def bernoulli_log_prob(logits: jax.Array, x: jax.Array) -> jax.Array:
    """Returns the sum of x log p + (1 - x) log(1 - p), p = sigmoid(logits): [b, ...] twice -> [b].

    x is 0 or 1 (appendix C.1); for x between the two it is the cross-entropy, not a density.
    """
    return _per_example(x * logits - softplus(logits))


def normal_log_prob(mean: ArrayLike, logvar: ArrayLike, x: jax.Array) -> jax.Array:
    """Returns log N(x; mean, exp(logvar)) of independent values: x [b, ...], mean and logvar that broadcast -> [b]."""
    return -0.5 * _per_example(jnp.square(x - mean) * jnp.exp(-jnp.asarray(logvar)) + logvar + math.log(2 * math.pi))


def _per_example(values: jax.Array) -> jax.Array:
    return values.reshape(len(values), -1).sum(axis=1)
