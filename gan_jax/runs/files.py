"""Files that are there whole or not at all."""

import contextlib
import os
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
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
    draft = draft_of(path)
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


def draft_of(path: Path) -> Path:
    """Where `atomically` writes until the file is whole: beside it."""
    return path.with_name(f".{path.name}.{os.getpid()}{_DRAFT}")


def in_the_way(folder: Path, names: Sequence[str]) -> list[str]:
    """What keeps a folder that may not be there from being a new one of ours: its folders, and files of these patterns.

    Not what a process of ours that was killed in its first moment leaves.
    """
    found = sorted(folder.iterdir()) if folder.exists() else []
    return [path.name for path in found if path.is_dir() or any(fnmatchcase(path.name, name) for name in names)]


def clear_drafts(folder: Path, names: Sequence[str]) -> None:
    """Deletes the drafts of files of these patterns that processes which are no more left in a folder."""
    for path in folder.glob(f".*{_DRAFT}"):
        name, _, pid = path.stem.removeprefix(".").rpartition(".")
        ours = any(fnmatchcase(name, pattern) for pattern in names)
        if ours and pid.isdecimal() and (int(pid) == os.getpid() or not _lives(int(pid))):
            path.unlink(missing_ok=True)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:  # somebody else's
        return True
    return True
