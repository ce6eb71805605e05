"""Losses against their closed forms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax import losses

ZERO = jnp.zeros(3)


def test_values_at_zero_scores():
    np.testing.assert_allclose(losses.critic_bce(ZERO, ZERO), 2 * np.log(2), rtol=1e-6)
    np.testing.assert_allclose(losses.generator_minimax(ZERO), -np.log(2), rtol=1e-6)
    np.testing.assert_allclose(losses.generator_non_saturating(ZERO), np.log(2), rtol=1e-6)


def test_values_are_those_of_probabilities():
    real, fake = jnp.array([0.3, -1.2, 4.0]), jnp.array([-0.7, 2.0, 0.1])
    d_real, d_fake = (1 / (1 + np.exp(-np.asarray(scores, np.float64))) for scores in (real, fake))
    np.testing.assert_allclose(losses.critic_bce(real, fake), -np.log(d_real) - np.log(1 - d_fake), rtol=1e-5)
    np.testing.assert_allclose(losses.generator_minimax(fake), np.log(1 - d_fake), rtol=1e-5)
    np.testing.assert_allclose(losses.generator_non_saturating(fake), -np.log(d_fake), rtol=1e-5)


@pytest.mark.parametrize("score", [-1e4, 1e4])
def test_finite_at_large_scores(score):
    scores = jnp.full(2, score)
    for loss in (losses.generator_minimax, losses.generator_non_saturating, lambda s: losses.critic_bce(s, s)):
        value, gradient = jax.value_and_grad(lambda s, loss=loss: loss(s).sum())(scores)
        assert jnp.isfinite(value)
        assert jnp.isfinite(gradient).all()


def test_minimax_saturates_where_the_critic_is_sure_and_non_saturating_does_not():
    sure = jnp.float32(-10.0)  # D(G(z)) = 4.5e-5
    np.testing.assert_allclose(jax.grad(losses.generator_minimax)(sure), -4.54e-5, rtol=1e-2)
    np.testing.assert_allclose(jax.grad(losses.generator_non_saturating)(sure), -1.0, rtol=1e-3)
