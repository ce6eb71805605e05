"""What is timed: a config's rounds as training plays them, the machine's peak, and the memory taken."""

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
from gan_jax.data.spec import spec_of
from gan_jax.experiment import build, make_executor, streams
from gan_jax.parallel import mapping
from gan_jax.runs.directory import PACKAGES
from scripts import flops

PRODUCTS = 3  # of the peak, in a row


class Game:
    """A config's compiled call, its data on the devices, and the states that its seeds have come to.

    `images` and `flops` are those of a round of all seeds, `compile_seconds` the first call's less the second's.
    """

    def __init__(self, config: ConfigDict, dataset: Dataset):
        mapping.check(config.batch_size, config.seeds)
        spec = spec_of(dataset)
        self.config, experiment = config, build(config, spec)
        self.executor = make_executor(config, experiment, dataset)
        seeds = range(config.seed, config.seed + config.seeds)
        self.state = self.executor.put([experiment.init(streams(seed).init) for seed in seeds])
        self.step = 0
        self.images = config.batch_size * config.seeds
        self.flops = flops.of_step(config, spec) * config.seeds
        first = self.play(1)
        self.call_seconds = self.play(1)
        self.compile_seconds = first - self.call_seconds

    def play(self, calls: int) -> float:
        """Trains for so many calls, as the training loop makes them -> seconds."""
        start = time.perf_counter()
        for _ in range(calls):
            self.state, _ = self.executor.run(self.state, self.step, self.config.steps_per_call)
            self.step += self.config.steps_per_call
        jax.block_until_ready(self.state)
        return time.perf_counter() - start

    def block(self, seconds: float) -> float:
        """Milliseconds a round, over as many calls as take about so long, one at least."""
        calls = max(1, round(seconds / self.call_seconds))
        return self.play(calls) / (calls * self.config.steps_per_call) * 1e3


def peak() -> Callable[[], float]:
    """A function that multiplies large square float32 matrices -> GFLOP/s, at JAX's precision on this platform."""
    size = 2048 if jax.default_backend() == "cpu" else 8192
    matrix, product = random.normal(random.key(0), (size, size)), jax.jit(lambda a: a @ a)

    def measure() -> float:
        start = time.perf_counter()
        jax.block_until_ready([product(matrix) for _ in range(PRODUCTS)])
        return 2 * size**3 * PRODUCTS / (time.perf_counter() - start) / 1e9

    measure()
    return measure


def memory() -> dict[str, int | None]:
    """The most memory taken so far, in MB of 1e6 bytes: the process's, and the first device's where it tells."""
    unit = 1 if sys.platform == "darwin" else 1024
    host = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    device = (jax.local_devices()[0].memory_stats() or {}).get("peak_bytes_in_use")
    return {"host": round(host / 1e6), "device": None if device is None else round(device / 1e6)}


def circumstances() -> dict[str, Any]:
    """On what, with which versions, and when."""
    devices = jax.local_devices()
    return {
        "device": f"{len(devices)} x {devices[0].platform} {devices[0].device_kind}, {os.cpu_count()} CPU cores",
        "versions": {name: metadata.version(name) for name in PACKAGES},
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
    }
