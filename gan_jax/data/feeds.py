"""Feeds: where a data set is kept, and how the compiled step reads its batches from there."""

from collections.abc import Callable, Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.core.feed import Feed
from gan_jax.core.fields import Batch
from gan_jax.data import order
from gan_jax.data.base import Dataset


def resident(
    dataset: Dataset, scale: Callable[[Batch], Batch], *, seeds: Sequence[int], shape: tuple[int, int], length: int
) -> Feed:
    """Returns the feed that holds the whole data set on every device, images as uint8.

    A step is given indices, and scales what it reads. `seeds` are those of the runs, `shape` is (updates, batch size)
    of a step, `length` the steps that a call is filled up to.
    """

    def inputs(step: int, steps: int) -> np.ndarray:
        filled = np.zeros((len(seeds), length, *shape), np.int32)
        for seed, indices in zip(seeds, filled, strict=True):
            indices[:steps] = order.indices(seed, step, steps, shape, len(dataset.x))
        return filled

    def fetch(arrays: Mapping[str, jax.Array], indices: jax.Array) -> Batch:
        return scale({name: jnp.take(values, indices, axis=0, mode="clip") for name, values in arrays.items()})

    return Feed(dataset.arrays, inputs, fetch)
