"""The plan of a sweep: its file, and the programs that it expands to.

A sweep's file is Python code with a function `get_sweep() -> Sweep`:

    def get_sweep() -> Sweep:
        base = load(CONFIGS / "digits_dcgan.py")
        rates = {"players.critic.optimizer.learning_rate": [1e-4, 2e-4, 4e-4]}
        metrics = [Metric("samples/frechet/digits-v1", "lower")]
        return Sweep(base, grid(rates), Seeds(5), {"evaluate_every_steps": 250}, metrics=metrics)
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from ml_collections import ConfigDict

from gan_jax import config as configs
from gan_jax.config.paths import parent_of
from gan_jax.config.python_files import CONFIGS as CONFIGS  # for sweeps' files
from gan_jax.config.python_files import call
from gan_jax.config.values import plain, plain_scalar
from gan_jax.errors import UserError, suggestions
from gan_jax.sweeps.cells import Cell, Overrides

BETTER = ("lower", "higher")
SCALES = ("linear", "log")
OF_ROWS = frozenset({"step", "seconds"})
"""Names in every logged row besides the step's metrics."""


class Seeds(NamedTuple):
    """The seeds of every cell: `count` of them from `first` on, `at_once` in one program (0: all).

    fields: dotted names of fields that also get the seed, such as `data.label_seed`; at_once must then be 1.
    """

    count: int = 5
    first: int = 0
    at_once: int = 0
    fields: tuple[str, ...] = ()

    def programs(self, earlier: Iterable[range] = ()) -> list[range]:
        """Returns the seeds of each program: of `earlier` ones that have any, and of new ones for the other seeds."""
        wanted = range(self.first, self.first + self.count)
        kept = [some for some in earlier if {*some} & {*wanted}]
        new: list[range] = []
        for seed in wanted:
            if any(seed in some for some in kept):
                continue
            if new and new[-1].stop == seed and len(new[-1]) < (self.at_once or self.count):
                new[-1] = range(new[-1].start, seed + 1)
            else:
                new.append(range(seed, seed + 1))
        return sorted([*kept, *new], key=lambda some: some.start)


class Metric(NamedTuple):
    """A reported value: a name in evaluations.jsonl or metrics.jsonl, and which direction is `better`, if any."""

    name: str
    better: str = ""


class Curve(NamedTuple):
    """A chart of `y`, a name in either file, over `x`, another name or the step, on a 'linear' or 'log' scale."""

    y: str
    x: str = "step"
    scale: str = "linear"


class Finals(NamedTuple):
    """The second of two phases: the `best` cells by a metric, trained again with fresh seeds. Only these are reported.

    After Lucic et al. 2018, arXiv:1711.10337. `by` comes from validation data and is not reported.
    """

    best: int
    by: Metric
    seeds: Seeds


def required_values(metrics: Iterable[Metric], curves: Iterable[Curve], by: Metric | None) -> list[str]:
    """Returns the names of the values that runs must have for these, without duplicates."""
    names = [*(metric.name for metric in metrics), *(name for curve in curves for name in (curve.x, curve.y))]
    return list(dict.fromkeys([*names, *([by.name] if by else [])]))


class Sweep(NamedTuple):
    """The result of a sweep's file.

    base: the config that cells override. overrides: those common to all cells, applied before their own. metrics: in
    the table's order; () for all evaluations. curves: () for all metrics over steps. baseline: the cell that others
    are compared with; "" for the first one.
    """

    base: ConfigDict
    cells: Sequence[Cell]
    seeds: Seeds = Seeds()
    overrides: Overrides = MappingProxyType({})
    metrics: Sequence[Metric] = ()
    curves: Sequence[Curve] = ()
    baseline: str = ""
    finals: Finals | None = None


class Planned(NamedTuple):
    """A cell's name, its folder's name (with the config's hash), and its config without seeds, as JSON values."""

    name: str
    folder: str
    values: dict[str, Any]


