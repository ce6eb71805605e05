"""Image data sets that TensorFlow Datasets (TFDS) prepared in array_record format, read by name.

They are in TFDS's own folder, `TFDS_DATA_DIR`. Nothing is downloaded here and TensorFlow is not needed:
`scripts/prepare_data.py` needs the network and TensorFlow, once. A split is decoded once and then kept in the user's
cache. Later starts do not even import TFDS, which takes a second, because its JSON files are read directly
(`tfds_info.py`).
"""

import functools
import hashlib
import importlib.metadata
import io
import os
import pathlib
import re
import sys
import warnings
from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import quote

import numpy as np

from gan_jax.data import tfds_info
from gan_jax.data.base import Dataset
from gan_jax.data.tfds_info import PreparedSet
from gan_jax.errors import UserError, one_line, reraise_as
from gan_jax.runs import cache, terminal

_NAME = re.compile(r"([A-Za-z]\w*(?:/\w[\w.-]*)?)(?::(\d+\.\d+\.\d+))?")  # set[/config][:version]
_VERSION = re.compile(r"\d+\.\d+\.\d+")
_READABLE = frozenset({"1", "L", "LA", "P", "RGB", "RGBA"})  # modes of 8 bits, whose conversion loses nothing
_MAX_PIXELS = 1 << 24  # of one image; a small file can contain a huge one
_REVISION = 1  # of the arrays made here; a new number makes every older cache entry stale


