"""What an evaluator is given, and what it gives.

An evaluator is made by a function `(context, *, ...) -> Evaluate`, listed in its file's `__all__`; the keyword
arguments are its fields in the config.
"""

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import jax

from gan_jax.data.base import Dataset
from gan_jax.objectives.base import PredictFn
from gan_jax.state import Players

Evaluate: TypeAlias = Callable[[Players, jax.Array], dict[str, float]]
"""`(players, key) -> {name: value}`: the key is the same at every evaluation of a run."""


class Context(NamedTuple):
    """What of an experiment may be measured.

    predict: as in `Experiment`, examples as the data set has them. load: a split of the run's data set.
    scale: examples of the data set to the networks' floats.
    """

    predict: dict[str, PredictFn]
    load: Callable[[str], Dataset]
    scale: Callable[[jax.Array], jax.Array]
