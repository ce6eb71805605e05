"""Losses and their terms: arrays in, one value per example out, each from raw scores or logits in its stable form.

Of scores, D(x) = sigmoid(score): equations are those of Goodfellow et al. 2014 (arXiv:1406.2661). With
log D = -softplus(-score) and log(1 - D) = -softplus(score) all values and gradients stay finite at any finite score.

Of variational autoencoders, in nats: sums over all axes but the first (Kingma and Welling 2013, arXiv:1312.6114).
"""

import math

import jax
import jax.numpy as jnp
from jax.nn import softplus
from jax.typing import ArrayLike


def critic_bce(real_scores: jax.Array, fake_scores: jax.Array) -> jax.Array:
    """The critic's binary cross-entropy, -log D(x) - log(1 - D(G(z))): real and fake scores [b] -> [b] (eq. 1)."""
    return softplus(-real_scores) + softplus(fake_scores)


def generator_minimax(fake_scores: jax.Array) -> jax.Array:
    """The generator's side of the value function, log(1 - D(G(z))): [b] -> [b]; saturates when D is sure (eq. 1)."""
    return -softplus(fake_scores)


def generator_non_saturating(fake_scores: jax.Array) -> jax.Array:
    """Cross-entropy with flipped labels, -log D(G(z)): [b] -> [b]; strong gradients when D is sure (section 3)."""
    return softplus(-fake_scores)


def critic_wasserstein(real_scores: jax.Array, fake_scores: jax.Array) -> jax.Array:
    """Minus the dual's estimate of the distance, f(G(z)) - f(x): [b] twice -> [b] (Arjovsky et al. 2017, eq. 2)."""
    return fake_scores - real_scores


def generator_wasserstein(fake_scores: jax.Array) -> jax.Array:
    """The generator's side of the same, -f(G(z)): [b] -> [b] (Arjovsky et al. 2017, arXiv:1701.07875, theorem 3)."""
    return -fake_scores


def kl_to_standard_normal(mean: jax.Array, logvar: jax.Array) -> jax.Array:
    """KL(N(mean, exp(logvar)) || N(0, I)) = sum of (mean^2 + var - 1 - log var) / 2: [b, d] -> [b] (appendix B)."""
    # expm1, for the two large terms of exp(logvar) - 1 - logvar cancel near 0.
    return 0.5 * _per_example(jnp.square(mean) + jnp.expm1(logvar) - logvar)


def bernoulli_log_prob(logits: jax.Array, x: jax.Array) -> jax.Array:
    """Sum of x log p + (1 - x) log(1 - p), p = sigmoid(logits): [b, ...] twice -> [b] (appendix C.1).

    x in {0, 1}; of x between the two it is the cross-entropy, no density.
    """
    return _per_example(x * logits - softplus(logits))


def normal_log_prob(mean: ArrayLike, logvar: ArrayLike, x: jax.Array) -> jax.Array:
    """log N(x; mean, exp(logvar)), independent values: x [b, ...], mean and logvar of shapes that fit -> [b]."""
    return -0.5 * _per_example(jnp.square(x - mean) * jnp.exp(-jnp.asarray(logvar)) + logvar + math.log(2 * math.pi))


def squared_error(recon: jax.Array, x: jax.Array) -> jax.Array:
    """The mean over an example's values of (recon - x)^2: [b, ...] twice -> [b], in units of x squared."""
    return jnp.square(recon - x).reshape(len(x), -1).mean(axis=1)


def _per_example(values: jax.Array) -> jax.Array:
    return values.reshape(len(values), -1).sum(axis=1)
