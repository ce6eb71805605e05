"""Where a data set is held while a run trains: `config.data.hold`. It changes time and memory, never a result."""

from typing import Any

import numpy as np

from gan_jax.data.base import Dataset
from gan_jax.errors import UserError, suggestions

HOLDS = ("auto", "device", "host", "stream")
SHARE = 4
"""A data set may take one such part of a device's memory; the rest is for the networks."""


def choose_hold(n_bytes: int, device_bytes: int, disk_bytes: int, can_stream: bool) -> tuple[str, str]:
    """Returns where `auto` holds a data set, 'device', 'host' or 'stream', and why, in words.

    Args:
        n_bytes: the size of its decoded arrays.
        device_bytes: the memory of a device.
        disk_bytes: what is free for a decoded copy.
        can_stream: whether its examples can be decoded one by one.
    """
    size = in_words(n_bytes)
    if n_bytes <= device_bytes // SHARE:
        return "device", f"{size} of examples take at most 1/{SHARE} of {in_words(device_bytes)} on each device"
    much = f"{size} of examples take more than 1/{SHARE} of {in_words(device_bytes)} on a device"
    if n_bytes <= disk_bytes or not can_stream:
        return "host", much
    return "stream", f"{much}, and only {in_words(disk_bytes)} are free to decode them once"


def held(dataset: Dataset, hold: str, device_bytes: int) -> tuple[str, str]:
    """Returns where a loaded data set is held, 'device', 'host' or 'stream', and why, in words.

    hold: `config.data.hold`. Raises UserError where the set cannot be held so.
    """
    if hold not in HOLDS:
        raise UserError(f"config.data.hold is {hold!r}: {suggestions(hold, HOLDS)}")
    can_stream = examples_of(dataset) is not None
    if hold == "stream" and not can_stream:
        raise UserError(
            f"config.data.hold is 'stream', and the examples of {dataset.name} cannot be decoded one by one: take host"
        )
    if hold != "auto":
        return hold, "as config.data.hold says"
    arrays = dataset.arrays.values()
    if can_stream and not all(isinstance(values, np.ndarray) for values in arrays):
        return "stream", "its examples are decoded when they are read"
    return choose_hold(n_bytes(dataset), device_bytes, disk_bytes=0, can_stream=False)


def n_bytes(dataset: Dataset) -> int:
    """Returns the size of a data set's decoded arrays."""
    return sum(int(np.prod(values.shape)) * np.dtype(values.dtype).itemsize for values in dataset.arrays.values())


def examples_of(dataset: Dataset) -> Any:
    """Returns the examples of a set that can be streamed, else None."""
    return getattr(dataset, "examples", None)


def in_words(size: float) -> str:
    """Returns a number of bytes as a person reads it, in units of a thousand."""
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:,.3g} GB"
