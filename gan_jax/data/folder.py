"""Image files of one's own: a folder, with labels from its sub-folders, or several folders whose files belong together.

--config.data.name=folder --config.data.path=~/photos --config.data.size=64
"""

import contextlib
import functools
import importlib.metadata
import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import numpy as np

from gan_jax.data import array_file, files, images, parts, store
from gan_jax.data.base import Dataset
from gan_jax.data.examples import Lazy
from gan_jax.data.images import Reading
from gan_jax.errors import MAX_NAMES, UserError, one_line, printable, suggestions

DAMAGED = ("refuse", "skip")
KEPT, HELD_OUT = "[:90%]", "[90%:]"
"""Parts of files without sub-folders for training and for testing."""


@dataclass(frozen=True)
class Files:
    """Examples that are image files (`data.examples.Examples`): of example i those at `i` of each field's lists.

    Attributes:
        root: the folder.
        split: the split, or part of one, that these files are.
        how: how they are read.
        shapes: of an example's fields.
        listed: the files of each field.
    """

    root: str
    split: str
    how: Reading
    shapes: Mapping[str, tuple[int, ...]]
    listed: Mapping[str, Sequence[files.File]]

    def __len__(self) -> int:
        return len(next(iter(self.listed.values())))

    def __getitem__(self, index: int) -> dict[str, np.ndarray]:
        """Returns an example, uint8 [*shape] by field; raises UserError where a file is damaged or has changed."""
        return {name: self._read(listed[index], self.shapes[name]) for name, listed in self.listed.items()}

    def read(self, indices: Sequence[int]) -> list[dict[str, np.ndarray] | Exception]:
        """Returns several examples, of each that cannot be read its error."""
        made: list[dict[str, np.ndarray] | Exception] = []
        for index in indices:
            try:
                made.append(self[index])
            except UserError as error:
                made.append(error)
        return made

    @property
    def what(self) -> str:
        """The folder and the split, for messages."""
        return f"{printable(self.root)} {self.split}"

    @property
    def identity(self) -> str:
        """A digest of the files' names and sizes, and of how they are read."""
        return self._digest("name", "size")

    @property
    def key(self) -> str:
        """The name of the decoded arrays: the folder, the split, how files are read; and a digest of the files."""
        name = quote(os.fsencode(os.path.basename(self.root)), safe="")[:60]  # noqa: PTH119
        what = store.digest_of((self.root, self.split, self.how, sorted(self.shapes.items())))[:8]
        return f"{name}-{what}-{self._digest('path', 'size', 'changed')}"

    def _digest(self, *values: str) -> str:
        listed = {name: [tuple(getattr(f, v) for v in values) for f in each] for name, each in self.listed.items()}
        decoder = importlib.metadata.version("pillow")  # JPEG decoders differ in the last bit
        return store.digest_of((decoder, self.how, sorted(self.shapes.items()), sorted(listed.items())))

    def _read(self, file: files.File, shape: tuple[int, ...]) -> np.ndarray:
        try:
            file.check_unchanged()
            pixels = images.read(file.path, self.how)
        except Exception as error:  # Pillow raises errors of every kind for damaged files
            raise UserError(f"{printable(file.path)}: {one_line(error)}") from error
        if pixels.shape != shape:
            sizes = f"{pixels.shape[0]}x{pixels.shape[1]}, not {shape[0]}x{shape[1]}"
            raise UserError(f"{printable(file.path)} is {sizes}: set config.data.size, so that all are of one size")
        return pixels


def load(
    split: str,
    *,
    path: str = "",
    size: Any = 0,
    fit: str = "crop",
    channels: int = 3,
    background: int = 255,
    fields: Mapping[str, str] | None = None,
    paired: bool = True,
    labels: bool = True,
    group: str = "",
    damaged: str = "refuse",
) -> Dataset:
    """Returns the images of a folder, or the arrays of an .npy or .npz file, as a data set. Decodes nothing yet.

    Args:
        split: 'train', 'test' or another sub-folder of this name; 'all' for all of them. Where there are no such
            sub-folders 'train' is everything. For a part of one, as 'train[:90%]', see `parts`.
        path: the folder, see `files.resolve`.
        size, fit, channels, background: how files become arrays, see `images.Reading`.
        fields: sub-folders of the path by the fields that they give, as `{"x": "photos", "source": "sketches"}`; only
            `x`, the path itself, by default.
        paired: whether files with the same name in these sub-folders belong together. Otherwise each field has an order
            and a number of files of its own.
        labels: whether sub-folders of a split are classes.
        group: a regular expression: files for which it finds the same text are in the same part of a split.
        damaged: what is done about a file that cannot be read or has no partner: 'refuse' the data set, or 'skip' it.

    Raises:
        UserError: where there is no such folder or split, or files are not as these arguments say.
    """
    how = images.reading(size, fit, channels, background)
    root = files.resolve(path)
    if root.is_file():
        return array_file.read(root, split, how)
    sources = {"x": ""} if not fields else dict(fields)
    _check(sources, damaged)
    found = {name: files.find(root / folder, parts.base(split), labels=labels) for name, folder in sources.items()}
    chosen = {name: parts.choose(each.listed, _part(split, found["x"]), group) for name, each in found.items()}
    if paired and len(chosen) > 1:
        chosen = _partners(chosen, os.fspath(root), damaged)
    if damaged == "skip":
        chosen = _readable(chosen, how, paired)
    return _dataset(os.fspath(root), split, how, chosen, found["x"], paired=paired)


