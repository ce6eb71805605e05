"""What metrics of features refuse, in words."""

import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.metrics.features import check, check_pair


def test_features_come_back_in_float64():
    table = check(jnp.arange(6, dtype=jnp.bfloat16).reshape(3, 2))
    assert table.dtype == np.float64
    np.testing.assert_array_equal(table, [[0, 1], [2, 3], [4, 5]])


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (np.zeros((4, 8, 8, 1)), r"real features have shape \(4, 8, 8, 1\): they must be \[examples, dimensions\]"),
        (np.zeros((4, 0)), r"shape \(4, 0\)"),
        (np.zeros((1, 3)), "have 1 examples: at least 2"),
        (np.array([[0, np.nan], [np.inf, 0], [1, 1]]), "NaN or infinity in 2 of 3 rows"),
    ],
)
def test_features_that_make_no_sense(features, message):
    with pytest.raises(ValueError, match=message):
        check_pair(features, np.zeros((2, 2)))


def test_pairs_of_other_dimensions():
    with pytest.raises(ValueError, match="fake features have NaN"):
        check_pair(np.zeros((2, 2)), np.full((2, 2), np.nan))
    with pytest.raises(ValueError, match="have 3 dimensions and fake ones 2"):
        check_pair(np.zeros((2, 3)), np.zeros((2, 2)))
