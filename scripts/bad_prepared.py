"""Cases of bad_input.py: data sets in TFDS's format, valid and invalid ones."""

import importlib
import io
import json
import random
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from scripts.bad_data import CONFIGS
from scripts.bad_values import TINY, Case

P = "tensorflow_datasets.core.features."


class Prepared(NamedTuple):
    """The properties of a set in TFDS's format; see `write`."""

    classes: str | None = "3"
    label: str | None = "label"
    image: str = "image"
    dtype: str = "uint8"
    channels: int = 1
    declared: tuple[Any, ...] = ("8", "8", 1)
    encoding: str = "PNG"
    first: int = 0
    top: int = 255
    names: str | None = None
    lengths: Any = None
    form: str = "array_record"
    version: str = "1.0.0"
    splits: tuple[str, ...] = ("train", "test")
    n: int = 40
    varied: bool = False
    missing: bool = False
    mode: str = ""
    seed: int = 0


def of_prepared(rng: random.Random) -> Case:
    """Returns a case of a set in TFDS's format with one or two odd or wrong properties."""
    odd: list[dict[str, Any]] = [{"classes": value} for value in (None, "0", "-3", "x", "99999999999", "2")]
    odd += [{"label": value} for value in (None, "labels", "Label")]
    odd += [{"image": "img"}, {"dtype": "uint16"}, {"dtype": "float32"}, {"encoding": "JPEG"}, {"encoding": "GIF"}]
    odd += [{"first": value} for value in (-1, 1, 5, 2**40, -(2**40))]
    odd += [{"top": 1}, {"top": 0}, {"names": ""}, {"names": "a\nb\nc"}, {"names": "a\n\n\x1b[31m"}, {"names": "a\nb"}]
    odd += [{"lengths": value} for value in ([], ["0"], ["x"], ["41"], ["20", "20"], None, ["-1"], [40], 3, "40")]
    odd += [{"form": value} for value in ("tfrecord", "", "parquet", None)]
    odd += [{"version": value} for value in ("1.0", "x", "10.0.0", "0.0.0")]
    odd += [
        {"splits": value} for value in (("train",), ("test",), ("train", "test", "train"), ("träin",), (), ("a/b",))
    ]
    odd += [{"channels": 3, "declared": ("8", "8", 3)}, {"channels": 4, "declared": ("8", "8", 4)}, {"channels": 3}]
    odd += [
        {"declared": value} for value in ((), (None, None, 1), ("8",), ("x", "8", "y"), ("9", "9", 1), ("8", "8", 2))
    ]
    odd += [{"n": value} for value in (1, 2, 3)]
    odd += [{"varied": True}, {"missing": True}, {"mode": "I;16"}, {"mode": "LA"}, {"mode": "CMYK"}, {"mode": "1"}, {}]
    values: dict[str, Any] = {}
    for change in rng.sample(odd, rng.choice((1, 1, 2))):
        values |= change
    made = Prepared(**values)
    config = rng.choice(("mnist_gan", "mnist_cvae", "mnist_deep_ae"))
    right = ("accepted",) if not values and config != "mnist_cvae" else ("refused", "accepted")

    def prepare(folder: Path, runs: Path) -> None:
        del runs
        write(folder / "tfds", "mine", made)

    given = {**TINY, "data.name": "mine", "evaluators": "none"}
    arguments = [f"--config={CONFIGS / config}.py", "--workdir={run}"]
    arguments += [f"--config.{name}={value}" for name, value in given.items()]
    variables = {"TFDS_DATA_DIR": "{folder}/tfds", "GAN_JAX_CACHE": "{folder}/cache"}
    about = f"{config} on a prepared set: {values}"
    return Case(about, arguments, prepare, variables, True, rng.random() < 0.2, right=right)


def write(root: Path, name: str, made: Prepared) -> None:
    """Writes a set of small random images in TFDS's format, without TensorFlow."""
    records = importlib.import_module("array_record.python.array_record_module")
    folder = root / name / made.version
    folder.mkdir(parents=True, exist_ok=True)
    image = {"dtype": made.dtype, "encodingFormat": "png", "shape": {"dimensions": list(made.declared)}}
    features: dict[str, Any] = {made.image: {"pythonClassName": f"{P}image_feature.Image", "image": image}}
    if made.label:
        counted = {} if made.classes is None else {"numClasses": made.classes}
        features[made.label] = {"pythonClassName": f"{P}class_label_feature.ClassLabel", "classLabel": counted}
    top = {"pythonClassName": f"{P}features_dict.FeaturesDict", "featuresDict": {"features": features}}
    (folder / "features.json").write_text(json.dumps(top))
    lengths = made.lengths if made.lengths is not None else [str(made.n)]
    common = {"numBytes": "1", "filepathTemplate": "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}"}
    splits = [{"name": split, "shardLengths": lengths, **common} for split in made.splits]
    about = {"name": name, "version": made.version, "fileFormat": made.form, "splits": splits}
    (folder / "dataset_info.json").write_text(json.dumps(about))
    if made.names is not None:
        (folder / "label.labels.txt").write_text(made.names)
    for split in {*made.splits} if not made.missing else ():
        shard = folder / f"{name}-{split.replace('/', '_')}.array_record-00000-of-00001"
        writer = records.ArrayRecordWriter(str(shard), "group_size:1")
        for number in range(made.n):
            writer.write(_example(made, number))
        writer.close()


def _example(made: Prepared, number: int) -> bytes:
    from PIL import Image

    proto = importlib.import_module("tensorflow_datasets.proto.tf_example_generated_pb2")
    size = 8 + (number % 2 if made.varied else 0)
    rng = np.random.default_rng((made.seed, number))
    pixels = rng.integers(0, made.top + 1, (size, size, made.channels)).astype(np.uint8)
    picture = Image.fromarray(pixels[..., 0] if made.channels == 1 else pixels)
    if made.mode:
        picture = picture.convert("L").convert("I;16" if made.mode == "I;16" else made.mode)
    file, example = io.BytesIO(), proto.Example()
    encoding = {"CMYK": "JPEG"}.get(made.mode, made.encoding)
    (picture.convert("RGB") if picture.mode in ("RGBA", "LA") and encoding == "JPEG" else picture).save(file, encoding)
    example.features.feature[made.image].bytes_list.value.append(file.getvalue())
    if made.label:
        example.features.feature[made.label].int64_list.value.append(number % 3 + made.first)
    return example.SerializeToString()
