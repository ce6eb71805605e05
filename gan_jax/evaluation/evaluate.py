"""The config's evaluators, on a run in training or on one of its checkpoints."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
from ml_collections import ConfigDict

from gan_jax.core.state import Players
from gan_jax.data import Dataset
from gan_jax.data.source import Source
from gan_jax.errors import UserError, reraise_as, suggestions
from gan_jax.evaluation.evaluators.base import Context, Evaluator
from gan_jax.evaluation.predict import restore, run_data
from gan_jax.experiment import Experiment
from gan_jax.resolve import bind
from gan_jax.runs import schedule
from gan_jax.runs.directory import RunDirectory
from gan_jax.runs.rows import read_rows, write_evaluation


def run(run_dir: RunDirectory, config: ConfigDict, step: int | None) -> dict[str, Any]:
    """Evaluates a checkpoint (None: the newest) -> `{"step": ..., "evaluator/value": ...}`, also kept in the folder.

    Raises UserError where the config names no evaluators, or there is no such checkpoint.
    """
    if not config.get("evaluators"):
        raise UserError("config.evaluators is empty: this config names nothing to evaluate")
    experiment, state = restore(run_dir, config, step)
    evaluators = make(config, experiment, run_data(run_dir, config).load)
    return keep(run_dir, config, int(state.step), measure(evaluators, experiment, state.players))


def complete(run_dir: RunDirectory, config: ConfigDict) -> None:
    """Measures the run's best checkpoint, as `keep_best` says, by the evaluators that did not when it was played.

    So what is reported of it need not be what chose it: a validation split chooses, the test split reports.
    """
    step = run_dir.best(config.keep_best)
    if step is not None and not {*config.evaluators} <= done(run_dir, step):
        run(run_dir, config, step)


def done(run_dir: RunDirectory, step: int) -> set[str]:
    """The evaluators, by name, that the folder holds values of after this round."""
    rows = (row for row in read_rows(run_dir.evaluations) if row["step"] == step)
    return {name.partition("/")[0] for row in rows for name in row if "/" in name}


def keep(run_dir: RunDirectory, config: ConfigDict, step: int, values: dict[str, Any]) -> dict[str, Any]:
    """Writes what was measured after this round to the run's folder -> the row."""
    row = {"step": step, "seed": config.seed, **values}
    write_evaluation(run_dir.evaluations, row)
    return row


def make(
    config: ConfigDict, experiment: Experiment, load: Callable[[str], Dataset] | None = None
) -> dict[str, Evaluator]:
    """The config's evaluators by name, all that they need checked: nothing is left to fail after training.

    load: a split of the run's data set, where some are in memory already. Raises UserError for an evaluator that does
    not suit the experiment or the data.
    """
    specs = config.get("evaluators") or {}
    if not specs:
        return {}
    context = Context(
        predict=experiment.predict,
        load=_alike(load or Source(config.data).load, config.data.split),
        scale=experiment.scale,
        players=jax.eval_shape(experiment.init, experiment.keys.init).players,
        trained_on=config.data.split,
        sampled=experiment.sampled,
    )
    evaluators = {}
    for name, spec in specs.items():
        if "/" in name:
            raise UserError(f"config.evaluators has {name!r}: a name stands before '/' in its values, so it has none")
        arguments = {key: value for key, value in spec.to_dict().items() if key != "every_steps"}
        evaluator = bind("gan_jax.evaluation.evaluators", arguments, f"evaluators.{name}")
        with reraise_as(f"config.evaluators.{name}"):
            evaluators[name] = evaluator(context)
    return evaluators


def value_names(evaluators: Mapping[str, Evaluator]) -> list[str]:
    """`evaluator/value` of all numbers that these evaluators give."""
    return [f"{name}/{value}" for name, evaluator in evaluators.items() for value in evaluator.names]


def check_best(config: ConfigDict, evaluators: Mapping[str, Evaluator]) -> None:
    """Raises UserError where `keep_best` names no value of these evaluators, or one that can choose no checkpoint."""
    if not config.keep_best:
        return
    value = config.keep_best.partition(" ")[2]
    if value not in (known := value_names(evaluators)):
        raise UserError(f"config.keep_best: no evaluator of this config gives {value!r}; {suggestions(value, known)}")
    name = value.partition("/")[0]
    every, saves = schedule.of_evaluators(config)[name], config.checkpoint_every_steps
    if not every:
        raise UserError(f"config.keep_best: {value} is never measured: set config.evaluators.{name}.every_steps")
    if not saves or (every < config.steps and every % saves):
        saved = f"every {saves} steps" if saves else "never"
        raise UserError(
            f"config.keep_best: {value} is measured every {every} steps, but checkpoints are saved {saved}: "
            "set config.checkpoint_every_steps so that what is measured is there to be kept"
        )


def measure(evaluators: Mapping[str, Evaluator], experiment: Experiment, players: Players) -> dict[str, Any]:
    """All that the evaluators measure of these players, named `evaluator/value`, and how they did it.

    Raises UserError where what the players make cannot be measured, as numbers that are not finite.
    """
    values = {}
    for name, evaluator in evaluators.items():
        with reraise_as(f"config.evaluators.{name}"):
            measured = evaluator.measure(players, experiment.keys.evaluate)
        values |= {f"{name}/{value}": _plain(number) for value, number in measured.items()}
    return values


def _alike(load: Callable[[str], Dataset], trained_on: str) -> Callable[[str], Dataset]:
    """`load`, with a UserError for a split whose examples are not such as the model is trained on."""

    def loaded(split: str) -> Dataset:
        trained, dataset = load(trained_on), load(split)
        known, found = ((each.x.dtype, each.shape, each.classes) for each in (trained, dataset))
        if found[:2] != known[:2] or (dataset.label is not None and trained.label is not None and found != known):
            raise UserError(
                f"split {split!r} of {dataset.name} has examples {found[0]} {found[1]} of {found[2]} classes, "
                f"split {trained_on!r} {known[0]} {known[1]} of {known[2]}: they must be the same"
            )
        if not len(dataset.x):
            raise UserError(f"split {split!r} of {dataset.name} has no examples")
        return dataset

    return loaded


def _plain(value: Any) -> float | int | str:
    """As JSON has it."""
    return value if isinstance(value, str | int) else float(value)
