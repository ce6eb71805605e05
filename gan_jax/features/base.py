"""What a feature network is to those that measure by it."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import numpy as np

from gan_jax.core.collectives import AT_ONCE, in_batches
from gan_jax.errors import UserError


class Network(NamedTuple):
    """What turns images into features.

    Attributes:
        name: with its version, as in 'mnist-v1'.
        sha256: of the file of its weights; '' where it has none.
        shape: (h, w, c) of the images that it takes.
        dim: of the features.
        classes: of the logits; 0 where it has none.
        resize: what is done to images before.
        describe: images uint8 [n, h, w, c] -> features [n, dim], logits [n, classes], float32, some at a time.
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
    """A network's `describe`, by a compiled function of so many images at once; UserError where they are no images."""

    def describe(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if x.dtype != np.uint8 or x.shape[1:] != shape or not len(x):
            raise UserError(f"wants images uint8 [n, {', '.join(map(str, shape))}], got {x.dtype} {list(x.shape)}")
        return in_batches(outputs, x, at_once)

    return describe
