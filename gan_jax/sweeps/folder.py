"""The folder of a sweep: the plan as run directories, and the progress of each.

sweep.json                       the report's data besides the runs: the cells' names and order, metrics, charts
cells/NAME-HASH/seeds_0_to_4/    a program's run directory, with its config.json from the start
cells/NAME-HASH/seeds_0_to_4/log.txt        its output
cells/NAME-HASH/seeds_0_to_4/failure.txt    its exit status and last lines, if it ended before its last step
search/NAME-HASH/seed_0/         the same for the first of two phases, which is not reported
ablation.md, .json, .html, .csv, .tex, figures/, cost.json    the report

The state of a run is read from its own files: a run killed here or on another machine is simply not finished.
"""

import fcntl
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from gan_jax import config as configs
from gan_jax.errors import UserError
from gan_jax.runs import schedule
from gan_jax.runs.directory import RunDirectory
from gan_jax.runs.files import atomically, obstacles
from gan_jax.runs.lock import NAME as LOCK
from gan_jax.runs.rows import read_rows
from gan_jax.sweeps.plan import Planned, Program, Sweep, split_seeds

PLAN, CELLS, SEARCH, LOG, FAILURE = "sweep.json", "cells", "search", "log.txt", "failure.txt"
OWN_FILES = (PLAN, "config.json", "ablation.*", "cost.json")
"""Names of files in a sweep's folder and in a run's, as patterns."""
SETTLED = ("done", "diverged")
"""States in which a program is not run again."""
LAST_LINES = 5  # of a log, kept as the reason for a failure
DIVERGED = 3
"""The exit status of a run whose values are no longer finite. It would diverge again."""


class Progress(NamedTuple):
    """A program's progress: `done`, `running`, `failed`, `diverged` or `waiting`; its step; its seconds of training."""

    state: str
    step: int
    seconds: float


def claim(folder: Path, name: str, sweep: Sweep, cells: Sequence[Planned], *, unchecked: Sequence[str] = ()) -> None:
    """Claims the folder for this sweep by writing sweep.json. unchecked: metrics that only its first runs can show.

    Raises UserError if it holds other things, another sweep, or cells that this one lacks or has changed; OSError.
    """
    path = folder / PLAN
    if path.exists():
        if (held := read(folder)["sweep"]) != name:
            raise UserError(f"--workdir={folder} holds another sweep, {held}: choose another folder")
    elif folder.exists() and not folder.is_dir():
        raise UserError(f"--workdir={folder} is a file: choose a folder")
    elif found := obstacles(folder, OWN_FILES):
        raise UserError(f"--workdir={folder} holds {', '.join(found[:3])} and no sweep: choose another folder")
    phase = SEARCH if sweep.finals else CELLS
    check(folder, phase, cells)
    plan = {
        "sweep": name,
        "cells": [{"name": cell.name, "folder": f"{phase}/{cell.folder}"} for cell in cells],
        "metrics": [metric._asdict() for metric in sweep.metrics],
        "curves": [curve._asdict() for curve in sweep.curves],
        "unchecked": list(unchecked),
        "baseline": sweep.baseline,
        "seed_fields": [*sweep.seeds.fields],
        "finals": None if sweep.finals is None else {"best": int(sweep.finals.best), "by": sweep.finals.by._asdict()},
    }
    with atomically(path) as file:
        file.write((json.dumps(plan, indent=1) + "\n").encode())


def check(folder: Path, phase: str, cells: Sequence[Planned]) -> None:
    """Raises UserError if a phase's folder holds runs of other cells."""
    held = {path.name for path in (folder / phase).glob("*") if path.is_dir()}
    if others := sorted(held - {cell.folder for cell in cells}):
        raise UserError(
            f"{folder / phase} holds cells that this sweep does not have, or has changed: {', '.join(others[:3])}"
            f"{' ...' if len(others) > 3 else ''}: delete them, or choose another --workdir"
        )


def read(folder: Path) -> dict[str, Any]:
    """Returns the content of sweep.json; raises UserError if there is none."""
    path = folder / PLAN
    try:
        plan = json.loads(path.read_text())
        plan["sweep"], plan["cells"]
    except FileNotFoundError as error:
        raise UserError(f"{folder} holds no sweep (no {PLAN})") from error
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} is not the plan of a sweep") from error
    return plan


