"""Image data sets that TensorFlow Datasets (TFDS) prepared in array_record format, read by name.

They are in TFDS's own folder, `TFDS_DATA_DIR`. Nothing is downloaded here and TensorFlow is not needed: only
`scripts/prepare_data.py` needs it and the network, once. Later starts do not even import TFDS, which takes a second:
its JSON files are read directly (`tfds_info.py`), and labels are kept in the user's cache.
"""

import os
import pathlib
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from gan_jax.data import images, records, store, tfds_info
from gan_jax.data.base import Dataset, by_field
from gan_jax.data.examples import Lazy
from gan_jax.data.images import Reading
from gan_jax.data.tfds_info import PreparedSet
from gan_jax.errors import UserError, reraise_as
from gan_jax.runs import cache

_NAME = re.compile(r"([A-Za-z]\w*(?:/\w[\w.-]*)?)(?::(\d+\.\d+\.\d+))?")  # set[/config][:version]
_VERSION = re.compile(r"\d+\.\d+\.\d+")


def data_dir() -> pathlib.Path:
    """Returns the folder of prepared sets: `$TFDS_DATA_DIR`, or by default `~/tensorflow_datasets`, as in TFDS."""
    return pathlib.Path(os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets").expanduser()


def names() -> list[str]:
    """Returns the names of the sets in that folder: 'mnist', or 'emnist/letters' if a set has configurations."""
    found = [*data_dir().glob("*/*/dataset_info.json"), *data_dir().glob("*/*/*/dataset_info.json")]
    versions = [path.parent for path in found if _VERSION.fullmatch(path.parent.name)]
    return sorted({version.parent.relative_to(data_dir()).as_posix() for version in versions})


def registered() -> list[str]:
    """Returns the names of the sets that TFDS can prepare. It is slow, as it imports TFDS."""
    import tensorflow_datasets as tfds

    return tfds.list_builders(with_community_datasets=False)


def missing(name: str) -> str:
    """Returns the error message for a set that TFDS can prepare but that is not in the folder."""
    return f"data set {name!r} is not in {data_dir()} (TFDS_DATA_DIR); to prepare it: {tfds_info.prepare_command(name)}"


def find(name: str) -> pathlib.Path | None:
    """Returns the folder of the set's newest version, or of the version in its name; None if there is none."""
    if not (match := _NAME.fullmatch(name)):
        return None
    base, wanted = match.groups()
    infos = (data_dir() / base).glob(f"{wanted or '*'}/dataset_info.json")
    versions = [info.parent for info in infos if _VERSION.fullmatch(info.parent.name)]
    return max(versions, key=lambda path: [int(number) for number in path.name.split(".")], default=None)


def read(name: str, split: str) -> Dataset:
    """Returns a split as `open_split` does, but decoded."""
    return store.hold(open_split(name, split))


def open_split(
    name: str,
    split: str,
    *,
    size: Any = 0,
    fit: str = "crop",
    channels: int = 0,
    background: int = 255,
    image_field: str = "image",
    label_field: str = "label",
    fields: Mapping[str, str] | None = None,
) -> Dataset:
    """Returns a split without decoding it: an image feature as `x`, uint8 [n, h, w, channels]; a ClassLabel as `label`.

    Args:
        name: 'mnist', 'emnist/letters' or 'mnist:3.0.1'.
        split: 'train', or in TFDS's notation 'train[:90%]', 'train[100:200]', 'train+test', 'all'.
        size, fit, channels, background: see `images.Reading`; 0 keeps the size and the channels.
        image_field, label_field: the set's features for `x` and `label`.
        fields: instead of image_field, the feature for each field, such as `{"x": "photo", "source": "map"}`.

    Raises UserError if the set or the split is not there, is damaged, or has no 8-bit images.
    """
    if (folder := find(name)) is None:
        raise UserError(missing(name))
    described = tfds_info.describe(folder, name)
    tfds_info.check_split(described, split)
    features = by_field(fields, image_field)
    how, shapes = _forms(described, split, features, (size, fit, channels, background))
    labels = _labels(described, name, split, label_field)
    source = records.Records(described, name, split, int(labels["count"]), how, features, shapes)
    arrays: dict[str, Any] = {field: Lazy(source, field) for field in features}
    classes = tfds_info.class_count(described, label_field) if "label" in labels else 0
    return Dataset(
        name,
        split,
        arrays.pop("x"),
        labels.get("label"),
        classes,
        unlabelled=tfds_info.unlabelled(described.features, label_field),
        class_names=tfds_info.class_names(described, classes, label_field),
        version=folder.name,
        splits=tuple(described.splits),
        others=arrays,
    )


def _forms(
    described: PreparedSet, split: str, features: Mapping[str, str], how: tuple[Any, ...]
) -> tuple[Reading, dict[str, tuple[int, ...]]]:
    """Returns how images are read, and their shapes by field; raises UserError if a feature is not an image."""
    declared = {field: tfds_info.image_channels(described, feature) for field, feature in features.items()}
    size, fit, channels, background = how
    reading = images.reading(size, fit, channels or declared["x"], background)
    return reading, {field: _shape(described, split, feature, reading) for field, feature in features.items()}


def _labels(described: PreparedSet, name: str, split: str, label_field: str) -> dict[str, np.ndarray]:
    """Returns the `count` of examples, and `label` int32 [n] if there are labels: from the cache or all records."""

    def make() -> dict[str, np.ndarray]:
        source = records.opened(described, split)
        labelled = "classLabel" in described.features.get(label_field, {})
        count = {"count": np.array(len(source))}
        if not labelled:
            return count
        label = np.zeros(len(source), np.int32)
        for start in range(0, len(source), 4096):
            indices = list(range(start, min(start + 4096, len(source))))
            with reraise_as(f"{described.folder}: {split!r} cannot be read; {tfds_info.prepare_again(name)}"):
                label[indices] = [record[label_field] for record in source.__getitems__(indices)]
        return {**count, "label": label}

    shards = [(path.name, status.st_size, status.st_mtime_ns) for path, status in records.shards(described)]
    key = f"{records.key_of(name, split, label_field)}-{records.fingerprint(described, split, shards)}"
    return cache.arrays(key, make)


def _shape(described: PreparedSet, split: str, feature: str, how: Reading) -> tuple[int, int, int]:
    """Returns the shape of images: the size in `how`, or else the declared size, or else that of the first image."""
    if how.size is not None:
        return (*how.size, how.channels)
    if (declared := tfds_info.image_size(described, feature)) is not None:
        return (*declared, how.channels)
    with reraise_as(f"{described.folder}: example 0 of {split!r} cannot be read"):
        return (*images.size_of(records.opened(described, split)[0][feature]), how.channels)
