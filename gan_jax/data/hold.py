"""The place of a data set while a run trains, `config.data.hold`. It changes time and memory, but no result."""

import numpy as np

from gan_jax.data.base import Dataset
from gan_jax.data.examples import sources
from gan_jax.errors import UserError, suggestions

HOLDS = ("auto", "device", "host", "stream")
"""device: on every device for the whole run. host: in memory or decoded files; each call gets its own examples.
stream: decoded whenever examples are read. 'auto' takes the first of these that there is room for."""
SHARE = 4
"""The divisor of a device's memory that gives the largest data set on it; the rest is for the networks."""


def choose_hold(n_bytes: int, device_bytes: int, disk_bytes: int, can_stream: bool) -> tuple[str, str]:
    """Returns where `auto` holds a data set, 'device', 'host' or 'stream', and why, in words.

    Args:
        n_bytes: the size of its decoded arrays.
        device_bytes: the memory of a device.
        disk_bytes: the free space for a decoded copy.
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

    hold: `config.data.hold`. Raises UserError if the set cannot be held there.
    """
    check_hold(hold)
    can_stream = bool(sources(dataset.arrays.values()))
    if hold == "stream" and not can_stream:
        raise UserError(
            f"config.data.hold is 'stream', and the examples of {dataset.name} cannot be decoded one by one: take host"
        )
    if hold != "auto":
        return hold, "as config.data.hold says"
    if can_stream:
        return "stream", f"the disk has no room for {in_words(n_bytes(dataset))} of decoded examples"
    return choose_hold(n_bytes(dataset), device_bytes, disk_bytes=0, can_stream=False)


def check_hold(hold: str) -> None:
    """Raises UserError if `config.data.hold` is not one of HOLDS."""
    if hold not in HOLDS:
        raise UserError(f"config.data.hold is {hold!r}: {suggestions(str(hold), HOLDS)}")


def n_bytes(dataset: Dataset) -> int:
    """Returns the size of a data set's decoded arrays."""
    return sum(int(np.prod(values.shape)) * np.dtype(values.dtype).itemsize for values in dataset.arrays.values())


def in_words(size: float) -> str:
    """Returns a number of bytes in readable form, such as kB, in powers of a thousand."""
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:,.3g} GB"
