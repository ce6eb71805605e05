"""The global batch: a key for each of its examples, and means over all of it.

A step is trained on one global batch, on one device or split over the devices of a mapped axis. Code that depends on
the whole batch (means, noise) uses these functions, and so gives the same values on 1 device or on 8.
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
    """Returns the name of the mapped axis that the batch is split over, or None where the whole batch is on one device.

    None also for an axis of one device: XLA's CPU runtime keeps the all-reduces over it, which cost a step up to 6%.
    """
    try:
        return AXIS if lax.axis_size(AXIS) > 1 else None
    except NameError:
        return None


def mean(tree: T) -> T:
    """Returns the means over the global batch, of the same shapes, for a tree of means over parts."""
    return tree if axis() is None else lax.pmean(tree, AXIS)


def base_key(seed: int) -> jax.Array:
    """Returns the key [] of a seed, by threefry whatever JAX's default is, so that a seed means the same everywhere."""
    return random.key(seed, impl="threefry2x32")


def example_keys(key: jax.Array, n: int) -> jax.Array:
    """Returns keys [n] of the n examples on this device, by `key` and each example's index in the global batch."""
    first = 0 if axis() is None else lax.axis_index(AXIS) * n
    return jax.vmap(random.fold_in, (None, 0))(key, first + jnp.arange(n))


def in_batches(make: Callable[[Any], Any], inputs: Any, at_once: int = AT_ONCE) -> Any:
    """Applies a function to all inputs, `at_once` of them at a time, so that it compiles once and memory is bounded.

    Inputs are arrays [n, ...] or trees of them; `make` gets and returns arrays [at_once, ...]. Returns a tree of NumPy
    arrays [n, ...]. The last part is filled up with the first inputs again.
    """
    n = len(jax.tree.leaves(inputs)[0])
    rows = np.arange(-(-n // at_once) * at_once) % n
    chosen = rows.reshape(-1, at_once)
    parts = [jax.tree.map(np.asarray, make(jax.tree.map(lambda a, some=some: a[some], inputs))) for some in chosen]
    return jax.tree.map(lambda *arrays: np.concatenate(arrays)[:n], *parts)
