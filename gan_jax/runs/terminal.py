"""What is said on the terminal. Where it cannot be written, as when nobody reads it any more, nothing else fails."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from typing import Any, TextIO

# ValueError: of a closed stream, of a letter that it cannot hold. AttributeError: of None, closed when Python started.
FAILURES = (OSError, ValueError, AttributeError)


def say(line: object) -> None:
    """Writes a line on standard error, at once."""
    _write(sys.stderr, line)


def tell(result: object) -> None:
    """Writes a line on standard output, at once."""
    _write(sys.stdout, result)


def escaped() -> None:
    """From now on letters that the terminal lacks are printed as escapes, and are no errors."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(*FAILURES):  # a notebook's, or none
            stream.reconfigure(errors="backslashreplace")  # pyrefly: ignore


def is_seen() -> bool:
    """Whether standard error is a terminal."""
    with suppress(*FAILURES):
        return sys.stderr.isatty()
    return False


class Unfailing:
    """A stream of text that drops what cannot be written; all else is as the stream given has it."""

    def __init__(self, stream: TextIO | Any):
        self._stream = _inner(stream)
        self.failure: Exception | None = None  # the first

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def __eq__(self, other: object) -> bool:
        """Whether both write to the same: tqdm asks this before it writes a line where a bar is."""
        return self._stream is _inner(other)

    __hash__ = object.__hash__

    def write(self, text: str) -> int:
        """Writes what can be written -> the letters given."""
        with self._kept():
            self._stream.write(text)
        return len(text)

    def writelines(self, lines: Any) -> None:
        """Writes them one by one."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Hands on what can be."""
        with self._kept():
            self._stream.flush()

    @contextmanager
    def _kept(self) -> Iterator[None]:
        try:
            yield
        except FAILURES as error:
            self.failure = self.failure or error


@contextmanager
def unfailing() -> Iterator[None]:
    """Makes standard output and error Unfailing for a time, whoever writes there."""
    with redirect_stdout(Unfailing(sys.stdout)), redirect_stderr(Unfailing(sys.stderr)):  # pyrefly: ignore
        yield


def guard() -> None:
    """Makes standard output and error of this process Unfailing for good, whoever writes there.

    What was closed by whoever started the process leads nowhere from now on: else the next file that is opened, a
    checkpoint or the rows, would get its number, and the words of XLA.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            nowhere = os.open(os.devnull, os.O_RDWR)
            if nowhere != number:
                os.dup2(nowhere, number)
                os.close(nowhere)
    for name, number in (("stdout", 1), ("stderr", 2)):
        stream = getattr(sys, name) or os.fdopen(number, "w", closefd=False)
        stream.reconfigure(errors="backslashreplace")  # of a terminal that lacks a letter
        setattr(sys, name, Unfailing(stream))


def settle() -> None:
    """Writes out what is left, at the end; what cannot be written goes nowhere, so that the exit status stays.

    A result that could not be written on standard output is said on standard error, but where nobody reads any more.
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


def _write(stream: TextIO | None, words: object) -> None:
    print(words, file=stream if isinstance(stream, Unfailing) else Unfailing(stream), flush=True)
