"""Reads rows by index from an array that is in memory, in a file, or decoded when it is read."""

import os
from typing import Any

import numpy as np

from gan_jax.errors import UserError


class Rows:
    """Reads rows of an array [n, ...] by index.

    Rows of a `np.memmap` are read from its file, not through the map. Mapped pages would count as memory of this
    process, and a file that was cut short would kill it without a message.
    """

    def __init__(self, values: Any):
        self.values = values
        self._file = None
        if isinstance(values, np.memmap) and values.filename is not None and values.flags.c_contiguous:
            self._first = _offset(values)
            self._file = open(values.filename, "rb", buffering=0)  # noqa: PTH123, SIM115  # open for the whole run

    def read(self, indices: np.ndarray) -> np.ndarray:
        """Returns the rows at indices of any shape [...]: an array [..., *shape of a row].

        Raises UserError if the file no longer holds them.
        """
        if self._file is None:
            return np.asarray(self.values[indices.reshape(-1)]).reshape(*indices.shape, *self.values.shape[1:])
        made = np.empty((indices.size, *self.values.shape[1:]), self.values.dtype)
        into = made.reshape(indices.size, -1).view(np.uint8) if made.size else made
        flat = indices.reshape(-1)
        for place in np.argsort(flat, kind="stable"):  # in the order of the file
            self._read_row(self._file.fileno(), int(flat[place]), into[place])
        return made.reshape(*indices.shape, *self.values.shape[1:])

    def close(self) -> None:
        """Closes the file."""
        if self._file is not None:
            self._file.close()

    def _read_row(self, file: int, index: int, into: np.ndarray) -> None:
        start = self._first + index * into.size
        try:
            whole = os.preadv(file, [into.data], start) == into.size
        except OSError as error:
            raise UserError(f"{self.values.filename} cannot be read: {error.strerror}") from error
        if not whole:
            raise UserError(f"{self.values.filename} was cut short: delete it, and start again")


def _offset(values: np.memmap) -> int:
    """Returns where a mapped array begins in its file. The offset attribute of a slice is that of its parent array."""
    whole = values
    while isinstance(whole.base, np.memmap):
        whole = whole.base
    return whole.offset + values.ctypes.data - whole.ctypes.data
