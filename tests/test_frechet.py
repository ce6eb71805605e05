"""The Fréchet distance: against torch-fidelity's, scipy's sqrtm, and covariances whose distance is known."""

from functools import reduce
from pathlib import Path

import numpy as np
import pytest
from scipy.linalg import sqrtm

from gan_jax.metrics.frechet import frechet_distance, merge, moments, rank

FIXTURE = np.load(Path(__file__).parent / "fixtures" / "metrics.npz")
RNG = np.random.default_rng(0)


@pytest.mark.parametrize("name", ["normal", "tied", "same"])
def test_is_torch_fidelitys(name):
    expected = FIXTURE[f"{name}/frechet"]
    ours = frechet_distance(FIXTURE[f"{name}/real"], FIXTURE[f"{name}/fake"])
    np.testing.assert_allclose(ours, expected, rtol=1e-9, atol=1e-9)


def test_is_scipys_formula():
    real = RNG.normal(size=(400, 40)) @ RNG.normal(size=(40, 40))
    fake = RNG.normal(size=(300, 40)) @ RNG.normal(size=(40, 40)) + 0.3
    one, other = np.cov(real.T), np.cov(fake.T)
    apart = np.square(real.mean(0) - fake.mean(0)).sum()
    expected = apart + np.trace(one + other - 2 * sqrtm(one @ other).real)
    np.testing.assert_allclose(frechet_distance(real, fake), expected, rtol=1e-9)
    np.testing.assert_allclose(frechet_distance(fake, real), expected, rtol=1e-9)


def test_fewer_examples_than_dimensions():
    real = RNG.normal(size=(20, 50)) + 2
    fake = 0.7 * real + 1  # of the covariances the second is 0.49 times the first
    expected = np.square(0.3 * real.mean(0) - 1).sum() + 0.09 * np.trace(np.cov(real.T))
    np.testing.assert_allclose(frechet_distance(real, fake), expected, rtol=1e-10)
    assert frechet_distance(real, real) < 1e-10
    assert rank(moments(real)) == rank(real) == 19
    assert rank(moments(np.pad(RNG.normal(size=(90, 5)), ((0, 0), (0, 3))))) == 5


def test_moments_of_batches_are_those_of_the_whole():
    x = (RNG.normal(size=(101, 5)) + 1e4).astype(np.float32)
    streamed = reduce(merge, map(moments, np.split(x, [7, 40, 42])))
    assert streamed.count == 101
    np.testing.assert_allclose(streamed.mean, x.astype(np.float64).mean(0), rtol=1e-14)
    np.testing.assert_allclose(streamed.scatter / 100, np.cov(x.T.astype(np.float64)), rtol=1e-10, atol=1e-10)
    fake = x[:50] + 1
    np.testing.assert_allclose(frechet_distance(streamed, moments(fake)), frechet_distance(x, fake), rtol=1e-9)


def test_a_constant_set():
    real = RNG.normal(size=(50, 3))
    distance = frechet_distance(real, np.zeros((50, 3)))
    np.testing.assert_allclose(distance, np.square(real.mean(0)).sum() + np.trace(np.cov(real.T)), rtol=1e-12)
    assert rank(moments(np.zeros((50, 3)))) == 0


def test_other_dimensions():
    with pytest.raises(ValueError, match="3 dimensions and fake ones 2"):
        frechet_distance(np.zeros((4, 3)), moments(np.zeros((4, 2))))
    with pytest.raises(ValueError, match="cannot be merged"):
        merge(moments(np.zeros((4, 3))), moments(np.zeros((4, 2))))
