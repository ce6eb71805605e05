"""Fields: the named arrays of a batch, what a data set says of them, and samplers that fill in what is missing.

A batch is a dict `{field: array [b, ...]}`, as `x`, `label`, `z` or `source`. A network takes the fields that its
arguments are named after (`networks.py`).
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
        kind: "image" (uint8 outside, floats of `range` inside), "point" (float32) or "label" (int32).
        range: the limits of an image's floats, such as (-1.0, 1.0); None for other kinds.
        classes: the number of classes of a label, else 0.
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
        draw: `(keys [n], batch) -> values [n, ...]`; each example's value depends on its own key, and on its own other
            fields, alone.
        walk: `(a [n, ...], b [n, ...], t [m]) -> [n, m, ...]`, a path between values; None where there is none.
        truncated: `(keys [n], bound) -> values [n, ...]`, what `draw` makes with these keys, kept within +-bound: a
            continuous function of the bound; None where that has no meaning.
        observes: True where the value is made of the example itself, as a smaller copy of x: then a model that takes it
            does not make samples from nothing, but completes what was observed.
    """

    draw: Callable[[jax.Array, Batch], jax.Array]
    walk: Callable[[jax.Array, jax.Array, jax.Array], jax.Array] | None = None
    observes: bool = False
    truncated: Callable[[jax.Array, float], jax.Array] | None = None


Samplers: TypeAlias = Mapping[str, Sampler]


def stream(key: jax.Array, name: str) -> jax.Array:
    """Returns a key [] for the random stream of this name, made of the name and the key [] alone."""
    return random.fold_in(key, zlib.crc32(name.encode()))


def streams(keys: jax.Array, name: str) -> jax.Array:
    """Returns a key for the stream of this name of each of the keys: [n] -> [n]."""
    return jax.vmap(lambda key: stream(key, name))(keys)


def fill(samplers: Samplers, batch: Batch, key: jax.Array) -> Batch:
    """Returns the batch [b, ...] of a training update with each field that it lacks, by the samplers in their order."""
    missing = [name for name in samplers if name not in batch]
    if not missing:
        return batch
    return fill_each(samplers, batch, example_keys(key, size(batch)))


def fill_each(samplers: Samplers, batch: Batch, keys: jax.Array) -> Batch:
    """Returns the batch with each field that it lacks, drawn by a key for each example [n]."""
    for name, sampler in samplers.items():
        if name not in batch:
            batch = {**batch, name: sampler.draw(streams(keys, name), batch)}
    return batch


def size(batch: Batch) -> int:
    """Returns the number of examples that are here."""
    return len(next(iter(batch.values())))


def example(spec: Spec, samplers: Samplers, key: jax.Array) -> Batch:
    """Returns a batch of one example of zeros, with every sampled field: what networks are initialised by."""
    batch = {name: jnp.zeros((1, *field.shape), field.dtype) for name, field in spec.items()}
    return fill_each(samplers, batch, key[None])
