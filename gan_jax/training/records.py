"""Records write a run's rows, figures, evaluations and checkpoints. Only the process that writes has them."""

from functools import partial

from jax import random
from ml_collections import ConfigDict

from gan_jax.config.values import flatten
from gan_jax.core.state import Players, TrainState
from gan_jax.data import Dataset
from gan_jax.evaluation import evaluate
from gan_jax.evaluation.evaluators.base import Evaluator
from gan_jax.evaluation.samples import Samples
from gan_jax.experiments import Experiment, streams
from gan_jax.reporting import figures, images
from gan_jax.runs import alarms, schedule
from gan_jax.runs.checkpoints import Checkpoints
from gan_jax.runs.directory import RunDirectory
from gan_jax.runs.logs import Log
from gan_jax.runs.rows import Row, best_step, forget_after, read_rows
from gan_jax.runs.terminal import say_above_bar


class Record:
    """The record of one seed's run in its folder. Checkpoints are open until `close`, the log from `open_log` on."""

    def __init__(self, experiment: Experiment, config: ConfigDict, run_dir: RunDirectory):
        self.config, self.run_dir = config, run_dir
        self.experiment = experiment._replace(keys=streams(config.seed))
        best = partial(best_step, run_dir.evaluations, config.keep_best)
        self.checkpoints = Checkpoints(run_dir.checkpoints, config.keep_checkpoints, best=best)
        self._log: Log | None = None  # None for a run that has ended

    def forget_after(self, step: int) -> None:
        """Deletes everything from later steps in the folder."""
        self.checkpoints.forget_after(step)
        self.run_dir.forget_after(step)
        forget_after(self.run_dir.evaluations, step)

    def open_log(self, step: int) -> None:
        """Opens the log for the rows of steps after this one, and the run's trackers."""
        values = dict(flatten(self.config.to_dict()))
        self._log = Log(self.run_dir.metrics, step, trackers=self.config.trackers, values=values)
        self._monitor = alarms.Monitor(read_rows(self.run_dir.metrics))

    def write(self, step: int, values: Row) -> None:
        """Writes a row, and prints the alarms that it triggers."""
        assert self._log is not None
        self._log.write(step, values)
        for alarm in self._monitor.update({"step": step, **values}):
            say_above_bar(f"{self.run_dir.folder}: {alarm}")

    def flush(self) -> None:
        """Writes all rows so far to disk."""
        if self._log:
            self._log.flush()

    def save(self, state: TrainState) -> None:
        """Saves a state of NumPy arrays, after writing all rows so far to disk."""
        self.flush()
        self.checkpoints.save(state)

    def show(self, players: Players, step: int, evaluators: dict[str, Evaluator], shown: Dataset) -> None:
        """Writes the figure and the evaluation that are due at this step, unless they exist.

        shown: the examples that figures show.
        """
        config = self.config
        if schedule.falls_on(step, config.sample_every_steps, config.steps) and not self.run_dir.sample(step).exists():
            self.show_samples(players, step, shown)
            if self._log:
                self._log.trackers.picture(step, self.run_dir.sample(step))
        due = schedule.evaluators_due(config, step) - evaluate.done(self.run_dir, step)
        if due:
            chosen = {name: evaluator for name, evaluator in evaluators.items() if name in due}
            measured = evaluate.measure(chosen, self.experiment, players)
            evaluate.keep(self.run_dir, config, step, measured)
            if self._log:
                numbers = {name: value for name, value in measured.items() if not isinstance(value, str)}
                self._log.trackers.write(step, numbers)

    def show_samples(self, players: Players, step: int, shown: Dataset) -> None:
        """Writes the figure: samples, always from the same latents, or otherwise reconstructions or translations."""
        path = self.run_dir.sample(step)
        if "sample" not in self.experiment.predict:
            figures.examples(path, self.experiment, players, shown)
            return
        if shown.x.ndim == 4:
            if not self.run_dir.real.exists():
                figures.real(self.run_dir.real, shown)
            if step == self.config.steps and "interpolate" in self.experiment.predict:
                keys = random.split(self.experiment.keys.sample, images.WALKS)
                figures.walks(self.run_dir.walks, self.experiment, players, keys, shown.x)
                plane = Samples(self.experiment, players, self.config.seed).plane(images.ALONG)
                if plane.size:
                    small = images.reduced(plane, images.PLANE)  # for the report, which is one file
                    images.save_png(self.run_dir.plane, images.grid(small, images.ALONG))
        figures.samples(path, self.experiment, players, shown.x)  # last: if it exists, so do the others

    def close(self) -> None:
        """Closes the log, and waits for the checkpoint being written; raises UserError if that failed."""
        try:
            if self._log:
                self._log.close()
        finally:
            self.checkpoints.close()
