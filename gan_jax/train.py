"""The loop: play some rounds as one call, log, and at each period's end show samples and save."""

import sys
from collections.abc import Iterator

import jax
import numpy as np
from ml_collections import ConfigDict

from gan_jax import data, evaluate, parallel, pictures, report
from gan_jax.checkpoint import Checkpoints
from gan_jax.data import feed, order
from gan_jax.evaluators.base import Evaluate
from gan_jax.experiment import Experiment, build
from gan_jax.run_directory import RunDirectory
from gan_jax.state import TrainState
from gan_jax.writers import Log, Progress, write_evaluation


def run(config: ConfigDict, place: RunDirectory) -> None:
    """Trains a config in a folder, from its newest checkpoint if it holds this run already.

    Raises UserError before anything is written where the config, its data or the folder do not serve; OSError where the
    folder cannot be written.
    """
    parallel.check_batch_size(config.batch_size)
    place.check(config)
    dataset = data.load(config.data.name, config.data.split)
    experiment = build(config, dataset.shape, dataset.classes)
    evaluators = evaluate.make(config, experiment)
    place.claim(config)
    checkpoints = Checkpoints(place.checkpoints, config.keep_checkpoints)
    state = experiment.init(experiment.keys.init)
    try:
        if checkpoints.latest() is not None:
            state = checkpoints.restore(state)
            print(f"resuming {place.folder} at round {state.step} of {config.steps}", file=sys.stderr)
        if state.step < config.steps:
            source = feed.resident(dataset, experiment.scale)
            loop = _Loop(config, experiment, evaluators, source, place, checkpoints)
            loop.play(parallel.replicate(state))
    finally:
        checkpoints.close()
    report.write(place)


class _Loop:
    """What a run's rounds need in common: the compiled call, the data on the devices, and where results go."""

    def __init__(
        self,
        config: ConfigDict,
        experiment: Experiment,
        evaluators: dict[str, Evaluate],
        source: feed.Feed,
        place: RunDirectory,
        checkpoints: Checkpoints,
    ):
        self.config, self.experiment, self.place, self.checkpoints = config, experiment, place, checkpoints
        self.call = parallel.play(experiment.train_step, source.fetch)
        self.arrays = parallel.replicate(source.arrays)
        self.evaluators = evaluators
        self.real = source.arrays["x"]

    def play(self, state: TrainState) -> None:
        """Plays on from this state to the config's last round."""
        start, total = int(parallel.one(state.step)), self.config.steps
        log = Log(self.place.metrics, start)
        progress = Progress(total, start)
        waiting = None  # the last call's metrics: read only when the next call is under way, so that devices never wait
        try:
            if start == 0 and self.config.sample_every_steps:
                self.show_samples(state)
            for step, rounds in _calls(self.config, start):
                state, rows = self.call(state, self.arrays, *self.inputs(step, rounds))
                if waiting:
                    self.record(log, progress, *waiting)
                waiting = step, rounds, rows
                if self.due(step + rounds):
                    self.record(log, progress, *waiting)
                    waiting = None
                    log.flush()
                    self.at_boundary(state, step + rounds)
        finally:
            progress.close()
            log.close()

    def inputs(self, step: int, rounds: int) -> tuple[np.ndarray, int, jax.Array]:
        """The indices of `rounds` rounds after `step`, filled up to a full call's length; how many to play; the key."""
        config = self.config
        shape = (self.experiment.batches, config.batch_size)
        places = order.indices(config.seed, step, rounds, shape, len(self.real))
        filled = np.zeros((min(config.rounds_per_call, config.steps), *shape), np.int32)
        filled[:rounds] = places
        return filled, rounds, self.experiment.keys.play

    def record(self, log: Log, progress: Progress, step: int, rounds: int, rows: dict[str, jax.Array]) -> None:
        """Logs the rows of one call that fall on logging steps."""
        values = {name: np.asarray(value) for name, value in rows.items()}
        for number in range(rounds):
            if _falls_on(step + number + 1, self.config.log_every_steps, self.config.steps):
                log.write(step + number + 1, {name: float(value[number]) for name, value in values.items()})
        progress.show(step + rounds, {name: float(value[rounds - 1]) for name, value in values.items()})

    def due(self, step: int) -> bool:
        """Whether the run, or a period other than logging's, ends with this round."""
        return step == self.config.steps or any(_falls_on(step, every, 0) for every in _boundaries(self.config))

    def at_boundary(self, state: TrainState, step: int) -> None:
        """Does what is due after this round."""
        config = self.config
        if _falls_on(step, config.sample_every_steps, config.steps):
            self.show_samples(state)
        if _falls_on(step, config.evaluate_every_steps, config.steps):
            values = evaluate.measure(self.evaluators, self.experiment, parallel.one(state.players))
            write_evaluation(self.place.evaluations, {"step": step, **values})
        if _falls_on(step, config.checkpoint_every_steps, config.steps):
            self.checkpoints.save(parallel.one(state))
            if step < config.steps:
                report.write(self.place)

    def show_samples(self, state: TrainState) -> None:
        """Writes the picture of samples, from the same latents every time, or of test images' reconstructions."""
        path, players = self.place.sample(int(parallel.one(state.step))), parallel.one(state.players)
        if "sample" in self.experiment.predict:
            pictures.samples(path, self.experiment, players, self.real)
        else:
            pictures.reconstructions(path, self.experiment, players, data.load(self.config.data.name, "test"))


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
