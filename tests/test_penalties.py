"""The gradient penalty against closed forms, and what it must not mix: examples of a batch."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import random

from gan_jax import layers
from gan_jax.core.networks import Network, mixing_layers
from gan_jax.losses import penalties
from gan_jax.models import dcgan

KEY = random.key(0)
KEYS = random.split(KEY, 4)
REAL, FAKE = random.normal(KEY, (2, 4, 3, 2, 2))


def linear(w):
    return lambda x: jnp.einsum("bijk,ijk->b", x, w)


def test_a_linear_critic_is_penalised_by_its_norm_alone():
    w = random.normal(KEY, (3, 2, 2))
    norm = np.linalg.norm(np.asarray(w, np.float64))
    penalty, norm_found = penalties.gradient_penalty(linear(w), KEYS, REAL, FAKE)
    np.testing.assert_allclose(penalty, np.full(4, (norm - 1) ** 2), rtol=1e-5)
    np.testing.assert_allclose(norm_found, np.full(4, norm), rtol=1e-6)


def test_r1_is_the_squared_gradient_norm_at_real_examples():
    scale = jnp.arange(1.0, 5.0)[:, None, None, None]
    penalty, norm = penalties.r1(lambda x: (scale * x**2).sum((1, 2, 3)) / 2, REAL)
    np.testing.assert_allclose(penalty, ((scale * REAL) ** 2).sum((1, 2, 3)), rtol=1e-6)
    np.testing.assert_allclose(norm**2, penalty, rtol=1e-6)


def test_norms_are_over_all_axes_but_the_first():
    """Of the score sum(c x^2) / 2 the gradient is c x: its norm is each example's own."""
    scale = jnp.arange(1.0, 5.0)[:, None, None, None]
    norms = penalties.input_gradient_norm(lambda x: (scale * x**2).sum((1, 2, 3)) / 2, REAL)
    np.testing.assert_allclose(norms, np.sqrt(((scale * REAL) ** 2).sum((1, 2, 3))), rtol=1e-6)


@pytest.mark.parametrize("hide", [jax.lax.stop_gradient, jnp.round, lambda x: jnp.zeros_like(x)])
def test_a_critic_that_passes_no_gradient_is_refused(hide):
    """R1 and R2 of it would be 0, and train nothing."""
    w = random.normal(KEY, (3, 2, 2))
    for penalise in (penalties.r1, penalties.r2, jax.jit(penalties.r1, static_argnums=0)):
        with pytest.raises(ValueError, match="passes no gradient to its examples"):
            penalise(lambda x: jax.jit(linear(w))(hide(x)), REAL)
    penalties.r1(lambda x: linear(w)(hide(x)) + linear(w)(x), REAL)
    penalties.r1(lambda x: 0 * linear(w)(x), REAL)  # a critic of zeros, as some begin


def test_each_example_is_interpolated_by_a_weight_of_its_own():
    between = penalties.interpolate(KEYS, REAL, FAKE)
    weights = (between - FAKE) / (REAL - FAKE)
    np.testing.assert_allclose(weights, np.broadcast_to(weights[:, :1, :1, :1], weights.shape), atol=1e-3)
    alpha = weights[:, 0, 0, 0]
    np.testing.assert_allclose(alpha, [random.uniform(key) for key in KEYS], atol=1e-3)
    assert len(np.unique(np.round(alpha, 3))) == len(KEYS)


def test_weights_are_uniform():
    n = 4000
    alpha = penalties.interpolate(random.split(KEY, n), jnp.ones((n, 1)), jnp.zeros((n, 1)))[:, 0]
    quantiles = np.quantile(alpha, [0.1, 0.5, 0.9])
    np.testing.assert_allclose(quantiles, [0.1, 0.5, 0.9], atol=0.03)


def test_value_and_gradient_are_finite_where_the_norm_is_zero():
    def penalty(w):
        return penalties.gradient_penalty(linear(w), KEYS, REAL, FAKE)[0].sum()

    value, gradient = jax.value_and_grad(penalty)(jnp.zeros((3, 2, 2)))
    np.testing.assert_allclose(value, 4.0, rtol=1e-5)
    np.testing.assert_array_equal(gradient, 0.0)


def test_epsilon_stands_under_the_root():
    norms = penalties.input_gradient_norm(linear(jnp.zeros((3, 2, 2))), REAL, epsilon=0.25)
    np.testing.assert_allclose(norms, 0.5)


@pytest.mark.parametrize(
    ("norm", "mixes"), [("InstanceNorm", False), ("NoNorm", False), ("SpectralNorm", False), ("BatchNorm", True)]
)
def test_the_jacobian_of_scores_is_block_diagonal_but_under_batch_norm(norm, mixes):
    kind = getattr(layers, norm)
    norms = {"norm": layers.NoNorm, "kernel_norm": kind} if norm == "SpectralNorm" else {"norm": kind}
    critic = dcgan.Critic(widths=(2, 3), kernels=(4, 3), strides=(2, 1), paddings=(1, 1), init_std=0.5, **norms)
    x = random.normal(KEY, (3, 8, 8, 1))
    network = Network(critic)
    params, stats = network.init(KEY, {"x": x})
    jacobian = jax.jacrev(lambda x: network.apply(params, stats, {"x": x}, train=True)[0])(x)
    sizes = np.abs(jacobian).max((2, 3, 4))
    assert sizes.diagonal().min() > 1e-3
    assert (sizes[~np.eye(3, dtype=bool)] > 1e-6).all() == mixes
    assert mixing_layers(network, {"x": x}) == (["BatchNorm"] if mixes else [])


def test_a_penalty_pulls_the_norm_to_one():
    """Gradient descent on the penalty of w x alone ends at |w| = 1, wherever the examples are interpolated."""
    w = jnp.full((3, 2, 2), 0.7)
    step = jax.jit(jax.grad(lambda w: penalties.gradient_penalty(linear(w), KEYS, REAL, FAKE)[0].mean()))
    for _ in range(60):
        w -= 0.2 * step(w)
    np.testing.assert_allclose(jnp.sqrt((w**2).sum()), 1.0, atol=1e-4)
