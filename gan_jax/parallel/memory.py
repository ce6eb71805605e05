"""The memory of devices."""

import os

import jax

MOST_ON_CPU = 2 << 30
"""Most bytes of memory that count as a CPU device's own, so that processes that share a machine stay small."""


def device_bytes() -> int:
    """Returns the memory of the smallest device of this process, in bytes.

    CPU devices share the machine's memory evenly.
    """
    devices = jax.local_devices()
    limits = [(device.memory_stats() or {}).get("bytes_limit", 0) for device in devices]
    if all(limits):
        return min(limits)
    machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return min(machine // len(devices), MOST_ON_CPU)
