"""The place of a data set while a run trains, `config.data.hold`. It affects time and memory, but not results."""

import numpy as np

from gan_jax.data.base import Dataset
from gan_jax.data.examples import sources
from gan_jax.errors import UserError, suggestions

HOLDS = ("auto", "device", "host", "stream")
"""device: on every device for the whole run. host: in memory or decoded files; each call gets its own examples.
stream: decoded each time examples are read. 'auto' uses the first of these for which there is room."""
SHARE = 4
"""A data set on a device takes at most 1 / SHARE of its memory; the rest is for the networks."""


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
    return "stream", f"{much}, and the disk has only {in_words(disk_bytes)} free for a decoded copy"


def held(dataset: Dataset, hold: str, device_bytes: int) -> tuple[str, str]:
    """Returns where a loaded data set is held, 'device', 'host' or 'stream', and why, in words.

    hold: `config.data.hold`. Raises UserError if the set cannot be held there.
    """
    check_hold(hold)
    can_stream = bool(sources(dataset.arrays.values()))
    if hold == "stream" and not can_stream:
        raise UserError(
            f"config.data.hold is 'stream', but the examples of {dataset.name} cannot be decoded one by one: use host"
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
