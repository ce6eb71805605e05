"""Checks, before any run, that each cell of a sweep can be built, and that its runs will have the values it reports."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ml_collections import ConfigDict

from gan_jax import config as configs
from gan_jax.data import Dataset
from gan_jax.data.source import Source
from gan_jax.data.spec import spec_of
from gan_jax.errors import UserError, suggestions
from gan_jax.evaluation import evaluate
from gan_jax.experiments import Experiment, build
from gan_jax.runs import schedule
from gan_jax.sweeps.plan import OF_ROWS, Planned, Sweep, required_values
from gan_jax.training.preflight import check_step


def check(sweep: Sweep, cells: Sequence[Planned]) -> list[str]:
    """Returns the names that the sweep asks for but that cannot be checked, such as when data is not available.

    Raises UserError for a cell that cannot be built, and for a name that no cell's runs will have. Of cells that differ
    only in numbers, the first one is built. Steps and evaluators are tried until all names are found.
    """
    missing = required_values(sweep.metrics, sweep.curves, sweep.finals.by if sweep.finals else None)
    known, unknown, tried = set(OF_ROWS), set(), set()
    sources: dict[str, Source] = {}
    for cell in cells:
        if (kind := json.dumps(_kind(cell.values))) in tried:
            continue
        tried.add(kind)
        config = configs.of_seed(ConfigDict(cell.values), sweep.seeds.first)
        source = sources.setdefault(json.dumps({**cell.values["data"], "split": ""}), Source(config.data))
        try:
            dataset = source.load(config.data.split)
        except UserError:
            unknown.add("")  # without data nothing is known: any name may be one of this cell's
            continue
        try:
            experiment = build(config, spec_of(dataset))
        except UserError as error:
            raise UserError(f"cell {cell.name!r}: {error}") from error
        if not {*missing} <= known:
            found, not_known = _names(config, experiment, source)
            known, unknown = known | found, unknown | not_known
    missing = [name for name in missing if name not in known]
    if wrong := [name for name in missing if not unknown & {"", name.partition("/")[0]}]:
        words = ", ".join(repr(name) + _why(name, cells) for name in wrong)
        raise UserError(f"the sweep asks for {words}, which none of its runs will have; {suggestions(wrong[0], known)}")
    return missing


def _names(config: ConfigDict, experiment: Experiment, source: Source) -> tuple[set[str], set[str]]:
    """Returns the names that a run of this config logs or evaluates at its end, and the evaluators not known here.

    A config whose step cannot be trained has no names.
    """
    try:
        found = {*check_step(experiment, config)}
    except UserError:
        return set(), set()
    unknown = set()
    for name in schedule.evaluators_due(config, config.steps):
        try:
            found |= _evaluated(config, name, experiment, source.load)
        except UserError:
            unknown.add(name)
    return found, unknown


def _evaluated(config: ConfigDict, name: str, experiment: Experiment, load: Callable[[str], Dataset]) -> set[str]:
    one = ConfigDict({"data": config.data, "evaluators": {name: config.evaluators[name]}, "keep_best": ""})
    return {*evaluate.value_names(evaluate.make(one, experiment, load))}


def _why(name: str, cells: Sequence[Planned]) -> str:
    """Returns a reason if the name belongs to an evaluator that is never due; otherwise ''."""
    evaluator = name.partition("/")[0]
    every = [schedule.of_evaluators(cell.values).get(evaluator) for cell in cells]
    return f" (evaluator {evaluator!r} is never due: set evaluate_every_steps)" if {*every} == {0} else ""


def _kind(value: Any) -> Any:
    """Returns the parts of a config that names depend on: numbers are reduced to `not 0` and `above 1`."""
    if isinstance(value, Mapping):
        return {key: _kind(item) for key, item in sorted(value.items())}
    if isinstance(value, list | tuple):
        return [item for item in value if isinstance(item, str)]
    return [value != 0, value > 1] if isinstance(value, int | float) else value
