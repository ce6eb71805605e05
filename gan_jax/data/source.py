"""A run's data set: each split is loaded once, and known by its content."""

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from gan_jax import data
from gan_jax.data.base import Dataset


class Source:
    """The splits of a data set, by a config's block of it, and what tells their content from others'.

    The block has the set's name, and arguments of its own if it takes any. `check`, where it is given, is called with
    `facts()` after each new split, to refuse data that are not a run's.
    """

    def __init__(self, block: Mapping[str, Any], check: Callable[[dict[str, Any]], None] | None = None):
        self.block, self.check = dict(block), check
        self.loaded: dict[str, Dataset] = {}
        self.fingerprints: dict[str, str] = {}
        self.version = ""

    def load(self, split: str) -> Dataset:
        """A split, as `data.load` gives it; UserError as there, and as `check`."""
        if split not in self.loaded:
            dataset = data.load(**self.block | {"split": split})
            self.version = dataset.version
            self.fingerprints[split] = fingerprint(dataset)
            self.loaded[split] = dataset
            if self.check:
                self.check(self.facts())
        return self.loaded[split]

    def facts(self) -> dict[str, Any]:
        """The version, and the fingerprints by split, as JSON has them."""
        return {"version": self.version, "fingerprints": dict(self.fingerprints)}


def fingerprint(dataset: Dataset) -> str:
    """Of the examples and labels alone, in their order: the same wherever and whenever the set was prepared."""
    digest = hashlib.sha256()
    for array in (dataset.x, dataset.label, *dataset.others.values()):
        digest.update(repr(None if array is None else (array.dtype.str, array.shape)).encode())
        if array is not None:
            digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()[:16]
