"""The user's cache folder: decoded data sets, compiled programs. Deleting it costs time, never results."""

import contextlib
import fcntl
import logging
import os
import pathlib
import stat
import zipfile
from collections.abc import Callable, Iterator

import numpy as np

from gan_jax.errors import UserError, one_line
from gan_jax.runs import terminal
from gan_jax.runs.files import atomically

_NAMES = "__names__"  # the entry that lists the others, so that a missing array is noticed


def folder(name: str) -> pathlib.Path:
    """Returns the folder `name` of the cache. Makes it if missing, readable and writable only by its owner.

    It is in `$GAN_JAX_CACHE` if set, otherwise in `$XDG_CACHE_HOME/gan_jax` if set, otherwise in `~/.cache/gan_jax`.
    The mode is 0700 because whoever can write compiled programs there can run code as the user.

    Raises:
        OSError: if the folder cannot be made or belongs to another user. Callers then continue without a cache.
    """
    path = _root() / name
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if stat.S_IMODE(path.stat().st_mode) != 0o700:
        path.chmod(0o700)
    return path


def arrays(key: str, make: Callable[[], dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Returns the arrays cached under `key`, or those of `make()`, which it then caches.

    `key` is `what-fingerprint`. A new fingerprint replaces every older one of the same `what`.
    If nothing can be written (disk full, read-only), it logs a warning and still returns the arrays.

    Raises:
        UserError: if the stored file is damaged; each array has a checksum.
    """
    try:
        path = folder("data") / f"{key}.npz"
    except OSError as error:
        logging.warning("no cache, so results are computed again at each start: %s", error)
        return make()
    try:
        return _read(path)
    except FileNotFoundError:
        fresh = make()
    except Exception as error:  # a flipped bit may surface as any error of zipfile, numpy or the system
        raise UserError(f"{path} is damaged ({one_line(error)}): delete it and start again") from error
    try:
        _write(path, fresh)
    except OSError as error:
        logging.warning("not cached, so results are computed again at the next start: %s", error)
    return fresh


@contextlib.contextmanager
def alone(folder: pathlib.Path) -> Iterator[None]:
    """Holds the lock of a folder of the cache, waiting for any other holder. The lock is always released."""
    with folder.with_name(f".{folder.name}.lock").open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            terminal.inform(f"waiting for another process that makes {folder}")
            fcntl.flock(file, fcntl.LOCK_EX)
        except OSError:
            terminal.say(f"warning: {folder.parent} cannot be locked: start one process at a time")
        yield


def _read(path: pathlib.Path) -> dict[str, np.ndarray]:
    with zipfile.ZipFile(path) as archive:
        stored = {name.removesuffix(".npy"): _member(archive, name) for name in archive.namelist()}
    if sorted(stored.pop(_NAMES).tolist()) != sorted(stored):
        raise ValueError("an array is missing")
    return stored


def _member(archive: zipfile.ZipFile, name: str) -> np.ndarray:
    """Reads an array as `np.load` does, but to the member's end, as zipfile only checks the checksum there."""
    with archive.open(name) as file:
        array = np.lib.format.read_array(file, allow_pickle=False)
        if file.read(1):
            raise ValueError(f"{name} is longer than its header says")
    return array


def _write(path: pathlib.Path, content: dict[str, np.ndarray]) -> None:
    """Writes the arrays, and deletes files of older fingerprints."""
    with atomically(path) as file:
        np.savez(file, allow_pickle=False, **content, **{_NAMES: np.array(sorted(content))})
    for other in path.parent.glob("*.npz"):
        if other != path and other.stem.rpartition("-")[0] == path.stem.rpartition("-")[0]:
            other.unlink(missing_ok=True)


def _root() -> pathlib.Path:
    try:
        if root := os.environ.get("GAN_JAX_CACHE"):
            return pathlib.Path(root).expanduser()
        return pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "gan_jax"
    except RuntimeError as error:  # a container whose user has no entry and no HOME, or `~` and an unknown name
        raise OSError("there is no such home folder; set GAN_JAX_CACHE to a full path") from error
