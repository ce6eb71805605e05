"""The examples that a run's pictures show."""

import logging
from collections.abc import Callable

import numpy as np
from ml_collections import ConfigDict

from gan_jax.data import Dataset
from gan_jax.errors import UserError
from gan_jax.experiments import Experiment
from gan_jax.metrics.neighbours import nearest
from gan_jax.reporting.figures import PAIRS

MOST = 5_000  # training pairs among which the nearest one is searched


def examples_shown(config: ConfigDict, experiment: Experiment, load: Callable[[str], Dataset]) -> Dataset:
    """Returns the examples that pictures show: training examples beside samples, else those that judge the run.

    These are of the split of the evaluator `translation.pairs`, or of "test". Where the data are pairs they have a
    field `nearest`: the x of the training pair whose source is nearest in pixels. Raises UserError where there are
    none such.
    """
    if "sample" in experiment.predict:
        return experiment.view(load(config.data.split))
    known = config.get("evaluators") or {}
    judges = [spec for spec in known.values() if spec.name == "translation.pairs"]
    split = judges[0].get("split", "test") if judges else "test"
    try:
        shown = experiment.view(load(split))
    except UserError as error:
        if "translate" in experiment.predict:
            logging.warning("pictures show what is trained on: %s", error)
            return experiment.view(load(config.data.split))
        raise
    if "source" not in shown.others or "source" in shown.apart:
        return shown
    few, train = shown.first(PAIRS), experiment.view(load(config.data.split)).first(MOST)
    found = nearest(*(np.asarray(pairs.others["source"][:]) for pairs in (few, train)))
    beside = np.stack([np.asarray(train.x[index]) for index in np.asarray(found)])
    return few._replace(others={**few.others, "nearest": beside})
