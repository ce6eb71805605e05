"""What an evaluator is given, and what it gives.

An evaluator is made by a function `(context, *, ...) -> Evaluate`, listed in its file's `__all__`; the keyword
arguments are its fields in the config.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

import jax

from gan_jax.data.base import Dataset
from gan_jax.errors import UserError
from gan_jax.objectives.base import PredictFn
from gan_jax.state import Players

Evaluate: TypeAlias = Callable[[Players, jax.Array], Mapping[str, Any]]
"""`(players, key) -> {name: value}`: numbers, and beside them how they were measured, in words too.

The key is the same at every evaluation of a run.
"""


MOST = 1_000_000  # samples at a time: they are held in memory


class Context(NamedTuple):
    """What of an experiment may be measured.

    predict: as in `Experiment`, examples as the data set has them. load: a split of the run's data set.
    scale: examples of the data set to the networks' floats. trained_on: the split that the run is trained on.
    """

    predict: dict[str, PredictFn]
    load: Callable[[str], Dataset]
    scale: Callable[[jax.Array], jax.Array]
    trained_on: str = "train"


def check_count(name: str, value: int, least: int = 1) -> None:
    """Raises UserError where a number of samples, say, is no whole number from `least` to MOST."""
    if type(value) is not int or not least <= value <= MOST:
        raise UserError(f"{name} is {value!r}: it must be at least {least} and at most {MOST:,}, a whole number")
