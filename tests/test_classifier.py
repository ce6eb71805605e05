"""The classifier score: against torch-fidelity's, and of beliefs whose score is known."""

from pathlib import Path

import numpy as np
import pytest

from gan_jax.metrics.classifier import classifier_score

FIXTURE = np.load(Path(__file__).parent / "fixtures" / "metrics.npz")


@pytest.mark.parametrize("splits", [1, 4])
def test_is_torch_fidelitys(splits):
    score = classifier_score(FIXTURE["logits"], splits=splits)
    np.testing.assert_allclose(score, FIXTURE[f"classifier_score_{splits}"], rtol=1e-12)


def test_of_sure_and_of_unsure_beliefs():
    sure = np.where(np.eye(5, dtype=bool), 0.0, -np.inf)  # the logarithms of probabilities 0 and 1
    np.testing.assert_allclose(classifier_score(np.tile(sure, (4, 1)), splits=4), (5, 0), rtol=1e-12)
    np.testing.assert_allclose(classifier_score(sure[:2].repeat(3, axis=0), splits=1), (2, 0), rtol=1e-12)
    np.testing.assert_allclose(classifier_score(np.full((20, 5), 7.0)), (1, 0), rtol=1e-12)


@pytest.mark.parametrize(
    ("logits", "splits", "message"),
    [
        (np.zeros(9), 1, r"logits have shape \(9,\): they must be \[samples, classes\]"),
        (np.array([[0.0, np.nan], [0.0, 0.0]]), 1, "NaN or infinity"),
        (np.array([[0.0, np.inf], [0.0, 0.0]]), 1, "NaN or infinity"),
        (np.full((2, 2), -np.inf), 1, "NaN or infinity"),
        (np.zeros((9, 2)), 10, "splits is 10: it must be from 1 to the number of samples, 9"),
    ],
)
def test_logits_that_make_no_sense(logits, splits, message):
    with pytest.raises(ValueError, match=message):
        classifier_score(logits, splits=splits)
