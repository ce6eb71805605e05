"""The loop: play some rounds as one call, log, and at each period's end show samples and save."""

import sys
from collections.abc import Iterator
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from gan_jax import data, evaluate, parallel, pictures, report
from gan_jax.checkpoint import Checkpoints
from gan_jax.data import feed, order
from gan_jax.evaluators.base import Evaluate
from gan_jax.experiment import Experiment, build, streams
from gan_jax.run_directory import RunDirectory
from gan_jax.state import Players, TrainState
from gan_jax.writers import Log, Progress, write_evaluation


def run(config: ConfigDict, place: RunDirectory) -> list[RunDirectory]:
    """Trains a config in a folder, from its newest checkpoint if it holds this run already -> where its runs lie.

    With `config.seeds` above 1 each seed's is a run directory of its own in the folder, as if it had run alone.

    Raises UserError before anything is written where the config, its data or the folder do not serve; OSError where the
    folder cannot be written.
    """
    parallel.check(config.batch_size, config.seeds)
    place.check(config)
    each = place.by_seed(config)
    for config_of_one, place_of_one in each:
        place_of_one.check(config_of_one)
    dataset = data.load(config.data.name, config.data.split)
    experiment = build(config, dataset.shape, dataset.classes)
    evaluators = evaluate.make(config, experiment)
    place.claim(config)
    runs = [_Run.of(experiment, *one) for one in each]
    try:
        states = _resume(runs)
        if states[0].step < config.steps:
            source = feed.resident(dataset, experiment.scale)
            _Loop(config, experiment, evaluators, source, runs).play(states)
    finally:
        for one in runs:
            one.checkpoints.close()
    for one in runs:
        report.write(one.place)
    return [one.place for one in runs]


class _Run(NamedTuple):
    """One seed's run: the experiment with that seed's streams, and where its results go."""

    config: ConfigDict
    experiment: Experiment
    place: RunDirectory
    checkpoints: Checkpoints

    @classmethod
    def of(cls, experiment: Experiment, config: ConfigDict, place: RunDirectory) -> "_Run":
        """The run of a config in its folder, which it claims."""
        place.claim(config)
        checkpoints = Checkpoints(place.checkpoints, config.keep_checkpoints)
        return cls(config, experiment._replace(keys=streams(config.seed)), place, checkpoints)

    def show_samples(self, players: Players, step: int, real: np.ndarray) -> None:
        """Writes the picture of samples, from the same latents every time, or of test images' reconstructions."""
        path = self.place.sample(step)
        if "sample" in self.experiment.predict:
            pictures.samples(path, self.experiment, players, real)
        else:
            pictures.reconstructions(path, self.experiment, players, data.load(self.config.data.name, "test"))

    def at_boundary(self, state: TrainState, step: int, evaluators: dict[str, Evaluate], real: np.ndarray) -> None:
        """Does what is due after this round."""
        config = self.config
        if _falls_on(step, config.sample_every_steps, config.steps):
            self.show_samples(state.players, step, real)
        if _falls_on(step, config.evaluate_every_steps, config.steps):
            values = evaluate.measure(evaluators, self.experiment, state.players)
            write_evaluation(self.place.evaluations, {"step": step, **values})
        if _falls_on(step, config.checkpoint_every_steps, config.steps):
            self.checkpoints.save(state)
            if step < config.steps:
                report.write(self.place)


def _resume(runs: list[_Run]) -> list[TrainState]:
    """Each run's state as of the newest checkpoint that all of them have, or else its first."""
    common = set.intersection(*(set(one.checkpoints.steps()) for one in runs))
    states = []
    for one in runs:
        state = one.experiment.init(one.experiment.keys.init)
        if common:
            state = one.checkpoints.restore(state, max(common))
            print(f"resuming {one.place.folder} at round {state.step} of {one.config.steps}", file=sys.stderr)
        one.checkpoints.forget_after(max(common, default=-1))
        states.append(state)
    return states


