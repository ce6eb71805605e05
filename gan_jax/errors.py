"""The exceptions that the command line turns into a one-line message."""

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """Something the user can put right: one line that names the value, what is allowed, and what to do."""


class Diverged(Exception):
    """A run whose values are not finite any more: in which round that shows first, and where.

    `row` holds that round's metrics, `number` says which of the runs played together it was.
    """

    def __init__(self, step: int, what: str, *, row: dict[str, float], number: int = 0):
        self.step, self.what, self.row, self.number = step, what, row, number
        super().__init__(f"round {step}: {what}")


def one_line(error: BaseException) -> str:
    """An exception's own words on one line, or its kind where it has none."""
    return " ".join(str(error).split())[:400] or type(error).__name__


def options(name: str, allowed: Iterable[str]) -> str:
    """The near names first if there are any, and all that is allowed: the end of an error message."""
    allowed = sorted(allowed)
    near = difflib.get_close_matches(name, allowed, n=3)
    hint = f"did you mean {' or '.join(near)}? " if near else ""
    return f"{hint}there are: {', '.join(allowed) or 'none'}"
