"""The data set of a run: each split is loaded once, and identified by its content."""

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from gan_jax import data
from gan_jax.data.base import Dataset
from gan_jax.data.examples import Lazy

FILES = "files:"
"""Begins the fingerprint of data that are not decoded as a whole."""


class Source:
    """The splits of the data set of a `config.data` block, and fingerprints of their content.

    The block has the set's name, and its own arguments if it takes any. `check` is called with `identity()` after each
    newly loaded split, so that it can refuse data that are not those of a run.
    """

    def __init__(self, block: Mapping[str, Any], check: Callable[[dict[str, Any]], None] | None = None):
        self.block, self.check = dict(block), check
        self.loaded: dict[str, Dataset] = {}
        self.fingerprints: dict[str, str] = {}
        self.version = self.path = ""

    def load(self, split: str) -> Dataset:
        """Returns a split, as `data.load` does; raises UserError as that and as `check` do."""
        if split not in self.loaded:
            dataset = data.load(**self.block | {"split": split})
            self.version, self.path = dataset.version, dataset.path
            self.fingerprints[split] = fingerprint(dataset)
            self.loaded[split] = dataset
            if self.check:
                self.check(self.identity())
        return self.loaded[split]

    def identity(self) -> dict[str, Any]:
        """Returns the version, the path, and the fingerprint of each loaded split, as JSON values."""
        path = {"path": self.path} if self.path else {}
        return {"version": self.version, "fingerprints": dict(self.fingerprints), **path}


def fingerprint(dataset: Dataset) -> str:
    """Returns a digest of the fields' arrays alone: the same wherever and whenever the set was prepared.

    Of fields that are decoded when they are read it is `FILES` and a digest of the files' names and sizes.
    """
    if isinstance(dataset.x, Lazy):
        return f"{FILES}{dataset.x.examples.identity}"
    digest = hashlib.sha256(dataset.content.encode())
    decoded = {*dataset.others, "x"} if dataset.content else set()
    for name, array in {"x": dataset.x, "label": dataset.label, **dataset.others}.items():
        digest.update(repr(None if array is None else (array.dtype.str, array.shape)).encode())
        if array is not None and name not in decoded:
            digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()[:16]
