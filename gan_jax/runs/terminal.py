"""Output on the terminal. If it cannot be written, as on a closed pipe, nothing else fails."""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from typing import Any, TextIO

# ValueError: a closed stream, or a character that it cannot encode. AttributeError: None, if closed at Python's start.
FAILURES = (OSError, ValueError, AttributeError)


def say(line: object) -> None:
    """Writes a line to standard error, and flushes it."""
    _write(sys.stderr, line)


def inform(line: object) -> None:
    """Writes a line about progress to standard error, unless it is silenced (--quiet)."""
    if wants_progress():
        say(line)


def say_above_bar(line: str) -> None:
    """Writes a line to standard error, above the progress bar if there is one."""
    from tqdm import tqdm  # late: most commands have no bar

    tqdm.write(line, file=Unfailing(sys.stderr))


def wants_progress() -> bool:
    """Returns whether lines about progress are wanted: unless the package's logger is at WARNING or above."""
    return logging.getLogger("gan_jax").level <= logging.INFO


@contextmanager
def quiet(wanted: bool) -> Iterator[None]:
    """Suppresses lines about progress within the block, if wanted. Results, warnings and errors are still written."""
    logger = logging.getLogger("gan_jax")
    before = logger.level
    logger.setLevel(logging.WARNING if wanted else logging.INFO)
    try:
        yield
    finally:
        logger.setLevel(before)


def tell(result: object) -> None:
    """Writes a line to standard output, and flushes it."""
    _write(sys.stdout, result)


def escaped() -> None:
    """Makes the terminal print characters that it cannot encode as escapes, without an error."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(*FAILURES):  # a notebook's stream, or None
            stream.reconfigure(errors="backslashreplace")  # pyrefly: ignore


def is_seen() -> bool:
    """Returns True if standard error is a terminal."""
    with suppress(*FAILURES):
        return sys.stderr.isatty()
    return False


class Unfailing:
    """A text stream that drops what cannot be written, and otherwise acts like the given stream."""

    def __init__(self, stream: TextIO | Any):
        self._stream = _inner(stream)
        self.failure: Exception | None = None  # the first

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def __eq__(self, other: object) -> bool:
        """Returns True if both write to the same stream: tqdm tests this before it prints a line above a bar."""
        return self._stream is _inner(other)

    __hash__ = object.__hash__

    def write(self, text: str) -> int:
        """Writes what can be written. Returns the number of characters given."""
        with self._recorded():
            self._stream.write(text)
        return len(text)

    def writelines(self, lines: Any) -> None:
        """Writes them one by one."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Flushes the stream; drops what cannot be written."""
        with self._recorded():
            self._stream.flush()

    @contextmanager
    def _recorded(self) -> Iterator[None]:
        try:
            yield
        except FAILURES as error:
            self.failure = self.failure or error


@contextmanager
def unfailing() -> Iterator[None]:
    """Makes standard output and error Unfailing within the block, for all code that writes there."""
    with redirect_stdout(Unfailing(sys.stdout)), redirect_stderr(Unfailing(sys.stderr)):  # pyrefly: ignore
        yield


def guard() -> None:
    """Makes standard output and error of this process Unfailing permanently, for all code that writes there.

    Descriptors that were closed when the process started are opened on /dev/null. Otherwise the next file opened,
    such as a checkpoint, would get one of these numbers, and thus XLA's messages.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            null = os.open(os.devnull, os.O_RDWR)
            if null != number:
                os.dup2(null, number)
                os.close(null)
    for name, number in (("stdout", 1), ("stderr", 2)):
        stream = getattr(sys, name) or os.fdopen(number, "w", closefd=False)
        stream.reconfigure(errors="backslashreplace")  # for characters that the terminal cannot encode
        setattr(sys, name, Unfailing(stream))


def settle() -> None:
    """Flushes both streams at the end. Drops what cannot be written, so that the exit status is kept.

    Warns on standard error if a result could not be written to standard output, but not about a closed pipe.
    """
    for stream in (Unfailing(sys.stdout), Unfailing(sys.stderr)):
        stream.flush()
        if stream.failure:
            with suppress(*FAILURES):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    failure = getattr(sys.stdout, "failure", None)
    if isinstance(failure, OSError) and not isinstance(failure, BrokenPipeError):
        say(f"warning: standard output could not be written: {failure.strerror}")


def _inner(stream: Any) -> Any:
    return stream._stream if isinstance(stream, Unfailing) else stream


def _write(stream: TextIO | None, line: object) -> None:
    print(line, file=stream if isinstance(stream, Unfailing) else Unfailing(stream), flush=True)
