"""A lock on a run's folder, for one training process. The system releases it when the process ends in any way."""

import errno
import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gan_jax.errors import UserError
from gan_jax.runs.files import unfinished
from gan_jax.runs.terminal import say

NAME = ".lock"
UNKNOWN_HERE = {errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL}


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Holds the folder's lock, flock(2) on its file `.lock`. Makes the folder if it is missing.

    The file names the holder's process and host. A file left by a killed process is not locked, and is taken over. If
    the file system has no locks, a warning says so and nothing is locked.

    Raises UserError, with the holder's process and host, if another process holds it; OSError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / NAME
    descriptor = _open_locked(path)
    try:
        with unfinished(path):  # deleted before it is unlocked: a later holder makes a new file
            os.truncate(descriptor, 0)
            os.write(descriptor, f"process {os.getpid()} on {socket.gethostname()}\n".encode())
            yield
    finally:
        os.close(descriptor)


def _open_locked(path: Path) -> int:
    """Returns a descriptor of the file at this path, after locking it."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            _lock(descriptor, path)
            if _is_at(descriptor, path):
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # its holder deleted it between open and lock: no other process would see this lock


def _lock(descriptor: int, path: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = os.read(descriptor, 200).decode(errors="replace").strip() or "another process"
        raise UserError(
            f"{path.parent} is in use by {holder}: wait for it, stop it, or choose another folder"
        ) from error
    except OSError as error:
        if error.errno not in UNKNOWN_HERE:
            raise
        say(f"warning: {path.parent} cannot be locked ({error.strerror}): run only one training there at a time")


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
