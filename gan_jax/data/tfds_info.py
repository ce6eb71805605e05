"""The JSON files of a data set that TensorFlow Datasets prepared: splits, images, labels and classes.

They are read directly, because importing TFDS takes a second.
"""

import json
import pathlib
from typing import Any, NamedTuple

from gan_jax.data.images import MODES
from gan_jax.errors import UserError, reraise_as, suggestions

FORMAT = "array_record"


class PreparedSet(NamedTuple):
    """The contents of a prepared set's JSON files."""

    folder: pathlib.Path
    format: str
    splits: list[str]
    features: dict[str, dict[str, Any]]


def describe(folder: pathlib.Path, name: str) -> PreparedSet:
    """Returns what a folder's JSON files say; raises UserError if they are damaged or of another format."""
    try:
        info = json.loads((folder / "dataset_info.json").read_text())
        content = json.loads((folder / "features.json").read_text())["featuresDict"]["features"]
        features = {feature: dict(value) for feature, value in content.items()}
        described = PreparedSet(
            folder, info.get("fileFormat", "tfrecord"), [s["name"] for s in info["splits"]], features
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UserError(f"{folder}: dataset_info.json or features.json is damaged; {prepare_again(name)}") from error
    if described.format != FORMAT:
        message = f"{folder} is in {described.format} format, which cannot be read by index without TensorFlow"
        raise UserError(f"{message}: delete it and prepare it as {FORMAT}: {prepare_command(name)}")
    return described


def check_split(described: PreparedSet, split: str) -> None:
    """Raises UserError if the set has no split of this name."""
    for part in split.split("+"):
        base = part.partition("[")[0].strip()
        if base not in [*described.splits, "all"]:
            raise UserError(f"{described.folder} has no split {base!r}; {suggestions(base, described.splits)}")


def image_channels(described: PreparedSet, field: str = "image") -> int:
    """Returns the number of channels of a feature; raises UserError if it is not an 8-bit image."""
    folder, features = described.folder, described.features
    if not isinstance(image := features.get(field, {}).get("image"), dict):
        listed = ", ".join(f"{name} ({_kind(feature)})" for name, feature in sorted(features.items()))
        raise UserError(
            f"{folder} has no feature `{field}` that is an image; its features: {listed}; set config.data.image_field "
            "to one that is"
        )
    with reraise_as(f"{folder}: features.json is damaged"):
        dimensions = image.get("shape", {}).get("dimensions", [])
        channels = int(dimensions[-1]) if dimensions else 3  # TFDS's own default
    remedy = "prepare the set again with such images"
    if channels not in MODES:
        raise UserError(
            f"{folder} has images with {channels} channels; only 1 (grey), 3 (RGB) or 4 can be read: {remedy}"
        )
    if (dtype := image.get("dtype", "uint8")) != "uint8":
        raise UserError(f"{folder} has images of type {dtype}; only uint8 can be read: {remedy}")
    return channels


def image_size(described: PreparedSet, field: str) -> tuple[int, int] | None:
    """Returns (h, w) of the images of a feature; None if they may differ."""
    with reraise_as(f"{described.folder}: features.json is damaged"):
        dimensions = described.features[field]["image"].get("shape", {}).get("dimensions", [])
        sides = [int(side) for side in dimensions[:2]]
    return (sides[0], sides[1]) if len(sides) == 2 and all(side > 0 for side in sides) else None


def class_count(described: PreparedSet, field: str = "label") -> int:
    """Returns the number of classes that a feature declares; 0 if it declares none."""
    with reraise_as(f"{described.folder}: features.json is damaged"):
        return int(described.features[field]["classLabel"].get("numClasses", 0))


def class_names(described: PreparedSet, classes: int, field: str = "label") -> tuple[str, ...]:
    """Returns the classes' names, which TFDS keeps in a separate file; () if it does not name them all."""
    try:
        names = (described.folder / f"{field}.labels.txt").read_text(encoding="utf-8").split("\n")[:classes]
    except (OSError, ValueError):
        return ()
    return tuple(names) if len(names) == classes else ()


def unlabelled(features: dict[str, dict[str, Any]], field: str = "label") -> str:
    """Returns why features that look like labels are not read as labels, and what to do; '' if there are none."""
    labels = [name for name, feature in features.items() if "classLabel" in feature]
    if field in labels:
        return ""
    if field in features:
        return (
            f"its feature `{field}` is a {_kind(features[field])}, whose number of classes is not known; prepare the "
            "set again with a ClassLabel"
        )
    listed = ", ".join(sorted(labels))
    return f"it has no feature `{field}`, but {listed} (ClassLabel): set config.data.label_field" if labels else ""


def _kind(feature: dict[str, Any]) -> str:
    return str(feature.get("pythonClassName", "?")).rpartition(".")[2]


def prepare_command(name: str) -> str:
    """Returns the command that prepares a set."""
    return f"python scripts/prepare_data.py {name}"


def prepare_again(name: str) -> str:
    """Returns the remedy for a set whose files are damaged."""
    return f"delete that folder and prepare it again: {prepare_command(name)}"
