"""The exceptions that the command line turns into a one-line message."""

import difflib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

MAX_NAMES, MAX_LETTERS = 40, 2000  # of a message: more are no help


class UserError(Exception):
    """Something the user can put right: one line that names the value, what is allowed, and what to do."""


class Diverged(Exception):
    """A run whose values are not finite any more: in which round that shows first, and where.

    `row` holds that round's metrics, `number` says which of the runs played together it was.
    """

    def __init__(self, step: int, what: str, *, row: dict[str, float], number: int = 0):
        self.step, self.what, self.row, self.number = step, what, row, number
        super().__init__(f"round {step}: {what}")


def printable(words: object) -> str:
    """Words as they may be printed: on one line, of bounded length, without what a terminal would act on."""
    text = str(words)
    text = "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text)
    return text if len(text) <= MAX_LETTERS else f"{text[: MAX_LETTERS // 2]} ... {text[-MAX_LETTERS // 2 :]}"


@contextmanager
def reraise_as(what: str) -> Iterator[None]:
    """Makes any error of what is done here a UserError about `what`, but for one that names its field of the config.

    For values that are handed on to Optax, Linen, JAX or NumPy: a wrong one may surface there as an error of any kind.
    """
    try:
        yield
    except MemoryError:
        raise
    except Exception as error:
        if isinstance(error, UserError) and str(error).startswith("config."):
            raise
        kind = "" if isinstance(error, UserError | TypeError | ValueError) else f"{type(error).__name__}: "
        raise UserError(f"{what}: {kind}{one_line(error)}") from error


def one_line(error: BaseException) -> str:
    """An exception's own words on one line, or its kind where it has none."""
    return " ".join(str(error).split())[:400] or type(error).__name__


def suggestions(name: str, allowed: Iterable[str]) -> str:
    """The near names first if there are any, and all that is allowed: the end of an error message."""
    allowed = sorted(allowed)
    near = difflib.get_close_matches(name[:100], allowed, n=3)
    hint = f"did you mean {' or '.join(near)}? " if near else ""
    more = f" and {len(allowed) - MAX_NAMES} more" if len(allowed) > MAX_NAMES else ""
    return f"{hint}there are: {', '.join(allowed[:MAX_NAMES]) or 'none'}{more}"
