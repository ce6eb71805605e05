"""Feeds: where a data set is kept, and how the compiled step reads its batches from there.

They differ in place and memory alone: each gives the same examples in the same order, and the same compiled maths.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from gan_jax.core.feed import Feed, Share
from gan_jax.core.fields import Batch
from gan_jax.data import order
from gan_jax.data.base import Dataset
from gan_jax.data.rows import Rows

Scale: TypeAlias = Callable[[Batch], Batch]


def resident(dataset: Dataset, scale: Scale, *, seeds: Sequence[int], shape: tuple[int, int], length: int) -> Feed:
    """Returns the feed that holds the whole data set on every device, images as uint8.

    A step is given indices, and scales what it reads. `seeds` are those of the runs, `shape` is (updates, batch size)
    of a step, `length` the steps that a call is filled up to.
    """

    def inputs(step: int, steps: int, share: Share) -> np.ndarray:
        indices = order.of_runs(seeds, step, steps, shape, len(dataset.x), share)
        return _filled(indices, length)

    def fetch(arrays: Mapping[str, jax.Array], indices: jax.Array) -> Batch:
        return _scaled(scale, {name: jnp.take(values, indices, axis=0, mode="clip") for name, values in arrays.items()})

    return Feed({name: np.asarray(values[:]) for name, values in dataset.arrays.items()}, inputs, fetch)


def host(dataset: Dataset, scale: Scale, *, seeds: Sequence[int], shape: tuple[int, int], length: int) -> Feed:
    """Returns the feed that leaves the data set in memory or in files, and gives each call its own examples.

    The arguments are those of `resident`.
    """
    fields = {name: Rows(values) for name, values in dataset.arrays.items()}

    def inputs(step: int, steps: int, share: Share) -> dict[str, np.ndarray]:
        indices = order.of_runs(seeds, step, steps, shape, len(dataset.x), share)
        return {name: _filled(rows.read(indices), length) for name, rows in fields.items()}

    def close() -> None:
        for rows in fields.values():
            rows.close()

    return Feed({}, inputs, lambda _, examples: _scaled(scale, examples), close)


BY_HOLD = {"device": resident, "host": host}
"""By `config.data.hold`."""


def _filled(array: np.ndarray, length: int) -> np.ndarray:
    """Returns an array [S, steps, ...] with zeros after its steps, up to `length` of them."""
    if array.shape[1] == length:
        return array
    filled = np.zeros((array.shape[0], length, *array.shape[2:]), array.dtype)
    filled[:, : array.shape[1]] = array
    return filled


def _scaled(scale: Scale, batch: Batch) -> Batch:
    """Returns a batch of stored values as floats.

    The barrier keeps the compiler from joining the reading with what follows, so that all feeds compute the same.
    """
    return scale(lax.optimization_barrier(batch))
