"""Prefetching: the next call's inputs are made and put on the devices while a call runs."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any


class Ahead:
    """Makes the inputs of calls in a separate thread, in advance on request.

    The inputs never depend on what is requested in advance. An error in the thread is raised when the inputs are taken.
    """

    def __init__(self, make: Callable[[int, int], Any]):
        self._make = make
        self._thread = ThreadPoolExecutor(1, "inputs")
        self._ahead: tuple[tuple[int, int], Future[Any]] | None = None

    def start(self, step: int, steps: int) -> None:
        """Starts making the inputs of a coming call."""
        if self._ahead is None:
            self._ahead = (step, steps), self._thread.submit(self._make, step, steps)

    def take(self, step: int, steps: int) -> Any:
        """Returns the inputs of a call. Discards inputs that were made for another one."""
        call, made = self._ahead or (None, None)
        self._ahead = None
        if made is None or call != (step, steps):
            made = self._thread.submit(self._make, step, steps)
        return made.result()

    def close(self) -> None:
        """Ends the thread, after the inputs that it is making."""
        self._ahead = None
        self._thread.shutdown(cancel_futures=True)
