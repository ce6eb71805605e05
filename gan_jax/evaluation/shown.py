"""The examples that a run's pictures show."""

import logging
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from gan_jax.core.collectives import base_key, example_keys
from gan_jax.data import Dataset
from gan_jax.errors import UserError
from gan_jax.evaluation.evaluators.translation import BASELINES
from gan_jax.experiments import Experiment
from gan_jax.experiments.observed import given, observed
from gan_jax.metrics.neighbours import nearest_in_parts
from gan_jax.reporting.figures import NEAREST, PAIRS


def examples_shown(config: ConfigDict, experiment: Experiment, load: Callable[[str], Dataset]) -> Dataset:
    """Returns the examples that pictures show.

    For models that make samples they are training examples. Otherwise they are from the split of the evaluator
    `translation.pairs`, or from "test" without one. If a translation's split cannot be loaded, training examples are
    shown, with a warning. If that evaluator has the baseline "nearest", and sources are in the data or observed, such
    as grey values, a field `nearest pair` uint8 [n, h, w, c] has the x of the training example whose source is nearest
    in pixels; data with holes have no such field. Raises UserError if a split cannot be loaded.
    """
    if "sample" in experiment.predict:
        return experiment.view(load(config.data.split))
    judge = _judge(config)
    try:
        shown = experiment.view(load(judging_split(config)))
    except UserError as error:
        if "translate" in experiment.predict:
            logging.warning("pictures show training examples: %s", error)
            return experiment.view(load(config.data.split))
        raise
    if not judge or "nearest" not in judge.get("baselines", BASELINES) or "source" in shown.apart:
        return shown
    return _with_nearest(shown.first(PAIRS), experiment.view(load(config.data.split)), experiment)


def judging_split(config: ConfigDict) -> str:
    """Returns the split that a run is evaluated on: that of its evaluator `translation.pairs`, by default "test"."""
    return _judge(config).get("split", "test")


def _judge(config: ConfigDict) -> dict[str, Any]:
    """Returns the block of the evaluator `translation.pairs`, empty without one."""
    known = (config.get("evaluators") or {}).values()
    return next((spec.to_dict() for spec in known if spec.name == "translation.pairs"), {})


def _with_nearest(few: Dataset, train: Dataset, experiment: Experiment) -> Dataset:
    """Returns the examples, with the field NEAREST if they have sources of the training examples' size."""
    one = {name: jnp.asarray(values[:1]) for name, values in few.arrays.items()}
    seen = observed(experiment.predict, {}, example_keys(base_key(0), 1), experiment.scale(one))
    if "mask" in seen or "source" not in {*few.others, *seen}:
        return few
    ours, theirs = (given(experiment.predict, experiment.scale, of.arrays, "source") for of in (few, train))
    if ours.shape[1:] != theirs.shape[1:]:
        return few
    beside = np.stack([np.asarray(train.x[index]) for index in nearest_in_parts(np.asarray(ours[:]), theirs)])
    return few._replace(others={**few.others, NEAREST: beside})
