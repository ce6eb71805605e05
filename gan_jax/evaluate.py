"""The config's evaluators, on a run in training or on one of its checkpoints."""

from functools import partial
from typing import Any

from ml_collections import ConfigDict

from gan_jax import data
from gan_jax.errors import UserError, one_line
from gan_jax.evaluators.base import Context, Evaluate
from gan_jax.experiment import Experiment
from gan_jax.predict import restore
from gan_jax.resolve import bind
from gan_jax.run_directory import RunDirectory
from gan_jax.state import Players
from gan_jax.writers import write_evaluation


def run(place: RunDirectory, config: ConfigDict, step: int | None) -> dict[str, Any]:
    """Evaluates a checkpoint (None: the newest) -> `{"step": ..., "evaluator/value": ...}`, also kept in the folder.

    Raises UserError where the config names no evaluators, or there is no such checkpoint.
    """
    if not config.get("evaluators"):
        raise UserError("config.evaluators is empty: this config names nothing to evaluate")
    experiment, state = restore(place, config, step)
    values = {"step": int(state.step), "seed": config.seed} | measure(
        make(config, experiment), experiment, state.players
    )
    write_evaluation(place.evaluations, values)
    return values


def make(config: ConfigDict, experiment: Experiment) -> dict[str, Evaluate]:
    """The config's evaluators by name; raises UserError for one that does not suit the experiment."""
    context = Context(
        experiment.predict, partial(data.load, config.data.name), experiment.scale, trained_on=config.data.split
    )
    evaluators = {}
    for name, spec in (config.get("evaluators") or {}).items():
        evaluator = bind("gan_jax.evaluators", spec.to_dict(), f"evaluators.{name}")
        try:
            evaluators[name] = evaluator(context)
        except (TypeError, ValueError, UserError) as error:
            raise UserError(f"config.evaluators.{name}: {one_line(error)}") from error
    return evaluators


def measure(evaluators: dict[str, Evaluate], experiment: Experiment, players: Players) -> dict[str, Any]:
    """All that the evaluators measure of these players, named `evaluator/value`, and how they did it.

    Raises UserError where what the players make cannot be measured, as numbers that are not finite.
    """
    values = {}
    for name, evaluate in evaluators.items():
        try:
            measured = evaluate(players, experiment.keys.evaluate)
        except ValueError as error:
            raise UserError(f"config.evaluators.{name}: {one_line(error)}") from error
        values |= {f"{name}/{value}": _plain(number) for value, number in measured.items()}
    return values


def _plain(value: Any) -> float | int | str:
    """As JSON has it."""
    return value if isinstance(value, str | int) else float(value)
