"""Precision, recall, density and coverage: exactly those of the prdc package, and in little memory."""

from pathlib import Path

import jax
import numpy as np
import pytest
from scipy.spatial.distance import cdist

from gan_jax.metrics import manifolds
from gan_jax.metrics.manifolds import density_coverage, precision_recall, without_ball

pytestmark = pytest.mark.heavy

FIXTURE = np.load(Path(__file__).parent / "fixtures" / "metrics.npz")
RNG = np.random.default_rng(0)


@pytest.mark.parametrize(("name", "k"), [("normal", 3), ("normal", 5), ("tied", 1), ("tied", 5), ("same", 5)])
def test_are_those_of_prdc(name, k):
    real, fake = FIXTURE[f"{name}/real"], FIXTURE[f"{name}/fake"]
    ours = precision_recall(real, fake, k=k) + density_coverage(real, fake, k=k)
    np.testing.assert_allclose(ours, FIXTURE[f"{name}/prdc_{k}"], rtol=1e-14)


def test_by_blocks_are_those_at_once():
    # Far from 0, where in float32 the distances would be rounding alone.
    real, fake = RNG.normal(size=(1900, 3)) + 300, RNG.normal(size=(1700, 3)) * 0.7 + 300
    assert len(real) * len(fake) > manifolds.AT_ONCE
    apart, around_real, around_fake = cdist(real, fake), radii(real, 2), radii(fake, 2)
    precision, recall = (apart < around_real[:, None]).any(0).mean(), (apart < around_fake).any(1).mean()
    np.testing.assert_allclose(precision_recall(real, fake, k=2), [precision, recall], rtol=1e-14)
    held = (apart < around_real[:, None]).sum(1)
    np.testing.assert_allclose(density_coverage(real, fake, k=2), [held.sum() / 3400, (held > 0).mean()], rtol=1e-14)


def radii(x, k):
    return np.sort(cdist(x, x), axis=1)[:, k]


def test_memory_at_ten_thousand_is_bounded():
    with jax.enable_x64(True):
        features = jax.ShapeDtypeStruct((10_000, 784), np.float64)
        for measure in (manifolds._precision_recall, manifolds._fakes_inside):
            needs = measure.lower(features, features, k=5).compile().memory_analysis()
            assert needs.argument_size_in_bytes + needs.temp_size_in_bytes < 300e6


def test_collapse_shows():
    real = RNG.normal(size=(200, 4))
    few = real[:4].repeat(50, axis=0) + 1e-3 * RNG.normal(size=(200, 4))
    assert precision_recall(real, few) == pytest.approx((1, 0), abs=0.03)
    assert density_coverage(real, few).coverage < 0.2
    assert precision_recall(real, np.zeros((200, 4))).recall == 0


@pytest.mark.parametrize("dim", [2, 784])
def test_examples_without_a_ball_are_those_that_stand_there_more_than_k_times(dim):
    few = RNG.normal(size=(50, dim)) + 3
    assert without_ball(RNG.normal(size=(2000, dim)), k=1) == 0
    assert [without_ball(few.repeat(4, axis=0), k=k) for k in (3, 4)] == [200, 0]
    nearly = few.repeat(4, axis=0) * (1 + 1e-7 * RNG.normal(size=(200, dim)))  # as another batch's sums make of it
    assert without_ball(np.concatenate([nearly, RNG.normal(size=(100, dim))]), k=3) == 200
    assert without_ball(np.zeros((9, dim)), k=3) == 9
    copies = few.repeat(4, axis=0)
    assert precision_recall(copies, copies, k=3) == (0, 0)
    assert density_coverage(copies, copies, k=3) == (0, 0)


@pytest.mark.parametrize("k", [0, 5])
def test_k_that_makes_no_sense(k):
    with pytest.raises(ValueError, match=f"k is {k}: it must be at least 1 and below the number of examples, 5"):
        precision_recall(np.zeros((9, 2)), np.zeros((5, 2)), k=k)
    with pytest.raises(ValueError, match="below the number of examples, 5"):
        density_coverage(np.zeros((5, 2)), np.zeros((9, 2)), k=k)
