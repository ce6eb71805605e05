"""Image files as examples that are decoded when they are read."""

import functools
import importlib.metadata
import itertools
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import numpy as np

from gan_jax.data import files, images, store
from gan_jax.data.images import Reading
from gan_jax.errors import UserError, one_line, printable

_REVISION = 2  # of the arrays made here; a new number makes every older cache entry stale


@dataclass(frozen=True)
class FileExamples:
    """Image files as examples (`data.examples.Examples`). Example i has the i-th file of each field's list.

    Attributes:
        root: the folder.
        split: the split, or part of one, that these files make up.
        how: how they are read.
        shapes: the shapes of an example's fields.
        listed: the files of each field.
        choice: what else these files were chosen by: each field's sub-folder, and arguments.
    """

    root: str
    split: str
    how: Reading
    shapes: Mapping[str, tuple[int, ...]]
    listed: Mapping[str, Sequence[files.File]]
    choice: tuple[Any, ...] = ()

    def __len__(self) -> int:
        return len(next(iter(self.listed.values())))

    def __getitem__(self, index: int) -> dict[str, np.ndarray]:
        """Returns an example, uint8 [*shape] by field.

        Raises UserError if a file is damaged or has changed, or if it would be fitted differently from its partner.
        """
        found = {name: self._read(listed[index], self.shapes[name]) for name, listed in self.listed.items()}
        self._check_partners({self.listed[name][index]: size for name, (_, size) in found.items()})
        return {name: pixels for name, (pixels, _) in found.items()}

    def read(self, indices: Sequence[int]) -> list[dict[str, np.ndarray] | Exception]:
        """Returns several examples, with the error in place of each that cannot be read."""
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

    @functools.cached_property
    def identity(self) -> str:
        """A digest of the files' names and sizes, and of how they are read."""
        return self._digest("name", "size")

    @functools.cached_property
    def key(self) -> str:
        """The name of the decoded arrays, from all that a user asked for, and a digest of the files."""
        name = quote(os.fsencode(os.path.basename(self.root)), safe="")[:60]  # noqa: PTH119
        asked = self.root, self.split, self.how, sorted(self.shapes.items()), self.choice
        what = store.digest_of((_REVISION, *asked))[:8]
        return f"{name}-{what}-{self._digest('path', 'size', 'changed')}"

    def _digest(self, *values: str) -> str:
        listed = {name: [tuple(getattr(f, v) for v in values) for f in each] for name, each in self.listed.items()}
        decoder = importlib.metadata.version("pillow")  # JPEG decoders differ in the last bit
        return store.digest_of((decoder, self.how, sorted(self.shapes.items()), sorted(listed.items())))

    def _check_partners(self, sizes: Mapping[files.File, tuple[int, int]]) -> None:
        """Raises UserError if fitting, around each file's own centre, differs for files of these sizes (h, w)."""
        pairs = itertools.combinations(sizes.values(), 2)
        if self.how.size is None or all(images.fit_alike(*pair, self.how) for pair in pairs):
            return
        both = "; ".join(f"{printable(file.path)} is {h}x{w}" for file, (h, w) in sizes.items())
        raise UserError(
            f"paired files of different sizes ({both}) would be cropped or padded differently: give them the "
            "same size, or set config.data.fit=stretch"
        )

    def _read(self, file: files.File, shape: tuple[int, ...]) -> tuple[np.ndarray, tuple[int, int]]:
        """Returns a file's pixels, uint8 [*shape], and its own size (h, w); raises UserError if it is damaged."""
        try:
            file.check_unchanged()
            with open(file.path, "rb") as stream:  # noqa: PTH123  # also names that are not UTF-8, as bytes
                content = stream.read()
            pixels, size = images.read(content, self.how), images.size_of(content)
        except Exception as error:  # Pillow raises errors of every kind for damaged files
            raise UserError(f"{printable(file.path)}: {one_line(error)}") from error
        if pixels.shape != shape:
            sizes = f"{pixels.shape[0]}x{pixels.shape[1]}, not {shape[0]}x{shape[1]}"
            raise UserError(f"{printable(file.path)} is {sizes}: set config.data.size, so that all have the same size")
        return pixels, size
