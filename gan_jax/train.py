"""The loop: play some rounds as one call, log, and at each period's end show samples and save."""

import sys
from contextlib import ExitStack
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict
from tqdm import tqdm

from gan_jax import alarms, checkpoint, data, divergence, evaluate, parallel, periods, pictures, report
from gan_jax.checkpoint import Checkpoints
from gan_jax.data import Dataset, feed, order
from gan_jax.errors import Diverged, UserError
from gan_jax.evaluators.base import Evaluate
from gan_jax.experiment import Experiment, build, check_round, streams
from gan_jax.run_directory import RunDirectory
from gan_jax.state import Players, TrainState
from gan_jax.stop import Stop, Stopped
from gan_jax.writers import Log, Progress, best_step, forget_after, read_rows


def run(config: ConfigDict, place: RunDirectory, stop: Stop | None = None) -> list[RunDirectory]:
    """Trains a config in a folder, from its newest checkpoint if it holds this run already -> where its runs lie.

    With `config.seeds` above 1 each seed's is a run directory of its own in the folder, as if it had run alone.

    Raises UserError before anything is written where the config, its data or the folder do not serve, or another
    process trains there; OSError where the folder cannot be written; Stopped, once all is saved, where `stop` was asked
    to; Diverged, once the last finite players are saved, where a loss is not finite any more.
    """
    parallel.check(config.batch_size, config.seeds)
    place.check(config)
    each = place.by_seed(config)
    for config_of_one, place_of_one in each:
        place_of_one.check(config_of_one)
    dataset = data.load(config.data.name, config.data.split)
    experiment = build(config, dataset.shape, dataset.classes)
    if config.sample_every_steps and not {"sample", "reconstruct"} & experiment.predict.keys():
        raise UserError(f"config.sample_every_steps: {config.objective.name} makes nothing to show, so it must be 0")
    evaluators = evaluate.make(config, experiment)
    check_round(experiment, config, dataset.shape)
    with ExitStack() as held:
        for config_of_one, place_of_one in each if config.seeds == 1 else [(config, place), *each]:
            held.enter_context(place_of_one.held(config_of_one))
        play = partial(_play, experiment, dataset=dataset, evaluators=evaluators, stop=stop or Stop())
        failure = None
        try:
            play(config, each)
        except Diverged as error:
            # Without its traceback, which would keep the arrays of what went wrong on the devices.
            failure = divergence.went_back(error.with_traceback(None), play, config, each)
        for config_of_one, place_of_one in each:
            evaluate.complete(place_of_one, config_of_one)
            report.write(place_of_one)
            for alarm in alarms.find(read_rows(place_of_one.metrics), config.objective.name):
                print(f"{place_of_one.folder}: {alarm}", file=sys.stderr)
        if failure:
            raise failure
    return [place_of_one for _, place_of_one in each]


def _play(
    experiment: Experiment,
    config: ConfigDict,
    each: list[tuple[ConfigDict, RunDirectory]],
    *,
    dataset: Dataset,
    evaluators: dict[str, Evaluate],
    stop: Stop,
) -> None:
    """Plays the runs from where they are to the config's last round, and closes their checkpoints."""
    runs = [_Run.of(experiment, *one) for one in each]
    with stop.put_off():
        try:
            with stop.at_once():
                states = _resume(runs)
                for one, state in zip(runs, states, strict=True):
                    one.show(state.players, int(state.step), evaluators, dataset.x)
            if states[0].step < config.steps:
                _Loop(config, evaluators, dataset, runs).play(states, stop)
            if config.steps == 0:  # a run that went back to where it started
                for one, state in zip(runs, states, strict=True):
                    one.checkpoints.save(state)
        finally:
            for one in runs:
                one.checkpoints.close()


class _Run(NamedTuple):
    """One seed's run: the experiment with that seed's streams, and where its results go."""

    config: ConfigDict
    experiment: Experiment
    place: RunDirectory
    checkpoints: Checkpoints

    @classmethod
    def of(cls, experiment: Experiment, config: ConfigDict, place: RunDirectory) -> "_Run":
        """The run of a config in its folder."""
        best = partial(best_step, place.evaluations, config.keep_best)
        checkpoints = Checkpoints(place.checkpoints, config.keep_checkpoints, best=best)
        return cls(config, experiment._replace(keys=streams(config.seed)), place, checkpoints)

    def show_samples(self, players: Players, step: int, real: np.ndarray) -> None:
        """Writes the picture of samples, from the same latents every time, or of test images' reconstructions."""
        path = self.place.sample(step)
        if "sample" in self.experiment.predict:
            pictures.samples(path, self.experiment, players, real)
        else:
            pictures.reconstructions(path, self.experiment, players, data.load(self.config.data.name, "test"))

    def show(self, players: Players, step: int, evaluators: dict[str, Evaluate], real: np.ndarray) -> None:
        """Makes the picture and the evaluation that are due after this round, as far as they are not there yet."""
        config = self.config
        if periods.falls_on(step, config.sample_every_steps, config.steps) and not self.place.sample(step).exists():
            self.show_samples(players, step, real)
        due = periods.evaluators_due(config, step) - evaluate.done(self.place, step)
        if due:
            asked = {name: measured for name, measured in evaluators.items() if name in due}
            evaluate.keep(self.place, config, step, evaluate.measure(asked, self.experiment, players))


