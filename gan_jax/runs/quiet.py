"""Silence where Orbax and its libraries print messages that say nothing to the user."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def quiet_orbax() -> Iterator[None]:
    """Silences Orbax within the block: it warns of folders that are only read, and logs errors that it also raises."""
    logger = logging.getLogger("absl")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(before)


def hush() -> None:
    """Silences for good the late messages of the threads and asyncio tasks of a failed read.

    They may come at any time after it.
    """
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    before = sys.unraisablehook
    if before.__module__ == __name__:
        return

    def hook(unraisable: Any, /) -> None:
        if str(unraisable.exc_value) != "Event loop is closed":
            before(unraisable)

    sys.unraisablehook = hook