class _Loop:
    """What the runs' rounds need in common: the compiled call, the data on the devices, and what is measured."""

    def __init__(
        self,
        config: ConfigDict,
        experiment: Experiment,
        evaluators: dict[str, Evaluate],
        source: feed.Feed,
        runs: list[_Run],
    ):
        self.config, self.runs, self.evaluators = config, runs, evaluators
        self.spread = parallel.spread(experiment.train_step, source.fetch, config.seeds)
        self.arrays = parallel.replicate(source.arrays)
        self.real = source.arrays["x"]
        self.shape = (experiment.batches, config.batch_size)

    def play(self, states: list[TrainState]) -> None:
        """Plays on from these states to the config's last round."""
        start, total = int(states[0].step), self.config.steps
        logs = [Log(one.place.metrics, start) for one in self.runs]
        progress = Progress(total, start)
        waiting = None  # the last call's metrics: read only when the next call is under way, so that devices never wait
        try:
            if start == 0 and self.config.sample_every_steps:
                for one, state in zip(self.runs, states, strict=True):
                    one.show_samples(state.players, start, self.real)
            state = self.spread.put(states)
            for step, rounds in _calls(self.config, start):
                state, rows = self.spread.play(state, self.arrays, *self.inputs(step, rounds))
                if waiting:
                    self.record(logs, progress, *waiting)
                waiting = step, rounds, rows
                if self.due(step + rounds):
                    self.record(logs, progress, *waiting)
                    waiting = None
                    self.at_boundary(logs, state, step + rounds)
        finally:
            progress.close()
            for log in logs:
                log.close()

    def inputs(self, step: int, rounds: int) -> tuple[np.ndarray, int, jax.Array]:
        """The indices of `rounds` rounds after `step`, filled up to a call's length; how many to play; the keys."""
        length = min(self.config.rounds_per_call, self.config.steps)
        filled = np.zeros((len(self.runs), length, *self.shape), np.int32)
        for one, places in zip(self.runs, filled, strict=True):
            places[:rounds] = order.indices(one.config.seed, step, rounds, self.shape, len(self.real))
        return filled, rounds, jnp.stack([one.experiment.keys.play for one in self.runs])

    def record(self, logs: list[Log], progress: Progress, step: int, rounds: int, rows: dict[str, jax.Array]) -> None:
        """Logs the rows of one call that fall on logging steps; shows the last of the first run."""
        for number, log in enumerate(logs):
            values = {name: np.asarray(value) for name, value in self.spread.take(rows, number).items()}
            for row in range(rounds):
                if _falls_on(step + row + 1, self.config.log_every_steps, self.config.steps):
                    log.write(step + row + 1, {name: float(value[row]) for name, value in values.items()})
        shown = self.spread.take(rows, 0)
        progress.show(step + rounds, {name: float(value[rounds - 1]) for name, value in shown.items()})

    def due(self, step: int) -> bool:
        """Whether the run, or a period other than logging's, ends with this round."""
        return step == self.config.steps or any(_falls_on(step, every, 0) for every in _boundaries(self.config))

    def at_boundary(self, logs: list[Log], state: TrainState, step: int) -> None:
        """Does what is due after this round, for every run."""
        for number, (one, log) in enumerate(zip(self.runs, logs, strict=True)):
            log.flush()
            one.at_boundary(self.spread.take(state, number), step, self.evaluators, self.real)


def _calls(config: ConfigDict, start: int) -> Iterator[tuple[int, int]]:
    """(step, rounds) of each call: at most rounds_per_call, never past a boundary."""
    step = start
    while step < config.steps:
        ends = [every - step % every for every in _boundaries(config) if every]
        rounds = min(config.rounds_per_call, config.steps - step, *ends)
        yield step, rounds
        step += rounds


def _boundaries(config: ConfigDict) -> tuple[int, ...]:
    return config.sample_every_steps, config.evaluate_every_steps, config.checkpoint_every_steps


def _falls_on(step: int, every: int, last: int) -> bool:
    """Whether a period (0 = never) ends at this step; the last step ends them all."""
    return every > 0 and (step % every == 0 or step == last)
