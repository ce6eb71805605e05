"""Paths given by the user: expands `~`, and checks that they can be written before any work is done."""

import os
import sys
from pathlib import Path

from gan_jax.errors import UserError
from gan_jax.runs.files import draft_of, unfinished

SPARE = 400  # bytes for the paths within a run's folder, the longest being those of checkpoints


def of_user(text: str) -> Path:
    """Returns the path with a leading `~` or `~user` expanded; raises UserError if there is no such user."""
    try:
        return Path(text).expanduser()
    except RuntimeError as error:
        raise UserError(f"{text}: there is no home folder of that name: give the full path") from error


def check_name(path: Path, flag: str) -> None:
    """Raises UserError for a path whose name cannot be written to, whatever exists there.

    JAX's libraries encode paths as UTF-8. If the system's encoding differs, these would be two different paths.
    """
    whole = os.path.abspath(path)  # noqa: PTH100  # pathlib has no function that keeps links
    if "\0" in whole:
        raise UserError(f"--{flag}={path}: a path cannot contain a NUL character")
    try:
        raw = whole.encode()
        same = os.fsencode(whole) == raw
    except UnicodeEncodeError:
        raw, same = b"", False
    if not same:
        raise UserError(
            f"--{flag}={path}: {whole} cannot be encoded identically in UTF-8 and the system's encoding "
            f"({sys.getfilesystemencoding()}): choose a name in ASCII, or set PYTHONUTF8=1"
        )
    if len(raw) + SPARE > os.pathconf("/", "PC_PATH_MAX"):
        raise UserError(f"--{flag}={path}: this path has {len(raw):,} bytes: choose a shorter one")


def check_folder(path: Path, flag: str) -> None:
    """Raises UserError or OSError if no new folder can be made at this path; changes nothing.

    An empty one may exist. Its parent folder may be missing.
    """
    check_name(path, flag)
    if path.is_dir() and any(path.iterdir()):
        raise UserError(f"--{flag}={path} is a folder with files: give a new or empty one")
    if path.is_mount() or path.resolve() == Path.cwd():  # the finished folder replaces this one
        raise UserError(f"--{flag}={path} is a volume or the current folder: give a new folder in it")
    if path.exists() and not path.is_dir():
        raise UserError(f"--{flag}={path} is a file: give a new or empty folder")
    _check_below(path.resolve(), flag)


def check_writable(path: Path, flag: str) -> None:
    """Raises UserError or OSError if a file cannot be written at this path; changes nothing.

    The file's folder may be missing.
    """
    check_name(path, flag)
    if path.is_dir():
        raise UserError(f"--{flag}={path} is a folder: give a file in it")
    _check_below(path, flag)


def _check_below(path: Path, flag: str) -> None:
    folder = path.parent
    while not folder.exists():
        folder = folder.parent
    if not folder.is_dir():
        raise UserError(f"--{flag}={path}: {folder} is a file, not a folder")
    draft = draft_of(folder / path.name)
    with unfinished(draft):
        draft.touch()
