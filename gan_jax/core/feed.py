"""Feeds: what of a data set lies on the devices, what comes with each call, and how a batch is read from both."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

import jax
import numpy as np

from gan_jax.core.fields import Batch

Share: TypeAlias = tuple[int, int]
"""(number, of): which of so many equal parts of each batch, counted from 0; (0, 1) is all of it."""


class Feed(NamedTuple):
    """A data set as the executor sees it.

    Attributes:
        resident: arrays that every device holds for the whole run.
        inputs: `(step, steps, share) -> tree of arrays [S, k, r, b, ...]`, what a call of S runs is given for `steps`
            steps after `step`, filled up to k steps, r updates each, on this share of the global batches: b examples.
            Called by one thread at a time. Its arrays are never written to again.
        fetch: `(resident, inputs [r, b, ...]) -> batch [r, b, ...]` of the networks' floats, on the device.
        close: ends what the feed has opened or started; it is not used any more.
    """

    resident: Mapping[str, np.ndarray]
    inputs: Callable[[int, int, Share], Any]
    fetch: Callable[[Mapping[str, jax.Array], Any], Batch]
    close: Callable[[], None] = lambda: None
