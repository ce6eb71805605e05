"""The loop: play some rounds as one call, log, and at each period's end show samples and save."""

import json
import logging
from contextlib import ExitStack, closing, nullcontext
from functools import partial

import jax
import numpy as np
from ml_collections import ConfigDict

from gan_jax import config as configs
from gan_jax.core.state import TrainState
from gan_jax.data import Dataset
from gan_jax.data.source import Source
from gan_jax.data.spec import DataSpec, spec_of, to_json
from gan_jax.errors import MAX_NAMES, Diverged, UserError
from gan_jax.evaluation import evaluate
from gan_jax.evaluation.evaluators.base import Evaluator
from gan_jax.evaluation.predict import kept_spec
from gan_jax.experiment import Experiment, build, make_executor, streams
from gan_jax.parallel import mapping, processes
from gan_jax.reporting import report
from gan_jax.runs import alarms, checkpoints, schedule
from gan_jax.runs.directory import RunDirectory
from gan_jax.runs.jax_settings import settings
from gan_jax.runs.logs import Log, Progress
from gan_jax.runs.rows import read_rows
from gan_jax.runs.terminal import say, unfailing
from gan_jax.training import divergence
from gan_jax.training.preflight import check_range, check_step
from gan_jax.training.records import Record
from gan_jax.training.stop import Stop, Stopped


def run(config: ConfigDict, run_dir: RunDirectory, stop: Stop | None = None) -> list[RunDirectory]:
    """Trains a config in a folder, from its newest checkpoint if it holds this run already -> where its runs lie.

    With `config.seeds` above 1 each seed's is a run directory of its own in the folder, as if it had run alone. Several
    processes play one run together; only the first one reads and writes the folder, and names it.

    Raises UserError before anything is written where the config, its data or the folder do not serve, or another
    process trains there; OSError where the folder cannot be written; Stopped, once all is saved, where `stop` was asked
    to; Diverged, once the last finite players are saved, where a loss is not finite any more.
    """
    mapping.check(config.batch_size, config.seeds)
    each = run_dir.by_seed(config)
    folders = each if config.seeds == 1 else [(config, run_dir), *each]
    processes.on_main(lambda: [of.check(its_config) for its_config, of in folders])
    numerics, source = settings(), Source(config.data)
    dataset = source.load(config.data.split)
    spec = spec_of(dataset)
    facts = {"data_spec": to_json(spec) | source.identity(), "jax_settings": numerics}
    processes.on_main(lambda: [kept_spec(of) for _, of in folders])  # what is damaged there is found now
    processes.on_main(lambda: [of.check_facts(facts) for _, of in folders])
    experiment = build(config, spec)
    if config.sample_every_steps and not {"sample", "reconstruct", "translate"} & experiment.predict.keys():
        raise UserError(f"config.sample_every_steps: {config.objective.name} makes nothing to show, so it must be 0")
    check_range(experiment, config, spec)
    shown = _shown(experiment, config, source)
    evaluators = evaluate.make(config, experiment, source.load)
    evaluate.check_best(config, evaluators)
    check_step(experiment, config)
    _warn(config, dataset, spec)
    facts["data_spec"] |= source.identity()  # with the splits that evaluators read
    processes.check_same("config, data and JAX's settings", json.dumps([configs.to_json(config), facts]))
    with ExitStack() as held, unfailing():
        processes.on_main(lambda: [held.enter_context(of.held(its_config, facts)) for its_config, of in folders])
        play = partial(_play, experiment, dataset=dataset, shown=shown, evaluators=evaluators, stop=stop or Stop())
        failure = None
        try:
            play(config, each)
        except Diverged as error:
            # Without its traceback, which would keep the arrays of what went wrong on the devices.
            failure = divergence.went_back(error.with_traceback(None), play, config, each)
        processes.on_main(lambda: _conclude(each, failure))
        if failure:
            raise failure
    return [of for _, of in each] if processes.is_main() else []


def _shown(experiment: Experiment, config: ConfigDict, source: Source) -> Dataset:
    """The examples that pictures show: of what samples the training ones, of autoencoders the test split."""
    if "sample" in experiment.predict or not config.sample_every_steps:
        return source.load(config.data.split)
    try:
        return source.load("test")
    except UserError as error:
        raise UserError(f"{error}; its pictures need a test split: without, set config.sample_every_steps=0") from error


def _warn(config: ConfigDict, dataset: Dataset, spec: DataSpec) -> None:
    """Says what of the labels is not used."""
    if dataset.unlabelled:
        logging.warning("the labels of %s are left out: %s", config.data.name, dataset.unlabelled)
    if spec.absent:
        names = [spec.class_names[label] if spec.class_names else str(label) for label in spec.absent]
        listed = ", ".join(names[:MAX_NAMES]) + (" ..." if len(names) > MAX_NAMES else "")
        where = f"split {dataset.split!r} of {config.data.name}"
        logging.warning("%s has no example of %d of its classes, which are not sampled: %s", where, len(names), listed)


