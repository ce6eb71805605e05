"""Where a run's numbers go: metrics.jsonl (the truth), TensorBoard, and the terminal."""

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tensorboardX.proto.event_pb2 import Event, SessionLog  # pyrefly: ignore[missing-module-attribute]
from tensorboardX.proto.summary_pb2 import Summary  # pyrefly: ignore[missing-module-attribute]
from tensorboardX.record_writer import RecordWriter
from tqdm import tqdm

from gan_jax.runs.files import naming
from gan_jax.runs.rows import Row, forget_after
from gan_jax.runs.terminal import Unfailing, is_seen, say


class Events:
    """A TensorBoard event file; opened at a step, it tells TensorBoard to forget what came after it.

    Written in the caller's thread, unlike tensorboardX's SummaryWriter, so that a full disk is the caller's OSError.
    """

    def __init__(self, folder: Path, step: int):
        self._path = folder / f"events.out.tfevents.{time.time_ns()}"
        self._file = RecordWriter(str(self._path))
        self._add(file_version="brain.Event:2")
        self._add(step=step + 1, session_log=SessionLog(status=SessionLog.START))

    def write(self, step: int, values: Row) -> None:
        """Adds these values as scalars."""
        scalars = [Summary.Value(tag=name, simple_value=value) for name, value in values.items()]
        self._add(step=step, summary=Summary(value=scalars))

    def flush(self) -> None:
        """Puts all events so far on disk."""
        with naming(self._path):
            self._file.flush()

    def close(self) -> None:
        """Closes the file."""
        with naming(self._path):
            self._file.close()

    def _add(self, **fields: Any) -> None:
        with naming(self._path):
            self._file.write(Event(wall_time=time.time(), **fields).SerializeToString())


class Log:
    """Writes a row to metrics.jsonl and to TensorBoard; opened at a step, it drops what a killed run wrote after it.

    Raises OSError, which names the file.
    """

    def __init__(self, path: Path, step: int):
        kept = forget_after(path, step)
        self._start = time.monotonic() - (kept[-1]["seconds"] if kept else 0.0)
        self._path = path
        self._file = path.open("a")
        self._events = Events(path.parent, step)

    def write(self, step: int, values: Row) -> None:
        """Adds `{"step", "seconds" of training up to now, player/term ...}`."""
        seconds = round(time.monotonic() - self._start, 3)
        with naming(self._path):
            self._file.write(json.dumps({"step": step, "seconds": seconds, **values}) + "\n")
        self._events.write(step, values)

    def flush(self) -> None:
        """Puts all rows so far on disk."""
        with naming(self._path):
            self._file.flush()
        self._events.flush()

    def close(self) -> None:
        """Writes out what is left and closes the files."""
        with naming(self._path):
            self._file.close()
        self._events.close()


class Progress:
    """Rounds played, rounds/s, losses and time left: a bar on a terminal, now and then a plain line elsewhere.

    The rate is that of play alone. The time left counts pauses as well, as they will come again. What compiles counts
    in neither: the first call, and the first pause, in which pictures and evaluators do.
    """

    def __init__(
        self, total: int, start: int, *, every_seconds: float = 10.0, clock: Callable[[], float] = time.monotonic
    ):
        self._plain = not is_seen()
        self._bar = tqdm(
            total=total,
            initial=start,
            unit="round",
            disable=self._plain,
            dynamic_ncols=True,
            bar_format="{l_bar}{bar}| {n_fmt}/{total_fmt} [{elapsed}{postfix}]",
            file=Unfailing(sys.stderr),
        )
        self._total, self._every, self._clock = total, every_seconds, clock
        self._said = clock()
        self._compiled: tuple[int, float] | None = None  # the first call: up to which round, and when it was over
        self._pauses, self._paused, self._repeated = 0, 0.0, 0.0  # how many; seconds of all, and of all but the first

    def show(self, step: int, values: Row) -> None:
        """Shows how far the run is, with the losses among these values."""
        now = self._clock()
        losses = [f"{name} {value:.3f}" for name, value in values.items() if name.endswith("/loss")]
        words = [*self._rate(step, now), *losses]
        if not self._plain:
            self._bar.set_postfix_str(", ".join(words), refresh=False)
            self._bar.update(step - self._bar.n)
        elif now - self._said >= self._every or step == self._total:
            self._said = now
            say("  ".join([f"round {step}/{self._total}", *words]))

    @contextmanager
    def pause(self) -> Iterator[None]:
        """What is done here is no play: pictures, evaluations, saving."""
        began = self._clock()
        try:
            yield
        finally:
            seconds = self._clock() - began
            self._paused += seconds
            self._repeated += seconds if self._pauses else 0.0
            self._pauses += 1

    def close(self) -> None:
        """Leaves the last state on the terminal."""
        self._bar.close()

    def _rate(self, step: int, now: float) -> list[str]:
        """Rounds/s and the time left, in words; nothing as long as only the first call, which compiles, is over."""
        if self._compiled is None:
            self._compiled = step, now
        first, since = self._compiled
        rounds, seconds = step - first, now - since - self._paused
        if rounds <= 0 or seconds <= 0:
            return []
        left = (self._total - step) * (seconds + self._repeated) / rounds
        return [f"{rounds / seconds:.1f} rounds/s", f"{tqdm.format_interval(left)} left"]


def say_above_bar(line: str) -> None:
    """Says a line where a bar of Progress may be."""
    tqdm.write(line, file=Unfailing(sys.stderr))
