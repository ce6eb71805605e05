"""Inputs of translations: fields of the examples, or what samplers observe of them, such as grey values and masks."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp

from gan_jax.core.collectives import base_key, example_keys, in_batches
from gan_jax.core.fields import Batch
from gan_jax.core.state import Players
from gan_jax.data import pixels

Predict = Mapping[str, Callable[[Players, jax.Array, Batch], Any]]


def observed(predict: Predict, players: Players, keys: jax.Array, batch: Batch) -> Batch:
    """Returns what samplers observe of a scaled batch, with keys [n], by field: floats in the networks' range."""
    return predict["observe"](players, keys, batch) if "observe" in predict else {}


def given(predict: Predict, scale: Callable[[Batch], Batch], examples: Mapping[str, Any], field: str) -> Any:
    """Returns a field of images uint8 [n, h, w, c]: the examples' own or, if they lack it, what samplers observe.

    The examples' own images may be read from files when they are indexed. predict, scale: the experiment's. examples:
    the data set's fields, [n, ...].
    """
    if field in examples:
        return examples[field]
    # Observed images are floats in the range of x, which is found from the darkest and the brightest pixel.
    low, high = (float(limit) for limit in scale({"x": jnp.array([0, 255], jnp.uint8)})["x"])

    def images(inputs: tuple[jax.Array, Batch]) -> jax.Array:
        keys, batch = inputs
        return pixels.to_uint8(observed(predict, {}, keys, scale(batch))[field], (low, high))

    return in_batches(images, (example_keys(base_key(0), len(examples["x"])), dict(examples)))