def _part(split: str, found: files.Found) -> str:
    """Returns the split, or a part of 'train' for the 'test' of files that have no such sub-folder."""
    if parts.base(split) != "test" or "test" in found.splits:
        return split
    if split != "test":
        raise UserError(f"split {split!r}: there is no sub-folder test; take a part of train, as train[90%:]")
    message = "there is no sub-folder test: split 'test' is train%s, which only train%s leaves out of training"
    logging.warning(message, HELD_OUT, KEPT)
    return f"train{HELD_OUT}"


def _check(sources: Mapping[str, str], damaged: str) -> None:
    if damaged not in DAMAGED:
        raise UserError(f"config.data.damaged is {damaged!r}: {suggestions(str(damaged), DAMAGED)}")
    if "x" not in sources:
        raise UserError(f"config.data.fields has {', '.join(sources) or 'nothing'}: one of them must be x")
    for name, folder in sources.items():
        if not name.isidentifier() or name == "label" or not isinstance(folder, str):
            raise UserError(f"config.data.fields.{name} is {folder!r}: give a field's name and a sub-folder")


def _dataset(
    root: str,
    split: str,
    how: Reading,
    chosen: Mapping[str, Sequence[files.File]],
    found: files.Found,
    *,
    paired: bool,
) -> Dataset:
    """Returns the data set of these files: each field decoded when it is read."""
    if not all(chosen.values()):
        raise UserError(f"{printable(root)}: split {split!r} has no images: take a larger part")
    shapes = {name: _shape(listed, how) for name, listed in chosen.items()}
    together = [list(chosen)] if paired else [[name] for name in chosen]
    made = {}
    for names in together:
        examples = Files(root, split, how, {n: shapes[n] for n in names}, {n: tuple(chosen[n]) for n in names})
        made |= {name: Lazy(examples, name) for name in names}
    label = None
    if found.classes:
        label = np.array([found.classes.index(file.label) for file in chosen["x"]], np.int32)
    return Dataset(
        "folder",
        split,
        made.pop("x"),  # pyrefly: ignore[bad-argument-type]
        label,
        len(found.classes),
        unlabelled=found.unlabelled,
        class_names=found.classes,
        splits=found.splits,
        others=made,  # pyrefly: ignore[bad-argument-type]
        unpaired=() if paired else tuple(made),
        path=root,
    )


def _shape(listed: Sequence[files.File], how: Reading) -> tuple[int, int, int]:
    """Returns the shape of images: of the size asked for, else of the one that all files have, by their headers."""
    if how.size is not None:
        return (*how.size, how.channels)
    sizes: dict[tuple[int, int], str] = {}
    for file in listed:
        with contextlib.suppress(
            Exception
        ):  # decoding names all files that are damaged, of which Pillow raises anything
            sizes.setdefault(images.size_of(file.path), printable(file.path))
        if len(sizes) > 1:
            both = "; ".join(f"{name} is {h}x{w}" for (h, w), name in sizes.items())
            raise UserError(f"images of different sizes ({both}): set config.data.size, such as 64, or (h, w)")
    if not sizes:
        raise UserError(
            f"{printable(listed[0].path)} and {len(listed) - 1:,} other files are no images that can be read"
        )
    return (*next(iter(sizes)), how.channels)


def _partners(chosen: Mapping[str, Sequence[files.File]], root: str, damaged: str) -> dict[str, Sequence[files.File]]:
    """Returns the files of each field in the order of x's, each with its partners, by their names without suffixes."""
    by_name = {name: {file.stem: file for file in listed} for name, listed in chosen.items()}
    common = functools.reduce(lambda a, b: a & b, (each.keys() for each in by_name.values()))
    alone = [f"{field} {printable(stem)}" for field, each in by_name.items() for stem in each if stem not in common]
    if alone and damaged == "refuse":
        listed = "; ".join(alone[:MAX_NAMES]) + (" ..." if len(alone) > MAX_NAMES else "")
        raise UserError(
            f"{root}: {len(alone):,} files have no partner of the same name ({listed}): add it, delete them, or set "
            "config.data.damaged=skip"
        )
    return {name: [by_name[name][f.stem] for f in chosen["x"] if f.stem in common] for name in chosen}


def _readable(
    chosen: Mapping[str, Sequence[files.File]], how: Reading, paired: bool
) -> dict[str, Sequence[files.File]]:
    """Returns the files without those that cannot be read, and without the partners of these; says how many."""
    good = {name: files.readable(listed, how) for name, listed in chosen.items()}
    if paired:
        every = [all(flags) for flags in zip(*good.values(), strict=True)]
        good = dict.fromkeys(good, every)
    return {name: [f for f, keep in zip(chosen[name], good[name], strict=True) if keep] for name in chosen}
