"""Scores of samples by the class probabilities that a classifier gives them."""

from typing import NamedTuple

import numpy as np
from jax.typing import ArrayLike
from scipy.special import softmax, xlogy


class ClassifierScore(NamedTuple):
    """The `mean` over splits, from 1 to the number of classes, and their standard deviation `std`."""

    mean: float
    std: float


def classifier_score(logits: ArrayLike, *, splits: int = 10) -> ClassifierScore:
    """Computes exp of the mean of KL(p(y | x) || p(y)) over the samples of each of `splits` parts: logits [n, classes].

    It is high if the classifier is sure of each sample and all classes occur; real examples are not used. With the
    logits of InceptionV3 it is the Inception Score (Salimans et al. 2016, arXiv:1606.03498, section 4). Logarithms of
    probabilities are logits too. Computed in float64. Parts are consecutive, and differ in size by at most 1.

    Raises ValueError if the logits are not [n, classes] or have NaN or infinity, other than -inf in rows with finite
    values, or if `splits` is not from 1 to n.
    """
    logits = np.asarray(logits).astype(np.float64)
    if logits.ndim != 2 or not logits.size:
        raise ValueError(f"logits have shape {logits.shape}: they must be [samples, classes]")
    if not np.isfinite(logits.max(axis=1)).all():  # -inf in a row with finite values is the logarithm of 0
        raise ValueError("logits have NaN or infinity: the classifier or its input is broken")
    if not 1 <= splits <= len(logits):
        raise ValueError(f"splits is {splits}: it must be from 1 to the number of samples, {len(logits)}")
    parts = np.split(softmax(logits, axis=1), [i * len(logits) // splits for i in range(1, splits)])
    scores = [np.exp(_entropy(p.mean(axis=0)) - _entropy(p).mean()) for p in parts]
    return ClassifierScore(float(np.mean(scores)), float(np.std(scores)))


def _entropy(p: np.ndarray) -> np.ndarray:
    return -xlogy(p, p).sum(axis=-1)
