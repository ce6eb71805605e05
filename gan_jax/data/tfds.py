"""Image data sets that TensorFlow Datasets (TFDS) prepared in array_record format, read by name.

They are in TFDS's own folder, `TFDS_DATA_DIR`. Nothing is downloaded here and TensorFlow is not needed:
`scripts/prepare_data.py` needs the network and TensorFlow, once. A split is decoded once and then kept in the user's
cache. Later starts do not even import TFDS, which takes a second, because its JSON files are read directly.
"""

import functools
import hashlib
import importlib.metadata
import io
import json
import os
import pathlib
import re
import sys
import warnings
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple
from urllib.parse import quote

import numpy as np

from gan_jax.data.base import Dataset
from gan_jax.errors import UserError, one_line, reraise_as, suggestions
from gan_jax.runs import cache, terminal

_NAME = re.compile(r"([A-Za-z]\w*(?:/\w[\w.-]*)?)(?::(\d+\.\d+\.\d+))?")  # set[/config][:version]
_VERSION = re.compile(r"\d+\.\d+\.\d+")
_FORMAT = "array_record"
_MODES = {1: "L", 3: "RGB"}  # channels -> Pillow's name
_READABLE = frozenset({"1", "L", "LA", "P", "RGB", "RGBA"})  # modes of 8 bits, whose conversion loses nothing
_MAX_PIXELS = 1 << 24  # of one image; a small file can contain a huge one
_RENAMED = "prepare the set anew with one, or read it by a file of gan_jax/data"
_REVISION = 1  # of the arrays made here; a new number makes every older cache entry stale


class _Set(NamedTuple):
    """The contents of a prepared set's JSON files."""

    folder: pathlib.Path
    format: str
    splits: list[str]
    features: dict[str, dict[str, Any]]


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
    return f"data set {name!r} is not in {data_dir()} (TFDS_DATA_DIR); to put it there: {_command(name)}"


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
    described = _describe(folder, name)
    _check_split(described, split)
    channels = _channels(described)
    short = quote(split, safe="")[:100]  # names of files are limited; the fingerprint is of the whole
    key = f"{quote(name, safe='')}-{short}-{_fingerprint(described, split)}"
    stored = cache.arrays(key, functools.partial(_decode, described, name, split, channels))
    classes = _classes(described) if "label" in stored else 0
    return Dataset(
        name,
        split,
        stored["x"],
        stored.get("label"),
        classes,
        unlabelled=_unlabelled(described.features),
        class_names=_class_names(described, classes),
        version=folder.name,
        splits=tuple(described.splits),
    )


def _describe(folder: pathlib.Path, name: str) -> _Set:
    try:
        info = json.loads((folder / "dataset_info.json").read_text())
        content = json.loads((folder / "features.json").read_text())["featuresDict"]["features"]
        features = {feature: dict(value) for feature, value in content.items()}
        described = _Set(folder, info.get("fileFormat", "tfrecord"), [s["name"] for s in info["splits"]], features)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UserError(f"{folder}: dataset_info.json or features.json is damaged; {_again(name)}") from error
    if described.format != _FORMAT:
        message = f"{folder} is in {described.format} format, which cannot be read by index without TensorFlow"
        raise UserError(f"{message}: delete it and prepare it as {_FORMAT}: {_command(name)}")
    return described


def _check_split(described: _Set, split: str) -> None:
    for part in split.split("+"):
        base = part.partition("[")[0].strip()
        if base not in [*described.splits, "all"]:
            raise UserError(f"{described.folder} has no split {base!r}; {suggestions(base, described.splits)}")


