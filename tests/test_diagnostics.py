"""Training diagnostics against NumPy, and finite for degenerate batches."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import random

from gan_jax.core import diagnostics

pytestmark = pytest.mark.heavy

KEY = random.key(0)
REAL, FAKE = np.asarray(random.normal(KEY, (2, 20, 3, 2, 2))) * np.array([1.0, 0.5])[:, None, None, None, None] + 1


def flat(x):
    return x.reshape(len(x), -1).astype(np.float64)


def nearest(x):
    """Of the first 4 examples, the mean distance to the nearest other of the first 16."""
    distances = np.linalg.norm(flat(x)[:4, None] - flat(x)[:16], axis=-1)
    return np.sort(distances, axis=1)[:, 1].mean()  # the first is the example's own, 0


def test_diversity_is_numpys():
    values = diagnostics.batch_diversity(REAL, FAKE)
    real, fake = flat(REAL), flat(FAKE)
    assert float(values["diversity"]) == pytest.approx(np.sqrt(fake.var(0).sum() / real.var(0).sum()), rel=1e-5)
    apart = np.square(fake.mean(0) - real.mean(0)).sum()
    chance = (fake.var(0, ddof=1).sum() + real.var(0, ddof=1).sum()) / 20
    assert float(values["mean_gap"]) == pytest.approx((apart - chance) / real.var(0).sum(), rel=1e-4)
    assert float(values["nearest_neighbor_ratio"]) == pytest.approx(nearest(FAKE) / nearest(REAL), rel=1e-5)


def test_two_batches_of_one_distribution_have_no_mean_gap_on_average():
    batches = random.normal(KEY, (200, 2, 32, 6)) + 3
    gaps = jax.vmap(lambda pair: diagnostics.batch_diversity(pair[0], pair[1])["mean_gap"])(batches)
    assert abs(float(gaps.mean())) < 4 * float(gaps.std()) / np.sqrt(200) < 0.05


@pytest.mark.parametrize("n", [4, 6, 32])
def test_no_mean_gap_is_seen_in_small_batches_of_one_distribution(n):
    batches = random.normal(KEY, (200, 2, n, 3072))
    gaps = jax.vmap(lambda pair: diagnostics.batch_diversity(pair[0], pair[1])["mean_gap"])(batches)
    assert abs(float(gaps.mean())) < 0.005  # the alarm's limit is 0.06


@pytest.mark.parametrize("batch", [2, 9])
def test_diversity_is_finite_however_small_the_batch_and_its_spread(batch):
    for real, fake in ((REAL[:batch], FAKE[:batch]), (np.zeros((batch, 4)), np.ones((batch, 4)))):
        assert all(jnp.isfinite(value) for value in diagnostics.batch_diversity(real, fake).values())


def test_one_example_has_no_diversity():
    assert diagnostics.batch_diversity(REAL[:1], FAKE[:1]) == {}


@pytest.mark.parametrize("level", [0.0, 0.3, -1.0, 1e-6, 300.0])
def test_a_constant_set_is_no_unit(level):
    def of(fake):
        values = diagnostics.batch_diversity(np.full((64, 49), level, np.float32), np.float32(fake))
        return {name: float(value) for name, value in values.items()}

    same, rng = np.full((64, 49), level), np.random.default_rng(0)
    alike = of(same)
    assert (alike["diversity"], alike["nearest_neighbor_ratio"]) == pytest.approx((1, 1), abs=1e-3)
    assert alike["mean_gap"] == pytest.approx(0, abs=2 / 64)
    spread = of(level + rng.normal(size=(64, 49)))
    assert 100 < spread["diversity"] <= diagnostics.MAX_RATIO
    assert 100 < spread["nearest_neighbor_ratio"] <= diagnostics.MAX_RATIO
    assert abs(spread["mean_gap"]) < 0.06  # of the right mean, in the fakes' own spread: no alarm
    assert of(same + 1) == pytest.approx(
        {"diversity": 1, "nearest_neighbor_ratio": 1, "mean_gap": diagnostics.MAX_RATIO}, rel=0.1
    )
    assert 1 < of(level + 2 + rng.normal(size=(64, 49)))["mean_gap"] < 10


@pytest.mark.parametrize("scale", [1e-6, 1e6])
def test_a_small_spread_or_a_large_one_is_a_unit_as_any_other(scale):
    ours, scaled = (
        diagnostics.batch_diversity(REAL - 1, FAKE - 1),
        diagnostics.batch_diversity(scale * (REAL - 1), scale * (FAKE - 1)),
    )
    assert jax.tree.map(float, scaled) == pytest.approx(jax.tree.map(float, ours), rel=1e-3)


def test_duplicates_among_real_examples_alone_are_no_unit_of_distance():
    real = np.repeat(REAL[:1], 20, axis=0)
    real[16:] = REAL[16:]
    values = diagnostics.batch_diversity(real, FAKE)
    assert float(values["nearest_neighbor_ratio"]) == diagnostics.MAX_RATIO
    assert 0.1 < float(values["diversity"]) < 10


def test_no_gradient_goes_through():
    gradient = jax.grad(lambda x: sum(diagnostics.batch_diversity(REAL, x).values()) + diagnostics.norm(x))(
        jnp.asarray(FAKE)
    )
    np.testing.assert_array_equal(gradient, 0.0)


def test_accuracy_counts_both_sides():
    real, fake = jnp.array([1.0, 2.0, -1.0, 3.0]), jnp.array([-1.0, -2.0, -3.0, -0.5])
    assert float(diagnostics.accuracy(real, fake, 0.0)) == 0.5 * (0.75 + 1.0)
    threshold = diagnostics.middle(real + 5, fake + 5)
    assert float(threshold) == pytest.approx(5 + 0.5 * (1.25 - 1.625))
    assert float(diagnostics.accuracy(real + 5, fake + 5, threshold)) == 0.5 * (0.75 + 1.0)


def test_norm_is_over_the_whole_tree():
    assert float(diagnostics.norm({"a": jnp.array([3.0]), "b": [jnp.array([[4.0]]), jnp.array(12.0)]})) == 13.0
    assert float(diagnostics.largest(jnp.array([1.0, 5.0, 2.0]))) == 5.0
