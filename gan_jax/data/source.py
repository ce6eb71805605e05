"""The data set of a run: each split is loaded once, and identified by its content."""

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from gan_jax import data
from gan_jax.data.base import Dataset
from gan_jax.data.examples import Lazy


class Source:
    """The splits of the data set of a `config.data` block, and fingerprints of their content.

    The block has the set's name, and the set's own arguments if any. `check` is called with `identity()` after each
    newly loaded split, so that it can reject data that differ from those of the run.
    """

    def __init__(self, block: Mapping[str, Any], check: Callable[[dict[str, Any]], None] | None = None):
        self.block, self.check = dict(block), check
        self.loaded: dict[str, Dataset] = {}
        self.fingerprints: dict[str, str] = {}
        self.files: dict[str, str] = {}
        self.version = self.path = ""

    def load(self, split: str) -> Dataset:
        """Returns a split as `data.load` does; raises UserError as it and `check` do."""
        if split not in self.loaded:
            dataset = data.load(**self._arguments(split) | {"split": split})
            self.version, self.path = dataset.version, dataset.path
            if not isinstance(dataset.x, Lazy):
                self.fingerprints[split] = fingerprint(dataset)
            if dataset.files:
                self.files[split] = dataset.files
            self.loaded[split] = dataset
            if self.check:
                self.check(self.identity())
        return self.loaded[split]

    def _arguments(self, split: str) -> dict[str, Any]:
        """Returns the block's arguments. Only the training split loses labels, as evaluators need those of others.

        Examples without labels are left out of other splits.
        """
        if split == self.block.get("split"):
            return self.block
        few = "labels_per_class", "label_seed", "unlabelled"
        labelled = {"unlabelled": "drop"} if self.block.get("unlabelled_folder") else {}
        return {name: value for name, value in self.block.items() if name not in few} | labelled

    def identity(self) -> dict[str, Any]:
        """Returns the version, the path, and each loaded split's fingerprint and digest of files, as JSON values.

        A split that is decoded each time it is read has no fingerprint. A split not decoded from files has no digest.
        """
        path = {"path": self.path} if self.path else {}
        return {"version": self.version, "fingerprints": dict(self.fingerprints), "files": dict(self.files), **path}


def fingerprint(dataset: Dataset) -> str:
    """Returns a digest of the fields' arrays alone. It is the same wherever and whenever the set was prepared."""
    digest = hashlib.sha256(dataset.content.encode())
    decoded = {*dataset.others, "x"} if dataset.content else set()
    for name, array in {"x": dataset.x, "label": dataset.label, **dataset.others}.items():
        digest.update(repr(None if array is None else (array.dtype.str, array.shape)).encode())
        if array is not None and name not in decoded:
            digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()[:16]
