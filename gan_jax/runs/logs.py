"""Logs of a run's metrics: metrics.jsonl, the source of everything else, trackers, and the terminal."""

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tqdm import tqdm

from gan_jax.runs.files import naming
from gan_jax.runs.rows import Row, forget_after
from gan_jax.runs.terminal import Unfailing, inform, is_seen, say_above_bar, wants_progress
from gan_jax.runs.trackers import Trackers


class Log:
    """Writes rows to metrics.jsonl and to trackers. Opening it at a step drops the rows of later steps.

    Its methods raise OSError, with the file's name.
    """

    def __init__(self, path: Path, step: int, *, trackers: str = "", values: Mapping[str, Any] = MappingProxyType({})):
        kept = forget_after(path, step)
        self._start = time.monotonic() - (kept[-1]["seconds"] if kept else 0.0)
        self._path = path
        self._file = path.open("a")
        self.trackers = Trackers(path.parent, step, trackers, values)

    def write(self, step: int, values: Row) -> None:
        """Writes `{"step", "seconds" of training up to now, player/term ...}`."""
        seconds = round(time.monotonic() - self._start, 3)
        with naming(self._path):
            self._file.write(json.dumps({"step": step, "seconds": seconds, **values}) + "\n")
        self.trackers.write(step, values)

    def flush(self) -> None:
        """Writes all rows so far to disk."""
        with naming(self._path):
            self._file.flush()
        self.trackers.flush()

    def close(self) -> None:
        """Writes what is buffered, and closes the files."""
        with naming(self._path):
            self._file.close()
        self.trackers.close()


class Progress:
    """The progress of a run: steps, steps/s, time left and losses, as a bar on a terminal, otherwise as lines.

    The rate counts only training. The time left includes pauses, since they will recur. Neither counts the
    first call and the first pause, in which JAX compiles.
    """

    def __init__(
        self, total: int, start: int, *, every_seconds: float = 10.0, clock: Callable[[], float] = time.monotonic
    ):
        self._plain = not is_seen() or not wants_progress()
        self._bar = tqdm(
            total=total,
            initial=start,
            unit="step",
            disable=self._plain,
            dynamic_ncols=True,
            bar_format="{l_bar}{bar}| {n_fmt}/{total_fmt} [{elapsed}{postfix}]",
            file=Unfailing(sys.stderr),
        )
        self._total, self._every, self._clock = total, every_seconds, clock
        self._printed = clock()
        self._compiled: tuple[int, float] | None = None  # after the first call: the step and the time
        self._pauses, self._paused, self._repeated = 0, 0.0, 0.0  # count; seconds of all, and of all but the first

    def show(self, step: int, values: Row) -> None:
        """Shows the step, the rate, the time left and the losses among these values."""
        now = self._clock()
        losses = [f"{name} {value:.3f}" for name, value in values.items() if name.endswith("/loss")]
        words = [*self._rate(step, now), *losses]
        if not self._plain:
            self._bar.set_postfix_str(", ".join(words), refresh=False)
            self._bar.update(step - self._bar.n)
        elif now - self._printed >= self._every or step == self._total:
            self._printed = now
            inform("  ".join([f"step {step}/{self._total}", *words]))

    @contextmanager
    def compiling(self) -> Iterator[None]:
        """Marks the first call, which compiles, and prints how long it took."""
        began = self._clock()
        if wants_progress():
            say_above_bar("compiling ...")
        yield
        if wants_progress():
            say_above_bar(f"compiled in {self._clock() - began:.1f} s")

    @contextmanager
    def pause(self) -> Iterator[None]:
        """Marks work that is not training: figures, evaluations, saving."""
        began = self._clock()
        try:
            yield
        finally:
            seconds = self._clock() - began
            self._paused += seconds
            self._repeated += seconds if self._pauses else 0.0
            self._pauses += 1

    def close(self) -> None:
        """Closes the bar, which stays visible on the terminal."""
        self._bar.close()

    def _rate(self, step: int, now: float) -> list[str]:
        """Returns steps/s and the time left, as text; [] until the second call is over, as the first one compiles."""
        if self._compiled is None:
            self._compiled = step, now
        first, since = self._compiled
        steps, seconds = step - first, now - since - self._paused
        if steps <= 0 or seconds <= 0:
            return []
        left = (self._total - step) * (seconds + self._repeated) / steps
        return [f"{steps / seconds:.1f} steps/s", f"{tqdm.format_interval(left)} left"]