def _channels(described: _Set) -> int:
    """Returns the number of channels of feature `image`; raises UserError where it is not an 8-bit image."""
    folder, features = described.folder, described.features
    if not isinstance(image := features.get("image", {}).get("image"), dict):
        listed = ", ".join(f"{name} ({_kind(feature)})" for name, feature in sorted(features.items()))
        raise UserError(f"{folder} has no feature `image` that is an image; its features: {listed}; {_RENAMED}")
    with reraise_as(f"{folder}: features.json is damaged"):
        dimensions = image.get("shape", {}).get("dimensions", [])
        channels = int(dimensions[-1]) if dimensions else 3  # TFDS's own default
    remedy = "prepare the set anew with such images"
    if channels not in _MODES:
        raise UserError(f"{folder} has images of {channels} channels; 1 (grey) or 3 (RGB) can be read: {remedy}")
    if (dtype := image.get("dtype", "uint8")) != "uint8":
        raise UserError(f"{folder} has images of {dtype}; only uint8 can be read: {remedy}")
    return channels


def _classes(described: _Set) -> int:
    """Returns the number of classes that feature `label` declares; 0 where it declares none."""
    with reraise_as(f"{described.folder}: features.json is damaged"):
        return int(described.features["label"]["classLabel"].get("numClasses", 0))


def _class_names(described: _Set, classes: int) -> tuple[str, ...]:
    """Returns the classes' names, which TFDS keeps in a file of their own; () where it does not name them all."""
    try:
        names = (described.folder / "label.labels.txt").read_text(encoding="utf-8").split("\n")[:classes]
    except (OSError, ValueError):
        return ()
    return tuple(names) if len(names) == classes else ()


def _unlabelled(features: dict[str, dict[str, Any]]) -> str:
    """Returns why features that look like labels are not read as labels, and what to do; '' where there are none."""
    labels = [name for name, feature in features.items() if "classLabel" in feature]
    if "label" in labels:
        return ""
    remedy = "prepare the set anew with a ClassLabel as its feature `label`, or read it by a file of gan_jax/data"
    if "label" in features:
        return f"its feature `label` is a {_kind(features['label'])}, whose number of classes is not known; {remedy}"
    return f"it has no feature `label`, but {', '.join(sorted(labels))} (ClassLabel); {remedy}" if labels else ""


def _kind(feature: dict[str, Any]) -> str:
    return str(feature.get("pythonClassName", "?")).rpartition(".")[2]


def _fingerprint(described: _Set, split: str) -> str:
    """Returns a digest of all that the arrays depend on; of a shard its size and time, as hashing takes too long."""
    shards = [(path.name, path.stat()) for path in sorted(described.folder.glob(f"*.{_FORMAT}*"))]
    stats = [(name, status.st_size, status.st_mtime_ns) for name, status in shards]
    decoder = importlib.metadata.version("pillow")  # JPEG decoders differ in the last bit
    digest = hashlib.sha256(repr((_REVISION, decoder, split, stats)).encode())
    for name in ("dataset_info.json", "features.json"):
        digest.update((described.folder / name).read_bytes())
    return digest.hexdigest()[:16]


def _decode(described: _Set, name: str, split: str, channels: int) -> dict[str, np.ndarray]:
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
                raise UserError(f"{damage}; if the files are damaged: {_again(name)}") from error
            if i == 0:
                x = _allocate(described, len(source), pixels.shape)
            if pixels.shape != x.shape[1:]:
                sizes = f"example 0 is {_size(x[0])}, example {i} is {_size(pixels)}"
                raise UserError(f"{described.folder} has images of varying size, which is not allowed: {sizes}")
            x[i] = pixels
    return {"x": x, "label": label} if labelled else {"x": x}


def _open(described: _Set, split: str) -> Sequence[dict[str, Any]]:
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
        return np.asarray(image.convert(_MODES[channels])).reshape(image.height, image.width, channels)


def _allocate(described: _Set, n: int, shape: tuple[int, ...]) -> np.ndarray:
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


def _command(name: str) -> str:
    return f"python scripts/prepare_data.py {name}"


def _again(name: str) -> str:
    return f"delete that folder and prepare it again: {_command(name)}"
