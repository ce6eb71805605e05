"""Examples that are decoded when they are read: the interface, and an array that hides it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np


class Examples(Protocol):
    """A random-access source of decoded examples, picklable so that other processes can read it.

    Attributes:
        shapes: the shapes of one example's image fields, all uint8: `{"x": (h, w, c)}`.
        what: the source's name on the terminal and in errors.
        identity: a digest of the files' names and sizes, and of how they are read.
        key: the name of the decoded arrays, `what-state`; the state changes with the files and their times.
    """

    @property
    def shapes(self) -> Mapping[str, tuple[int, ...]]:  # noqa: D102
        ...

    @property
    def what(self) -> str:  # noqa: D102
        ...

    @property
    def identity(self) -> str:  # noqa: D102
        ...

    @property
    def key(self) -> str:  # noqa: D102
        ...

    def __len__(self) -> int:
        """Returns the number of examples."""
        ...

    def __getitem__(self, index: int) -> dict[str, np.ndarray]:
        """Returns an example, uint8 [*shape] by field; raises UserError, which names the file, if it is damaged."""
        ...

    def read(self, indices: Sequence[int]) -> list[dict[str, np.ndarray] | Exception]:
        """Returns several examples, with the error in place of each that cannot be read."""
        ...


class Lazy:
    """A field of examples as an array [n, ...] that is decoded when it is indexed, and never kept."""

    def __init__(self, examples: Examples, field: str, indices: Sequence[int] | None = None):
        self.examples, self.field = examples, field
        self.indices = range(len(examples)) if indices is None else indices
        self.dtype = np.dtype(np.uint8)
        self.shape = (len(self.indices), *examples.shapes[field])
        self.ndim, self.size = len(self.shape), int(np.prod(self.shape, dtype=float))

    def __len__(self) -> int:
        return len(self.indices)

    @property
    def nbytes(self) -> int:
        """The size of the decoded array in bytes."""
        return self.size * self.dtype.itemsize

    def __getitem__(self, key: Any) -> Any:
        """Returns the decoded examples at an index, an array of indices, or a boolean mask.

        A slice is not decoded: it stays lazy, as the parts of a data set must. Raises IndexError for any other key.
        """
        if isinstance(key, slice):
            return Lazy(self.examples, self.field, self.indices[key])
        if isinstance(key, int | np.integer) and not isinstance(key, bool):
            return self.examples[int(self.indices[int(key)])][self.field]
        rows = None if isinstance(key, tuple) else np.asarray(key)  # a tuple indexes several axes
        if rows is not None and rows.dtype == bool and rows.shape == self.shape[:1]:
            rows = np.flatnonzero(rows)
        if rows is None or rows.dtype.kind not in "iu":
            raise IndexError(
                f"examples that are decoded when they are read cannot be indexed with a {type(key).__name__}: use a "
                "number, a slice, an array of whole numbers or one bool per example, or convert them with np.asarray"
            )
        return self.with_others(rows)[self.field]

    def with_others(self, indices: np.ndarray) -> dict[str, np.ndarray]:
        """Returns all fields of the source at indices [...], decoded once: arrays [..., *shape] by field."""
        flat = [int(self.indices[int(i)]) for i in indices.reshape(-1)]
        read = [_whole(example) for example in self.examples.read(flat)]
        made = {}
        for name, shape in self.examples.shapes.items():
            values = np.stack([example[name] for example in read]) if read else np.zeros(0, self.dtype)
            made[name] = values.reshape(*indices.shape, *shape)
        return made

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        del copy
        return self[np.arange(len(self))].astype(dtype or self.dtype, copy=False)


def sources(arrays: Iterable[Any]) -> list[Examples]:
    """Returns the sources of the lazy arrays among these, each once."""
    return list({id(array.examples): array.examples for array in arrays if isinstance(array, Lazy)}.values())


def _whole(example: dict[str, np.ndarray] | Exception) -> dict[str, np.ndarray]:
    if isinstance(example, Exception):
        raise example
    return example
