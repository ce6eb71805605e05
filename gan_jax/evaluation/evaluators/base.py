"""The interface of evaluators.

An evaluator is made by a function `(context, *, ...) -> Evaluator`, listed in its file's `__all__`. The keyword
arguments are its fields in the config. The function checks all that can be known before training (counts of examples,
labels, shapes, files) and raises UserError, or any error. `Context.dry_run` checks what a model can do.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np

from gan_jax.core.fields import Batch
from gan_jax.core.state import Players
from gan_jax.data.base import Dataset
from gan_jax.errors import UserError, one_line, suggestions


class Evaluator(NamedTuple):
    """A measurement of players.

    Attributes:
        names: the names of the numbers that it gives, known before training.
        measure: `(players, key) -> {name: value}`: these numbers, and numbers and strings that say how they were
            measured. The key is the same at every evaluation of a run.
    """

    names: tuple[str, ...]
    measure: Callable[[Players, jax.Array], Mapping[str, Any]]


MAX_COUNT = 1_000_000  # samples, which are all in memory


class Context(NamedTuple):
    """The part of an experiment that evaluators use.

    Attributes:
        predict: as in `Experiment`: `(players, keys [n], batch [n, ...]) -> values`, examples as the data set has them.
        load: returns a split of the run's data set.
        scale: converts batches of the data set to the networks' floats.
        players: the shapes of the players' arrays.
        trained_on: the split that the run is trained on.
        sampled: the fields that samplers fill in when samples are made, such as `z` and `label`.
    """

    predict: Mapping[str, Callable[[Players, jax.Array, Batch], Any]]
    load: Callable[[str], Dataset]
    scale: Callable[[Batch], Batch]
    players: Players
    trained_on: str = "train"
    sampled: frozenset[str] = frozenset()

    def check_predicts(self, *uses: str) -> None:
        """Raises UserError if the objective does not provide all of these predictions."""
        for use in uses:
            if use not in self.predict:
                raise UserError(
                    f"this evaluator needs {use!r}, which the objective does not provide; "
                    f"{suggestions(use, self.predict)}"
                )

    def dry_run(self, of_players: Callable[..., Any], *inputs: Any) -> Any:
        """Returns only the shapes of a function's outputs for players and inputs, as trees of `jax.ShapeDtypeStruct`.

        So a model that cannot be measured is rejected before it is trained. Raises UserError if a batch lacks an input
        of the model, and whatever the function raises.
        """
        try:
            return jax.eval_shape(of_players, self.players, *inputs)
        except ValueError as error:
            raise UserError(one_line(error)) from error


def check_count(name: str, value: int, least: int = 1) -> None:
    """Raises UserError if a count, such as one of samples, is not a whole number from `least` to MAX_COUNT."""
    if type(value) is not int or not least <= value <= MAX_COUNT:
        raise UserError(f"{name} is {value!r}: it must be a whole number from {least} to {MAX_COUNT:,}")


def some(rows: np.ndarray, n: int) -> np.ndarray:
    """Returns at most n of these rows in ascending order, always the same random ones."""
    return rows if len(rows) <= n else np.sort(np.random.default_rng(0).choice(rows, n, replace=False))


def labels_of(dataset: Dataset) -> np.ndarray:
    """Returns the labels int32 [n] of a split. Raises UserError if it has none."""
    return dataset.labels("this evaluator")
