"""The training loop: trains several steps per call, logs them, and shows samples, evaluates and saves on schedule."""

import json
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing, nullcontext
from functools import partial
from typing import Any

import jax
import numpy as np
from ml_collections import ConfigDict

from gan_jax import config as configs
from gan_jax.core.state import TrainState
from gan_jax.data import Dataset
from gan_jax.data.source import Source
from gan_jax.data.spec import spec_of, to_json
from gan_jax.errors import Diverged
from gan_jax.evaluation import evaluate
from gan_jax.evaluation.evaluators.base import Evaluator
from gan_jax.evaluation.predict import kept_spec
from gan_jax.experiments import Experiment, held, make_executor, streams
from gan_jax.parallel import mapping, processes
from gan_jax.reporting import report
from gan_jax.runs import alarms, checkpoints, schedule, trackers
from gan_jax.runs.directory import RunDirectory
from gan_jax.runs.jax_settings import settings
from gan_jax.runs.logs import Log, Progress
from gan_jax.runs.rows import read_rows
from gan_jax.runs.terminal import inform, say, unfailing
from gan_jax.training import announce, divergence
from gan_jax.training.origin import Origin
from gan_jax.training.preflight import check_data, load, prepare
from gan_jax.training.records import Record
from gan_jax.training.stop import Stop, Stopped


def run(config: ConfigDict, run_dir: RunDirectory, stop: Stop | None = None) -> list[RunDirectory]:
    """Trains a config in a folder, from the newest checkpoint of this run there. Returns the run's directories.

    With `config.seeds` above 1 each seed has its own run directory in the folder, as if trained alone. If several
    processes train one run together, only the first one reads and writes the folder, and the others return [].

    Raises:
        UserError: before anything is written, if the config, its data or the folder do not fit, or another process
            trains there.
        OSError: if the folder cannot be written.
        Stopped: if a stop was requested, after everything is saved.
        Diverged: if a loss is no longer finite, after the last finite players are saved.
    """
    mapping.check(config.batch_size, config.seeds, config.accumulate)
    processes.on_main(lambda: trackers.check(config.trackers))
    runs = run_dir.by_seed(config)
    folders = runs if config.seeds == 1 else [(config, run_dir), *runs]
    processes.on_main(lambda: [folder.check(its_config) for its_config, folder in folders])
    numerics, source = settings(), Source(config.data)
    dataset = load(config, source)
    spec = spec_of(dataset)
    provenance = {"data_spec": to_json(spec) | source.identity(), "jax_settings": numerics}
    processes.on_main(lambda: _check_provenance([folder for _, folder in folders], provenance))
    experiment, evaluators, shown = prepare(config, spec, source)
    shapes = jax.eval_shape(experiment.init, streams(config.seed).init)
    provenance["parameters"] = announce.parameters(shapes.players)
    check_data(config, dataset, spec)
    provenance["data_spec"] |= source.identity()  # now with evaluators' splits
    origin = Origin(config, experiment, run_dir)
    processes.on_main(lambda: origin.check([folder for _, folder in runs]))
    processes.check_same("config, data and JAX's settings", json.dumps([configs.to_json(config), provenance]))
    with ExitStack() as locks, unfailing():
        told = provenance | origin.provenance
        processes.on_main(lambda: [locks.enter_context(folder.locked(one, told)) for one, folder in folders])
        known = {"dataset": dataset, "shown": shown, "evaluators": evaluators, "stop": stop or Stop()}
        train, failure = partial(_train, experiment, origin=origin, **known), None
        try:
            train(config, runs)
        except Diverged as error:
            # Its traceback would keep the arrays of the failed call on the devices.
            failure = divergence.restore_last_finite(error.with_traceback(None), train, config, runs)
        processes.on_main(lambda: _conclude(runs, failure))
        if failure:
            raise failure
    return [folder for _, folder in runs] if processes.is_main() else []


def _check_provenance(folders: Sequence[RunDirectory], provenance: Mapping[str, Any]) -> None:
    for folder in folders:
        kept_spec(folder)  # raises if config.json is damaged
        folder.check_provenance(provenance)


def _conclude(runs: divergence.Runs, failure: Diverged | None) -> None:
    """Writes the HTML pages of runs that have ended. After a failure it logs the row of the failed step first."""
    if failure:
        _, run_dir = runs[failure.number]
        log = Log(run_dir.metrics, failure.step - 1)
        log.write(failure.step, failure.row)
        log.close()
    for config, run_dir in runs:
        evaluate.complete(run_dir, config)
        report.write(run_dir)
        for alarm in alarms.find(read_rows(run_dir.metrics)):
            say(f"{run_dir.folder}: {alarm}")


