"""Stopping by signals: a signal ends a run where nothing is lost, and a second SIGTERM or SIGINT ends it at once.

Several processes that train one run all stop at the same step, whichever of them receives the signal.
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from types import FrameType
from typing import Any

URGENT = (signal.SIGTERM, signal.SIGINT)
# Sent by schedulers and lost terminals: each of these kills a process that does not handle it.
SIGNALS = (*URGENT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGXCPU)
MOMENT = 0.5  # seconds within which a repeated signal is the same request: timeout(1) sends each one twice


class Stopped(BaseException):
    """The end of a command that a signal stopped.

    It is a BaseException, like KeyboardInterrupt, so that no error handler catches it. The exit status is 0
    if stopping counts as success, as in training, but 130 after SIGINT, as in shells.

    Attributes:
        number: the signal.
        status: the exit status.
    """

    def __init__(self, number: int, outcome: str = "there was nothing to save", *, good: bool = True):
        self.number = number
        self.status = 0 if good and number != signal.SIGINT else 128 + number
        super().__init__(f"stopped by {signal.Signals(number).name}: {outcome}")


class Stop:
    """A request to stop the process, made by signals.

    Within `listening` a signal ends the command at once: it calls `end_process(stopped)` if that is set, otherwise it
    raises Stopped. Within `deferred` the command ends only at a call of `check`.
    """

    def __init__(self):
        self.end_process: Callable[[Stopped], None] | None = None
        self._signal: int | None = None
        self._urged: tuple[int, float] | None = None  # the first urgent signal, and its time
        self._alone = self._training = True
        self._act: Callable[[], None] = self._wait
        self._outside: Callable[[], None] = self._wait  # outside of `deferred`
        self._agreed: Callable[[int], int] = lambda number: number

    @property
    def is_requested(self) -> bool:
        """Returns True after a signal."""
        return self._signal is not None

    def take(self) -> None:
        """Handles the signals from now on. Until `listening` a signal is only noted."""
        for number in _handled():
            signal.signal(number, self._take)

    def ignore(self) -> None:
        """Ignores the signals from now on, as the work is done."""
        for number in _handled():
            signal.signal(number, signal.SIG_IGN)

    @contextmanager
    def listening(self, *, training: bool = True) -> Iterator["Stop"]:
        """Handles the signals within the block, in the process's main thread. In other threads it does nothing."""
        self._training = training
        with handled_by(self._take), _unraised():
            self._act = self._end
            try:
                if self.is_requested:
                    self._end()
                yield self
            finally:
                self._act = self._wait

    def synchronize(self, agreed: Callable[[int], int]) -> None:
        """Makes several processes stop together: only `check` ends the command from now on.

        agreed: maps the signal of this process, 0 for none, to the signal to stop with. All processes must call
            `check` equally often.
        """
        self._agreed, self._alone, self._act = agreed, False, self._wait

    def check(self) -> None:
        """Raises Stopped after a signal."""
        if number := self._agreed(self._signal or 0):
            self._signal = number
            raise self._stopped(number)

    @contextmanager
    def deferred(self) -> Iterator[None]:
        """Keeps signals from interrupting the block, which calls `check` wherever it can end."""
        self._outside, self._act = self._act, self._wait
        try:
            yield
        finally:
            self._act = self._outside

    def nothing_to_save(self) -> AbstractContextManager[None]:
        """Returns a context within `deferred` in which a signal ends the command at once, as outside of it."""
        return self._interruptible_by(self._outside)

    def interruptible(self) -> AbstractContextManager[None]:
        """Returns a context within `deferred` in which a signal raises Stopped anywhere, so that the state is saved."""
        return self._interruptible_by(self._raise)

    @contextmanager
    def _interruptible_by(self, act: Callable[[], None]) -> Iterator[None]:
        if not self._alone:
            self.check()
            yield
            return
        try:
            self._act = act
            self.check()
            yield
        except Exception:
            if self.is_requested:  # the interrupted code may have raised its own error
                self.check()
            raise
        finally:
            self._act = self._wait
        self.check()  # the interrupted code may have swallowed the exception

    def _stopped(self, number: int) -> Stopped:
        return Stopped(number) if self._training else Stopped(number, "the command was not finished", good=False)

    def _wait(self) -> None:
        pass

    def _raise(self) -> None:
        raise self._stopped(self._signal or signal.SIGTERM)

    def _end(self) -> None:
        if self.end_process is None:
            self._raise()
        else:
            self._act = self._wait
            self.end_process(self._stopped(self._signal or signal.SIGTERM))

    def _take(self, number: int, frame: FrameType | None) -> None:
        del frame
        if self._is_hurry(number):
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        self._signal = self._signal or number
        self._act()

    def _is_hurry(self, number: int) -> bool:
        """Returns True for a second urgent signal. Lost terminals and shutdowns send their own signals repeatedly."""
        if number not in URGENT:
            return False
        now = time.monotonic()
        if self._urged is None:
            self._urged = number, now
            return False
        return number != self._urged[0] or now - self._urged[1] >= MOMENT


def _handled() -> list[signal.Signals]:
    """Returns the signals to handle, except those that the process was started to ignore, such as by nohup."""
    return [number for number in SIGNALS if number in URGENT or signal.getsignal(number) is not signal.SIG_IGN]


@contextmanager
def handled_by(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Sends signals to this handler within the block, in the process's main thread. Elsewhere it does nothing."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, handler) for number in _handled()}
    try:
        yield
    finally:
        for number, former in before.items():
            signal.signal(number, former)


@contextmanager
def _unraised() -> Iterator[None]:
    """Hides the message of a Stopped that Python ignores, as in `__del__`. `check` raises it again later."""
    before = sys.unraisablehook

    def hook(unraisable: Any, /) -> None:
        if not isinstance(unraisable.exc_value, Stopped):
            before(unraisable)

    sys.unraisablehook = hook
    try:
        yield
    finally:
        if sys.unraisablehook is hook:
            sys.unraisablehook = before
