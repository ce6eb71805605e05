"""Curves of a run over its steps: every logged metric, and every value of its evaluations."""

import itertools
import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from gan_jax.runs.rows import Row

MAX_POINTS = 1000
"""The most points of a curve, plus at most one: about a screen's width in pixels."""
DIGITS = 6
BESIDE = ("/std", "/floor")  # suffixes of the numbers that go with an evaluation's value


class Group(NamedTuple):
    """Metrics whose curves share one chart, because they are compared with each other.

    Attributes:
        title: the chart's heading.
        terms: the metrics' names after `player/`.
        help: how to read them, in a sentence or two.
        scale: the vertical axis's, "linear" or "log".
    """

    title: str
    terms: tuple[str, ...]
    help: str
    scale: str = "linear"


class Curve(NamedTuple):
    """A line: its name, its points, and its standard deviations and floors if an evaluation has them.

    Values that are not finite are None, shown as gaps.
    """

    name: str
    steps: list[float]
    values: list[float | None]
    std: Sequence[float | None] = ()
    floor: Sequence[float | None] = ()


class Chart(NamedTuple):
    """Curves that share two axes. `part` is the heading of the chart's section."""

    part: str
    title: str
    help: str
    scale: str
    curves: list[Curve]


GROUPS = (
    Group(
        "Losses",
        ("loss",),
        "What each player minimises. The players have no common minimum, so GAN losses need not decrease, and they do "
        "not measure the quality of samples.",
    ),
    Group(
        "D(x) and D(G(z)): mean sigmoid of real and of fake scores",
        ("real_probability", "fake_probability"),
        "Both near 0.5: the critic cannot tell real from fake. Near 1 and 0: it recognises every fake, and the "
        "generator has little to learn from.",
    ),
    Group(
        "Accuracy: the share of examples classified correctly; for a critic, as real or fake",
        ("accuracy",),
        "A critic that stays at 1 is too strong.",
    ),
    Group(
        "Mean score of real examples minus that of fakes",
        ("distance",),
        "With a Wasserstein loss this estimates the Wasserstein distance: it rises while the critic learns, then "
        "falls. With other losses it is only a difference of scores.",
    ),
    Group(
        "Norms of the critic's gradients at its inputs, which the penalty limits: mean and maximum",
        ("input_gradient_norm", "input_gradient_norm_max"),
        "A gradient penalty pulls them towards 1.",
    ),
    Group(
        "Norms of the critic's gradients at real examples, mean and maximum, and at fakes",
        ("real_gradient_norm", "real_gradient_norm_max", "fake_gradient_norm"),
        "R1 pulls those at real examples towards 0, R2 those at fakes.",
    ),
    Group(
        "Fakes compared with real examples: ratios of the spread, and of the distance to the nearest neighbor",
        ("diversity", "nearest_neighbor_ratio"),
        "At 1, fakes are like real examples. Far below 1, fakes are too similar to each other.",
    ),
    Group(
        "Gradient norms by player",
        ("gradient_norm",),
        "A norm that falls to 0 means a vanishing gradient; one that keeps rising may overflow.",
        "log",
    ),
)


def of_training(rows: Sequence[Row]) -> list[Chart]:
    """Returns charts of all metrics in rows of a metrics.jsonl: groups, the rest by player, and steps per second."""
    rows = _thinned(rows, MAX_POINTS)
    metrics = _numbers(rows)
    charts = []
    for group in GROUPS:
        if names := [name for name in metrics if name.partition("/")[2] in group.terms]:
            curves = [_curve(rows, name) for name in names]
            charts.append(Chart("Training", group.title, group.help, group.scale, curves))
    grouped = {term for group in GROUPS for term in group.terms}
    rest = [name for name in metrics if name.partition("/")[2] not in grouped]
    charts += [
        Chart(f"Other metrics: {player}", name.partition("/")[2], "", "linear", [_curve(rows, name)])
        for player, names in _by_prefix(rest)
        for name in names
    ]
    return charts + _speed(rows)


def of_evaluations(rows: Sequence[Row]) -> list[Chart]:
    """Returns charts of all values in rows of an evaluations.jsonl, by evaluator.

    A value has a chart if two or more rows have it. Integers that never change, such as counts of examples, say how
    values were measured and have no chart.
    """
    names = [name for name in _numbers(rows) if not name.endswith(BESIDE) and _is_measured(rows, name)]
    words = (
        "The band is the standard deviation over sets of samples. The dashed line is the floor, by training examples."
    )
    return [
        Chart(f"Evaluations over time: {evaluator}", name.partition("/")[2], words, "linear", [_evaluated(rows, name)])
        for evaluator, some in _by_prefix(names)
        for name in some
    ]


def _speed(rows: Sequence[Row]) -> list[Chart]:
    """Returns a chart of steps per second between rows."""
    pairs = [(a, b) for a, b in itertools.pairwise(rows) if "seconds" in a and "seconds" in b]
    points = [
        (b["step"], (b["step"] - a["step"]) / (b["seconds"] - a["seconds"]))
        for a, b in pairs
        if b["seconds"] > a["seconds"]
    ]
    if not points:
        return []
    curve = Curve("steps per second", [step for step, _ in points], [_rounded(rate) for _, rate in points])
    return [Chart("Speed", "Steps per second", "Includes pauses for samples and evaluations.", "linear", [curve])]


def _thinned(rows: Sequence[Row], most: int) -> list[Row]:
    """Returns evenly spaced rows, at most one more than `most`, including the last one."""
    return [*rows[: -1 : -(-len(rows) // most)], rows[-1]] if rows else []


def _numbers(rows: Iterable[Row]) -> list[str]:
    """Returns the names `player/term` or `evaluator/value` of all numbers in the rows, in order of appearance."""
    return list(dict.fromkeys(name for row in rows for name, value in row.items() if "/" in name and _is_number(value)))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_measured(rows: Iterable[Row], name: str) -> bool:
    values = [row[name] for row in rows if name in row]
    return len(values) > 1 and (len({*values}) > 1 or isinstance(values[0], float))


def _by_prefix(names: Iterable[str]) -> list[tuple[str, list[str]]]:
    """Returns the names, grouped by what precedes their first '/'."""
    prefixes: dict[str, list[str]] = {}
    for name in names:
        prefixes.setdefault(name.partition("/")[0], []).append(name)
    return list(prefixes.items())


def _curve(rows: Iterable[Row], name: str) -> Curve:
    """Returns the line through the rows that have a number of this name."""
    points = [(row["step"], row[name]) for row in rows if _is_number(row.get(name))]
    return Curve(name, [step for step, _ in points], [_rounded(value) for _, value in points])


def _evaluated(rows: Iterable[Row], name: str) -> Curve:
    """Returns the same line, with the standard deviations and floors that the rows have for it."""
    points = [row for row in rows if _is_number(row.get(name))]
    beside = ([_rounded(row.get(f"{name}{end}")) for row in points] for end in BESIDE)
    std, floor = (values if any(value is not None for value in values) else [] for values in beside)
    return _curve(points, name)._replace(std=std, floor=floor)


def _rounded(value: Any) -> float | None:
    return float(f"{value:.{DIGITS}g}") if _is_number(value) and math.isfinite(value) else None
