"""The config's evaluators, on a run in training or on one of its checkpoints."""

from functools import partial
from typing import Any

from ml_collections import ConfigDict

from gan_jax import data
from gan_jax.errors import UserError, blamed_on
from gan_jax.evaluators.base import Context, Evaluate
from gan_jax.experiment import Experiment
from gan_jax.predict import restore
from gan_jax.resolve import bind
from gan_jax.run_directory import RunDirectory
from gan_jax.state import Players
from gan_jax.writers import read_rows, write_evaluation


def run(place: RunDirectory, config: ConfigDict, step: int | None) -> dict[str, Any]:
    """Evaluates a checkpoint (None: the newest) -> `{"step": ..., "evaluator/value": ...}`, also kept in the folder.

    Raises UserError where the config names no evaluators, or there is no such checkpoint.
    """
    if not config.get("evaluators"):
        raise UserError("config.evaluators is empty: this config names nothing to evaluate")
    experiment, state = restore(place, config, step)
    return keep(place, config, int(state.step), measure(make(config, experiment), experiment, state.players))


def complete(place: RunDirectory, config: ConfigDict) -> None:
    """Measures the run's best checkpoint, as `keep_best` says, by the evaluators that did not when it was played.

    So what is reported of it need not be what chose it: a validation split chooses, the test split reports.
    """
    step = place.best(config.keep_best)
    if step is not None and not {*config.evaluators} <= done(place, step):
        run(place, config, step)


def done(place: RunDirectory, step: int) -> set[str]:
    """The evaluators, by name, that the folder holds values of after this round."""
    return {name.partition("/")[0] for row in read_rows(place.evaluations) if row["step"] == step for name in row}


def keep(place: RunDirectory, config: ConfigDict, step: int, values: dict[str, Any]) -> dict[str, Any]:
    """Writes what was measured after this round to the run's folder -> the row."""
    row = {"step": step, "seed": config.seed, **values}
    write_evaluation(place.evaluations, row)
    return row


def make(config: ConfigDict, experiment: Experiment) -> dict[str, Evaluate]:
    """The config's evaluators by name; raises UserError for one that does not suit the experiment."""
    context = Context(
        experiment.predict, partial(data.load, config.data.name), experiment.scale, trained_on=config.data.split
    )
    evaluators = {}
    for name, spec in (config.get("evaluators") or {}).items():
        arguments = {key: value for key, value in spec.to_dict().items() if key != "every_steps"}
        evaluator = bind("gan_jax.evaluators", arguments, f"evaluators.{name}")
        with blamed_on(f"config.evaluators.{name}"):
            evaluators[name] = evaluator(context)
    return evaluators


def measure(evaluators: dict[str, Evaluate], experiment: Experiment, players: Players) -> dict[str, Any]:
    """All that the evaluators measure of these players, named `evaluator/value`, and how they did it.

    Raises UserError where what the players make cannot be measured, as numbers that are not finite.
    """
    values = {}
    for name, evaluate in evaluators.items():
        with blamed_on(f"config.evaluators.{name}"):
            measured = evaluate(players, experiment.keys.evaluate)
        values |= {f"{name}/{value}": _plain(number) for value, number in measured.items()}
    return values


def _plain(value: Any) -> float | int | str:
    """As JSON has it."""
    return value if isinstance(value, str | int) else float(value)
