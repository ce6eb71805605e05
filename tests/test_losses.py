"""Losses against their closed forms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon

from gan_jax.losses import adversarial, reconstruction

ZERO = jnp.zeros(3)


def test_values_at_zero_scores():
    np.testing.assert_allclose(adversarial.critic_bce(ZERO, ZERO), 2 * np.log(2), rtol=1e-6)
    np.testing.assert_allclose(adversarial.generator_minimax(ZERO), -np.log(2), rtol=1e-6)
    np.testing.assert_allclose(adversarial.generator_non_saturating(ZERO), np.log(2), rtol=1e-6)


def test_values_are_those_of_probabilities():
    real, fake = jnp.array([0.3, -1.2, 4.0]), jnp.array([-0.7, 2.0, 0.1])
    d_real, d_fake = (1 / (1 + np.exp(-np.asarray(scores, np.float64))) for scores in (real, fake))
    np.testing.assert_allclose(adversarial.critic_bce(real, fake), -np.log(d_real) - np.log(1 - d_fake), rtol=1e-5)
    np.testing.assert_allclose(adversarial.generator_minimax(fake), np.log(1 - d_fake), rtol=1e-5)
    np.testing.assert_allclose(adversarial.generator_non_saturating(fake), -np.log(d_fake), rtol=1e-5)


@pytest.mark.parametrize("score", [-1e4, 1e4])
def test_finite_at_large_scores(score):
    scores = jnp.full(2, score)
    for loss in (
        adversarial.generator_minimax,
        adversarial.generator_non_saturating,
        lambda s: adversarial.critic_bce(s, s),
    ):
        value, gradient = jax.value_and_grad(lambda s, loss=loss: loss(s).sum())(scores)
        assert jnp.isfinite(value)
        assert jnp.isfinite(gradient).all()


def test_minimax_saturates_where_the_critic_is_sure_and_non_saturating_does_not():
    sure = jnp.float32(-10.0)  # D(G(z)) = 4.5e-5
    np.testing.assert_allclose(jax.grad(adversarial.generator_minimax)(sure), -4.54e-5, rtol=1e-2)
    np.testing.assert_allclose(jax.grad(adversarial.generator_non_saturating)(sure), -1.0, rtol=1e-3)


@pytest.mark.parametrize(
    ("p", "q"),
    [
        ([0.2, 0.3, 0.5], [0.2, 0.3, 0.5]),  # JSD 0
        ([0.1, 0.2, 0.7], [0.6, 0.3, 0.1]),
        ([0.5, 0.5, 0.0, 0.0], [0.0, 0.4, 0.3, 0.3]),
        ([1.0, 0.0], [0.0, 1.0]),  # JSD log 2
    ],
)
def test_the_minimax_value_under_the_optimal_critic_is_twice_jsd_less_2_log_2(p, q):
    """Goodfellow et al. 2014, theorem 1, on discrete distributions; D* = p / (p + q), and no D does better."""
    p, q = jnp.array(p), jnp.array(q)
    scores = jnp.clip(jnp.log(p) - jnp.log(q), -100.0, 100.0)

    def critic_loss(scores):  # the mean over all pairs of a real and a fake example
        return p @ adversarial.critic_bce(scores[:, None], scores[None, :]) @ q

    jsd = jensenshannon(np.asarray(p, np.float64), np.asarray(q, np.float64)) ** 2
    loss, gradient = jax.value_and_grad(critic_loss)(scores)
    np.testing.assert_allclose(-loss, 2 * jsd - 2 * np.log(2), atol=1e-5)
    np.testing.assert_allclose(gradient, 0.0, atol=1e-6)  # convex in the scores: the least
    np.testing.assert_allclose(q @ adversarial.generator_minimax(scores), -q @ np.logaddexp(0, scores), atol=1e-5)


def test_wasserstein_losses_are_the_dual_and_linear_in_scores():
    real, fake = jnp.array([0.5, -1.0, 1e4]), jnp.array([2.0, 3.0, -1e4])
    np.testing.assert_allclose(adversarial.critic_wasserstein(real, fake), [1.5, 4.0, -2e4])
    np.testing.assert_allclose(adversarial.generator_wasserstein(fake), [-2.0, -3.0, 1e4])
    np.testing.assert_allclose(jax.grad(adversarial.generator_wasserstein)(1e4), -1.0)  # never saturates


def test_hinge_is_flat_beyond_the_margin():
    real, fake = jnp.array([0.5, 1.0, 3.0]), jnp.array([-0.5, -1.0, 2.0])
    np.testing.assert_allclose(adversarial.critic_hinge(real, fake), [0.5 + 0.5, 0.0, 3.0])
    np.testing.assert_allclose(adversarial.generator_hinge(fake), -fake)
    np.testing.assert_allclose(jax.grad(lambda s: adversarial.critic_hinge(s, -s))(2.0), 0.0)


def test_least_squares_is_least_at_one_for_real_and_zero_for_fake_scores():
    real, fake = jnp.array([1.0, 0.0, 3.0]), jnp.array([0.0, 1.0, -2.0])
    np.testing.assert_allclose(adversarial.critic_least_squares(real, fake), [0.0, 1.0, 4.0])
    np.testing.assert_allclose(adversarial.generator_least_squares(fake), [0.5, 0.0, 4.5])


def test_absolute_error_is_the_mean_over_an_examples_values():
    x = jnp.arange(12.0).reshape(2, 2, 3, 1)
    np.testing.assert_allclose(reconstruction.absolute_error(x.at[1].add(-2.0), x), [0.0, 2.0])


def test_squared_error_is_the_mean_over_an_examples_values():
    x = jnp.arange(12.0).reshape(2, 2, 3, 1)
    recon = x.at[1].add(2.0).at[0, 0, 0, 0].add(3.0)
    np.testing.assert_allclose(reconstruction.squared_error(recon, x), [9 / 6, 4.0])
