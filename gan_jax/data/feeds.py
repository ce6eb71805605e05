"""Feeds: where a data set is kept, and how the compiled step reads its batches from there.

They differ only in where the data are held and in memory use. All give the same examples in the same order, and use the
same compiled computation.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from gan_jax.core.feed import Feed, Share
from gan_jax.core.fields import Batch
from gan_jax.data.base import Dataset
from gan_jax.data.order import Order
from gan_jax.data.rows import Rows
from gan_jax.data.stream import Steps, Stream

Scale: TypeAlias = Callable[[Batch], Batch]


def resident(dataset: Dataset, scale: Scale, *, seeds: Sequence[int], shape: tuple[int, int], length: int) -> Feed:
    """Returns the feed that holds the whole data set on every device, images as uint8.

    A step gets indices, and scales what it reads. `seeds` are the runs' seeds, `shape` is (updates, batch size) of a
    step, and `length` is the number of steps that a call is padded to.
    """
    order = order_of(dataset, seeds, shape)

    def inputs(step: int, steps: int, share: Share) -> dict[str, np.ndarray]:
        return _filled(order.indices(step, steps, share), length)

    def fetch(arrays: Mapping[str, jax.Array], indices: Mapping[str, jax.Array]) -> Batch:
        read = {n: jnp.take(a, indices[order.stream(n)], axis=0, mode="clip") for n, a in arrays.items()}
        return _scaled(scale, read)

    return Feed({name: np.asarray(values[:]) for name, values in dataset.arrays.items()}, inputs, fetch)


def host(dataset: Dataset, scale: Scale, *, seeds: Sequence[int], shape: tuple[int, int], length: int) -> Feed:
    """Returns the feed that leaves the data set in memory or in files, and gives each call its own examples.

    The arguments are those of `resident`.
    """
    order = order_of(dataset, seeds, shape)
    fields = {name: Rows(values) for name, values in dataset.arrays.items()}

    def inputs(step: int, steps: int, share: Share) -> dict[str, np.ndarray]:
        indices = order.indices(step, steps, share)
        return _filled({name: rows.read(indices[order.stream(name)]) for name, rows in fields.items()}, length)

    def close() -> None:
        for rows in fields.values():
            rows.close()

    return Feed({}, inputs, lambda _, examples: _scaled(scale, examples), close)


def stream(dataset: Dataset, scale: Scale, *, seeds: Sequence[int], shape: tuple[int, int], length: int) -> Feed:
    """Returns the feed whose examples are decoded when they are needed, by processes that read ahead.

    The arguments are those of `resident`.
    """
    source = Stream(Steps(dataset.arrays, order_of(dataset, seeds, shape)))

    def inputs(step: int, steps: int, share: Share) -> dict[str, np.ndarray]:
        return _filled(source.read(step, steps, share), length)

    return Feed({}, inputs, lambda _, examples: _scaled(scale, examples), source.close)


BY_HOLD = {"device": resident, "host": host, "stream": stream}
"""Feeds by `config.data.hold`."""


def order_of(dataset: Dataset, seeds: Sequence[int], shape: tuple[int, int]) -> Order:
    """Returns the order in which runs with these seeds read a data set. shape: (updates, batch size) of a step."""
    own = {name: len(dataset.others[name]) for name in dataset.apart if name not in dataset.follows}
    return Order(tuple(seeds), shape, {"x": len(dataset.x), **own}, dataset.follows)


def _filled(arrays: Mapping[str, np.ndarray], length: int) -> dict[str, np.ndarray]:
    """Returns arrays [S, steps, ...] padded with zeros to `length` steps."""
    made = {}
    for name, array in arrays.items():
        made[name] = array
        if array.shape[1] < length:
            made[name] = np.zeros((array.shape[0], length, *array.shape[2:]), array.dtype)
            made[name][:, : array.shape[1]] = array
    return made


def _scaled(scale: Scale, batch: Batch) -> Batch:
    """Returns a batch of stored values as floats.

    The barrier keeps the compiler from fusing the reading with what follows, so that all feeds give the same values.
    """
    return scale(lax.optimization_barrier(batch))
