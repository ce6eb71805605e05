"""The rows of metrics.jsonl and evaluations.jsonl: one JSON object per line, each with its `step`."""

import json
import math
from collections.abc import Iterable
from pathlib import Path

from gan_jax.runs.files import atomically

Row = dict[str, float]
"""Values by name: `step`, and `player/term` or `evaluator/value`."""


def read_rows(path: Path) -> list[Row]:
    """Returns a file's rows in order, up to the first damaged line, as left by a killed run; [] if it is missing."""
    rows = []
    for line in path.read_bytes().splitlines() if path.exists() else []:
        try:
            row = json.loads(line)
            rows.append({"step": row["step"], **row})
        except (ValueError, KeyError, TypeError, RecursionError):
            break
    return rows


def write_evaluation(path: Path, values: Row) -> None:
    """Writes a row of an evaluations.jsonl, in order of steps. It replaces values of the same step and name.

    Raises OSError.
    """
    rows = {row["step"]: row for row in read_rows(path)}
    rows[values["step"]] = rows.get(values["step"], {}) | values
    _write_rows(path, [rows[step] for step in sorted(rows)])


def forget_after(path: Path, step: int) -> list[Row]:
    """Drops the rows of later steps, and a damaged last line. Returns the rows kept. Raises OSError."""
    kept = [row for row in read_rows(path) if row["step"] <= step]
    if path.exists():
        _write_rows(path, kept)
    return kept


def best_step(path: Path, rule: str, steps: list[int]) -> int | None:
    """Returns the step of `steps` whose evaluation is best by a rule, 'min evaluator/value' or 'max evaluator/value'.

    The value may omit the network's name (`meant`), which then comes from the newest row that has one. Returns None if
    there is no rule or no such value. A value that is not finite is never best.
    """
    choice, _, value = rule.partition(" ")
    rows = read_rows(path)
    name = next((found[0] for row in reversed(rows) if len(found := meant(value, row)) == 1), value)
    by_step = {row["step"]: row[name] for row in rows if name in row and row["step"] in steps}
    finite = {step: value for step, value in by_step.items() if isinstance(value, int | float) and math.isfinite(value)}
    ranked = sorted(finite, key=finite.__getitem__, reverse=choice == "max")
    return int(ranked[0]) if ranked else None


def meant(value: str, names: Iterable[str]) -> list[str]:
    """Returns the names that a value's name may mean: itself, or otherwise those with a network's name appended.

    So 'samples/frechet' may mean 'samples/frechet/mnist-v1'. An unambiguous name gives just one.
    """
    names = [*names]
    return [value] if value in names else [name for name in names if name.rpartition("/")[0] == value != ""]


def _write_rows(path: Path, rows: list[Row]) -> None:
    with atomically(path) as file:
        file.writelines((json.dumps(row) + "\n").encode() for row in rows)
