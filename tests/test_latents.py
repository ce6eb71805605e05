"""Samplers of z, and the walks between two samples."""

import jax.numpy as jnp
import numpy as np
import pytest
from jax import random

from gan_jax.core.collectives import example_keys
from gan_jax.distributions import latents

KEYS = example_keys(random.key(0), 4000)


def test_uniform_fills_the_cube():
    z = latents.uniform(3).draw(KEYS, {})
    assert z.shape == (4000, 3)
    assert z.min() >= -1
    assert z.max() <= 1
    np.testing.assert_allclose(z.mean(0), 0, atol=0.05)
    np.testing.assert_allclose(z.var(0), 1 / 3, atol=0.02)


def test_normal_has_unit_moments():
    z = latents.normal(3).draw(KEYS, {})
    np.testing.assert_allclose(z.mean(0), 0, atol=0.05)
    np.testing.assert_allclose(np.cov(z.T), np.eye(3), atol=0.06)


@pytest.mark.parametrize("sampler", [latents.uniform, latents.normal])
def test_a_sample_belongs_to_its_example(sampler):
    latent = sampler(5)
    np.testing.assert_allclose(latent.draw(KEYS[:8], {})[3:5], latent.draw(KEYS[3:5], {}), rtol=1e-6)


@pytest.mark.parametrize("sampler", [latents.uniform, latents.normal])
def test_walks_start_and_end_at_their_latents(sampler):
    latent = sampler(6)
    a, b = latent.draw(KEYS[:3], {}), latent.draw(KEYS[3:6], {})
    walk = latent.walk(a, b, jnp.linspace(0, 1, 5))
    assert walk.shape == (3, 5, 6)
    np.testing.assert_allclose(walk[:, 0], a, atol=1e-5)
    np.testing.assert_allclose(walk[:, -1], b, atol=1e-5)


def test_walks_of_normal_keep_their_length_and_those_of_uniform_are_straight():
    a, b = jnp.array([[3.0, 0.0]]), jnp.array([[0.0, 3.0]])
    t = jnp.array([0.5])
    np.testing.assert_allclose(jnp.linalg.norm(latents.normal(2).walk(a, b, t)), 3.0, rtol=1e-5)
    np.testing.assert_allclose(latents.uniform(2).walk(a, b, t)[0, 0], [1.5, 1.5], rtol=1e-6)
    one = latents.normal(1).walk(jnp.array([[1.0]]), jnp.array([[-0.5]]), jnp.linspace(0, 1, 4))
    np.testing.assert_allclose(one[0, :, 0], [1.0, 0.5, 0.0, -0.5], atol=1e-6)
