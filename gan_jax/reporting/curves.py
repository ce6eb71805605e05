"""Curves of a run over its steps: every metric that it logged, and every value that it was evaluated by."""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from gan_jax.reporting import html
from gan_jax.runs.rows import Row

MAX_POINTS, MAX_PANEL_POINTS = 500, 200  # of a curve in a wide and in a small chart: more than a screen shows
BESIDE = ("/std", "/floor")  # endings of what an evaluation has beside a value


class Group(NamedTuple):
    """Metrics whose curves share one chart, because they are compared with each other.

    Attributes:
        title: the chart's heading.
        terms: the metrics, by the name after `player/`.
        scale: of the vertical axis, "linear" or "log".
    """

    title: str
    terms: tuple[str, ...]
    scale: str = "linear"


GROUPS = (
    Group("Losses", ("loss",)),
    Group(
        "D(x) and D(G(z)): mean sigmoid of real and of fake scores",
        ("real_probability", "fake_probability"),
    ),
    Group("Accuracy: the share of examples classified right; for a critic, real against fake ones", ("accuracy",)),
    Group("The critic's estimate of the Wasserstein distance", ("distance",)),
    Group(
        "Norms of the critic's gradients at its inputs, which the penalty bounds: mean and largest",
        ("input_gradient_norm", "input_gradient_norm_max"),
    ),
    Group(
        "Fakes beside real examples: their spread, and the distance to the nearest neighbor, as ratios",
        ("diversity", "nearest_neighbor_ratio"),
    ),
    Group("Norms of the gradients by player", ("gradient_norm",), "log"),
)


def of_training(rows: Sequence[Row]) -> list[tuple[str, str]]:
    """Returns (title, SVG) of charts of all metrics in rows of a metrics.jsonl: the groups, then the rest by player."""
    metrics = _numbers(rows)
    charts = []
    for group in GROUPS:
        if names := [name for name in metrics if name.partition("/")[2] in group.terms]:
            charts.append((group.title, _overlaid(rows, names, group.scale)))
    grouped = {term for group in GROUPS for term in group.terms}
    rest = [name for name in metrics if name.partition("/")[2] not in grouped]
    return charts + [(f"Other metrics: {player}", _panels(rows, names)) for player, names in _by_prefix(rest)]


def of_evaluations(rows: Sequence[Row]) -> list[tuple[str, str]]:
    """Returns (title, SVG) of charts of all values in rows of an evaluations.jsonl, by evaluator.

    A value has a chart where two or more rows have it. Its standard deviation is a band, its floor a dashed line. Whole
    numbers that never change, such as counts of examples, say how values were measured and have none.
    """
    names = [name for name in _numbers(rows) if not name.endswith(BESIDE) and _is_measured(rows, name)]
    return [(f"Evaluations over time: {evaluator}", _panels(rows, some)) for evaluator, some in _by_prefix(names)]


def _thinned(rows: Sequence[Row], most: int) -> list[Row]:
    """Returns evenly spaced rows, at most one more than `most`, the last among them."""
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
    """Returns the names by what is before their first '/'."""
    prefixes: dict[str, list[str]] = {}
    for name in names:
        prefixes.setdefault(name.partition("/")[0], []).append(name)
    return list(prefixes.items())


def _curve(rows: Iterable[Row], name: str) -> tuple[list[float], list[float]]:
    """Returns the steps and the values of the rows that have a number of this name; infinities are gaps."""
    points = [(row["step"], row[name]) for row in rows if _is_number(row.get(name))]
    return [step for step, _ in points], [value if math.isfinite(value) else math.nan for _, value in points]


def _overlaid(rows: Sequence[Row], names: Sequence[str], scale: str) -> str:
    """Returns one chart of several curves."""
    rows = _thinned(rows, MAX_POINTS)

    def draw(figure: Any, axes: Any) -> None:
        del figure
        for name in names:
            axes.plot(*_curve(rows, name), label=name, linewidth=1)
        axes.set_xlabel("step")
        axes.set_yscale(scale)
        axes.legend(frameon=False)

    return html.chart(draw, size=(8, 3))


def _panels(rows: Sequence[Row], names: Sequence[str]) -> str:
    """Returns a small chart for each name, because their units differ."""
    rows = _thinned(rows, MAX_PANEL_POINTS)

    def panel(name: str) -> Callable[[Any], None]:
        def draw(axes: Any) -> None:
            steps, values = _curve(rows, name)
            axes.plot(steps, values, ".-" if len(steps) < 20 else "-", linewidth=1)
            floor_steps, floors = _curve(rows, f"{name}/floor")
            axes.plot(floor_steps, floors, "--", color="gray", linewidth=1)
            both = [row for row in rows if _is_number(row.get(name)) and _is_number(row.get(f"{name}/std"))]
            (at, middle), (_, spread) = _curve(both, name), _curve(both, f"{name}/std")
            low, high = ([m + sign * s for m, s in zip(middle, spread, strict=True)] for sign in (-1, 1))
            axes.fill_between(at, low, high, alpha=0.2, linewidth=0)
            axes.set_title(name.partition("/")[2], fontsize="small", parse_math=False)

        return draw

    return html.panels([panel(name) for name in names])
