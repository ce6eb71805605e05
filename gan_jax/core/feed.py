"""Feeds: which data stay on the devices, which come with each call, and how a batch is read from both."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

import jax
import numpy as np

from gan_jax.core.fields import Batch

Share: TypeAlias = tuple[int, int]
"""(number, of): the index of a part of each batch, from 0, and the number of equal parts; (0, 1) for all of it."""


class Feed(NamedTuple):
    """A data set as the executor sees it.

    Attributes:
        resident: arrays that every device holds for the whole run.
        inputs: `(step, steps, share) -> tree of arrays [S, k, r, b, ...]`, the input of a call of S runs for `steps`
            steps after `step`, padded to k steps. Each step has r updates on b examples, this share of a global batch.
            It is called by one thread at a time. Its arrays are never written to again.
        fetch: `(resident, inputs [r, b, ...]) -> batch [r, b, ...]` of the networks' floats, on the device.
        close: releases what the feed has opened or started; the feed must not be used afterwards.
    """

    resident: Mapping[str, np.ndarray]
    inputs: Callable[[int, int, Share], Any]
    fetch: Callable[[Mapping[str, jax.Array], Any], Batch]
    close: Callable[[], None] = lambda: None
