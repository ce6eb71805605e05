"""Results of the runs in a folder, read only from config.json, metrics.jsonl and evaluations.jsonl."""

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from gan_jax.config import RESUMABLE
from gan_jax.config.values import flatten
from gan_jax.errors import UserError, suggestions
from gan_jax.runs import alarms
from gan_jax.runs.directory import RunDirectory
from gan_jax.runs.rows import Row, read_rows
from gan_jax.sweeps import folder as folders
from gan_jax.sweeps.cells import short
from gan_jax.sweeps.plan import Curve, Metric

IRRELEVANT = RESUMABLE - {"steps"} | {"data.hold"}
"""Fields that do not change a run's results, and thus do not distinguish cells."""
FINISHED = ("finished", "collapsed")
COLLAPSES = frozenset({"the fakes have collapsed", "the fakes repeat themselves", "the posterior has collapsed"})
"""The alarms that make a run count as collapsed."""
LAST = 0.1  # share of the steps over which a metric of metrics.jsonl is averaged, as a batch's value is noisy
NOT_METRICS = ("/std", "/floor")  # suffixes of the companions of an evaluation's values


class Run(NamedTuple):
    """One seed's run.

    fate: `finished`; `collapsed`: finished, but its fakes repeat a few images, or a VAE's latents carry no information;
        `diverged`: its values are no longer finite; `failed`: it ended before its last step; `not run`.
    alarms: the names of the alarms at its last row (alarms.py).
    """

    seed: int
    fate: str
    alarms: list[str]
    run_dir: RunDirectory
    config: dict[str, Any]
    rows: list[Row]
    evaluations: list[Row]
    seconds: float  # of training, as its share of the program's seconds

    def value(self, metric: str) -> float | None:
        """Returns a metric at the last step, or for metrics.jsonl its mean over the last tenth; None if missing."""
        if self.fate not in FINISHED:
            return None
        steps = self.config["steps"]
        at_end = [row[metric] for row in self.evaluations if _is_number(row.get(metric)) and row["step"] == steps]
        late = [row[metric] for row in self.rows if _is_number(row.get(metric)) and row["step"] > (1 - LAST) * steps]
        value = at_end[0] if at_end else sum(late) / len(late) if late else None
        return value if value is not None and math.isfinite(value) else None

    def curve(self, name: str) -> dict[int, float]:
        """Returns a metric's finite values by step, from either file."""
        rows = [*self.rows, *self.evaluations]
        if name == "step":
            return {int(row["step"]): row["step"] for row in rows}
        return {int(row["step"]): row[name] for row in rows if _is_number(row.get(name)) and math.isfinite(row[name])}

    def samples(self) -> dict[int, Path]:
        """Returns the files of samples by step."""
        paths = sorted(self.run_dir.samples.glob("step_*.png"))
        return {int(path.stem.removeprefix("step_")): path for path in paths}


class CellRuns(NamedTuple):
    """A cell: its name, the fields in which it differs from others with its values, and its runs, by seed."""

    name: str
    differs: dict[str, Any]
    runs: list[Run]

    def by_seed(self, metric: str) -> dict[int, float | None]:
        """Returns a metric's value for every seed, or None."""
        return {run.seed: run.value(metric) for run in self.runs}


class Results(NamedTuple):
    """All that is reported. `made_with`: versions, devices and git states, each with its number of runs."""

    name: str
    cells: list[CellRuns]
    metrics: list[Metric]
    curves: list[Curve]
    baseline: str
    finals: dict[str, Any] | None
    made_with: dict[str, dict[str, int]]


def read(folder: Path) -> Results:
    """Returns the results of a sweep's folder (with two phases, those of the second), or of any folder of runs.

    Without sweep.json, cells are told apart and named by their configs. Raises UserError if there is no run.
    """
    plan = folders.read(folder) if (folder / folders.PLAN).exists() else {"sweep": "", "cells": []}
    run_dir = folder / folders.CELLS if plan["cells"] else folder
    runs = [run for program in folders.found(run_dir) for run in _runs(run_dir, program.folder, program.values)]
    if not runs:
        raise UserError(f"{run_dir} holds no run: run the sweep first")
    cells = _named(_grouped(runs, {"seed", "seeds", *plan.get("seed_fields", ())}), plan, run_dir)
    metrics = [Metric(**metric) for metric in plan.get("metrics", [])]
    metrics = metrics or [Metric(name) for name in _measured(runs)]
    curves = [Curve(**curve) for curve in plan.get("curves", [])] or [Curve(metric.name) for metric in metrics]
    return Results(
        name=plan["sweep"] or folder.resolve().name,
        cells=cells,
        metrics=metrics,
        curves=curves,
        baseline=plan.get("baseline") or cells[0].name,
        finals=plan.get("finals"),
        made_with=_made_with(runs),
    )


def absent(runs: Sequence[Run], names: Iterable[str]) -> str:
    """Returns a line about the names for which no run has a value; "" if there are none, or no run has ended."""
    rows = [row for run in runs for row in (*run.rows[-1:], *run.evaluations)]
    known = {name for row in rows for name, value in row.items() if _is_number(value)}
    missing = [name for name in names if name not in known]
    if not missing or not any(run.fate in FINISHED for run in runs):
        return ""
    return f"the sweep asks for {', '.join(map(repr, missing))}, which no run has; {suggestions(missing[0], known)}"