def prepare(folder: Path, programs: Sequence[Program]) -> None:
    """Writes each program's config.json, which its command uses, if there is none yet. Raises OSError."""
    for program in programs:
        path = RunDirectory(folder / program.folder).config
        if not path.exists():
            with atomically(path) as file:
                file.write((json.dumps({"format": configs.FORMAT, "config": program.values}, indent=2) + "\n").encode())


def found(folder: Path) -> Iterator[Program]:
    """Yields the programs whose config.json is in a folder, as planned or as run, in order of paths.

    Leaves out a program of several seeds that was split into programs of one seed.
    """
    for run_dir in _run_dirs(folder):
        path = run_dir / "config.json"
        try:
            values = configs.read_run(path)["config"]
            values["seeds"], values["steps"]
        except KeyError as error:
            raise UserError(f"{path} is not the config.json of a run") from error
        program = Program(run_dir.parent.name, run_dir.relative_to(folder), values)
        if run_dir == folder or values["seeds"] == 1 or not _is_split(folder, program):
            yield program


def seeds_by_cell(folder: Path) -> dict[str, list[range]]:
    """Returns the seeds of each program within a phase's folder, by the folder of its cell."""
    made: dict[str, list[range]] = {}
    for program in found(folder):
        first = program.values["seed"]
        made.setdefault(program.folder.parts[0], []).append(range(first, first + program.values["seeds"]))
    return made


def _is_split(folder: Path, program: Program) -> bool:
    return any((folder / one.folder / "config.json").exists() for one in split_seeds(program))


def _run_dirs(folder: Path) -> Iterator[Path]:
    """Yields the outermost folders with a config.json: this folder itself, or folders within it."""
    if (folder / "config.json").is_file():
        yield folder
    elif folder.is_dir():
        for inner in sorted(folder.iterdir()):
            yield from _run_dirs(inner)


def runs(run_dir: Path, values: dict[str, Any]) -> list[tuple[int, RunDirectory]]:
    """Returns the program's seeds, each with its run directory."""
    return RunDirectory(run_dir).of_seeds(values["seed"], values["seeds"])


def progress(run_dir: Path, values: dict[str, Any]) -> Progress:
    """Returns the progress of the program that trains this config in a folder."""
    each = [one for _, one in runs(run_dir, values)]
    last = [rows[-1] if (rows := read_rows(one.metrics)) else {"step": 0} for one in each]
    step, seconds = min(int(row["step"]) for row in last), max(row.get("seconds", 0.0) for row in last)
    if all(_is_finished(one, values) for one in each):
        return Progress("done", step, seconds)
    if is_locked(run_dir):
        return Progress("running", step, seconds)
    failure = run_dir / FAILURE
    if not failure.exists():
        return Progress("waiting", step, seconds)
    diverged = failure.read_text().startswith(f"exit status {DIVERGED}\n")
    return Progress("diverged" if diverged else "failed", step, seconds)


def conclude(run_dir: Path, values: dict[str, Any], status: int) -> Progress:
    """Returns the progress of a program whose process has ended. Writes the reason if it is not finished."""
    now = progress(run_dir, values)
    if now.state == "done":
        return now
    log = run_dir / LOG
    lines = log.read_text(errors="replace").splitlines()[-LAST_LINES:] if log.exists() else []
    with atomically(run_dir / FAILURE) as file:
        file.write("\n".join([f"exit status {status}", *lines, ""]).encode())
    return progress(run_dir, values)


def is_locked(run_dir: Path) -> bool:
    """Returns True if a process trains in the folder, here or on a machine that shares the file system's locks.

    A run locks its folder. From its start until then, a launched process holds a lock on its log.
    """
    for name in (LOCK, LOG):
        try:
            with (run_dir / name).open() as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:  # no such file, or no locks here
            continue
    return False


def _is_finished(one: RunDirectory, values: dict[str, Any]) -> bool:
    """Returns True if a run has all files due at its last step: row, checkpoint, samples and evaluation."""
    steps = values["steps"]
    return (
        _last(one.metrics) == steps
        and (not values["checkpoint_every_steps"] or (one.checkpoints / str(steps)).is_dir())
        and (not values["sample_every_steps"] or one.sample(steps).exists())
        and (not schedule.evaluators_due(values, steps) or _last(one.evaluations) == steps)
    )


def _last(path: Path) -> int | None:
    rows = read_rows(path)
    return int(rows[-1]["step"]) if rows else None
