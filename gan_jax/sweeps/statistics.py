"""Means over a few seeds, with their uncertainty."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

CONFIDENCE, LEVEL = 0.95, "95 %"
LEAST = 4
"""The least number of seeds for an interval: with 2 or 3 it reaches 12.7 or 4.3 standard errors to either side."""
T, RANGE = "t", "range"


class Summary(NamedTuple):
    """The mean of `count` values, None for no values, and `low` and `high`, None for fewer than two.

    kind: of the last two: `t`, the 95 % interval of the mean, or `range`, the least and the greatest value, which is
        not a confidence interval.
    """

    count: int
    mean: float | None
    low: float | None
    high: float | None
    kind: str | None


def seeds(counts: Sequence[int]) -> str:
    """Returns the number of seeds in words, from the first of these counts to the last."""
    between = " to ".join(dict.fromkeys(map(str, (counts[0], counts[-1]))))
    return f"{between} seed{'' if counts[-1] == 1 else 's'}"


def summary(values: Sequence[float]) -> Summary:
    """Returns the mean with its t interval, or with the range for fewer than LEAST values."""
    x = np.asarray(values, np.float64)
    if len(x) < 2:
        return Summary(len(x), float(x[0]) if len(x) else None, None, None, None)
    low, high = t_interval(x) if len(x) >= LEAST else (x.min(), x.max())
    return Summary(len(x), float(x.mean()), float(low), float(high), T if len(x) >= LEAST else RANGE)


def t_interval(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the ends of the mean's 95 % interval by Student's t: [..., n] -> [...], [...], n at least 2.

    It is mean -+ t s / sqrt(n), with s the standard deviation over n - 1, and t the quantile for n - 1 degrees of
    freedom. It is exact for normal values and any n. It ignores bounds: for shares near 1 it may reach beyond 1.
    """
    from scipy.special import stdtrit

    n, mean = values.shape[-1], values.mean(-1)
    size = np.abs(values).max() or 1.0  # so that squares of large values do not overflow
    half = stdtrit(n - 1, 0.5 + CONFIDENCE / 2) * size * (values / size).std(-1, ddof=1) / np.sqrt(n)
    return mean - half, mean + half


def paired_p(differences: Sequence[float]) -> float | None:
    """Returns the two-sided p of a paired t test that the mean difference is 0; None for fewer than LEAST of them."""
    from scipy.special import stdtr

    x = np.asarray(differences, np.float64)
    if len(x) < LEAST:
        return None
    error = x.std(ddof=1) / np.sqrt(len(x))
    if error == 0:
        return float(x.mean() == 0)
    return float(2 * stdtr(len(x) - 1, -abs(x.mean() / error)))


def holm(p_values: Sequence[float]) -> list[float]:
    """Returns p values corrected for multiple tests: the chance of any false finding stays at its level. Holm 1979."""
    order = np.argsort(p_values)
    factors = np.arange(len(order), 0, -1)
    corrected = np.minimum(1.0, np.maximum.accumulate(np.asarray(p_values, np.float64)[order] * factors))
    return [float(corrected[place]) for place in np.argsort(order)]


def width_with_one_more(count: int) -> float | None:
    """Returns the ratio of the interval's width with one more seed to that with `count`, for the same deviation.

    None if there is no interval yet.
    """
    from scipy.special import stdtrit

    if count < LEAST:
        return None
    half = [stdtrit(n - 1, 0.5 + CONFIDENCE / 2) / np.sqrt(n) for n in (count, count + 1)]
    return float(half[1] / half[0])