class Program(NamedTuple):
    """One process to run: its cell, its folder within the sweep's, and its config as JSON values."""

    cell: str
    folder: Path
    values: dict[str, Any]


def load(path: str | Path) -> Sweep:
    """Returns the result of a Python file's `get_sweep()`. Raises UserError with its name if that fails."""
    sweep = call(path, "get_sweep", "sweep")
    if not isinstance(sweep, Sweep):
        raise UserError(f"--sweep={path}: get_sweep() returned {type(sweep).__name__}, not a Sweep")
    return sweep


def expand(sweep: Sweep) -> list[Planned]:
    """Returns every cell's config, checked.

    Raises UserError for no cells, two with the same name or config, unknown fields, values of the wrong type, invalid
    seeds, and a baseline, a metric or finals that do not fit.
    """
    _check(sweep)
    planned: dict[str, Planned] = {}
    for cell in sweep.cells:
        made = _planned(cell, sweep)
        if (other := planned.get(made.folder.rpartition("-")[2])) is not None:
            raise UserError(f"cells {other.name!r} and {cell.name!r} have the same config: remove one of them")
        planned[made.folder.rpartition("-")[2]] = made
    return list(planned.values())


def programs(
    cells: Sequence[Planned], seeds: Seeds, folder: Path, earlier: Mapping[str, Sequence[range]] = MappingProxyType({})
) -> list[Program]:
    """Returns the programs of these cells, within a folder.

    earlier: the seeds of programs that exist, by the cell's folder. These stay, so that only new seeds are trained.
    """
    made = []
    for cell in cells:
        for some in seeds.programs(earlier.get(cell.folder, ())):
            name = f"seed_{some[0]}" if len(some) == 1 else f"seeds_{some[0]}_to_{some[-1]}"
            values = _overridden(plain(cell.values), dict.fromkeys(seeds.fields, some[0]))
            values |= {"seed": some[0], "seeds": len(some)}
            made.append(Program(cell.name, folder / cell.folder / name, values))
    return made


def split_seeds(program: Program) -> list[Program]:
    """Returns a program of several seeds as one program per seed."""
    first, count = program.values["seed"], program.values["seeds"]
    return [
        Program(program.cell, program.folder.with_name(f"seed_{seed}"), {**program.values, "seed": seed, "seeds": 1})
        for seed in range(first, first + count)
    ]


def _check(sweep: Sweep) -> None:
    names = [cell.name for cell in sweep.cells]
    if not names:
        raise UserError("the sweep has no cells: it must have at least 1")
    if twice := sorted({name for name in names if names.count(name) > 1}) if len({*names}) < len(names) else []:
        raise UserError(f"two cells are named {twice[0]!r}: give each its own name")
    if sweep.baseline and sweep.baseline not in names:
        raise UserError(f"baseline {sweep.baseline!r} is not a cell of the sweep; {suggestions(sweep.baseline, names)}")
    _check_seeds(sweep.seeds)
    for metric in [*sweep.metrics, *([sweep.finals.by] if sweep.finals else [])]:
        if metric.better not in ("", *BETTER):
            raise UserError(f"metric {metric.name}: better is {metric.better!r}; {suggestions(metric.better, BETTER)}")
    for curve in sweep.curves:
        if curve.scale not in SCALES:
            raise UserError(f"curve of {curve.y}: scale is {curve.scale!r}; {suggestions(curve.scale, SCALES)}")
    if sweep.finals:
        _check_finals(sweep, sweep.finals)


