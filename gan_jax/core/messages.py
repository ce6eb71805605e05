"""Errors say what they are about: a network, or a term of a loss."""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def named(what: str) -> Iterator[None]:
    """Puts `what`, unless it is empty, before the message of a ValueError that does not begin so or with a field."""
    try:
        yield
    except ValueError as error:
        if not what or str(error).startswith(("config.", what)):
            raise
        raise ValueError(f"{what}: {error}") from error
