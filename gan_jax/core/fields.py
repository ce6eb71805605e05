"""Fields: the named arrays of a batch, their description, and samplers that fill in missing ones.

A batch is a dict `{field: array [b, ...]}`; fields are `x`, `label`, `z` or `source`. A network takes the fields that
its arguments are named after (`networks.py`).
"""

import zlib
from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
from jax import random

from gan_jax.core.collectives import example_keys

Batch: TypeAlias = dict[str, jax.Array]
IMAGE, POINT, LABEL = "image", "point", "label"  # kinds of fields


class Field(NamedTuple):
    """One field of a data set.

    Attributes:
        shape: the shape of one example, such as (h, w, c), or () for labels.
        kind: "image" (uint8 in the data set, floats of `range` in the networks), "point" (float32) or "label" (int32).
        range: the limits of an image's floats, such as (-1.0, 1.0); None for other kinds.
        classes: the number of classes of a label; 0 for other kinds.
    """

    shape: tuple[int, ...]
    kind: str = POINT
    range: tuple[float, float] | None = None
    classes: int = 0

    @property
    def dtype(self) -> jnp.dtype:
        """The type that networks get."""
        return jnp.dtype(jnp.int32 if self.kind == LABEL else jnp.float32)


Spec: TypeAlias = Mapping[str, Field]


class Sampler(NamedTuple):
    """A way to make a field that a batch lacks.

    Attributes:
        draw: `(keys [n], batch) -> values [n, ...]`; an example's value depends only on its own key and its own
            other fields.
        walk: `(a [n, ...], b [n, ...], t [m]) -> [n, m, ...]`, a path between values; None if there is none.
        truncated: `(keys [n], bound) -> values [n, ...]`, the values of `draw` for these keys, kept within +-bound, as
            a continuous function of the bound; None if truncation has no meaning.
        observes: True if the value is computed from the example itself, such as a smaller copy of x. A model that takes
            it does not make samples from noise alone, but completes what was observed.
    """

    draw: Callable[[jax.Array, Batch], jax.Array]
    walk: Callable[[jax.Array, jax.Array, jax.Array], jax.Array] | None = None
    observes: bool = False
    truncated: Callable[[jax.Array, float], jax.Array] | None = None


Samplers: TypeAlias = Mapping[str, Sampler]


def stream(key: jax.Array, name: str) -> jax.Array:
    """Returns a key [] for the random stream of this name, which depends only on the name and the key []."""
    return random.fold_in(key, zlib.crc32(name.encode()))


def streams(keys: jax.Array, name: str) -> jax.Array:
    """Returns keys [n] for the random stream of this name, one from each of the keys [n]."""
    return jax.vmap(lambda key: stream(key, name))(keys)


def fill(samplers: Samplers, batch: Batch, key: jax.Array) -> Batch:
    """Returns the batch [b, ...] of a training update, with missing fields drawn by the samplers in their order."""
    missing = [name for name in samplers if name not in batch]
    if not missing:
        return batch
    return fill_each(samplers, batch, example_keys(key, size(batch)))


def fill_each(samplers: Samplers, batch: Batch, keys: jax.Array) -> Batch:
    """Returns the batch with missing fields drawn by the samplers, from one key for each example [n]."""
    for name, sampler in samplers.items():
        if name not in batch:
            batch = {**batch, name: sampler.draw(streams(keys, name), batch)}
    return batch


def size(batch: Batch) -> int:
    """Returns the number of examples in the batch's arrays."""
    return len(next(iter(batch.values())))


def example(spec: Spec, samplers: Samplers, key: jax.Array) -> Batch:
    """Returns a batch of one example, made of zeros and sampled fields, for initialising networks."""
    batch = {name: jnp.zeros((1, *field.shape), field.dtype) for name, field in spec.items()}
    return fill_each(samplers, batch, key[None])