def _train(
    experiment: Experiment,
    config: ConfigDict,
    runs: divergence.Runs,
    *,
    origin: Origin,
    dataset: Dataset,
    shown: Dataset,
    evaluators: dict[str, Evaluator],
    stop: Stop,
) -> None:
    """Trains the runs from their newest common checkpoint to the config's last step, and closes their records."""
    records = [Record(experiment, *one) for one in runs] if processes.is_main() else []
    keys = [streams(its_config.seed).init for its_config, _ in runs]
    shapes = [jax.eval_shape(experiment.init, key) for key in keys]
    with stop.deferred():
        try:
            with stop.nothing_to_save():
                states = processes.broadcast_from_main(lambda: _resume(origin, keys, records, shapes), shapes)
                for record, state in zip(records, states, strict=False):
                    if state.step < config.steps:
                        record.open_log(int(state.step))
                    record.show(state.players, int(state.step), evaluators, shown)
            first_of_another = config.init_from and config.checkpoint_every_steps and states[0].step == 0
            if config.steps == 0 or first_of_another:  # the last finite state, or one whose origin may change
                for record, state in zip(records, states, strict=False):
                    record.checkpoints.save(state)
            if states[0].step < config.steps:
                if records:
                    announce.start(dataset, announce.parameters(states[0].players), ": ".join(held(config, dataset)))
                _Loop(config, experiment, evaluators, dataset, shown, records).train(states, stop)
        finally:
            for record in records:
                record.close()


def _resume(origin: Origin, keys: list[jax.Array], records: list[Record], shapes: list[TrainState]) -> list[TrainState]:
    """Returns each run's state at the newest step for which all have an undamaged checkpoint, or its first state.

    Deletes everything from later steps in the folders.
    """
    saved = checkpoints.newest([record.checkpoints for record in records], shapes)
    step = -1 if saved is None else int(saved[0].step)
    for record in records:
        if saved is not None:
            inform(f"resuming {record.run_dir.folder} at step {step} of {record.config.steps}")
        record.forget_after(step)
    return saved or [origin.first(key) for key in keys]


class _Loop:
    """The steps of all runs together: the compiled call, the data on the devices, and the evaluators."""

    def __init__(
        self,
        config: ConfigDict,
        experiment: Experiment,
        evaluators: dict[str, Evaluator],
        dataset: Dataset,
        shown: Dataset,
        records: list[Record],
    ):
        self.config, self.evaluators, self.records = config, evaluators, records
        self.executor = make_executor(config, experiment, dataset)
        self.shown = shown

    def train(self, states: list[TrainState], stop: Stop) -> None:
        """Trains from these states to the config's last step. Raises Stopped, after saving, if a stop was requested."""
        start, total = int(states[0].step), self.config.steps
        waiting = None  # the last call's metrics, read while the next call runs, so that devices never wait
        state, reached = self.executor.put(states), start
        with ExitStack() as opened:
            opened.callback(self.executor.close)
            self.progress = opened.enter_context(closing(Progress(total, start))) if self.records else None
            try:
                for (step, steps), following in schedule.with_next(schedule.calls(self.config, start)):
                    stop.check()
                    with self.progress.compiling() if self.progress and step == start else nullcontext():
                        state, rows = self.executor.run(state, step, steps)
                    reached = step + steps
                    if following:
                        self.executor.prefetch(*following)
                    if waiting:
                        self.record(*waiting)
                    waiting = step, steps, rows
                    if schedule.is_boundary(self.config, reached):
                        self.record(*waiting)
                        waiting = None
                        with self.progress.pause() if self.progress else nullcontext():
                            self.at_boundary(state, reached, stop)
            except Stopped as stopped:
                if waiting:
                    self.record(*waiting)
                outcome = self.save_early(state)
                raise Stopped(stopped.number, f"step {reached} of {total} {outcome}") from None

    def save_early(self, state: TrainState) -> str:
        """Saves every run at this step, regardless of the schedule. Returns a description of the outcome."""
        if not self.config.checkpoint_every_steps:
            return "is not saved: config.checkpoint_every_steps is 0"
        self.save(state)
        return "is saved; the same command resumes from there"

    def record(self, step: int, steps: int, rows: dict[str, jax.Array]) -> None:
        """Logs the rows of one call that are due, and shows the last row of the first run."""
        metrics = [
            {name: np.asarray(value)[:steps] for name, value in self.executor.get(rows, number).items()}
            for number in range(self.config.seeds)
        ]
        divergence.check_metrics(metrics, step)
        for record, values in zip(self.records, metrics, strict=False):
            for row in range(steps):
                if schedule.falls_on(step + row + 1, self.config.log_every_steps, self.config.steps):
                    record.write(step + row + 1, {name: float(value[row]) for name, value in values.items()})
        if self.progress:
            self.progress.show(step + steps, {name: float(value[-1]) for name, value in metrics[0].items()})

    def at_boundary(self, state: TrainState, step: int, stop: Stop) -> None:
        """Does what is due: saves, shows samples, evaluates, reports. It saves first: the rest can be made later."""
        for record in self.records:
            record.flush()
        saves = schedule.falls_on(step, self.config.checkpoint_every_steps, self.config.steps)
        if saves:
            self.save(state)
        with stop.interruptible():
            for number, record in enumerate(self.records):
                record.show(self.executor.get(state, number).players, step, self.evaluators, self.shown)
                if saves and step < self.config.steps:
                    report.write(record.run_dir)

    def save(self, state: TrainState) -> None:
        """Saves every run's state, after checking that it is finite and the same in all processes."""
        for number in range(self.config.seeds):
            one_run = jax.device_get(self.executor.get(state, number))
            divergence.check_players(one_run, number)
            processes.check_same(f"the players after step {one_run.step}", *jax.tree.leaves(one_run))
            if self.records:
                self.records[number].save(one_run)