def _conclude(each: divergence.Runs, failure: Diverged | None) -> None:
    """Writes the pages of runs that have ended, and the row of the round that ended them where it is not finite."""
    if failure:
        _, run_dir = each[failure.number]
        log = Log(run_dir.metrics, failure.step - 1)
        log.write(failure.step, failure.row)
        log.close()
    for config, run_dir in each:
        evaluate.complete(run_dir, config)
        report.write(run_dir)
        for alarm in alarms.find(read_rows(run_dir.metrics)):
            say(f"{run_dir.folder}: {alarm}")


def _play(
    experiment: Experiment,
    config: ConfigDict,
    each: divergence.Runs,
    *,
    dataset: Dataset,
    shown: Dataset,
    evaluators: dict[str, Evaluator],
    stop: Stop,
) -> None:
    """Plays the runs from where they are to the config's last round, and closes their records."""
    records = [Record(experiment, *one) for one in each] if processes.is_main() else []
    keys = [streams(its_config.seed).init for its_config, _ in each]
    shapes = [jax.eval_shape(experiment.init, key) for key in keys]
    with stop.deferred():
        try:
            with stop.nothing_to_save():
                states = processes.broadcast_from_main(lambda: _resume(experiment, keys, records, shapes), shapes)
                for record, state in zip(records, states, strict=False):
                    record.show(state.players, int(state.step), evaluators, shown)
            if states[0].step < config.steps:
                _Loop(config, experiment, evaluators, dataset, shown, records).play(states, stop)
            if config.steps == 0:  # a run that went back to where it started
                for record, state in zip(records, states, strict=False):
                    record.checkpoints.save(state)
        finally:
            for record in records:
                record.close()


def _resume(
    experiment: Experiment, keys: list[jax.Array], records: list[Record], shapes: list[TrainState]
) -> list[TrainState]:
    """Each run's state as of the newest checkpoint that all of them have whole, or else its first.

    What there is of later rounds goes, so that the folder is as it was then.
    """
    found = checkpoints.newest([record.checkpoints for record in records], shapes)
    last = -1 if found is None else int(found[0].step)
    for record in records:
        if found is not None:
            say(f"resuming {record.run_dir.folder} at round {last} of {record.config.steps}")
        record.forget_after(last)
    return found or [experiment.init(key) for key in keys]


class _Loop:
    """What the runs' rounds need in common: the compiled call, the data on the devices, and what is measured."""

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

    def play(self, states: list[TrainState], stop: Stop) -> None:
        """Plays on from these states to the config's last round, or until it is to stop: saved then, raises Stopped."""
        start, total = int(states[0].step), self.config.steps
        waiting = None  # the last call's metrics: read only when the next call is under way, so that devices never wait
        state, played = self.executor.put(states), start
        with ExitStack() as opened:
            for record in self.records:
                opened.enter_context(record.logging(start))
            self.progress = opened.enter_context(closing(Progress(total, start))) if self.records else None
            try:
                for step, rounds in schedule.calls(self.config, start):
                    stop.check()
                    state, rows = self.executor.run(state, step, rounds)
                    played = step + rounds
                    if waiting:
                        self.record(*waiting)
                    waiting = step, rounds, rows
                    if schedule.is_boundary(self.config, played):
                        self.record(*waiting)
                        waiting = None
                        with self.progress.pause() if self.progress else nullcontext():
                            self.at_boundary(state, played, stop)
            except Stopped as stopped:
                if waiting:
                    self.record(*waiting)
                outcome = self.save_early(state)
                raise Stopped(stopped.number, f"round {played} of {total} {outcome}") from None

    def save_early(self, state: TrainState) -> str:
        """Saves every run after this round, whatever its period -> what became of it, in words."""
        if not self.config.checkpoint_every_steps:
            return "is not saved: config.checkpoint_every_steps is 0"
        self.save(state)
        return "is saved; the same command goes on from there"

    def record(self, step: int, rounds: int, rows: dict[str, jax.Array]) -> None:
        """Logs the rows of one call that fall on logging steps; shows the last of the first run."""
        metrics = [
            {name: np.asarray(value)[:rounds] for name, value in self.executor.get(rows, number).items()}
            for number in range(self.config.seeds)
        ]
        divergence.check_metrics(metrics, step)
        for record, values in zip(self.records, metrics, strict=False):
            for row in range(rounds):
                if schedule.falls_on(step + row + 1, self.config.log_every_steps, self.config.steps):
                    record.write(step + row + 1, {name: float(value[row]) for name, value in values.items()})
        if self.progress:
            self.progress.show(step + rounds, {name: float(value[-1]) for name, value in metrics[0].items()})

    def at_boundary(self, state: TrainState, step: int, stop: Stop) -> None:
        """Does what is due after this round, for every run; saves first, as all else can be made from that later."""
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
        """Saves every run's state, which all processes hold, once it is finite and the same in all of them."""
        for number in range(self.config.seeds):
            taken = jax.device_get(self.executor.get(state, number))
            divergence.check_players(taken, number)
            processes.check_same(f"the players after round {taken.step}", *jax.tree.leaves(taken))
            if self.records:
                self.records[number].save(taken)
