"""A user's own arrays as a data set: an .npy file of examples, or an .npz file of fields."""

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from gan_jax.data import parts
from gan_jax.data.base import Dataset
from gan_jax.data.files import File
from gan_jax.data.images import SUFFIXES, Reading
from gan_jax.errors import UserError, reraise_as

NAMES = {"images": "x", "points": "x", "labels": "label"}
"""Names of arrays, as in files of samples, and the fields that they become."""


def check_usual(path: Path, load: Callable[..., Dataset], **given: Any) -> None:
    """Raises UserError for a picture, or if an argument of `load` that only image files take is not its default."""
    if path.suffix.lower() in SUFFIXES:
        raise UserError(f"config.data.path is {path}, which is one picture: set it to the picture's folder")
    for name, value in given.items():
        usual = inspect.signature(load).parameters[name].default
        if (value or None) != (usual or None):
            raise UserError(
                f"config.data.{name} is {value!r}, which applies only to image files, but {path} contains arrays, "
                f"which are used unchanged: set it to {'none' if usual is None else repr(usual)}"
            )


def read(path: Path, split: str, how: Reading, *, labels: bool) -> Dataset:
    """Returns the arrays of a file as a data set of the examples `x`, with other arrays as fields.

    An .npy file has `x`, uint8 [n, h, w, c] or float32 [n, d], and is mapped into memory. An .npz file has `x` (or
    `images` or `points`), and may have `label` (or `labels`), whole numbers [n], and other fields. 'train' and 'all'
    are everything; their parts are chosen by a hash of each example's number. If `labels` is False, labels are left
    out. Raises UserError if the file is damaged, or its arrays do not have the size and the channels of `how`.
    """
    if parts.base(split) not in ("train", "all"):
        raise UserError(f"{path} has no split {split!r}: use train, train[:90%] or train[90%:]")
    with reraise_as(f"{path} cannot be read as arrays (.npy, .npz)"):
        arrays = _arrays(path)
    if "x" not in arrays:
        raise UserError(f"{path} has {', '.join(sorted(arrays)) or 'no arrays'}: one of them must be x or images")
    x = arrays["x"]
    if how.size is not None and x.shape[1:3] != how.size:
        raise UserError(
            f"config.data.size is {how.size}, but the images in {path} are {x.shape[1:3]}: arrays are not resized; "
            "set it to 0"
        )
    own = x.shape[3] if x.ndim == 4 else Reading().channels
    if how.channels not in (own, Reading().channels):
        raise UserError(
            f"config.data.channels is {how.channels}, but the examples in {path} are {x.shape[1:]}: arrays are not "
            f"converted; set it to {own}"
        )
    if not labels:
        arrays.pop("label", None)
    classes = _count(arrays.get("label"))  # from all examples, as a part may lack some classes
    n = len(x) if x.ndim else 0
    _check_lengths(path, n, arrays)  # before a part is chosen, which could hide them
    listed = [File("", str(number), 0, 0) for number in range(n)]
    if (chosen := parts.choose(listed, split)) != listed:
        kept = np.array([int(file.name) for file in chosen], np.int64)
        arrays = {name: values[kept] if values.ndim else values for name, values in arrays.items()}
    label = arrays.pop("label", None)
    x = arrays.pop("x")
    return Dataset("folder", split, x, label, classes, splits=("train",), others=arrays, path=str(path))


def _check_lengths(path: Path, n: int, arrays: Mapping[str, np.ndarray]) -> None:
    """Raises UserError if an array does not have an entry for each of the n examples; not for a lone label."""
    for name, values in arrays.items() if n else ():
        lone = name == "label" and not values.ndim  # left out later, as all labels that no model can use
        if values.shape[:1] != (n,) and not lone:
            raise UserError(
                f"{path}: {name} is {values.dtype} {list(values.shape)}: it must have one entry for each of the {n} "
                "examples"
            )


def _count(label: np.ndarray | None) -> int:
    """Returns the number of classes of labels, 0 if these are not whole numbers."""
    return int(label.max()) + 1 if label is not None and label.size and label.dtype.kind in "iu" else 0


def _arrays(path: Path) -> dict[str, np.ndarray]:
    made: Any = np.load(path, mmap_mode="r", allow_pickle=False)
    if isinstance(made, np.ndarray):
        return {"x": made}
    with made:
        return {NAMES.get(name, name): made[name] for name in made.files}
