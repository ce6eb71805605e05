"""The numbers of the report, as JSON types, from the runs' results."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from gan_jax.config import updates_per_step
from gan_jax.sweeps.plan import Metric
from gan_jax.sweeps.results import FINISHED, CellRuns, Results, Run
from gan_jax.sweeps.statistics import holm, paired_p, summary


def summarise(results: Results) -> dict[str, Any]:
    """Returns the report without seconds and sample images: the same for the same runs, however often they were killed.

    Each cell has, for each metric, its `values` by seed (None if missing) and their mean, with its 95 % interval or,
    for few seeds, the range (`kind`, see statistics.py). The `difference` is cell minus baseline, over the seeds that
    both have, with the p of a paired test, corrected for the number of cells.
    """
    baseline = next(cell for cell in results.cells if cell.name == results.baseline)
    cells = [_cell(cell, baseline, results.metrics) for cell in results.cells]
    for metric in results.metrics:
        _correct([cell["metrics"][metric.name]["difference"] for cell in cells])
    return {
        "sweep": results.name,
        "runs": sum(len(cell.runs) for cell in results.cells),
        "baseline": results.baseline,
        "metrics": [_described(metric, results.cells) for metric in results.metrics],
        "cells": cells,
        "made_with": results.made_with,
    }


def cost(results: Results) -> list[dict[str, Any]]:
    """Returns seconds by cell: the mean of the runs trained to their last step (or None), and the sum of all runs.

    A program of several seeds is shared among its runs.
    """
    made = []
    for cell in results.cells:
        whole = [run.seconds for run in cell.runs if run.fate in FINISHED]
        mean = round(sum(whole) / len(whole), 1) if whole else None
        total = round(sum(run.seconds for run in cell.runs), 1)
        made.append({"cell": cell.name, "seconds_a_run": mean, "seconds": total})
    return made


def ranked(cells: dict[str, list[Run]], by: Metric) -> list[tuple[str, float | None]]:
    """Returns cells and their means over seeds, best first. Cells that lack a seed's value come last, as None."""
    means = {}
    for name, runs in cells.items():
        values = [value for run in runs if (value := run.value(by.name)) is not None]
        means[name] = sum(values) / len(values) if len(values) == len(runs) else None
    sign = 1 if by.better == "lower" else -1
    return sorted(means.items(), key=lambda pair: (pair[1] is None, sign * (pair[1] or 0.0), pair[0]))


def _cell(cell: CellRuns, baseline: CellRuns, metrics: Iterable[Metric]) -> dict[str, Any]:
    config = cell.runs[0].config
    most = updates_per_step(config)
    return {
        "name": cell.name,
        "differs": cell.differs,
        "fates": {str(run.seed): run.fate for run in cell.runs},
        "alarms": {str(run.seed): run.alarms for run in cell.runs},
        "steps": config["steps"],
        "images": config["steps"] * config["batch_size"] * most,
        "metrics": {metric.name: _metric(cell, baseline, metric.name) for metric in metrics},
    }


def _metric(cell: CellRuns, baseline: CellRuns, name: str) -> dict[str, Any]:
    values, others = cell.by_seed(name), baseline.by_seed(name)
    pairs = [(value, others.get(seed)) for seed, value in values.items()]
    differences = [mine - other for mine, other in pairs if mine is not None and other is not None]
    return {
        "values": {str(seed): value for seed, value in values.items()},
        **summary([value for value in values.values() if value is not None])._asdict(),
        "difference": None if cell is baseline else {**summary(differences)._asdict(), "p": paired_p(differences)},
    }


def _correct(differences: Iterable[dict[str, Any] | None]) -> None:
    """Replaces the p values of one metric's differences by Holm's, which hold for all cells together."""
    tested = [difference for difference in differences if difference and difference["p"] is not None]
    for difference, p in zip(tested, holm([difference["p"] for difference in tested]), strict=True):
        difference["p"] = p


def _described(metric: Metric, cells: Iterable[CellRuns]) -> dict[str, Any]:
    """Returns a metric and its floors, the values of training examples as samples: minimum and maximum over runs.

    They differ if cells are measured differently, or on other data. There are none if no run has one.
    """
    rows = (row for cell in cells for run in cell.runs for row in run.evaluations[-1:])
    floors = {row[f"{metric.name}/floor"] for row in rows if f"{metric.name}/floor" in row}
    return {**metric._asdict(), "floors": sorted({min(floors), max(floors)}) if floors else []}


def pick(cells: list[CellRuns], metrics: list[Metric], most: int) -> list[CellRuns]:
    """Returns at most this many cells, for charts and samples: the best by the first metric, in the table's order."""
    if len(cells) <= most:
        return cells
    if not metrics:  # no run has any value
        return cells[:most]
    order = ranked({cell.name: cell.runs for cell in cells}, metrics[0]._replace(better=metrics[0].better or "lower"))
    best = {name for name, _ in order[:most]}
    return [cell for cell in cells if cell.name in best]


def samples(cells: list[CellRuns], most: int) -> tuple[list[int], list[tuple[str, int, list[Path]]]]:
    """Returns some steps at which all cells have samples, and `(cell, seed, images)` of one seed each at these steps.

    If last steps differ, each run's last image is added. A failed run is shown only if there is no other.
    """
    shown = []
    for cell in cells:
        order = sorted(cell.runs, key=lambda run: (run.fate not in FINISHED, run.seed))
        run = next((run for run in order if run.samples()), order[0])
        shown.append((cell.name, run.seed, run.samples()))
    common = sorted(set.intersection(*(set(paths) for _, _, paths in shown)) - {0})
    if len(common) > most:
        common = [common[round(n * (len(common) - 1) / most)] for n in range(1, most + 1)]
    ends = {max(paths, default=0) for _, _, paths in shown}
    made = []
    for name, seed, paths in shown:
        steps = [*common, max(paths)] if paths and len(ends) > 1 else common
        made.append((name, seed, [paths[step] for step in steps]))
    return common, made
