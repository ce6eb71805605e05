"""Trackers: further destinations of a run's rows, pictures and hyper-parameters.

TensorBoard's events are always written. `config.trackers` names others: `wandb` (Weights & Biases), `mlflow`, or
your own as `package.module:Class`. Each uses its own client, which is imported only then and is configured by its own
environment variables: WANDB_PROJECT, WANDB_MODE, MLFLOW_TRACKING_URI, MLFLOW_EXPERIMENT_NAME and others.
A resumed run continues the tracker's run that it began: trackers.json in its folder keeps the ID.
"""

import importlib.util
import json
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from PIL import Image
from tensorboardX.proto.event_pb2 import Event, SessionLog  # pyrefly: ignore[missing-module-attribute]
from tensorboardX.proto.summary_pb2 import Summary  # pyrefly: ignore[missing-module-attribute]
from tensorboardX.record_writer import RecordWriter
from tensorboardX.summary import hparams

from gan_jax.errors import UserError, one_line, reraise_as, suggestions
from gan_jax.resolve import outside
from gan_jax.runs.files import atomically, naming
from gan_jax.runs.rows import Row
from gan_jax.runs.terminal import say

Values = Mapping[str, Any]


class Tracker(Protocol):
    """A destination for rows and pictures, made by `(folder, values, run_id)`.

    folder: the run's folder. values: the config's, by dotted field. run_id: the ID of the tracker's run to continue, or
    None; the attribute of this name holds the ID. A static method `reach`, if there is one, is called before anything
    is written: it raises an error if the destination cannot be used.
    """

    run_id: str

    def write(self, step: int, values: Row) -> None:
        """Sends these numbers of a step."""

    def picture(self, step: int, path: Path) -> None:
        """Sends the PNG file of a step's samples."""

    def close(self) -> None:
        """Ends the run there, after all is sent."""


class TensorBoard:
    """A TensorBoard event file. Opened at a step, it tells TensorBoard to forget later steps.

    Unlike tensorboardX's SummaryWriter it writes in the caller's thread, so that the caller gets the OSError of a full
    disk.
    """

    def __init__(self, folder: Path, step: int, values: Values):
        self._path = folder / f"events.out.tfevents.{time.time_ns()}"
        self._file = RecordWriter(str(self._path))
        self._add(file_version="brain.Event:2")
        self._add(step=step + 1, session_log=SessionLog(status=SessionLog.START))
        if values:
            players = {field.split(".")[1] for field in values if field.startswith("players.")}
            simple = {name: v if isinstance(v, bool | str | int | float) else str(v) for name, v in values.items()}
            for summary in hparams(simple, {f"{player}/loss": 0 for player in sorted(players)}):
                self._add(summary=summary)

    def write(self, step: int, values: Row) -> None:
        """Writes these values as scalars."""
        scalars = [Summary.Value(tag=name, simple_value=value) for name, value in values.items()]
        self._add(step=step, summary=Summary(value=scalars))

    def picture(self, step: int, path: Path) -> None:
        """Writes the PNG file of a step's samples."""
        with Image.open(path, formats=["PNG"]) as picture:
            width, height = picture.size
        image = Summary.Image(encoded_image_string=path.read_bytes(), height=height, width=width, colorspace=3)
        self._add(step=step, summary=Summary(value=[Summary.Value(tag="samples", image=image)]))

    def flush(self) -> None:
        """Writes all events so far to disk."""
        with naming(self._path):
            self._file.flush()

    def close(self) -> None:
        """Closes the file."""
        with naming(self._path):
            self._file.close()

    def _add(self, **fields: Any) -> None:
        with naming(self._path):
            self._file.write(Event(wall_time=time.time(), **fields).SerializeToString())


class WandB:
    """A run of Weights & Biases. The step is a value in each row, so that a resumed run can go back to a checkpoint."""

    def __init__(self, folder: Path, values: Values, run_id: str | None):
        import wandb  # pyrefly: ignore[missing-import]

        given: dict[str, Any] = {"id": run_id, "resume": "allow"} if run_id else {}
        self._picture = wandb.Image
        self._run = wandb.init(name=folder.name, config=dict(values), reinit="create_new", **given)
        self._run.define_metric("*", step_metric="step")
        self.run_id = self._run.id

    @staticmethod
    def reach() -> None:
        """Logs in, unless WANDB_MODE is set to another mode than online."""
        import wandb  # pyrefly: ignore[missing-import]

        if os.environ.get("WANDB_MODE", "online") == "online":
            wandb.login(verify=True)

    def write(self, step: int, values: Row) -> None:
        """Sends these numbers of a step."""
        self._run.log({"step": step, **values})

    def picture(self, step: int, path: Path) -> None:
        """Sends the PNG file of a step's samples."""
        self._run.log({"step": step, "samples": self._picture(str(path))})

    def close(self) -> None:
        """Ends the run there, after all is sent."""
        self._run.finish()


