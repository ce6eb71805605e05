"""Nearest neighbours: against SciPy, and of a generator that copies."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from scipy.stats import mannwhitneyu

from gan_jax.metrics import neighbours
from gan_jax.metrics.neighbours import nearest, nearest_distances, nearest_in_parts, nearest_neighbours

RNG = np.random.default_rng(0)


def test_nearest_by_blocks():
    x, references = RNG.normal(size=(2600, 2, 2)), RNG.normal(size=(2100, 2, 2))
    assert len(x) * len(references) > neighbours.AT_ONCE
    apart = cdist(x.reshape(-1, 4), references.reshape(-1, 4))
    assert (np.asarray(nearest(x, references)) == apart.argmin(1)).mean() > 0.999
    np.testing.assert_allclose(nearest_distances(x, references), apart.min(1), rtol=1e-5)


def test_nearest_of_references_in_parts(monkeypatch):
    x, references = RNG.integers(0, 9, (30, 2, 2)).astype(np.uint8), RNG.integers(0, 9, (50, 2, 2)).astype(np.uint8)
    whole = np.asarray(nearest(x, references))
    monkeypatch.setattr(neighbours, "PART", 7 * 16)
    np.testing.assert_array_equal(nearest_in_parts(x, references), whole)  # where several are as near, the first
    np.testing.assert_array_equal(nearest_in_parts(x, references[:3]), np.asarray(nearest(x, references[:3])))


def test_distances_are_exact_where_float32_cancels():
    references = (RNG.integers(0, 256, size=(50, 8, 8, 1))).astype(np.uint8)
    x = references[::-1].copy()
    assert not nearest_distances(x, references).any()
    x[:, 0, 0, 0] ^= 1
    np.testing.assert_array_equal(nearest_distances(x, references), 1)


def test_memorising_is_mann_and_whitneys():
    train, test, samples = (RNG.normal(size=(n, 3)) for n in (200, 90, 120))
    samples[:40] = train[:40]
    test[:5] = train[:5]  # so that distances tie
    score = nearest_neighbours(samples, train, test)
    ours, theirs = (cdist(x, train).min(1) for x in (samples, test))
    np.testing.assert_allclose(score[:2], [np.median(ours), np.median(theirs)], rtol=1e-6)
    assert score.closer == pytest.approx(mannwhitneyu(theirs, ours).statistic / (90 * 120))


def test_copies_and_strangers():
    train, test = RNG.normal(size=(2, 100, 3))
    assert nearest_neighbours(train, train, test).closer == 1
    assert nearest_neighbours(test + 50, train, test).closer == 0
    assert nearest_neighbours(test, train, test).closer == 0.5


def test_examples_without_distances():
    with pytest.raises(ValueError, match=r"shape \(2, 8, 8\) cannot be compared with references of shape \(3, 64\)"):
        nearest_distances(np.zeros((2, 8, 8)), np.zeros((3, 64)))
    with pytest.raises(ValueError, match="have NaN or infinity"):
        nearest_neighbours(np.full((2, 3), np.nan), np.zeros((4, 3)), np.zeros((2, 3)))
