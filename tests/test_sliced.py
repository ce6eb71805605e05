"""The sliced Wasserstein distance: against POT's, SciPy's in one dimension, and a shift's."""

from pathlib import Path

import numpy as np
import pytest
from jax import random
from scipy.stats import wasserstein_distance

from gan_jax.metrics.sliced import along, directions, sliced_wasserstein

FIXTURE = np.load(Path(__file__).parent / "fixtures" / "metrics.npz")
RNG = np.random.default_rng(0)
KEY = random.key(0)


@pytest.mark.parametrize("p", [1, 2])
@pytest.mark.parametrize("name", ["normal", "tied", "same"])
def test_is_pots_along_the_same_directions(name, p):
    real, fake, lines = (FIXTURE[f"{name}/{part}"] for part in ("real", "fake", "directions"))
    np.testing.assert_allclose(along(real, fake, lines, p=p), FIXTURE[f"{name}/sliced_{p}"], rtol=1e-9, atol=1e-12)


def test_in_one_dimension_it_is_the_distance():
    x, y = RNG.normal(size=(35, 1)), RNG.exponential(size=(20, 1))
    expected = wasserstein_distance(x[:, 0], y[:, 0])
    assert sliced_wasserstein(x, y, KEY, projections=3, p=1) == pytest.approx(expected, rel=1e-12)
    assert sliced_wasserstein(x, x[::-1].repeat(2, axis=0), KEY) == pytest.approx(0, abs=1e-7)


def test_of_a_shift():
    x, shift = RNG.normal(size=(500, 6)), np.array([3.0, 0, 0, 4, 0, 0])
    # Each direction sees its part of the shift, of squared length 25 / 6 in the mean.
    assert sliced_wasserstein(x, x + shift, KEY, projections=4000) == pytest.approx(np.sqrt(25 / 6), rel=0.03)


def test_directions_are_drawn_by_the_key():
    drawn = directions(KEY, 3, 2000)
    np.testing.assert_allclose(np.linalg.norm(drawn, axis=0), 1, rtol=1e-12)
    np.testing.assert_allclose(drawn @ drawn.T / 2000, np.eye(3) / 3, atol=0.03)
    np.testing.assert_array_equal(drawn, directions(KEY, 3, 2000))
    assert (drawn != directions(random.key(1), 3, 2000)).any()


@pytest.mark.parametrize("arguments", [{"projections": 0}, {"p": 0.5}])
def test_arguments_that_make_no_sense(arguments):
    ((name, value),) = arguments.items()
    with pytest.raises(ValueError, match=f"{name} is {value}: it must be at least 1"):
        sliced_wasserstein(np.zeros((4, 2)), np.zeros((4, 2)), KEY, **arguments)
