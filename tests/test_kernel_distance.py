"""The kernel distance: against torch-fidelity's, scikit-learn's kernel, and sets of which it is known."""

from pathlib import Path

import jax
import numpy as np
import pytest
from jax import random
from sklearn.metrics.pairwise import polynomial_kernel

from gan_jax.metrics.kernel_distance import kernel_distance, mmd2

FIXTURE = np.load(Path(__file__).parent / "fixtures" / "metrics.npz")
RNG = np.random.default_rng(0)
KEY = random.key(0)


@pytest.mark.parametrize("name", ["normal", "tied", "same"])
def test_of_whole_sets_is_torch_fidelitys(name):
    fake = FIXTURE[f"{name}/fake"]
    real = FIXTURE[f"{name}/real"][: len(fake)]
    distance = kernel_distance(real, fake, KEY, subsets=2, size=len(fake))
    np.testing.assert_allclose(distance.mean, FIXTURE[f"{name}/mmd2"], rtol=1e-9)
    assert distance.std < 1e-9 * abs(distance.mean)


def test_is_scikit_learns_for_sets_of_two_sizes():
    real, fake = RNG.normal(size=(30, 5)), RNG.normal(size=(20, 5)) + 0.2
    one, other = (polynomial_kernel(x, degree=3, coef0=1)[~np.eye(len(x), dtype=bool)] for x in (real, fake))
    expected = one.mean() + other.mean() - 2 * polynomial_kernel(real, fake, degree=3, coef0=1).mean()
    with jax.enable_x64(True):
        np.testing.assert_allclose(mmd2(real, fake), expected, rtol=1e-10)


def test_subsets_are_drawn_by_the_key_alone():
    real, fake = RNG.normal(size=(2, 300, 4)).astype(np.float32)
    same = kernel_distance(real, fake, KEY, subsets=200, size=30)
    assert same == kernel_distance(real, fake, KEY, subsets=200, size=30)
    assert same != kernel_distance(real, fake, random.key(1), subsets=200, size=30)
    assert abs(same.mean) < 0.3 * same.std  # of one law it is 0 in the mean
    apart = kernel_distance(real, fake + 1, KEY, subsets=200, size=30)
    assert apart.mean > 3 * apart.std


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"size": 1}, "size is 1: it must be from 2 to 20, the number"),
        ({"size": 21}, "size is 21"),
        ({"size": 20, "subsets": 0}, "subsets is 0"),
    ],
)
def test_subsets_that_make_no_sense(arguments, message):
    with pytest.raises(ValueError, match=message):
        kernel_distance(np.zeros((30, 2)), np.zeros((20, 2)), KEY, **arguments)
