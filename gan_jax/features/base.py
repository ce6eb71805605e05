"""The interface of feature networks."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import numpy as np

from gan_jax.core.collectives import AT_ONCE, in_batches
from gan_jax.errors import UserError


class Network(NamedTuple):
    """A function from images to features.

    Attributes:
        name: with its version, as in 'mnist-v1'.
        sha256: the checksum of its weights' file; '' if it has none.
        shape: (h, w, c) of the images that it takes.
        dim: the number of features.
        classes: the number of logits; 0 if it has none.
        resize: how images are resized first, such as 'none'.
        describe: images uint8 [n, h, w, c] -> features [n, dim], logits [n, classes], float32, in batches.
    """

    name: str
    sha256: str
    shape: tuple[int, ...]
    dim: int
    classes: int
    resize: str
    describe: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


def described(
    outputs: Callable[[jax.Array], tuple[jax.Array, jax.Array]], shape: tuple[int, ...], at_once: int = AT_ONCE
) -> Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Returns a network's `describe`, which calls a compiled function on `at_once` images at a time.

    It raises UserError if x does not hold images of this shape.
    """

    def describe(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if x.dtype != np.uint8 or x.shape[1:] != shape or not len(x):
            raise UserError(f"expected images uint8 [n, {', '.join(map(str, shape))}], got {x.dtype} {list(x.shape)}")
        return in_batches(outputs, x, at_once)

    return describe
