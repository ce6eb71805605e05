"""The one exception that the command line turns into a one-line message."""

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """Something the user can put right: one line that names the value, what is allowed, and what to do."""


def one_line(error: BaseException) -> str:
    """An exception's own words on one line, or its kind where it has none."""
    return " ".join(str(error).split())[:400] or type(error).__name__


def options(name: str, allowed: Iterable[str]) -> str:
    """The near names first if there are any, and all that is allowed: the end of an error message."""
    allowed = sorted(allowed)
    near = difflib.get_close_matches(name, allowed, n=3)
    hint = f"did you mean {' or '.join(near)}? " if near else ""
    return f"{hint}there are: {', '.join(allowed) or 'none'}"
