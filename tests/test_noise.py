"""Noise laws: their level, their independence between examples, and the values they refuse."""

import jax.numpy as jnp
import numpy as np
import pytest
from jax import random

from gan_jax.distributions import noise

KEYS = random.split(random.key(0), 50)
X = jnp.full((50, 20, 20, 1), 0.75)


def test_gaussian_has_its_level():
    added = noise.gaussian(0.3)(KEYS, X) - X
    np.testing.assert_allclose(added.mean(), 0, atol=0.01)
    np.testing.assert_allclose(added.std(), 0.3, rtol=0.02)
    np.testing.assert_array_equal(noise.gaussian(0.0)(KEYS, X), X)


def test_masking_zeroes_its_share_and_leaves_the_rest():
    masked = noise.masking(0.3)(KEYS, X)
    assert set(np.unique(masked)) == {0.0, 0.75}
    np.testing.assert_allclose((masked == 0).mean(), 0.3, atol=0.02)
    np.testing.assert_array_equal(noise.masking(0.0)(KEYS, X), X)
    np.testing.assert_array_equal(noise.masking(1.0)(KEYS, X), 0 * X)
    np.testing.assert_array_equal(noise.masking(1.0, (-1.0, 1.0))(KEYS, X), -jnp.ones_like(X))  # black


@pytest.mark.parametrize("law", [noise.gaussian(0.3), noise.masking(0.3)])
def test_noise_belongs_to_its_example(law):
    """The same example gets the same noise in whatever company, and no two get the same."""
    whole = law(KEYS, X)
    np.testing.assert_array_equal(law(KEYS[7:9], X[7:9]), whole[7:9])
    assert len(np.unique(np.asarray(whole).reshape(50, -1), axis=0)) == 50


@pytest.mark.parametrize(
    ("law", "level", "message"),
    [
        (noise.gaussian, -0.1, "level is -0.1: it must be at least 0"),
        (noise.gaussian, float("nan"), "level is nan"),
        (noise.masking, -0.1, "the share of masked values, from 0 to 1"),
        (noise.masking, 1.5, "level is 1.5"),
    ],
)
def test_levels_that_make_no_sense_are_refused(law, level, message):
    with pytest.raises(ValueError, match=message):
        law(level)
