"""Reading ahead: the next call's inputs are made, and put on the devices, while a call runs."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any


class Ahead:
    """Makes the inputs of calls in one thread of its own, where asked to before they are needed.

    Whether, and what, it was asked to make ahead never shows in the inputs. An error of the thread is raised where the
    inputs are taken.
    """

    def __init__(self, make: Callable[[int, int], Any]):
        self._make = make
        self._thread = ThreadPoolExecutor(1, "inputs")
        self._ahead: tuple[tuple[int, int], Future[Any]] | None = None

    def start(self, step: int, steps: int) -> None:
        """Starts to make the inputs of a call to come."""
        if self._ahead is None:
            self._ahead = (step, steps), self._thread.submit(self._make, step, steps)

    def take(self, step: int, steps: int) -> Any:
        """Returns the inputs of a call; what was made ahead for another one is discarded."""
        call, made = self._ahead or (None, None)
        self._ahead = None
        if made is None or call != (step, steps):
            made = self._thread.submit(self._make, step, steps)
        return made.result()

    def close(self) -> None:
        """Ends the thread, after what it makes just now."""
        self._ahead = None
        self._thread.shutdown(cancel_futures=True)
