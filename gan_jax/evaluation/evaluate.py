"""Evaluations of a run during training, or of one of its checkpoints, with the config's evaluators."""

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from inspect import signature
from typing import Any

import jax
from ml_collections import ConfigDict

from gan_jax import config as configs
from gan_jax import features
from gan_jax.core.state import Players
from gan_jax.data import Dataset, folder, parts
from gan_jax.data.source import Source
from gan_jax.errors import Misfits, UserError, reraise_as, suggestions
from gan_jax.evaluation.evaluators.base import Context, Evaluator
from gan_jax.evaluation.predict import restore, run_data
from gan_jax.experiments import Experiment
from gan_jax.resolve import bind
from gan_jax.runs import schedule
from gan_jax.runs.directory import RunDirectory
from gan_jax.runs.rows import meant, read_rows, write_evaluation
from gan_jax.runs.terminal import is_seen, say_above_bar, wants_progress


def run(run_dir: RunDirectory, config: ConfigDict, step: int | None) -> dict[str, Any]:
    """Evaluates a checkpoint (None: the newest), writes its row of the run's evaluations.jsonl, and returns the row.

    The row is `{"step": ..., "evaluator/value": ...}`. Values of an evaluator that the run has with other settings are
    returned only, because the run's rows are compared with each other. Raises UserError if the config has no
    evaluators, or there is no such checkpoint.
    """
    if not config.get("evaluators"):
        raise UserError("config.evaluators is empty: add an evaluator")
    experiment, state = restore(run_dir, config, step)
    evaluators = make(config, experiment, run_data(run_dir, config).load)
    before, now = _settings(run_dir.read_config()), _settings(config)
    changed = [name for name in now if now[name] != before.get(name, now[name])]
    values = measure(evaluators, experiment, state.players)
    if changed:
        logging.warning(
            "the run has %s with other settings: the values are not written to %s; to keep them, add an evaluator of "
            "another name",
            *(", ".join(f"config.evaluators.{name}" for name in changed), run_dir.evaluations.name),
        )
    if written := {name: value for name, value in values.items() if name.partition("/")[0] not in changed}:
        keep(run_dir, config, int(state.step), written)
    return {"step": int(state.step), "seed": config.seed, **values}


def _settings(config: ConfigDict) -> dict[str, Any]:
    """Returns what determines an evaluator's values, by its name."""
    blocks = configs.to_json(config).get("evaluators") or {}
    return {name: {**block, "every_steps": None} for name, block in blocks.items()}


def complete(run_dir: RunDirectory, config: ConfigDict) -> None:
    """Evaluates the run's best checkpoint, by `keep_best`, with the evaluators that were not due at its step.

    So a checkpoint can be chosen by one evaluator, on a validation split, and reported by another, on the test split.
    """
    step = run_dir.best(config.keep_best)
    if step is not None and not {*config.evaluators} <= done(run_dir, step):
        run(run_dir, config, step)


def done(run_dir: RunDirectory, step: int) -> set[str]:
    """Returns the names of the evaluators whose values at this step are in the run's folder."""
    rows = (row for row in read_rows(run_dir.evaluations) if row["step"] == step)
    return {name.partition("/")[0] for row in rows for name in row if "/" in name}


def keep(run_dir: RunDirectory, config: ConfigDict, step: int, values: dict[str, Any]) -> None:
    """Writes the values of this step to the run's folder."""
    write_evaluation(run_dir.evaluations, {"step": step, "seed": config.seed, **values})


def make(
    config: ConfigDict,
    experiment: Experiment,
    load: Callable[[str], Dataset] | None = None,
    misfits: Misfits | None = None,
) -> dict[str, Evaluator]:
    """Returns the config's evaluators by name, after checking all that they need, so that none fails after training.

    load: returns a split of the run's data set; by default it is loaded from config.data. Raises UserError for
    evaluators that do not suit the experiment or the data; with `misfits` they are noted there and left out instead.
    """
    specs = config.get("evaluators") or {}
    if not specs:
        return {}
    whole = load or Source(config.data).load
    context = Context(
        predict=experiment.predict,
        load=_alike(lambda split: experiment.view(whole(split)), config.data.split),
        scale=experiment.scale,
        players=jax.eval_shape(experiment.init, experiment.keys.init).players,
        trained_on=config.data.split,
        sampled=experiment.sampled,
    )
    evaluators, noted = {}, Misfits() if misfits is None else misfits
    for name in specs:
        with noted.noted(), _named(config, name):
            evaluators[name] = _bound(config, name)(context)
    if misfits is None:
        noted.check()
    return evaluators


def check_data(config: ConfigDict, load: Callable[[str], Dataset], misfits: Misfits) -> None:
    """Notes the evaluators whose split or features do not suit the data, as far as this is known without a model."""
    for name in config.get("evaluators") or {}:
        with misfits.noted(), _named(config, name):
            fields = _fields(config, name)
            if "split" in fields:
                dataset = load(fields["split"])
                if "features" in fields:
                    features.choose(fields["features"], dataset, fields.get("weights", ""))


