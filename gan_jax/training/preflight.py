"""Checks of an experiment before anything is compiled or written."""

import logging
import math
from contextlib import suppress
from typing import Any

import jax
from ml_collections import ConfigDict

from gan_jax import config as configs
from gan_jax.core.collectives import AXIS
from gan_jax.core.state import TrainState, size
from gan_jax.data import Dataset
from gan_jax.data.source import Source
from gan_jax.data.spec import DataSpec, spec_of
from gan_jax.errors import MAX_NAMES, Misfits, UserError, reraise_as
from gan_jax.evaluation import evaluate
from gan_jax.evaluation.evaluators.base import Evaluator
from gan_jax.evaluation.shown import examples_shown
from gan_jax.experiments import MAX_BYTES, Experiment, build, held
from gan_jax.experiments.updates import check_rates
from gan_jax.parallel import mapping

SLACK = {True: 1e-3, False: 0.05}
"""Allowed mismatch with the networks' range, as a share of the data's: for images (scaled) and for points (not)."""


def load(config: ConfigDict, source: Source) -> Dataset:
    """Returns the split to train on; raises UserError if it cannot be loaded, listing all other misfits."""
    split, misfits = config.data.split, Misfits()
    with misfits.noted():
        return source.load(split)
    whole = split.partition("[")[0]
    if whole != split:  # the rest is checked with the whole split, if there is one
        with suppress(UserError):
            spec = spec_of(source.load(whole))
            misfits.found = [UserError(f"{misfits.found[0]} (--config.data.split={whole} uses all of it)")]
            changed = configs.checked(config.to_dict() | {"data": config.data.to_dict() | {"split": whole}})
            _collect(changed, spec, source, misfits)
    misfits.check()
    raise UserError(f"config.data.split={split} cannot be loaded")


def prepare(config: ConfigDict, spec: DataSpec, source: Source) -> tuple[Experiment, dict[str, Evaluator], Dataset]:
    """Returns the experiment, its evaluators, and the examples that figures show.

    Raises UserError before anything is compiled. It lists all parts that do not fit each other or the data.
    """
    misfits = Misfits()
    experiment, evaluators, shown = _collect(config, spec, source, misfits)
    misfits.check()
    check_rates(config)
    evaluate.warn_of_choice(config, source.load)
    assert experiment is not None
    assert shown is not None
    return experiment, evaluators, shown


def _collect(
    config: ConfigDict, spec: DataSpec, source: Source, misfits: Misfits
) -> tuple[Experiment | None, dict[str, Evaluator], Dataset | None]:
    """Returns the parts of an experiment that can be made, and notes why the others cannot."""
    experiment, evaluators, shown = None, {}, None
    with misfits.noted():
        experiment = build(config, spec)
    if experiment is None:
        evaluate.check_data(config, source.load, misfits)
    else:
        with misfits.noted():
            check_range(experiment, config, spec)
        with misfits.noted():
            shown = _shown(experiment, config, source)
        evaluators = evaluate.make(config, experiment, source.load, misfits)
        with misfits.noted():
            check_step(experiment, config)
    with misfits.noted():
        evaluate.check_best(config, evaluators)
    return experiment, evaluators, shown


def _shown(experiment: Experiment, config: ConfigDict, source: Source) -> Dataset:
    """Returns the examples that figures show; raises UserError if there is nothing to show."""
    if config.sample_every_steps and not {"sample", "reconstruct", "translate"} & experiment.predict.keys():
        raise UserError(f"config.sample_every_steps: {config.objective.name} has nothing to show, so it must be 0")
    if not config.sample_every_steps:
        return experiment.view(source.load(config.data.split))
    try:
        return examples_shown(config, experiment, source.load)
    except UserError as error:
        raise UserError(
            f"{error}; pictures need a test split: if there is none, set config.sample_every_steps=0"
        ) from error


def check_step(experiment: Experiment, config: ConfigDict) -> list[str]:
    """Traces one device's part of a step, using only shapes. Returns the names of its metrics, `player/term`.

    Raises UserError if the step cannot be trained, or if a call's examples, their indices or its runs take more
    memory than any machine has.
    """
    each = mapping.on_each(config.batch_size, config.seeds)
    leading = (experiment.updates_per_step, each)
    batches = {
        name: jax.ShapeDtypeStruct((*leading, *field.shape), field.dtype) for name, field in experiment.spec.items()
    }
    state = jax.eval_shape(experiment.init, experiment.keys.init)
    examples = 4 * experiment.updates_per_step * config.batch_size * config.seeds
    sizes = {
        "batch_size": examples * sum(math.prod(field.shape) for field in experiment.spec.values()),
        "steps_per_call": examples * min(config.steps_per_call, config.steps),
        "seeds": size(state.players) * config.seeds,
    }
    for field, needed in sizes.items():
        if needed > MAX_BYTES:
            raise UserError(
                f"config.{field} is {config[field]}: this needs {needed // 10**9:,} GB of memory: use a smaller value"
            )
    with reraise_as("a step of this config cannot be trained"):
        # With the axis of devices, because statistics of batches are those of all devices' examples.
        traced = jax.make_jaxpr(experiment.train_step, axis_env=[(AXIS, config.batch_size // each)], return_shape=True)
        _, (after, metrics) = traced(state, batches, experiment.keys.train, experiment.hyperparams)
    if _kinds(state) != _kinds(after):
        raise UserError("a step changes the shapes or types of the players' arrays: see config.players' optimizers")
    return list(metrics)


def check_range(experiment: Experiment, config: ConfigDict, data: DataSpec) -> None:
    """Raises UserError if the networks' outputs and the data have different ranges.

    The range of outputs is that of the last activation. Without one there is no check. Images are scaled to
    `config.data.range`. Points are not scaled, and a few points of a Gaussian may lie a little beyond a bound.
    """
    if (outputs := experiment.makes()) is None:
        return
    low, high = outputs
    scaled = len(data.shape) == 3
    first, last = config.data.range if scaled else data.range
    slack = SLACK[scaled] * (last - first)
    beyond = first < low - slack or last > high + slack
    idle = scaled and math.isfinite(high - low) and (low < first - slack or high > last + slack)
    if not beyond and not idle:
        return
    makes = f"the networks' last activation gives values from {low:.3g} to {high:.3g}"
    if not scaled:
        raise UserError(
            f"config.networks: {makes}, but the points of {config.data.name} lie from {first:.3g} to {last:.3g}: use "
            "another last_activation, or networks that end without one, such as pacgan.Generator"
        )
    fits = f"set it to ({low:g}, {high:g}), or " if math.isfinite(high - low) else ""
    raise UserError(
        f"config.data.range is ({first:g}, {last:g}), but {makes}: {fits}use a last_activation with this range "
        "in config.networks"
    )


def check_data(config: ConfigDict, dataset: Dataset, spec: DataSpec) -> None:
    """Raises UserError if data cannot be held as the config says. Warns of unused labels and classes."""
    held(config, dataset)
    if dataset.unlabelled:
        logging.warning("the labels of %s are not used: %s", config.data.name, dataset.unlabelled)
    if spec.absent:
        names = [spec.class_names[label] if spec.class_names else str(label) for label in spec.absent]
        listed = ", ".join(names[:MAX_NAMES]) + (" ..." if len(names) > MAX_NAMES else "")
        where = f"split {dataset.split!r} of {config.data.name}"
        logging.warning("%s has no example of %d of its classes, which are not sampled: %s", where, len(names), listed)


def _kinds(state: TrainState) -> list[tuple[tuple[int, ...], Any]]:
    return [(leaf.shape, leaf.dtype) for leaf in jax.tree.leaves(state)]
