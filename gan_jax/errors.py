"""The exceptions that the command line turns into a one-line message."""

import difflib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

MAX_NAMES, MAX_LETTERS = 40, 2000  # limits of a message
CODE_ERRORS = (Exception, SystemExit, GeneratorExit)
"""Errors that a user's own code may raise: all but Ctrl-C and stops by signals."""


class UserError(Exception):
    """An error that the user can correct. Its one line names the value, what is allowed, and what to do."""


class Misfits:
    """Collects independent errors, so that the user sees all of them at once."""

    def __init__(self):
        self.found: list[UserError] = []

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Records a UserError that ends the block."""
        try:
            yield
        except UserError as error:
            self.found.append(error)

    def check(self) -> None:
        """Raises the errors so far as one error, on one line. Does nothing if there are none."""
        if len(self.found) == 1:
            raise self.found[0]
        if self.found:
            listed = "; ".join(f"({number}) {error}" for number, error in enumerate(self.found, 1))
            raise UserError(f"{len(self.found)} errors: {listed}") from self.found[0]


class Diverged(Exception):
    """Raised when a run has values that are not finite.

    Attributes:
        step: the first step with such a value.
        what: a description of the value.
        row: the metrics of that step.
        number: the run's number among those trained together.
    """

    def __init__(self, step: int, what: str, *, row: dict[str, float], number: int = 0):
        self.step, self.what, self.row, self.number = step, what, row, number
        super().__init__(f"step {step}: {what}")


def printable(message: object) -> str:
    """Returns a message as text on one line, of bounded length, with control characters escaped."""
    text = str(message)
    text = "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text)
    return text if len(text) <= MAX_LETTERS else f"{text[: MAX_LETTERS // 2]} ... {text[-MAX_LETTERS // 2 :]}"


@contextmanager
def reraise_as(what: str, *, within: str = "") -> Iterator[None]:
    """Raises any error in the block as a UserError about `what`, unless it already names a field of the config.

    `within`: a prefix of field names; errors that start with it get `what` too. If it is empty, none do.
    Used around calls of Optax, Linen, JAX and NumPy, which may raise any error for a wrong value.
    """
    try:
        yield
    except MemoryError:
        raise
    except Exception as error:
        if str(error).startswith("config.") and not (within and str(error).startswith(within)):
            if isinstance(error, UserError):
                raise
            raise UserError(one_line(error)) from error
        kind = "" if isinstance(error, UserError | TypeError | ValueError) else f"{type(error).__name__}: "
        raise UserError(f"{what}: {kind}{one_line(error)}") from error


def one_line(error: BaseException) -> str:
    """Returns an exception's message on one line, or its type if it has none."""
    return " ".join(str(error).split())[:400] or type(error).__name__


def suggestions(name: str, allowed: Iterable[str]) -> str:
    """Returns the end of an error message: allowed names close to `name`, then all allowed names."""
    allowed = sorted(allowed)
    near = difflib.get_close_matches(name[:100], allowed, n=3)
    hint = f"did you mean {' or '.join(near)}? " if near else ""
    more = f" and {len(allowed) - MAX_NAMES} more" if len(allowed) > MAX_NAMES else ""
    return f"{hint}there are: {', '.join(allowed[:MAX_NAMES]) or 'none'}{more}"
