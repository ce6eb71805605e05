"""Silences messages of Orbax and its libraries that are of no use to the user."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def quiet_orbax() -> Iterator[None]:
    """Silences Orbax within the block. It warns of read-only folders, and logs errors that it also raises."""
    logger = logging.getLogger("absl")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(before)


def hush() -> None:
    """Permanently silences the late messages of threads and asyncio tasks of a failed read.

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
