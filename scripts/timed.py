"""Measurements for bench.py: a config's steps as in training, the machine's peak, and the memory used."""

import datetime
import os
import resource
import sys
import time
from collections.abc import Callable
from importlib import metadata
from typing import Any

import jax
from jax import random
from ml_collections import ConfigDict

from gan_jax.data import Dataset
from gan_jax.runs.directory import PACKAGES
from gan_jax.sweeps.timing import TimedRun
from scripts import flops

PRODUCTS = 3  # in a row, for the peak


class Timed(TimedRun):
    """A timed run, with the images and operations of a step, both for all seeds together."""

    def __init__(self, config: ConfigDict, dataset: Dataset):
        super().__init__(config, dataset)
        self.images = config.batch_size * config.seeds
        self.flops = flops.of_step(config, self.spec) * config.seeds


def peak() -> Callable[[], float]:
    """Returns a function that measures the GFLOP/s of large square float32 products.

    Their precision is JAX's default on this platform.
    """
    size = 2048 if jax.default_backend() == "cpu" else 8192
    matrix, product = random.normal(random.key(0), (size, size)), jax.jit(lambda a: a @ a)

    def measure() -> float:
        start = time.perf_counter()
        jax.block_until_ready([product(matrix) for _ in range(PRODUCTS)])
        return 2 * size**3 * PRODUCTS / (time.perf_counter() - start) / 1e9

    measure()
    return measure


def memory() -> dict[str, int | None]:
    """Returns the peak memory use so far, in MB of 1e6 bytes: the process's, and the first device's or None."""
    unit = 1 if sys.platform == "darwin" else 1024
    host = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    device = (jax.local_devices()[0].memory_stats() or {}).get("peak_bytes_in_use")
    return {"host": round(host / 1e6), "device": None if device is None else round(device / 1e6)}


def circumstances() -> dict[str, Any]:
    """Returns the device, the versions of the packages and the date."""
    devices = jax.local_devices()
    return {
        "device": f"{len(devices)} x {devices[0].platform} {devices[0].device_kind}, {os.cpu_count()} CPU cores",
        "versions": {name: metadata.version(name) for name in PACKAGES},
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
    }
