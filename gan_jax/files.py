"""Files that are there whole or not at all."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO

_DRAFT = ".tmp"
_unfinished: set[Path] = set()  # this process's files that must not outlive it: drafts, locks


@contextlib.contextmanager
def atomically(path: Path) -> Iterator[IO[bytes]]:
    """A binary file to write, which takes the path's place when it is closed whole; on any failure nothing is left.

    The folder is made if need be. Raises OSError.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}{_DRAFT}")
    with unfinished(draft), naming(path):
        with draft.open("wb") as file:
            yield file
        draft.replace(path)


@contextlib.contextmanager
def unfinished(path: Path) -> Iterator[None]:
    """Deletes the file in the end, also where `discard_unfinished` ends the process."""
    _unfinished.add(path)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
        _unfinished.discard(path)


def discard_unfinished() -> None:
    """Deletes what would have been deleted later, before the process ends in the midst of it."""
    for path in _unfinished.copy():
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)


@contextlib.contextmanager
def naming(path: Path) -> Iterator[None]:
    """Has an error of the system that names no file, as of a full disk, name this one."""
    try:
        yield
    except OSError as error:
        if error.errno is not None and error.filename is None:
            error.filename = os.fspath(path)
        raise


def is_draft(path: Path) -> bool:
    """Whether this is a file that `atomically` has not finished, now or when its process was killed."""
    return path.name.startswith(".") and path.suffix == _DRAFT


def clear_drafts(folder: Path) -> None:
    """Deletes the drafts in a folder that processes which are no more left there."""
    for path in folder.glob(f".*{_DRAFT}"):
        pid = path.stem.rpartition(".")[2]
        if pid.isdecimal() and (int(pid) == os.getpid() or not _lives(int(pid))):
            path.unlink(missing_ok=True)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:  # somebody else's
        return True
    return True