def _check_finals(sweep: Sweep, finals: Finals) -> None:
    _check_seeds(finals.seeds)
    if sweep.baseline:
        raise UserError(
            f"baseline {sweep.baseline!r}: leave it out, as the best cells of a search are not known in advance"
        )
    if {*finals.seeds.fields} != {*sweep.seeds.fields}:
        raise UserError(
            f"finals' seeds have fields {finals.seeds.fields}: they must be those of the search, {sweep.seeds.fields}"
        )
    searched, fresh = (range(s.first, s.first + s.count) for s in (sweep.seeds, finals.seeds))
    if range(max(searched.start, fresh.start), min(searched.stop, fresh.stop)):
        raise UserError(f"finals' seeds from {fresh.start} on were used in the search: start them at {searched.stop}")
    if not 1 <= finals.best <= len(sweep.cells):
        raise UserError(
            f"finals of the best {finals.best} cells: it must be from 1 to {len(sweep.cells)}, the number searched"
        )
    if finals.by.better not in BETTER:
        raise UserError(f"finals by {finals.by.name}: say which is better, {' or '.join(BETTER)}")
    if finals.by.name in {metric.name for metric in sweep.metrics} or not sweep.metrics:
        raise UserError(f"finals by {finals.by.name}: the sweep must report other metrics, and not this one")


def _check_seeds(seeds: Seeds) -> None:
    for name, value, least in (("count", seeds.count, 1), ("first", seeds.first, 0), ("at_once", seeds.at_once, 0)):
        if type(plain_scalar(value)) is not int or value < least:
            raise UserError(f"seeds: {name} is {value}: it must be a whole number of at least {least}")
    if seeds.fields and seeds.at_once != 1:
        raise UserError(
            f"seeds: at_once is {seeds.at_once}: it must be 1, because fields are set ({', '.join(seeds.fields)})"
        )


def _planned(cell: Cell, sweep: Sweep) -> Planned:
    base, given = sweep.base if cell.base is None else cell.base, {**sweep.overrides, **cell.overrides}
    try:
        if twice := sorted({*sweep.seeds.fields} & {*given}):
            raise UserError(f"config.{twice[0]} is set by the sweep's seeds: leave it out of the overrides")
        values = _overridden(plain(base), {**given, **dict.fromkeys(sweep.seeds.fields, 0)})
        config = configs.of_seed(ConfigDict(values), sweep.seeds.first)
    except UserError as error:
        raise UserError(f"cell {cell.name!r}: {error}") from error
    if not config.log_every_steps:
        raise UserError(
            f"cell {cell.name!r}: config.log_every_steps is 0: set it, because a sweep reads its runs' logged rows"
        )
    made = {name: value for name, value in configs.to_json(config).items() if name not in ("seed", "seeds")}
    told = made | ({"seed_fields": sorted(sweep.seeds.fields)} if sweep.seeds.fields else {})
    digest = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:8]
    return Planned(cell.name, f"{re.sub('[^A-Za-z0-9_.=+-]+', '_', cell.name)[:60]}-{digest}", made)


def _overridden(values: dict[str, Any], overrides: Overrides) -> dict[str, Any]:
    """Returns the values with overrides of dotted fields, see `parent_of`. Changes `values` in place."""
    for path, given in overrides.items():
        value = plain(given, f"config.{path}")
        if path in configs.OPTIONAL_BLOCKS and isinstance(value, Mapping):  # whether or not the base has one
            values[path] = value
            continue
        if path in ("seed", "seeds"):
            raise UserError(f"config.{path} cannot be overridden: it is set by the sweep's seeds")
        block, last = parent_of(values, path)
        if last in block and not _takes(block[last], value):
            raise UserError(f"config.{path} is {value!r}: it must be of type {type(block[last]).__name__}")
        block[last] = value
    return values


def _takes(old: Any, new: Any) -> bool:
    """Returns True if a value may replace another. A block may replace a number (as a schedule does) or a block."""
    if isinstance(new, Mapping) or isinstance(old, Mapping):
        return isinstance(old, Mapping | float) and isinstance(new, Mapping | float)
    if isinstance(old, tuple | list):
        return isinstance(new, tuple | list)
    return type(new) is type(old) or (isinstance(old, float) and type(new) is int)
