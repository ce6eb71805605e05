"""Error messages that name their subject: a network, or a term of a loss."""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def named(what: str) -> Iterator[None]:
    """Puts `what` before a ValueError's message, unless it is empty or the message begins with it or with a field."""
    try:
        yield
    except ValueError as error:
        if not what or str(error).startswith(("config.", what)):
            raise
        raise ValueError(f"{what}: {error}") from error
