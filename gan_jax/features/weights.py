"""Files of weights: `NAME.npz` without pickle, with its SHA-256 in the file SHA256SUMS in the same folder.

A file contains `about`, JSON text, and arrays under `params/...` and `stats/...`, as float16 to be small. Published
files never change, so that values measured with them stay comparable. A better network gets a new name.
"""

import hashlib
import io
import json
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict
from jax.typing import DTypeLike

from gan_jax.errors import UserError, one_line, suggestions
from gan_jax.runs.files import atomically

FOLDER = Path(__file__).parent
SUMS = "SHA256SUMS"
MAX_BYTES = 1 << 20


class Weights(NamedTuple):
    """A network's weights, float32.

    Attributes:
        params: the parameters.
        stats: the running statistics.
        about: what the file says about the network, such as its shape, classes and module.
        sha256: the file's checksum.
    """

    params: Any
    stats: Any
    about: dict[str, Any]
    sha256: str


def sums(folder: Path = FOLDER) -> dict[str, str]:
    """Returns the SHA-256 of each network's file in the folder, by name."""
    path = folder / SUMS
    lines = path.read_text().split("\n") if path.exists() else []
    return {line.split()[1].removesuffix(".npz"): line.split()[0] for line in lines if line}


def read(name: str, folder: Path = FOLDER) -> Weights:
    """Returns the weights called `name`; raises UserError if there are none, or the file was altered."""
    known = sums(folder)
    if name not in known:
        raise UserError(f"there are no weights for a network {name!r} in {folder}; {suggestions(name, known)}")
    path = folder / f"{name}.npz"
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path} cannot be read ({one_line(error)}): restore it from the repository") from error
    if (found := hashlib.sha256(data).hexdigest()) != known[name]:
        raise UserError(
            f"{path} was altered: its SHA-256 is {found[:12]}..., not {known[name][:12]}... as in {SUMS}; "
            "restore it from the repository"
        )
    return unpacked(data, path)


def write(name: str, params: Any, stats: Any, about: dict[str, Any], folder: Path = FOLDER) -> Path:
    """Writes weights and their checksum, and returns the file's path. The same weights give the same bytes.

    Raises UserError if `name` is taken by other weights, or they take more than 1 MB.
    """
    data, known = packed(params, stats, about, np.float16), sums(folder)
    digest, path = hashlib.sha256(data).hexdigest(), folder / f"{name}.npz"
    if known.get(name, digest) != digest:
        raise UserError(f"{path} holds other weights, with which values were measured: use the next version")
    if len(data) > MAX_BYTES:
        raise UserError(f"weights of {name} take {len(data):,} bytes, more than {MAX_BYTES:,}: use smaller widths")
    with atomically(path) as file:
        file.write(data)
    with atomically(folder / SUMS) as file:
        file.writelines(f"{s}  {n}.npz\n".encode() for n, s in sorted({**known, name: digest}.items()))
    return path


def packed(params: Any, stats: Any, about: dict[str, Any], dtype: DTypeLike) -> bytes:
    """Returns the bytes of a file with these weights, as arrays of this dtype."""
    flat = flatten_dict({"params": params, "stats": stats}, sep="/")
    arrays = {key: np.asarray(jax.device_get(value), dtype) for key, value in sorted(flat.items())}
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, about=np.array(json.dumps(about, sort_keys=True)), **arrays)
    return buffer.getvalue()


def unpacked(data: bytes, path: Path) -> Weights:
    """Returns the weights in a file's bytes. Raises UserError if there are none."""
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as stored:
            arrays = {key: stored[key] for key in stored.files}
        about = json.loads(str(arrays.pop("about")))
        trees = unflatten_dict({key: value.astype(np.float32) for key, value in arrays.items()}, sep="/")
        return Weights(trees["params"], trees.get("stats", {}), about, hashlib.sha256(data).hexdigest())
    except (ValueError, KeyError, TypeError, AttributeError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise UserError(f"{path} contains no weights of a network: {one_line(error)}") from error
