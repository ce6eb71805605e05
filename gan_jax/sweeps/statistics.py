"""Intervals of means over a few seeds."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

RESAMPLES = 10_000


class Summary(NamedTuple):
    """The mean of `count` values and its 95 % interval; None of no values, no interval of a single one."""

    count: int
    mean: float | None
    low: float | None
    high: float | None


def summary(values: Sequence[float]) -> Summary:
    """The mean and its percentile bootstrap interval (Efron and Tibshirani 1993, chapter 13), the same every time.

    Of few values such an interval is too short: of 5 normal ones it holds the true mean in 83 % of cases, of 10 in
    90 %, not in 95 %.
    """
    if not values:
        return Summary(0, None, None, None)
    if len(values) == 1:
        return Summary(1, float(values[0]), None, None)
    x = np.asarray(values, np.float64)
    chosen = np.random.default_rng(0).integers(len(x), size=(RESAMPLES, len(x)))
    low, high = np.percentile(x[chosen].mean(1), [2.5, 97.5])
    return Summary(len(x), float(x.mean()), float(low), float(high))
