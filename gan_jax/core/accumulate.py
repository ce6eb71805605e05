"""Gradient accumulation: the gradient of a batch as the mean over its parts, computed one after the other."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from gan_jax.core import collectives
from gan_jax.core.fields import Batch, size


def in_parts(differentiate: Callable[..., Any], parts: int, batch: Batch, key: jax.Array, weights: Any) -> Any:
    """Returns `differentiate(batch, key, weights)` as the mean over equal parts of the batch, one at a time.

    Noise is the same as without parts, because each example has its own key. Running statistics are also means over
    the parts. Raises ValueError if the parts do not divide the batch.
    """
    if parts == 1:
        return differentiate(batch, key, weights)
    if (n := size(batch)) % parts:
        raise ValueError(f"config.accumulate is {parts}: it must divide the {n} examples of a batch on each device")
    split = {name: values.reshape(parts, n // parts, *values.shape[1:]) for name, values in batch.items()}

    def one(number: jax.Array, own: Batch) -> Any:
        with collectives.part(number, parts):
            return differentiate(own, key, weights)

    shapes = jax.eval_shape(one, jnp.int32(0), {name: values[0] for name, values in split.items()})
    zeros = jax.tree.map(lambda a: jnp.zeros(a.shape, a.dtype), shapes)

    def add(totals: Any, numbered: tuple[jax.Array, Batch]) -> tuple[Any, None]:
        return jax.tree.map(jnp.add, totals, one(*numbered)), None

    summed, _ = lax.scan(add, zeros, (jnp.arange(parts), split))
    return jax.tree.map(lambda total: (total / parts).astype(total.dtype), summed)
