"""Losses of scores: arrays in, one value per example out, each from raw scores (logits) in its stable form.

D(x) = sigmoid(score). Equations are those of Goodfellow et al. 2014 (arXiv:1406.2661). With log D = -softplus(-score)
and log(1 - D) = -softplus(score) all values and gradients stay finite at any finite score.
"""

import jax
from jax.nn import softplus


def critic_bce(real_scores: jax.Array, fake_scores: jax.Array) -> jax.Array:
    """The critic's binary cross-entropy, -log D(x) - log(1 - D(G(z))): real and fake scores [b] -> [b] (eq. 1)."""
    return softplus(-real_scores) + softplus(fake_scores)


def generator_minimax(fake_scores: jax.Array) -> jax.Array:
    """The generator's side of the value function, log(1 - D(G(z))): [b] -> [b]; saturates when D is sure (eq. 1)."""
    return -softplus(fake_scores)


def generator_non_saturating(fake_scores: jax.Array) -> jax.Array:
    """Cross-entropy with flipped labels, -log D(G(z)): [b] -> [b]; strong gradients when D is sure (section 3)."""
    return softplus(-fake_scores)