class MLflow:
    """A run of MLflow, on the server or in the local store that MLFLOW_TRACKING_URI names."""

    def __init__(self, folder: Path, values: Values, run_id: str | None):
        from mlflow import MlflowClient  # pyrefly: ignore[missing-import]
        from mlflow.entities import Metric, Param  # pyrefly: ignore[missing-import]

        self._client, self._metric = MlflowClient(), Metric
        if run_id:
            self._client.update_run(run_id, "RUNNING")
        else:
            name = os.environ.get("MLFLOW_EXPERIMENT_NAME", "gan_jax")
            found = self._client.get_experiment_by_name(name)
            experiment = found.experiment_id if found else self._client.create_experiment(name)
            run_id = self._client.create_run(experiment, run_name=folder.name).info.run_id
            params = [Param(field, str(value)[:500]) for field, value in values.items()]
            for start in range(0, len(params), 100):  # a server's limit per call
                self._client.log_batch(run_id, params=params[start : start + 100])
        self.run_id: str = run_id

    @staticmethod
    def reach() -> None:
        """Asks for an experiment. Retries only once, while the client would retry for minutes."""
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
        from mlflow import MlflowClient  # pyrefly: ignore[missing-import]

        MlflowClient().search_experiments(max_results=1)

    def write(self, step: int, values: Row) -> None:
        """Sends these numbers of a step."""
        now = int(time.time() * 1000)
        self._client.log_batch(self.run_id, [self._metric(name, value, now, step) for name, value in values.items()])

    def picture(self, step: int, path: Path) -> None:
        """Sends the PNG file of a step's samples."""
        self._client.log_artifact(self.run_id, str(path), "samples")

    def close(self) -> None:
        """Ends the run there, after all is sent."""
        self._client.set_terminated(self.run_id)


KNOWN: dict[str, Callable[..., Tracker]] = {"wandb": WandB, "mlflow": MLflow}
"""Trackers by their names in configs, which are their clients' packages too."""


def check(names: str) -> None:
    """Raises UserError if one of `config.trackers` is unknown, not installed or cannot be reached."""
    for name, make in _named(names):
        if name in KNOWN and importlib.util.find_spec(name) is None:
            raise UserError(f"config.trackers: {name} is not installed: pip install {name}")
        with reraise_as(f"config.trackers: {name} cannot be used"):
            getattr(make, "reach", lambda: None)()


class Trackers:
    """The trackers of one run, TensorBoard included. If another one fails, it is dropped with a warning."""

    def __init__(self, folder: Path, step: int, names: str, values: Values):
        path = folder / "trackers.json"
        self._others: dict[str, Tracker] = {}
        with reraise_as(f"{path} is damaged: delete it to start a new run in each tracker"):
            kept = json.loads(path.read_text()) if path.is_file() else {}
        for name, make in _named(names):
            with reraise_as(f"config.trackers: {name} cannot be used"):
                self._others[name] = make(folder, values, kept.get(name))
        if self._others:
            with atomically(path) as file:
                file.write(json.dumps(kept | {name: one.run_id for name, one in self._others.items()}).encode())
        self._events = TensorBoard(folder, step, values)

    def write(self, step: int, values: Row) -> None:
        """Sends these numbers of a step. Raises OSError if TensorBoard's file cannot be written."""
        self._events.write(step, values)
        self._each(lambda tracker: tracker.write(step, values))

    def picture(self, step: int, path: Path) -> None:
        """Sends the PNG file of a step's samples. Raises OSError as `write` does."""
        self._events.picture(step, path)
        self._each(lambda tracker: tracker.picture(step, path))

    def flush(self) -> None:
        """Writes all events so far to disk."""
        self._events.flush()

    def close(self) -> None:
        """Closes all trackers. Raises OSError as `write` does."""
        self._each(lambda tracker: tracker.close())
        self._events.close()

    def _each(self, send: Callable[[Tracker], None]) -> None:
        for name, tracker in list(self._others.items()):
            try:
                send(tracker)
            except Exception as error:  # from any client: training must not fail because of it
                say(f"warning: config.trackers: {name}: {one_line(error)}: nothing more is sent to it in this run")
                del self._others[name]


def _named(names: str) -> list[tuple[str, Callable[..., Tracker]]]:
    """Returns a config's trackers with their names. Raises UserError for one that does not exist."""
    found = []
    for name in filter(None, (part.strip() for part in names.split(","))):
        if name not in KNOWN and ":" not in name:
            raise UserError(f"config.trackers is {names!r}: {suggestions(name, KNOWN)}, or package.module:Class")
        found.append((name, KNOWN[name] if name in KNOWN else outside(name, "trackers")))
    return found
