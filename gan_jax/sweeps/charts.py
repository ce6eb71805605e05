"""A sweep's charts as SVG and PDF. The same numbers give the same bytes."""

import re
from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np

from gan_jax.reporting import html
from gan_jax.sweeps.plan import Curve
from gan_jax.sweeps.results import CellRuns, Run
from gan_jax.sweeps.statistics import LEAST, LEVEL, seeds, t_interval

MAX_POINTS = 200  # of a line
Text = TypeVar("Text", str, bytes)


def chart(cells: Sequence[CellRuns], curve: Curve, form: Callable[..., Text] = html.chart) -> Text | None:
    """Returns a chart with a line and a band for each cell, the mean over seeds; None if there are no values.

    The band is the mean's t interval at each step. If any step has too few values for that, it is the range from the
    least to the greatest value at every step. The legend says which, and for how many seeds.

    If the x axis is a metric and not steps, there is a line for each run, with a dot at its last step.
    form: `html.chart` makes SVG, `html.chart_pdf` PDF.
    """
    lines = _band if curve.x == "step" else _paths
    has_values = []

    def draw(figure, axes) -> None:
        has_values.extend(lines(axes, cell, curve, f"C{number}") for number, cell in enumerate(cells))
        axes.set_yscale(curve.scale)
        axes.set_xlabel(_plain(curve.x))
        axes.set_ylabel(_plain(curve.y))
        if any(has_values):
            figure.legend(frameon=False, loc="outside right upper", fontsize="small")

    made = form(draw, size=(8, 3.5))
    return made if any(has_values) else None


def _band(axes, cell: CellRuns, curve: Curve, colour: str) -> bool:
    lines = [line for run in cell.runs if (line := run.curve(curve.y))]
    steps = _thinned(sorted({step for line in lines for step in line}))
    if not steps:
        return False
    at = [np.array([line[step] for line in lines if step in line]) for step in steps]
    counts = sorted({len(values) for values in at})
    whole = counts[0] >= LEAST  # one kind of band for a whole line
    low, high = zip(*(t_interval(v) if whole else (v.min(), v.max()) for v in at), strict=True)
    kind = f"{LEVEL} t interval, " if whole else "range, " if counts[-1] > 1 else ""
    label = f"{_plain(cell.name)}\n{kind}{seeds(counts)}"
    axes.plot(steps, [values.mean() for values in at], color=colour, linewidth=1.2, label=label)
    if counts[-1] > 1:
        axes.fill_between(steps, low, high, color=colour, alpha=0.2, linewidth=0)
    return True


def _paths(axes, cell: CellRuns, curve: Curve, colour: str) -> bool:
    points = [line for run in cell.runs if (line := _path(run, curve))]
    for number, line in enumerate(points):
        x, y = zip(*line, strict=True)
        axes.plot(x, y, color=colour, linewidth=0.8, alpha=0.7, label=None if number else _plain(cell.name))
        axes.plot(x[-1], y[-1], ".", color=colour)
    return bool(points)


def _plain(text: str) -> str:
    """Returns text that Matplotlib shows as it is: `$` begins a formula, and a legend omits what begins with `_`."""
    return re.sub("^_", "\N{ZERO WIDTH SPACE}_", text.replace("$", r"\$"))


def _path(run: Run, curve: Curve) -> list[tuple[float, float]]:
    x, y = run.curve(curve.x), run.curve(curve.y)
    return [(x[step], y[step]) for step in _thinned(sorted(x.keys() & y.keys()))]


def _thinned(steps: list[int]) -> list[int]:
    """Returns evenly spaced steps out of these, including the last one."""
    return steps[: -1 : -(-len(steps) // MAX_POINTS)] + steps[-1:] if steps else []
