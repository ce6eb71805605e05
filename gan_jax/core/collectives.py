"""The global batch: which of its examples are here, one key for each, and means over all of it.

A round is played on one global batch, whole or spread over the devices of a mapped axis. Code that must see the whole
(a mean, a draw of noise) asks here and so gives the same values on 1 device or on 8.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax, random

AXIS = "devices"
AT_ONCE = 500
T = TypeVar("T")


def axis() -> str | None:
    """The name of the mapped axis that the batch is spread over, or None where the whole batch is here.

    An axis of one device is none: XLA's CPU runtime keeps the all-reduces over it, which cost a round up to 6%.
    """
    try:
        return AXIS if lax.axis_size(AXIS) > 1 else None
    except NameError:
        return None


def mean(tree: T) -> T:
    """The mean over all parts of the batch of a tree of per-part means; shapes stay."""
    return tree if axis() is None else lax.pmean(tree, AXIS)


def base_key(seed: int) -> jax.Array:
    """The key [] of a seed, by threefry whatever JAX's default is, so that a seed means the same everywhere."""
    return random.key(seed, impl="threefry2x32")


def example_keys(key: jax.Array, n: int) -> jax.Array:
    """One key [n] for each example here, a function of `key` and of the example's place in the global batch."""
    first = 0 if axis() is None else lax.axis_index(AXIS) * n
    return jax.vmap(random.fold_in, (None, 0))(key, first + jnp.arange(n))


def in_batches(make: Callable[[Any], Any], inputs: Any, at_once: int = AT_ONCE) -> Any:
    """What a function makes of all inputs, so many of them at a time: it is compiled once, and memory is bounded.

    Arrays [n, ...] or trees of them in, make(arrays [at_once, ...]) -> the like; NumPy arrays [n, ...] out.
    """
    n = len(jax.tree.leaves(inputs)[0])
    rows = np.arange(-(-n // at_once) * at_once) % n
    chosen = rows.reshape(-1, at_once)
    parts = [jax.tree.map(np.asarray, make(jax.tree.map(lambda a, some=some: a[some], inputs))) for some in chosen]
    return jax.tree.map(lambda *arrays: np.concatenate(arrays)[:n], *parts)
