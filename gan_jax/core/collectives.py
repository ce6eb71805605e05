"""The global batch: a key for each of its examples, and means over all of it.

Each step trains on one global batch, which is on one device or split over the devices of a mapped axis. Code that
depends on the whole batch (means, noise) uses these functions, and so gives the same values on 1 device or on 8.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax, random

AXIS = "devices"
AT_ONCE = 500
T = TypeVar("T")
_PART: ContextVar[tuple[jax.Array, int] | None] = ContextVar("part", default=None)
"""The arguments of `part` while the code in it is traced: a scope, like that of JAX's axis names."""


def axis() -> str | None:
    """Returns the name of the mapped axis that the batch is split over, or None if the whole batch is on one device.

    An axis of one device gives None too: XLA's CPU runtime keeps its all-reduces, which cost a step up to 6%.
    """
    try:
        return AXIS if lax.axis_size(AXIS) > 1 else None
    except NameError:
        return None


@contextmanager
def part(number: jax.Array, count: int) -> Iterator[None]:
    """Traces the code inside it as part `number` [] of the `count` equal parts of a device's batch."""
    token = _PART.set((number, count))
    try:
        yield
    finally:
        _PART.reset(token)


def in_part() -> bool:
    """Returns True while a part of a batch is traced: means over the whole batch are not available then."""
    return _PART.get() is not None


def examples(n: int) -> int:
    """Returns the number of examples in the global batch, given the number n of examples that are traced here."""
    _, parts = _PART.get() or (0, 1)
    name = axis()
    return n * parts * (1 if name is None else lax.axis_size(name))


def mean(tree: T) -> T:
    """Returns the means over the global batch, given a tree of per-device means of the same shapes."""
    return tree if axis() is None else lax.pmean(tree, AXIS)


def whole(x: jax.Array) -> jax.Array:
    """Returns all examples of the global batch, or of its current part if it has parts: [global b, ...], in order."""
    name = axis()
    return x if name is None else lax.all_gather(x, name, tiled=True)


def base_key(seed: int) -> jax.Array:
    """Returns a seed's key [], a threefry key whatever JAX's default is, so that a seed means the same everywhere."""
    return random.key(seed, impl="threefry2x32")


def places(n: int) -> jax.Array:
    """Returns the positions in the global batch of the n examples on this device: consecutive numbers, int32 [n]."""
    number, parts = _PART.get() or (0, 1)
    first = number * n + (0 if axis() is None else lax.axis_index(AXIS) * n * parts)
    return first + jnp.arange(n)


def example_keys(key: jax.Array, n: int) -> jax.Array:
    """Returns keys [n] for the n examples on this device, from `key` and their positions in the global batch."""
    return jax.vmap(random.fold_in, (None, 0))(key, places(n))


def in_batches(make: Callable[[Any], Any], inputs: Any, at_once: int = AT_ONCE) -> Any:
    """Applies a function to all inputs, `at_once` of them at a time, so that it compiles once and memory is bounded.

    Inputs are arrays [n, ...] or trees of them; `make` gets and returns arrays [at_once, ...]. Returns a tree of NumPy
    arrays [n, ...]. The last batch is padded with the first inputs.
    """
    n = len(jax.tree.leaves(inputs)[0])
    rows = np.arange(-(-n // at_once) * at_once) % n
    chosen = rows.reshape(-1, at_once)
    parts = [jax.tree.map(np.asarray, make(jax.tree.map(lambda a, some=some: a[some], inputs))) for some in chosen]
    return jax.tree.map(lambda *arrays: np.concatenate(arrays)[:n], *parts)
