"""The speed of a config's compiled call, made as in the training loop."""

import time

import jax
from ml_collections import ConfigDict

from gan_jax.data import Dataset
from gan_jax.data.spec import spec_of
from gan_jax.experiments import build, make_executor, streams
from gan_jax.parallel import mapping


class TimedRun:
    """A config's compiled call with its data on the devices, and the current state of its seeds.

    Attributes:
        step: steps trained so far.
        call_seconds: the time of the second call, which compiles nothing.
        compile_seconds: the first call's time minus the second's.
        compile_processor_seconds: the same in CPU time, over all threads.
    """

    def __init__(self, config: ConfigDict, dataset: Dataset):
        mapping.check(config.batch_size, config.seeds)
        self.config, self.spec = config, spec_of(dataset)
        experiment = build(config, self.spec)
        self.executor = make_executor(config, experiment, dataset)
        seeds = range(config.seed, config.seed + config.seeds)
        self.state = self.executor.put([experiment.init(streams(seed).init) for seed in seeds])
        self.step = 0
        start = time.process_time()
        first = self.train(1)
        compiled = time.process_time()
        self.call_seconds = self.train(1)
        self.compile_seconds = first - self.call_seconds
        self.compile_processor_seconds = (compiled - start) - (time.process_time() - compiled)

    def train(self, calls: int) -> float:
        """Trains for this number of calls. Returns the seconds that they took."""
        start, before = time.perf_counter(), None
        for _ in range(calls):
            self.state, rows = self.executor.run(self.state, self.step, self.config.steps_per_call)
            self.step += self.config.steps_per_call
            self.executor.prefetch(self.step, self.config.steps_per_call)
            jax.block_until_ready(before)  # like the loop, which reads a call's metrics while the next one runs
            before = rows
        jax.block_until_ready(self.state)
        return time.perf_counter() - start

    def ms_per_step(self, seconds: float) -> float:
        """Returns the milliseconds per step, over at least one call and about this many seconds of calls."""
        calls = max(1, round(seconds / self.call_seconds))
        return self.train(calls) / (calls * self.config.steps_per_call) * 1e3