def unchecked(folder: Path) -> str:
    """Returns the line of `absent` for a sweep's metrics that could not be checked before its runs."""
    names = folders.read(folder).get("unchecked", []) if (folder / folders.PLAN).exists() else []
    phases = [folder / phase for phase in (folders.SEARCH, folders.CELLS)] if names else []
    runs = [
        run
        for run_dir in phases
        for program in folders.found(run_dir)
        for run in _runs(run_dir, program.folder, program.values)
    ]
    return absent(runs, names)


def searched(folder: Path) -> dict[str, list[Run]]:
    """Returns the runs of the first of two phases, by their cells' folders."""
    run_dir = folder / folders.SEARCH
    cells: dict[str, list[Run]] = {}
    for program in folders.found(run_dir):
        cells.setdefault(program.cell, []).extend(_runs(run_dir, program.folder, program.values))
    return cells


def _runs(base: Path, within: Path, values: dict[str, Any]) -> Iterator[Run]:
    for seed, run_dir in folders.runs(base / within, values):
        rows, evaluations = read_rows(run_dir.metrics), read_rows(run_dir.evaluations)
        seconds = (rows[-1].get("seconds", 0.0) if rows else 0.0) / values["seeds"]
        at_end = _alarms(rows)
        yield Run(seed, _fate(rows, at_end, values), at_end, run_dir, values, rows, evaluations, seconds)


def _alarms(rows: list[Row]) -> list[str]:
    """Returns the alarms at the last row."""
    return [alarm.name for alarm in alarms.find(rows) if alarm.last == rows[-1]["step"]]


def _fate(rows: list[Row], at_end: list[str], values: dict[str, Any]) -> str:
    if not rows:
        return "not run"
    if not all(math.isfinite(value) for value in rows[-1].values() if _is_number(value)):
        return "diverged"
    if rows[-1]["step"] != values["steps"]:
        return "failed"
    return "collapsed" if COLLAPSES & {*at_end} else "finished"


def _grouped(runs: Sequence[Run], seeds: set[str]) -> list[tuple[dict[str, Any], list[Run]]]:
    """Returns groups of runs that differ only in the fields `seeds`, with their configs without irrelevant fields."""
    groups: dict[str, tuple[dict[str, Any], list[Run]]] = {}
    for run in runs:
        config = {field: value for field, value in flatten(run.config) if field not in {*seeds, *IRRELEVANT}}
        groups.setdefault(json.dumps(config, sort_keys=True), (config, []))[1].append(run)
    return list(groups.values())


def _named(groups: list[tuple[dict[str, Any], list[Run]]], plan: dict[str, Any], run_dir: Path) -> list[CellRuns]:
    """Returns cells in the plan's order and with its names; cells not in it are named by what differs."""
    every = [config for config, _ in groups]
    fields = sorted({field for config in every for field in config})
    differing = [field for field in fields if len({json.dumps(config.get(field)) for config in every}) > 1]
    names = short(differing)
    planned = {cell["folder"].rpartition("/")[2]: (n, cell["name"]) for n, cell in enumerate(plan["cells"])}
    cells = []
    for config, runs in groups:
        differs = {field: config[field] for field in differing if field in config}
        own = ", ".join(f"{names[field]}={_text(value)}" for field, value in differs.items()) or "all runs"
        folder = "".join(runs[0].run_dir.folder.relative_to(run_dir).parts[:1])
        _check_once(runs)
        order, name = planned.get(folder, (len(planned), own))
        cells.append((order, CellRuns(name, differs, sorted(runs, key=lambda run: run.seed))))
    return [cell for _, cell in sorted(cells, key=lambda pair: pair[0])]


def _check_once(runs: Sequence[Run]) -> None:
    seen: dict[int, Run] = {}
    for run in runs:
        if (other := seen.setdefault(run.seed, run)) is not run:
            raise UserError(f"{other.run_dir.folder} and {run.run_dir.folder} are the same run: move one of them away")


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _measured(runs: Iterable[Run]) -> list[str]:
    """Returns all names in evaluations, or if there are none, in logged rows."""
    found: set[str] = set()
    for kind in ("evaluations", "rows"):
        for run in runs:
            found |= {name for row in getattr(run, kind)[-1:] for name in row if type(row[name]) is float}
        if found := {name for name in found if not name.endswith(NOT_METRICS)} - {"seconds"}:
            break
    return sorted(found)


def _made_with(runs: Sequence[Run]) -> dict[str, dict[str, int]]:
    """Returns the runs' versions, devices and git states, each with its number of runs."""
    made: dict[str, dict[str, int]] = {"versions": {}, "devices": {}, "git": {}}
    for run in runs:
        about = json.loads(run.run_dir.config.read_text()) if run.run_dir.config.exists() else {}
        git = about.get("git") or {}
        versions = ", ".join(f"{name} {version}" for name, version in about.get("versions", {}).items())
        changed = " with changes" if git.get("changed") else ""
        texts = {"versions": versions, "devices": ", ".join(about.get("devices", [])), "git": ""}
        texts["git"] = f"{git['commit']}{changed}" if "commit" in git else ""
        for kind, text in texts.items():
            made[kind][text or "unknown"] = made[kind].get(text or "unknown", 0) + 1
    return made


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
