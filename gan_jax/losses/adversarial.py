"""Losses of critics and generators: raw scores in, one value per score out.

With D(x) = sigmoid(score), log D = -softplus(-score) and log(1 - D) = -softplus(score): all values and gradients are
finite at any finite score. Scores have any shape [b, ...]: a patch critic has one for each patch.
"""

import jax
from jax.nn import relu, softplus


def critic_bce(real_scores: jax.Array, fake_scores: jax.Array) -> jax.Array:
    """Returns the binary cross-entropy -log D(x) - log(1 - D(G(z))): [b, ...] twice -> [b, ...].

    Goodfellow et al. 2014 (arXiv:1406.2661), equation 1.
    """
    return softplus(-real_scores) + softplus(fake_scores)


def generator_minimax(fake_scores: jax.Array) -> jax.Array:
    """Returns log(1 - D(G(z))), the generator's side of the value function: [b, ...] -> [b, ...].

    It saturates where D is sure. Goodfellow et al. 2014, equation 1.
    """
    return -softplus(fake_scores)


def generator_non_saturating(fake_scores: jax.Array) -> jax.Array:
    """Returns -log D(G(z)), the cross-entropy with flipped labels: [b, ...] -> [b, ...].

    Its gradients are strong where D is sure. Goodfellow et al. 2014, section 3.
    """
    return softplus(-fake_scores)


def critic_wasserstein(real_scores: jax.Array, fake_scores: jax.Array) -> jax.Array:
    """Returns f(G(z)) - f(x), minus the dual estimate of the distance: [b, ...] twice -> [b, ...].

    Arjovsky et al. 2017 (arXiv:1701.07875), equation 2.
    """
    return fake_scores - real_scores


def generator_wasserstein(fake_scores: jax.Array) -> jax.Array:
    """Returns -f(G(z)), the generator's side of it: [b, ...] -> [b, ...] (Arjovsky et al. 2017, theorem 3)."""
    return -fake_scores


def critic_hinge(real_scores: jax.Array, fake_scores: jax.Array) -> jax.Array:
    """Returns max(0, 1 - D(x)) + max(0, 1 + D(G(z))): [b, ...] twice -> [b, ...].

    Lim and Ye 2017 (arXiv:1705.02894); Miyato et al. 2018 (arXiv:1802.05957), equation 16.
    """
    return relu(1 - real_scores) + relu(1 + fake_scores)


def generator_hinge(fake_scores: jax.Array) -> jax.Array:
    """Returns -D(G(z)): [b, ...] -> [b, ...] (Miyato et al. 2018, equation 17)."""
    return -fake_scores


def critic_least_squares(real_scores: jax.Array, fake_scores: jax.Array) -> jax.Array:
    """Returns ((D(x) - 1)^2 + D(G(z))^2) / 2: [b, ...] twice -> [b, ...].

    Mao et al. 2017 (arXiv:1611.04076), equation 9, with targets 1 for real and 0 for fake examples.
    """
    return 0.5 * ((real_scores - 1) ** 2 + fake_scores**2)


def generator_least_squares(fake_scores: jax.Array) -> jax.Array:
    """Returns (D(G(z)) - 1)^2 / 2: [b, ...] -> [b, ...] (Mao et al. 2017, equation 9)."""
    return 0.5 * (fake_scores - 1) ** 2


def critic_relativistic(real_scores: jax.Array, fake_scores: jax.Array) -> jax.Array:
    """Returns -log sigmoid(D(x) - D(G(z))) for pairs of a real example and a fake: [b, ...] twice -> [b, ...].

    This is the relativistic pairing loss: Jolicoeur-Martineau 2018 (arXiv:1807.00734), section 4.1; equation 2 of
    R3GAN, Huang et al. 2025 (arXiv:2501.05441). Adding a constant to all scores does not change it.
    """
    return softplus(fake_scores - real_scores)


def generator_relativistic(real_scores: jax.Array, fake_scores: jax.Array) -> jax.Array:
    """Returns -log sigmoid(D(G(z)) - D(x)) for the same pairs: [b, ...] twice -> [b, ...]."""
    return softplus(real_scores - fake_scores)


def critic_relativistic_average(
    real_scores: jax.Array, fake_scores: jax.Array, real_mean: jax.Array, fake_mean: jax.Array
) -> jax.Array:
    """Returns -log s(D(x) - E D(G(z))) - log(1 - s(D(G(z)) - E D(x))), s the sigmoid: [b, ...] twice -> [b, ...].

    `real_mean` and `fake_mean` [] are the batch's means of the scores. Jolicoeur-Martineau 2018, section 4.2 (RaSGAN).
    """
    return softplus(fake_mean - real_scores) + softplus(fake_scores - real_mean)


def generator_relativistic_average(
    real_scores: jax.Array, fake_scores: jax.Array, real_mean: jax.Array, fake_mean: jax.Array
) -> jax.Array:
    """Returns the same with real and fake examples exchanged: [b, ...] twice, [] twice -> [b, ...]."""
    return critic_relativistic_average(fake_scores, real_scores, fake_mean, real_mean)