def _resume(runs: list[_Run]) -> list[TrainState]:
    """Each run's state as of the newest checkpoint that all of them have whole, or else its first.

    What there is of later rounds goes, so that the folder is as it was then.
    """
    shapes = [jax.eval_shape(one.experiment.init, one.experiment.keys.init) for one in runs]
    found = checkpoint.newest([one.checkpoints for one in runs], shapes)
    last = -1 if found is None else int(found[0].step)
    for one in runs:
        if found is not None:
            print(f"resuming {one.place.folder} at round {last} of {one.config.steps}", file=sys.stderr)
        one.checkpoints.forget_after(last)
        one.place.forget_after(last)
        forget_after(one.place.evaluations, last)
    return found or [one.experiment.init(one.experiment.keys.init) for one in runs]


class _Loop:
    """What the runs' rounds need in common: the compiled call, the data on the devices, and what is measured."""

    def __init__(
        self,
        config: ConfigDict,
        evaluators: dict[str, Evaluate],
        dataset: Dataset,
        runs: list[_Run],
    ):
        self.config, self.runs, self.evaluators = config, runs, evaluators
        experiment = runs[0].experiment
        source = feed.resident(dataset, experiment.scale)
        self.spread = parallel.spread(*experiment.traced(source.fetch), config.seeds)
        self.arrays = parallel.replicate((source.arrays, experiment.numbers))
        self.real = dataset.x
        self.shape = (experiment.batches, config.batch_size)
        self.keys = jnp.stack([one.experiment.keys.play for one in runs])

    def play(self, states: list[TrainState], stop: Stop) -> None:
        """Plays on from these states to the config's last round, or until it is to stop: saved then, raises Stopped."""
        start, total = int(states[0].step), self.config.steps
        logs = [Log(one.place.metrics, start) for one in self.runs]
        self.watches = [alarms.Watch(self.config.objective.name, read_rows(one.place.metrics)) for one in self.runs]
        progress = Progress(total, start)
        waiting = None  # the last call's metrics: read only when the next call is under way, so that devices never wait
        state, played = self.spread.put(states), start
        try:
            for step, rounds in periods.calls(self.config, start):
                stop.check()
                state, rows = self.spread.play(state, self.arrays, *self.inputs(step, rounds))
                played = step + rounds
                if waiting:
                    self.record(logs, progress, *waiting)
                waiting = step, rounds, rows
                if periods.is_boundary(self.config, played):
                    self.record(logs, progress, *waiting)
                    waiting = None
                    self.at_boundary(logs, state, played, stop)
        except Stopped as stopped:
            if waiting:
                self.record(logs, progress, *waiting)
            outcome = self.save_early(logs, state, played)
            raise Stopped(stopped.number, f"round {played} of {total} {outcome}") from None
        finally:
            progress.close()
            for log in logs:
                log.close()

    def save_early(self, logs: list[Log], state: TrainState, step: int) -> str:
        """Saves every run after this round, whatever its period -> what became of it, in words."""
        if not self.config.checkpoint_every_steps:
            return "is not saved: config.checkpoint_every_steps is 0"
        self.save(logs, state)
        return "is saved; the same command goes on from there"

    def inputs(self, step: int, rounds: int) -> tuple[np.ndarray, int, jax.Array]:
        """The indices of `rounds` rounds after `step`, filled up to a call's length; how many to play; the keys."""
        length = min(self.config.rounds_per_call, self.config.steps)
        filled = np.zeros((len(self.runs), length, *self.shape), np.int32)
        for one, places in zip(self.runs, filled, strict=True):
            places[:rounds] = order.indices(one.config.seed, step, rounds, self.shape, len(self.real))
        return filled, rounds, self.keys

    def record(self, logs: list[Log], progress: Progress, step: int, rounds: int, rows: dict[str, jax.Array]) -> None:
        """Logs the rows of one call that fall on logging steps; shows the last of the first run."""
        metrics = [
            {name: np.asarray(value)[:rounds] for name, value in self.spread.take(rows, number).items()}
            for number in range(len(self.runs))
        ]
        divergence.check_metrics(metrics, step)
        for one, log, watch, values in zip(self.runs, logs, self.watches, metrics, strict=True):
            for row in range(rounds):
                if periods.falls_on(step + row + 1, self.config.log_every_steps, self.config.steps):
                    found = {name: float(value[row]) for name, value in values.items()}
                    log.write(step + row + 1, found)
                    for alarm in watch.see({"step": step + row + 1, **found}):
                        tqdm.write(f"{one.place.folder}: {alarm}", file=sys.stderr)
        shown = self.spread.take(rows, 0)
        progress.show(step + rounds, {name: float(value[rounds - 1]) for name, value in shown.items()})

    def at_boundary(self, logs: list[Log], state: TrainState, step: int, stop: Stop) -> None:
        """Does what is due after this round, for every run; saves first, as all else can be made from that later."""
        for log in logs:
            log.flush()
        saves = periods.falls_on(step, self.config.checkpoint_every_steps, self.config.steps)
        if saves:
            self.save(logs, state)
        with stop.at_once():
            for number, one in enumerate(self.runs):
                one.show(self.spread.take(state, number).players, step, self.evaluators, self.real)
                if saves and step < self.config.steps:
                    report.write(one.place)

    def save(self, logs: list[Log], state: TrainState) -> None:
        """Saves every run's state, once its rows so far are on disk."""
        for number, (one, log) in enumerate(zip(self.runs, logs, strict=True)):
            log.flush()
            taken = jax.device_get(self.spread.take(state, number))
            divergence.check_players(taken, number)
            one.checkpoints.save(taken)
