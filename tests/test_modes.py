"""Mode coverage: on points made by hand whose scores are known, and as an evaluator of a generator that is known."""

import jax.numpy as jnp
import numpy as np
import pytest
from jax import random

from gan_jax import data
from gan_jax.data.base import Dataset
from gan_jax.errors import UserError
from gan_jax.evaluation.evaluators import modes as evaluators
from gan_jax.evaluation.evaluators.base import Context
from gan_jax.metrics import modes

CENTRES = jnp.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])


def test_counts_are_of_points_within_three_deviations_of_the_nearest_centre():
    points = [[0.0, 0.0], [0.0, 0.29], [0.22, 0.22], [0.0, 0.31], [0.5, 0.5], [1.2, 0.2], [1.0, 0.7], [9.0, 9.0]]
    counts = modes.counts(jnp.array(points), CENTRES, std=0.1)
    np.testing.assert_array_equal(counts, [2, 1, 0, 0])
    np.testing.assert_array_equal(modes.counts(jnp.array(points), CENTRES, std=0.1, within=3.2), [4, 1, 0, 1])


@pytest.mark.parametrize(
    ("counts", "found", "kl"),
    [
        ([5, 5, 5, 5], 4, 0.0),
        ([7, 0, 0, 0], 1, np.log(4)),
        ([0, 0, 0, 0], 0, np.log(4)),
        ([3, 3, 0, 0], 2, np.log(2)),
        ([1, 2, 1, 0], 3, 0.5 * np.log(0.25 / 0.25) + 0.5 * np.log(0.5 / 0.25)),
    ],
)
def test_found_and_reverse_kl(counts, found, kl):
    counts = jnp.array(counts, jnp.float32)
    assert modes.found(counts) == found
    np.testing.assert_allclose(modes.reverse_kl(counts), kl, atol=1e-6)


@pytest.mark.parametrize(("name", "k"), [("ring", 8), ("grid", 25)])
def test_the_data_itself_scores_as_it_should(name, k):
    drawn = data.load(name, "test")
    counts = modes.counts(drawn.x, drawn.mixture.centres, std=drawn.mixture.std)
    assert modes.found(counts) == k
    assert modes.reverse_kl(counts) < 2 * k / len(drawn.x)  # its mean is (k - 1) / 2n
    # A Gaussian in the plane has exp(-9 / 2) of its mass beyond three deviations.
    np.testing.assert_allclose(counts.sum() / len(drawn.x), 1 - np.exp(-4.5), atol=4e-3)


def test_evaluator_scores_a_generator_of_one_mode():
    def sample(players, keys, batch):
        """Half of the points at the ring's first centre, half at the origin."""
        return jnp.zeros((len(keys), 2)).at[::2, 0].set(1.0)

    context = Context({"sample": sample}, lambda split: data.load("ring", split), lambda x: x, {})
    evaluator = evaluators.gaussians(context, samples=10)
    values = evaluator.measure({}, random.key(0))
    assert {*values} == {*evaluator.names}
    assert values == pytest.approx({"found": 1, "high_quality": 0.5, "reverse_kl": np.log(8)})
    with pytest.raises(UserError, match=r"samples of modes\.gaussians is 0: it must be a whole number from 1 to"):
        evaluators.gaussians(context, samples=0)


def test_evaluator_refuses_data_of_unknown_law():
    digits = Dataset("digits", "train", np.zeros((3, 8, 8, 1), np.uint8), None, 0)
    with pytest.raises(UserError, match="such as ring and grid"):
        evaluators.gaussians(Context({}, lambda split: digits, lambda x: x, {}))


def test_coverage_of_predicted_classes():
    even = modes.mode_coverage(np.arange(12) % 4, modes=4)
    assert even == pytest.approx((4, 0), abs=1e-6)
    assert modes.mode_coverage(np.full(9, 2), modes=4) == pytest.approx((1, np.log(4)), abs=1e-6)
    half = modes.mode_coverage(np.array([0, 3, 3, 0], np.uint8), modes=1000)
    assert half == pytest.approx((2, np.log(500)), rel=1e-6)


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        (np.array([0, 4]), "classes are from 0 to 4: they must be from 0 to 3 for 4 modes"),
        (np.array([-1, 2]), "classes are from -1 to 2"),
        (np.array([0.0, 1.0]), r"classes are float64 of shape \(2,\): they must be integers"),
        (np.array([], int), "they must be integers"),
    ],
)
def test_classes_that_make_no_sense(classes, message):
    with pytest.raises(ValueError, match=message):
        modes.mode_coverage(classes, modes=4)
