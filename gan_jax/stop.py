"""Being asked to stop: SIGTERM and SIGINT end a run where it loses nothing, a second one of them at once.

Of several processes that play one run all stop in the same round, whichever of them is asked to.
"""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from types import FrameType

SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Stopped(BaseException):
    """A run that was asked to stop has stopped; says what became of it.

    No Exception, as KeyboardInterrupt is none, so that no handler of errors on its way takes it for one.
    """

    def __init__(self, number: int, outcome: str = "nothing was under way that has to be saved"):
        self.number = number
        super().__init__(f"stopped by {signal.Signals(number).name}: {outcome}")

    @property
    def status(self) -> int:
        """The exit status: 0 after SIGTERM, which asked for just this; 130 after SIGINT, as shells have it."""
        return 0 if self.number == signal.SIGTERM else 128 + self.number


class Stop:
    """Whether the process was asked to stop: raises Stopped at once, or in `put_off` only where it is asked."""

    def __init__(self):
        self._asked: int | None = None
        self._at_once = self._alone = True
        self._agreed: Callable[[int], int] = lambda number: number

    @contextmanager
    def listening(self) -> Iterator["Stop"]:
        """Takes the signals, in a process's main thread; in others they go where they went."""
        with _handled_by(self._take):
            yield self

    def unheard(self) -> AbstractContextManager[None]:
        """What is done here a signal ends at once, and the process: it waits where Python runs no handlers."""
        return _handled_by(signal.SIG_DFL)

    def agree(self, agreed: Callable[[int], int]) -> None:
        """From now on nothing is broken off, and `check` goes by what the processes agree on.

        `agreed(the signal taken here, 0 for none) -> the signal to stop by`; all of them call `check` alike.
        """
        self._agreed, self._alone, self._at_once = agreed, False, False

    def check(self) -> None:
        """Raises Stopped where the process was asked to stop."""
        if number := self._agreed(self._asked or 0):
            raise Stopped(number)

    @contextmanager
    def put_off(self) -> Iterator[None]:
        """What is done here is not broken off; it calls `check` where it can end."""
        self._at_once = False
        try:
            yield
        finally:
            self._at_once = self._alone

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """What is done here, within `put_off`, can be broken off anywhere."""
        self._at_once = self._alone
        try:
            self.check()
            yield
        finally:
            self._at_once = False

    def _take(self, number: int, frame: FrameType | None) -> None:
        del frame
        if self._asked is not None:  # a second time: somebody is in a hurry
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        self._asked = number
        if self._at_once:
            raise Stopped(number)


@contextmanager
def _handled_by(handler: Callable[[int, FrameType | None], None] | signal.Handlers) -> Iterator[None]:
    """Signals go to this handler, in a process's main thread; in others they go where they went."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, handler) for number in SIGNALS}
    try:
        yield
    finally:
        for number, former in before.items():
            signal.signal(number, former)
