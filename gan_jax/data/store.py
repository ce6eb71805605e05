"""Decoded examples in the user's cache: each set is decoded once, into arrays that are mapped into memory.

A set is a folder with `about.json` and an array for each field. Several processes decode it in chunks into a folder
whose name ends in .part, which is renamed when it is complete. An interrupted decoding continues where it stopped.
"""

import fcntl
import hashlib
import json
import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gan_jax.data import decoding
from gan_jax.data.base import Dataset
from gan_jax.data.examples import Examples, Lazy, sources
from gan_jax.data.hold import choose_hold
from gan_jax.errors import UserError, one_line
from gan_jax.runs import cache, terminal

IN_MEMORY_BYTES = 1 << 30  # the largest set that is decoded into memory if the cache cannot be written
VERIFIED_BYTES = 1 << 32  # the largest set whose content is checked at each start, at about 1 GB a second


class Stored(NamedTuple):
    """Decoded examples.

    Attributes:
        arrays: read-only, uint8 [n, ...] by field.
        fingerprint: a digest of the content of these arrays.
        limits: the least and the greatest value of `x`.
    """

    arrays: dict[str, np.ndarray]
    fingerprint: str
    limits: tuple[int, int]


def hold(dataset: Dataset) -> Dataset:
    """Returns the data set with its lazy arrays decoded."""
    lazy = {name: array for name, array in dataset.arrays.items() if isinstance(array, Lazy)}
    stored = {id(one): decoded(one) for one in sources(lazy.values())}  # fields of a pair have one source
    if not stored:
        return dataset
    arrays = {name: stored[id(array.examples)].arrays[name] for name, array in lazy.items()}
    others = {name: arrays.get(name, values) for name, values in dataset.others.items()}
    x = lazy["x"]
    return dataset._replace(
        x=arrays["x"],
        others=others,
        content="-".join(one.fingerprint for one in stored.values()),
        limits=stored[id(x.examples)].limits,
    )


def has_room(sources: Sequence[Examples]) -> bool:
    """Returns True if these examples are decoded already, or there is room for them on the disk or in memory."""
    needed = 0
    for one in sources:
        with suppress(OSError):
            folder = cache.folder("data") / one.key
            if folder.is_dir() or folder.with_name(f"{folder.name}.part").is_dir():  # .part has its full size already
                continue
        needed += sum(decoding.sizes(one).values())
    if needed <= IN_MEMORY_BYTES:
        return True
    try:
        return choose_hold(needed, 0, shutil.disk_usage(cache.folder("data")).free, can_stream=True)[0] != "stream"
    except OSError:
        return False


def decoded(examples: Examples) -> Stored:
    """Returns all examples, decoded into the cache if they are not there yet.

    A new state of the files replaces every older one. If another process decodes the same set, this one waits for it.
    If the cache cannot be written, the examples are decoded into memory, with a warning.

    Raises:
        UserError: with the errors of examples that cannot be decoded, or if the stored arrays are damaged.
    """
    try:
        folder = cache.folder("data") / examples.key
        with cache.alone(folder):
            if not folder.is_dir():
                decoding.into(folder, examples)
                _delete_older(folder)
        return _opened(folder, examples)
    except OSError as error:
        if (needed := sum(decoding.sizes(examples).values())) > IN_MEMORY_BYTES:
            raise UserError(
                f"{examples.what} takes {needed / 1e9:.1f} GB in the cache, which cannot be written "
                f"({one_line(error)}): free disk space, set GAN_JAX_CACHE to a folder with more space, or set "
                "config.data.hold=stream"
            ) from error
        terminal.say(
            f"warning: {examples.what} is decoded into memory, {needed / 1e9:.2g} GB, at each start, because the cache "
            f"cannot be written ({one_line(error)}): free disk space, or set GAN_JAX_CACHE to a folder with more space"
        )
        return _in_memory(examples)


def _opened(folder: Path, examples: Examples) -> Stored:
    """Returns the arrays of a complete folder, checked."""
    damaged = f"{folder} is damaged: delete it and start again"
    try:
        about = json.loads((folder / decoding.ABOUT).read_text())
        fingerprint, limits = str(about["fingerprint"]), (int(about["limits"][0]), int(about["limits"][1]))
        arrays = {name: np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False) for name in examples.shapes}
    except (ValueError, KeyError, TypeError, IndexError, EOFError, FileNotFoundError) as error:
        raise UserError(f"{damaged} ({one_line(error)})") from error
    for name, shape in examples.shapes.items():
        if arrays[name].shape != (len(examples), *shape) or arrays[name].dtype != np.uint8:
            raise UserError(f"{damaged} ({name} is {arrays[name].dtype} {list(arrays[name].shape)})")
    if (
        sum(decoding.sizes(examples).values()) <= VERIFIED_BYTES
        and decoding.summary(folder, [*examples.shapes])[0] != fingerprint
    ):
        raise UserError(f"{damaged} (its content has changed)")
    return Stored(arrays, fingerprint, limits)


def _in_memory(examples: Examples) -> Stored:
    read = examples.read(range(len(examples)))
    if failures := [str(example) for example in read if isinstance(example, Exception)]:
        raise UserError(decoding.listed(failures, examples))
    arrays = {name: np.stack([e[name] for e in read if not isinstance(e, Exception)]) for name in examples.shapes}
    digest = hashlib.sha256()
    for name, array in arrays.items():
        digest.update(repr((name, array.dtype.str, array.shape)).encode())
        digest.update(array.data)
    return Stored(arrays, digest.hexdigest()[:16], (int(arrays["x"].min()), int(arrays["x"].max())))


def _delete_older(folder: Path) -> None:
    """Deletes the arrays of older states of the same set, including those whose decoding was never finished.

    A state that another process is decoding, and therefore has locked, is kept.
    """
    what = folder.name.rpartition("-")[0]
    names = {
        path.name.removesuffix(".part").removeprefix(".").removesuffix(".lock") for path in folder.parent.iterdir()
    }
    for name in names - {folder.name}:
        if name.rpartition("-")[0] != what:
            continue
        lock = folder.with_name(f".{name}.lock")
        with suppress(OSError), lock.open("ab") as file:  # BlockingIOError if it is held
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for stale in (folder.with_name(name), folder.with_name(f"{name}.part")):
                shutil.rmtree(stale, ignore_errors=True)
            lock.unlink()


def digest_of(value: Any) -> str:
    """Returns a short digest of a plain value."""
    return hashlib.sha256(repr(value).encode(errors="surrogateescape")).hexdigest()[:16]