def data_dir() -> pathlib.Path:
    """Returns the folder of prepared sets: `$TFDS_DATA_DIR`, else `~/tensorflow_datasets`, as in TFDS."""
    return pathlib.Path(os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets").expanduser()


def names() -> list[str]:
    """Returns the names of the sets in that folder: 'mnist', or 'emnist/letters' where a set has configurations."""
    found = [*data_dir().glob("*/*/dataset_info.json"), *data_dir().glob("*/*/*/dataset_info.json")]
    versions = [path.parent for path in found if _VERSION.fullmatch(path.parent.name)]
    return sorted({version.parent.relative_to(data_dir()).as_posix() for version in versions})


def registered() -> list[str]:
    """Returns the names of the sets that TFDS can prepare. Slow: imports TFDS."""
    import tensorflow_datasets as tfds

    return tfds.list_builders(with_community_datasets=False)


def missing(name: str) -> str:
    """Returns the error message for a set that TFDS can prepare and that is not in the folder."""
    return (
        f"data set {name!r} is not in {data_dir()} (TFDS_DATA_DIR); to put it there: {tfds_info.prepare_command(name)}"
    )


def find(name: str) -> pathlib.Path | None:
    """Returns the folder of the set's newest version, or of the version in its name; None where there is none."""
    if not (match := _NAME.fullmatch(name)):
        return None
    base, wanted = match.groups()
    infos = (data_dir() / base).glob(f"{wanted or '*'}/dataset_info.json")
    versions = [info.parent for info in infos if _VERSION.fullmatch(info.parent.name)]
    return max(versions, key=lambda path: [int(number) for number in path.name.split(".")], default=None)


def read(name: str, split: str) -> Dataset:
    """Returns a split: feature `image` as `x`, uint8 [n, h, w, 1 or 3]; a ClassLabel `label` as int32 [n].

    Args:
        name: 'mnist', 'emnist/letters' or 'mnist:3.0.1'.
        split: 'train', or in TFDS's notation 'train[:90%]', 'train[100:200]', 'train+test', 'all'.

    Raises:
        UserError: if the set or the split is not there, is damaged, or has no 8-bit images of one size.
    """
    if (folder := find(name)) is None:
        raise UserError(missing(name))
    described = tfds_info.describe(folder, name)
    tfds_info.check_split(described, split)
    channels = tfds_info.image_channels(described)
    short = quote(split, safe="")[:100]  # names of files are limited; the fingerprint is of the whole
    key = f"{quote(name, safe='')}-{short}-{_fingerprint(described, split)}"
    stored = cache.arrays(key, functools.partial(_decode, described, name, split, channels))
    classes = tfds_info.class_count(described) if "label" in stored else 0
    return Dataset(
        name,
        split,
        stored["x"],
        stored.get("label"),
        classes,
        unlabelled=tfds_info.unlabelled(described.features),
        class_names=tfds_info.class_names(described, classes),
        version=folder.name,
        splits=tuple(described.splits),
    )


def _fingerprint(described: PreparedSet, split: str) -> str:
    """Returns a digest of all that the arrays depend on; of a shard its size and time, as hashing takes too long."""
    shards = [(path.name, path.stat()) for path in sorted(described.folder.glob(f"*.{tfds_info.FORMAT}*"))]
    stats = [(name, status.st_size, status.st_mtime_ns) for name, status in shards]
    decoder = importlib.metadata.version("pillow")  # JPEG decoders differ in the last bit
    digest = hashlib.sha256(repr((_REVISION, decoder, split, stats)).encode())
    for name in ("dataset_info.json", "features.json"):
        digest.update((described.folder / name).read_bytes())
    return digest.hexdigest()[:16]


def _decode(described: PreparedSet, name: str, split: str, channels: int) -> dict[str, np.ndarray]:
    """Returns all examples of the split: x uint8 [n, h, w, channels] and, if there are labels, label int32 [n]."""
    from PIL import Image

    source = _open(described, split)
    labelled = "classLabel" in described.features.get("label", {})
    label = np.zeros(len(source), np.int32)
    x = np.zeros((0, 0, 0, channels), np.uint8)
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        for i in _progress(len(source), f"{name} {split}"):
            try:
                example = source[i]
                pixels = _pixels(example["image"], channels)
                label[i] = example["label"] if labelled else 0
            except Exception as error:  # TFDS, array_record and Pillow raise many kinds
                damage = f"{described.folder}: example {i} of {split!r} cannot be read ({one_line(error)})"
                raise UserError(f"{damage}; if the files are damaged: {tfds_info.prepare_again(name)}") from error
            if i == 0:
                x = _allocate(described, len(source), pixels.shape)
            if pixels.shape != x.shape[1:]:
                sizes = f"example 0 is {_size(x[0])}, example {i} is {_size(pixels)}"
                raise UserError(f"{described.folder} has images of varying size, which is not allowed: {sizes}")
            x[i] = pixels
    return {"x": x, "label": label} if labelled else {"x": x}


def _open(described: PreparedSet, split: str) -> Sequence[dict[str, Any]]:
    """Returns the examples as TFDS does, except that images are the bytes of their files.

    TFDS would decode them with OpenCV where that is installed, else with Pillow, and these differ on JPEG.
    """
    import tensorflow_datasets as tfds

    images = [name for name, feature in described.features.items() if "image" in feature]
    decoders: Any = {name: tfds.decode.SkipDecoding() for name in images}
    with reraise_as(f"{described.folder}: split {split!r} cannot be opened"):
        builder = tfds.builder_from_directory(described.folder)
        if not builder.info.splits[split].num_examples:
            raise ValueError("it has no examples, take a larger part")
        source: Any = builder.as_data_source(split=split, decoders=decoders)
        len(source)
    return source


def _pixels(data: bytes, channels: int) -> np.ndarray:
    """Returns an image file's pixels uint8 [h, w, channels]; its size is checked before it is decoded."""
    from PIL import Image

    with Image.open(io.BytesIO(data), formats=("PNG", "JPEG")) as image:
        if image.width * image.height > _MAX_PIXELS:
            raise ValueError(f"{image.width}x{image.height} pixels are more than {_MAX_PIXELS}")
        if image.mode not in _READABLE:
            raise ValueError(f"its pixels are {image.mode}, not 8-bit grey or RGB")
        return np.asarray(image.convert(tfds_info.MODES[channels])).reshape(image.height, image.width, channels)


def _allocate(described: PreparedSet, n: int, shape: tuple[int, ...]) -> np.ndarray:
    try:
        return np.empty((n, *shape), np.uint8)
    except MemoryError as error:
        size = n * np.prod(shape, dtype=float) / 1e9
        raise UserError(
            f"{described.folder}: {n} images need {size:.0f} GB of memory; take a part of the split"
        ) from error


def _progress(n: int, what: str) -> Iterable[int]:
    if terminal.is_seen():
        import tqdm

        return tqdm.tqdm(range(n), desc=f"decoding {what} (once)", unit=" images", file=terminal.Unfailing(sys.stderr))
    terminal.say(f"decoding {what}: {n} images, once")
    return range(n)


def _size(pixels: np.ndarray) -> str:
    return f"{pixels.shape[0]}x{pixels.shape[1]}"
