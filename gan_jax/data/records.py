"""Records of sets that TensorFlow Datasets prepared, as examples that are decoded when they are read."""

import functools
import hashlib
import importlib.metadata
import pathlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import numpy as np

from gan_jax.data import images, tfds_info
from gan_jax.data.images import Reading
from gan_jax.data.tfds_info import PreparedSet
from gan_jax.errors import UserError, one_line, reraise_as

_REVISION = 2  # of the arrays made here; a new number makes every older cache entry stale


@dataclass(frozen=True)
class Records:
    """Examples that are records of a prepared set (`data.examples.Examples`).

    Attributes:
        described: the set's JSON files.
        name, split: as in `read`.
        count: the number of examples.
        how: how images are read.
        features: by field, the set's feature that it is read from.
        shapes: the shapes of an example's fields.
    """

    described: PreparedSet
    name: str
    split: str
    count: int
    how: Reading
    features: Mapping[str, str]
    shapes: Mapping[str, tuple[int, ...]]

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> dict[str, np.ndarray]:
        """Returns an example, uint8 [*shape] by field; raises UserError if it is damaged."""
        (made,) = self.read([index])
        if isinstance(made, Exception):
            raise made
        return made

    def read(self, indices: Sequence[int]) -> list[dict[str, np.ndarray] | Exception]:
        """Returns several examples, with the error in place of each that cannot be read."""
        return [
            self._decoded(int(index), record) for index, record in zip(indices, self._records(indices), strict=True)
        ]

    @property
    def what(self) -> str:
        """The set and the split, for messages."""
        return f"{self.name} {self.split}"

    @property
    def identity(self) -> str:
        """A digest of the shards' names and sizes, and of how they are read."""
        return self._digest((path.name, status.st_size) for path, status in shards(self.described))

    @property
    def key(self) -> str:
        """The name of the decoded arrays, from what they are and a digest that changes with the files."""
        files = ((path.name, status.st_size, status.st_mtime_ns) for path, status in shards(self.described))
        return f"{key_of(self.name, self.split, self.how, sorted(self.features.items()))}-{self._digest(files)}"

    @functools.cached_property
    def _source(self) -> Any:
        return opened(self.described, self.split)

    def __getstate__(self) -> dict[str, Any]:  # open files stay in their process
        return {name: value for name, value in self.__dict__.items() if name != "_source"}

    def _records(self, indices: Sequence[int]) -> list[Any]:
        """Returns the records, or errors in place of unreadable ones. Reading several at once is four times as fast."""
        chosen = [int(index) for index in indices]
        try:
            return list(self._source.__getitems__(chosen)) if len(chosen) > 1 else [self._source[chosen[0]]]
        except UserError:
            raise
        except Exception as error:  # TFDS and array_record raise errors of many kinds
            return [error] if len(chosen) == 1 else [self._records([index])[0] for index in chosen]

    def _decoded(self, index: int, record: Any) -> dict[str, np.ndarray] | Exception:
        try:
            if isinstance(record, Exception):
                raise record
            made = {name: images.read(record[feature], self.how) for name, feature in self.features.items()}
        except Exception as error:
            damage = f"{self.described.folder}: example {index} of {self.split!r} cannot be read ({one_line(error)})"
            return UserError(f"{damage}; if the files are damaged, {tfds_info.prepare_again(self.name)}")
        for name, pixels in made.items():
            if pixels.shape != self.shapes[name]:
                sizes = f"example 0 is {_size(self.shapes[name])}, example {index} is {_size(pixels.shape)}"
                return UserError(
                    f"{self.described.folder} has images of varying size, which is not allowed: {sizes}; set "
                    "config.data.size, so that all are resized"
                )
        return made

    def _digest(self, shards: Iterable[tuple[Any, ...]]) -> str:
        return fingerprint(self.described, self.split, [*shards, self.how, sorted(self.features.items())])


def shards(described: PreparedSet) -> list[tuple[pathlib.Path, Any]]:
    """Returns the set's record files, with their status."""
    return [(path, path.stat()) for path in sorted(described.folder.glob(f"*.{tfds_info.FORMAT}*"))]


def key_of(name: str, split: str, *rest: Any) -> str:
    """Returns the first part of a cache entry's name. Long splits are cut: file names are limited."""
    short = f"{quote(name, safe='')}-{quote(split, safe='')[:100]}"
    return f"{short}-{hashlib.sha256(repr((name, split, rest)).encode()).hexdigest()[:8]}"


def fingerprint(described: PreparedSet, split: str, rest: Sequence[Any]) -> str:
    """Returns a digest of all that arrays depend on. `rest` describes the shards, which take too long to hash."""
    decoder = importlib.metadata.version("pillow")  # JPEG decoders differ in the last bit
    digest = hashlib.sha256(repr((_REVISION, decoder, split, list(rest))).encode())
    for name in ("dataset_info.json", "features.json"):
        digest.update((described.folder / name).read_bytes())
    return digest.hexdigest()[:16]


def opened(described: PreparedSet, split: str) -> Any:
    """Returns the examples as TFDS does, except that images are the undecoded bytes of their files.

    TFDS would decode them with OpenCV if that is installed, otherwise with Pillow, and these differ on JPEG.
    """
    import tensorflow_datasets as tfds

    image_names = [name for name, feature in described.features.items() if "image" in feature]
    decoders: Any = {name: tfds.decode.SkipDecoding() for name in image_names}
    with reraise_as(f"{described.folder}: split {split!r} cannot be opened"):
        builder = tfds.builder_from_directory(described.folder)
        if not builder.info.splits[split].num_examples:
            raise ValueError("it has no examples; use a larger part")
        source: Any = builder.as_data_source(split=split, decoders=decoders)
        len(source)
    return source


def _size(shape: tuple[int, ...]) -> str:
    return f"{shape[0]}x{shape[1]}"
