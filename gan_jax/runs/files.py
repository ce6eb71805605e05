"""Files that are written completely or not at all."""

import contextlib
import os
import shutil
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import IO

_DRAFT = ".tmp"
_unfinished: set[Path] = set()  # files of this process that must not outlive it: drafts, locks


@contextlib.contextmanager
def atomically(path: Path) -> Iterator[IO[bytes]]:
    """Opens a binary file for writing, which replaces `path` when the block ends. After an error it is deleted.

    Makes the folder if it is missing. Raises OSError.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = draft_of(path)
    with unfinished(draft), naming(path):
        with draft.open("wb") as file:
            yield file
        draft.replace(path)


@contextlib.contextmanager
def folder_atomically(path: Path) -> Iterator[Path]:
    """Yields a new folder to fill, which becomes `path` when the block ends. After an error it is deleted.

    An empty folder may exist at `path`. Raises OSError, such as for a folder with files.
    """
    path = path.resolve()  # for a link, its target
    draft = draft_of(path)
    with unfinished(draft), naming(path):
        draft.mkdir(parents=True)
        yield draft
        draft.replace(path)


@contextlib.contextmanager
def unfinished(path: Path) -> Iterator[None]:
    """Deletes the file or folder after the block, or in `discard_unfinished` if the process ends first."""
    _unfinished.add(path)
    try:
        yield
    finally:
        _discard(path)
        _unfinished.discard(path)


def discard_unfinished() -> None:
    """Deletes all `unfinished` files and folders, before the process ends at once."""
    for path in _unfinished.copy():
        _discard(path)


def _discard(path: Path) -> None:
    with contextlib.suppress(OSError):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


@contextlib.contextmanager
def naming(path: Path) -> Iterator[None]:
    """Adds this file's name to an OSError of the block that has none, such as that of a full disk."""
    try:
        yield
    except OSError as error:
        if error.errno is not None and error.filename is None:
            error.filename = os.fspath(path)
        raise


def draft_of(path: Path) -> Path:
    """Returns the path, next to the file, that `atomically` writes to first."""
    return path.with_name(f".{path.name}.{os.getpid()}{_DRAFT}")


def obstacles(folder: Path, names: Sequence[str]) -> list[str]:
    """Returns the names that prevent a new run in a folder: its folders, and files matching these patterns.

    The folder may be missing. Files left by a process that was killed at its start are no obstacle.
    """
    paths = sorted(folder.iterdir()) if folder.exists() else []
    return [path.name for path in paths if path.is_dir() or any(fnmatchcase(path.name, name) for name in names)]


def clear_drafts(folder: Path, names: Sequence[str]) -> None:
    """Deletes a folder's drafts of files matching these patterns, if the processes that made them no longer run."""
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
    except OSError:  # another user's process
        return True
    return True
