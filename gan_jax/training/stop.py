"""Being asked to stop: a signal ends a run where it loses nothing, a second SIGTERM or SIGINT ends it at once.

Of several processes that play one run all stop in the same round, whichever of them is asked to.
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
# What schedulers and lost terminals send: each of these would kill a process that does not take it.
SIGNALS = (*URGENT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGXCPU)
MOMENT = 0.5  # seconds in which a signal that comes again is the same request: timeout(1) sends its own twice


class Stopped(BaseException):
    """A command that was asked to stop has stopped; says what became of it.

    No Exception, as KeyboardInterrupt is none, so that no handler of errors on its way takes it for one. The exit
    status is 0 where stopping is what was asked for, as of training; 130 after SIGINT, as shells have it.
    """

    def __init__(self, number: int, outcome: str = "nothing was under way that has to be saved", *, good: bool = True):
        self.number = number
        self.status = 0 if good and number != signal.SIGINT else 128 + number
        super().__init__(f"stopped by {signal.Signals(number).name}: {outcome}")


class Stop:
    """Whether the process was asked to stop.

    While it is `listening` that ends the command at once: by `leave(stopped)`, which ends the process, where that is
    given, else by raising Stopped. In `put_off` it ends only where it is asked.
    """

    def __init__(self):
        self.end_process: Callable[[Stopped], None] | None = None
        self._asked: int | None = None
        self._urged: tuple[int, float] | None = None  # the first urgent signal, and when it came
        self._alone = self._training = True
        self._act: Callable[[], None] = self._wait
        self._outside: Callable[[], None] = self._wait  # of `put_off`
        self._agreed: Callable[[int], int] = lambda number: number

    @property
    def asked(self) -> bool:
        """Whether it was."""
        return self._asked is not None

    def take(self) -> None:
        """Takes the signals for good; until it is `listening` they wait."""
        for number in _those_to_take():
            signal.signal(number, self._take)

    def ignore(self) -> None:
        """Lets no signal end the process any more: all is done."""
        for number in _those_to_take():
            signal.signal(number, signal.SIG_IGN)

    @contextmanager
    def listening(self, *, training: bool = True) -> Iterator["Stop"]:
        """Takes the signals, in a process's main thread; in others they go where they went."""
        self._training = training
        with handled_by(self._take), _unraised():
            self._act = self._end
            try:
                if self.asked:
                    self._end()
                yield self
            finally:
                self._act = self._wait

    def synchronize(self, agreed: Callable[[int], int]) -> None:
        """From now on nothing is broken off, and `check` goes by what the processes agree on.

        `agreed(the signal taken here, 0 for none) -> the signal to stop by`; all of them call `check` alike.
        """
        self._agreed, self._alone, self._act = agreed, False, self._wait

    def check(self) -> None:
        """Raises Stopped where the process was asked to stop."""
        if number := self._agreed(self._asked or 0):
            self._asked = number
            raise self._stopped(number)

    @contextmanager
    def deferred(self) -> Iterator[None]:
        """What is done here is not broken off; it calls `check` where it can end."""
        self._outside, self._act = self._act, self._wait
        try:
            yield
        finally:
            self._act = self._outside

    def nothing_to_save(self) -> AbstractContextManager[None]:
        """What is done here, within `put_off`, can be broken off as if it were outside of it."""
        return self._breakable(self._outside)

    def interruptible(self) -> AbstractContextManager[None]:
        """What is done here, within `put_off`, can be broken off anywhere, by Stopped: there is something to save."""
        return self._breakable(self._raise)

    @contextmanager
    def _breakable(self, act: Callable[[], None]) -> Iterator[None]:
        if not self._alone:
            self.check()
            yield
            return
        try:
            self._act = act
            self.check()
            yield
        except Exception:
            if self.asked:  # what was broken off may have made an error of its own of it
                self.check()
            raise
        finally:
            self._act = self._wait
        self.check()  # or may have dropped it

    def _stopped(self, number: int) -> Stopped:
        return Stopped(number) if self._training else Stopped(number, "it was not done yet", good=False)

    def _wait(self) -> None:
        pass

    def _raise(self) -> None:
        raise self._stopped(self._asked or signal.SIGTERM)

    def _end(self) -> None:
        if self.end_process is None:
            self._raise()
        else:
            self._act = self._wait
            self.end_process(self._stopped(self._asked or signal.SIGTERM))

    def _take(self, number: int, frame: FrameType | None) -> None:
        del frame
        if self._is_hurry(number):
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        self._asked = self._asked or number
        self._act()

    def _is_hurry(self, number: int) -> bool:
        """Whether somebody asks a second time. A lost terminal and a system that ends say so more than once."""
        if number not in URGENT:
            return False
        now = time.monotonic()
        if self._urged is None:
            self._urged = number, now
            return False
        return number != self._urged[0] or now - self._urged[1] >= MOMENT


def _those_to_take() -> list[signal.Signals]:
    """The signals but for those that whoever started the process has it ignore, as nohup does SIGHUP."""
    return [number for number in SIGNALS if number in URGENT or signal.getsignal(number) is not signal.SIG_IGN]


@contextmanager
def handled_by(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Signals go to this handler, in a process's main thread; in others they go where they went."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, handler) for number in _those_to_take()}
    try:
        yield
    finally:
        for number, former in before.items():
            signal.signal(number, former)


@contextmanager
def _unraised() -> Iterator[None]:
    """Says nothing of a Stopped that came where Python drops exceptions, as in `__del__`: `check` raises it later."""
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