def warn_of_choice(config: ConfigDict, load: Callable[[str], Dataset]) -> None:
    """Warns if the evaluator of `keep_best` shares examples with another one, whose values are then too optimistic.

    load: returns a split of the run's data set.
    """
    trained = load(config.data.split)
    read = {name: _fields(config, name).get("split") for name in config.get("evaluators") or {}}
    read = {name: folder.actual(split, trained) for name, split in read.items() if split}
    chooses = config.keep_best.partition(" ")[2].partition("/")[0]
    if chooses in read and (
        same := [name for name in read if name != chooses and parts.overlap(read[name], read[chooses])]
    ):
        logging.warning(
            "config.keep_best chooses the best checkpoint by %s on %s, which shares examples with %s: values of "
            "the best checkpoint by these evaluators are too optimistic; use separate splits, such as "
            "train[80%%:90%%] to choose and train[90%%:] to report, with config.data.split=train[:80%%]",
            *(chooses, read[chooses], ", ".join(f"{name} ({read[name]})" for name in same)),
        )


def _fields(config: ConfigDict, name: str) -> dict[str, Any]:
    """Returns the arguments of the function that makes an evaluator, with their values or defaults."""
    return {key: value.default for key, value in signature(_bound(config, name)).parameters.items()}


def _bound(config: ConfigDict, name: str) -> Callable[[Context], Evaluator]:
    """Returns the function that makes an evaluator, with its arguments."""
    if "/" in name:
        raise UserError(
            f"config.evaluators has {name!r}: a name must not contain '/', which separates an evaluator's name from "
            "the names of its values"
        )
    arguments = {key: value for key, value in config.evaluators[name].to_dict().items() if key != "every_steps"}
    return bind("gan_jax.evaluation.evaluators", arguments, f"evaluators.{name}")


@contextmanager
def _named(config: ConfigDict, name: str) -> Iterator[None]:
    """Adds the evaluator's name to errors of the block, and how to leave it out."""
    try:
        with reraise_as(f"config.evaluators.{name}"):
            yield
    except UserError as error:
        if "/" in name:
            raise
        chosen = " --config.keep_best=" if config.keep_best.partition(" ")[2].startswith(f"{name}/") else ""
        raise UserError(f"{error} (to leave it out: --config.evaluators.{name}=none{chosen})") from error


def value_names(evaluators: Mapping[str, Evaluator]) -> list[str]:
    """Returns the names `evaluator/value` of all numbers that these evaluators give."""
    return [f"{name}/{value}" for name, evaluator in evaluators.items() for value in evaluator.names]


def check_best(config: ConfigDict, evaluators: Mapping[str, Evaluator]) -> None:
    """Raises UserError if `keep_best` names no value of these evaluators, or one that cannot choose a checkpoint.

    A value of an evaluator that is not among them is accepted, because the evaluator's own error says more.
    """
    if not config.keep_best:
        return
    value = config.keep_best.partition(" ")[2]
    name = value.partition("/")[0]
    found = meant(value, known := value_names(evaluators))
    if len(found) > 1:
        raise UserError(f"config.keep_best: {value!r} is ambiguous: use {' or '.join(found)}")
    if name in evaluators and not found:
        raise UserError(f"config.keep_best: no evaluator of this config gives {value!r}; {suggestions(value, known)}")
    every, saves = schedule.of_evaluators(config)[name], config.checkpoint_every_steps
    if not every:
        raise UserError(f"config.keep_best: {value} is never measured: set config.evaluators.{name}.every_steps")
    if not saves or (every < config.steps and every % saves):
        saved = f"are saved every {saves} steps" if saves else "are never saved"
        raise UserError(
            f"config.keep_best: {value} is measured every {every} steps, but checkpoints {saved}: "
            "set config.checkpoint_every_steps so that a checkpoint is saved whenever it is measured"
        )


def measure(evaluators: Mapping[str, Evaluator], experiment: Experiment, players: Players) -> dict[str, Any]:
    """Returns the values that the evaluators measure for these players, by `evaluator/value`, and how they measured.

    On a terminal it says which evaluator is running. Raises UserError if the players' outputs cannot be measured, such
    as values that are not finite.
    """
    values = {}
    for number, (name, evaluator) in enumerate(evaluators.items(), 1):
        if is_seen() and wants_progress():
            say_above_bar(f"evaluating {name} ({number} of {len(evaluators)})")
        with reraise_as(f"config.evaluators.{name}"):
            measured = evaluator.measure(players, experiment.keys.evaluate)
        values |= {f"{name}/{key}": _plain(value) for key, value in measured.items()}
    return values


def _alike(load: Callable[[str], Dataset], trained_on: str) -> Callable[[str], Dataset]:
    """Returns `load`, with a UserError for a split whose examples differ in form from the training examples."""

    def load_alike(split: str) -> Dataset:
        trained, dataset = load(trained_on), load(split)
        expected, actual = ((each.x.dtype, each.shape, each.classes) for each in (trained, dataset))
        if actual[:2] != expected[:2] or (
            dataset.label is not None and trained.label is not None and actual != expected
        ):
            raise UserError(
                f"split {split!r} of {dataset.name} has examples {actual[0]} {actual[1]} of {actual[2]} classes, but "
                f"split {trained_on!r} has {expected[0]} {expected[1]} of {expected[2]}: they must be the same"
            )
        if not len(dataset.x):
            raise UserError(f"split {split!r} of {dataset.name} has no examples")
        return dataset

    return load_alike


def _plain(value: Any) -> float | int | str:
    """Returns a value as a JSON value."""
    return value if isinstance(value, str | int) else float(value)
