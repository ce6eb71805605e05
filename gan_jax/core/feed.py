"""Feeds: what of a data set lies on the devices, what comes with each call, and how a batch is read from both."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np

from gan_jax.core.fields import Batch


class Feed(NamedTuple):
    """A data set as the executor sees it.

    Attributes:
        resident: arrays that every device holds for the whole run.
        inputs: `(step, steps) -> tree of arrays [S, k, r, b, ...]`, what a call of S runs is given for `steps` steps
            after `step`, filled up to k steps, r updates each, on global batches of b examples.
        fetch: `(resident, inputs [r, b, ...]) -> batch [r, b, ...]` of the networks' floats, on the device.
    """

    resident: Mapping[str, np.ndarray]
    inputs: Callable[[int, int], Any]
    fetch: Callable[[Mapping[str, jax.Array], Any], Batch]
