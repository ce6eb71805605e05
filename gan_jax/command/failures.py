"""Failures of a command: the one line that the terminal shows, and the exit status."""

import os
import traceback

from gan_jax.command.environment import blame, is_of_numbers
from gan_jax.errors import Diverged, UserError, one_line, printable
from gan_jax.runs import terminal


def report(error: Exception | KeyboardInterrupt) -> int:
    """Prints an error on one line. Returns the exit status; raises the error if it is a bug of this program.

    The status is 2 for errors that the user can fix, 1 for errors of the system, 3 for values that are not finite, and
    130 for an interruption.
    """
    line, status = _explained(error)
    terminal.say(f"error: {printable(line)}")
    return status


def _explained(error: Exception | KeyboardInterrupt) -> tuple[str, int]:
    """Returns the line and the exit status; raises the error if neither the user nor the system caused it."""
    if isinstance(error, KeyboardInterrupt):
        return "interrupted", 130
    if isinstance(error, UserError):
        return _under_settings(error)
    if isinstance(error, Diverged):
        return _under_settings(error)[0], 3
    if isinstance(error, OSError):
        return f"{error.strerror or error}: {_origin(error)}", 1
    if isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in str(error):
        return f"not enough memory ({one_line(error)}): process fewer examples at once", 1
    if isinstance(error, RuntimeError):
        from gan_jax.parallel import processes

        if processes.is_connection_error(error):
            why = f"another process of this run has ended ({one_line(error)})"
            return f"{why}: the same commands resume from the last checkpoint", 1
    if not blame(error):
        raise error
    return _under_settings(error)


def _under_settings(error: Exception) -> tuple[str, int]:
    """Returns an error's message, preceded by JAX settings that may have caused it, and the exit status."""
    ours = isinstance(error, UserError | Diverged)
    settings = "" if isinstance(error, UserError) and not error.__cause__ else blame(error)
    message = str(error) if ours else one_line(error)
    return f"under {settings}: {message}" if settings else message, 3 if settings and is_of_numbers(error) else 2


def _origin(error: OSError) -> str:
    """Returns the file that a system error names, or otherwise the line of code that raised it."""
    if named := error.filename2 or error.filename:
        return os.fsdecode(named) if isinstance(named, str | bytes | os.PathLike) else str(named)
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"in {last.name} ({last.filename}, line {last.lineno})"
