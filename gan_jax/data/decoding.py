"""Decodes examples into array files, with several processes, in chunks that are each done once."""

import contextlib
import hashlib
import json
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import IO, Any

import numpy as np

from gan_jax.data import workers
from gan_jax.data.examples import Examples
from gan_jax.errors import MAX_NAMES, UserError
from gan_jax.runs import terminal
from gan_jax.runs.files import atomically

CHUNK_BYTES = 1 << 24  # per chunk: an interruption loses at most one chunk per worker
ABOUT, _DONE = "about.json", "done.npy"


def sizes(examples: Examples) -> dict[str, int]:
    """Returns the size in bytes of each decoded field."""
    return {name: len(examples) * int(np.prod(shape)) for name, shape in examples.shapes.items()}


def into(folder: Path, examples: Examples) -> None:
    """Decodes all examples into a folder, continuing where an earlier process stopped."""
    part = folder.with_name(f"{folder.name}.part")
    part.mkdir(exist_ok=True)
    per_chunk = _per_chunk(examples)
    chunks = [range(i, min(i + per_chunk, len(examples))) for i in range(0, len(examples), per_chunk)]
    _reserve(part, examples, len(chunks))
    done = np.load(part / _DONE, mmap_mode="r+", allow_pickle=False)
    left = [number for number, flag in enumerate(done) if not flag]
    job = partial(write_chunk, os.fspath(part), examples)
    failures: list[str] = []
    with _progress(len(examples), len(examples) - sum(len(chunks[i]) for i in left), examples.what) as show:
        for number, failed in workers.run(job, [(i, chunks[i]) for i in left], len(examples)):
            failures += failed
            if not failed:
                done[number] = 1
                done.flush()
            show(len(chunks[number]))
    if failures:
        shutil.rmtree(part, ignore_errors=True)
        raise UserError(listed(failures, examples))
    fingerprint, limits = summary(part, [*examples.shapes])
    with atomically(part / ABOUT) as file:
        file.write(json.dumps({"fingerprint": fingerprint, "limits": limits, "what": examples.what}).encode())
    (part / _DONE).unlink()
    part.rename(folder)


def _per_chunk(examples: Examples) -> int:
    """Returns how many examples a chunk has. Every process that resumes decoding computes the same number."""
    per_example = max(1, sum(sizes(examples).values()) // len(examples))
    return max(1, min(CHUNK_BYTES // per_example, len(examples) // 16))


def write_chunk(part: str, examples: Examples, number: int, indices: range) -> tuple[int, list[str]]:
    """Decodes the examples of a chunk and writes them to the array files, in a process of its own.

    Returns the chunk's number and the errors of examples that cannot be decoded. Raises OSError if the disk is full.
    """
    read = examples.read(indices)
    if failed := [str(example) for example in read if isinstance(example, Exception)]:
        return number, failed
    for name, shape in examples.shapes.items():
        block = np.stack([example[name] for example in read if not isinstance(example, Exception)])
        with (Path(part) / f"{name}.npy").open("r+b") as file:
            _header(file)
            file.seek(file.tell() + indices.start * int(np.prod(shape)))
            file.write(block.data)
            file.flush()
            os.fsync(file.fileno())
    return number, []


def _reserve(part: Path, examples: Examples, chunks: int) -> None:
    """Creates the array files in their full size, so that a full disk is an error here. Keeps existing ones."""
    if (part / _DONE).is_file() and len(np.load(part / _DONE, allow_pickle=False)) == chunks:
        return
    for name, shape in examples.shapes.items():
        array = np.lib.format.open_memmap(part / f"{name}.npy", "w+", np.uint8, (len(examples), *shape))
        del array
        with (part / f"{name}.npy").open("r+b") as file:
            if not hasattr(os, "posix_fallocate"):  # on macOS: a full disk is an error when a chunk is written
                continue
            try:
                os.posix_fallocate(file.fileno(), 0, os.fstat(file.fileno()).st_size)
            except OSError:
                shutil.rmtree(part, ignore_errors=True)
                raise
    with atomically(part / _DONE) as file:
        np.save(file, np.zeros(chunks, np.uint8), allow_pickle=False)


def summary(folder: Path, names: Sequence[str]) -> tuple[str, list[int]]:
    """Returns the digest of the arrays' content, and the least and greatest value of x.

    Reads the files instead of mapping them, so that the process's memory stays small.
    """
    digest, limits = hashlib.sha256(), [255, 0]
    for name in names:
        with (folder / f"{name}.npy").open("rb") as file:
            shape, _, dtype = _header(file)
            digest.update(repr((name, dtype.str, shape)).encode())
            while block := file.read(CHUNK_BYTES):
                digest.update(block)
                if name == "x":
                    values = np.frombuffer(block, np.uint8)
                    limits = [min(limits[0], int(values.min())), max(limits[1], int(values.max()))]
    return digest.hexdigest()[:16], limits


def _header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype]:
    np.lib.format.read_magic(file)
    return np.lib.format.read_array_header_1_0(file)


def listed(failures: Sequence[str], examples: Examples) -> str:
    """Returns the error message for examples that cannot be read."""
    more = f" and {len(failures) - MAX_NAMES} more" if len(failures) > MAX_NAMES else ""
    count = f"{len(failures):,} of {len(examples):,} examples cannot be read"
    return f"{examples.what}: {count}: {'; '.join(failures[:MAX_NAMES])}{more}"


@contextlib.contextmanager
def _progress(n: int, done: int, what: str) -> Iterator[Any]:
    """Yields a function that adds a number of examples to the progress shown."""
    if terminal.is_seen():
        import tqdm

        stream = terminal.Unfailing(sys.stderr)
        with tqdm.tqdm(total=n, initial=done, desc=f"decoding {what} (once)", unit=" images", file=stream) as bar:
            yield bar.update
    else:
        start = f", {done:,} of them already done" if done else ""
        terminal.inform(f"decoding {what}: {n:,} images, once{start}")
        yield lambda count: None
