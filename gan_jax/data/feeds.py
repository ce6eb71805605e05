"""Feeds: where a data set lies, and how a round's examples are read from there inside the compiled step."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.core.objective import Batch
from gan_jax.data.base import Dataset


class Feed(NamedTuple):
    """`arrays` to place on the devices, and `fetch(arrays, indices [...]) -> batch` of float32 x [..., *shape]."""

    arrays: dict[str, np.ndarray]
    fetch: Callable[[dict[str, jax.Array], jax.Array], Batch]


def resident(dataset: Dataset, scale: Callable[[jax.Array], jax.Array]) -> Feed:
    """The whole data set on every device, images as uint8; each round is given indices and scales what it reads."""
    arrays = {"x": dataset.x}
    if dataset.label is not None:
        arrays["label"] = dataset.label

    def fetch(arrays: dict[str, jax.Array], indices: jax.Array) -> Batch:
        batch = {name: jnp.take(values, indices, axis=0, mode="clip") for name, values in arrays.items()}
        return {**batch, "x": scale(batch["x"])}

    return Feed(arrays, fetch)
