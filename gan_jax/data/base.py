"""The form of every data set once it is loaded."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from gan_jax.errors import UserError


class Mixture(NamedTuple):
    """A mixture of equally likely Gaussians at `centres` float32 [k, d], with standard deviation `std` in all axes."""

    centres: np.ndarray
    std: float


class Dataset(NamedTuple):
    """One split of a data set, as arrays: in memory, memory-mapped, or decoded when they are read (`examples.Lazy`).

    Attributes:
        name: what the user called it, as in `config.data.name`.
        split: the split's name, such as 'train'.
        x: the examples: uint8 [n, h, w, c] images in 0..255, or float32 [n, d] points.
        label: int32 [n], each in 0..classes - 1, or None if there are none.
        classes: the number of classes; 0 if there are no labels.
        mixture: the distribution of generated points, or None if it is not known.
        unlabelled: why labels that no model can use were left out; '' if none were.
        class_names: the name of each class, if known.
        version: the version of a set that TFDS prepared; '' for others.
        splits: the names of all splits, if known.
        others: further fields by name, such as `source`: uint8 images or float32 values, [n, ...].
        unpaired: names of `others` that do not belong to the examples of `x`. They may have another number of entries,
            and are read in an order of their own.
        follows: for fields in `unpaired` that belong to another field, the name of the field whose order they share.
        shuffled: names of `others` that belong to the examples of `x`, but are read in an order of their own in
            training, so that nothing is learnt from the pairs.
        files: a digest of the names and sizes of the files that `x` and `others` are decoded from; '' for none.
        content: a digest of the content of `x` and `others`, if known; '' if it must be computed.
        limits: the least and the greatest value of `x`, if known.
        labelled: bool [n], which examples have a label; None if all have. Sets that `data.load` returns have None: see
            `few_labels.keep_labels`.
        path: the path of the files, if a user gave one.
    """

    name: str
    split: str
    x: np.ndarray
    label: np.ndarray | None
    classes: int
    mixture: Mixture | None = None
    unlabelled: str = ""
    class_names: tuple[str, ...] = ()
    version: str = ""
    splits: tuple[str, ...] = ()
    others: Mapping[str, np.ndarray] = MappingProxyType({})
    unpaired: tuple[str, ...] = ()
    follows: Mapping[str, str] = MappingProxyType({})
    shuffled: tuple[str, ...] = ()
    files: str = ""
    content: str = ""
    limits: tuple[int, int] | None = None
    labelled: np.ndarray | None = None
    path: str = ""

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """All fields by name, arrays [n, ...]."""
        label = {} if self.label is None else {"label": self.label}
        return {"x": self.x, **label, **self.others}

    @property
    def apart(self) -> tuple[str, ...]:
        """The fields that are read in an order of their own."""
        return (*self.unpaired, *self.shuffled)

    def first(self, n: int) -> "Dataset":
        """Returns the first n examples."""
        others = {name: values[:n] for name, values in self.others.items()}
        label = None if self.label is None else self.label[:n]
        return self._replace(x=self.x[:n], label=label, others=others, content="")

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one example: (h, w, c) or (d,)."""
        return self.x.shape[1:]

    @property
    def present(self) -> tuple[int, ...]:
        """The classes that have an example."""
        return () if self.label is None else tuple(np.unique(self.label).tolist())

    def labels(self, needed_by: str) -> np.ndarray:
        """Returns the labels int32 [n]; raises UserError if there are no usable ones."""
        if self.label is None:
            raise UserError(f"{needed_by} needs labels, {no_labels(self.name, self.split, self.unlabelled)}")
        return self.label


def no_labels(name: str, split: str, why: str) -> str:
    """Returns the end of an error message: that a data set has no labels, why, and what to do."""
    return f"which split {split!r} of {name} does not have: {why or 'there are none; use a data set that has them'}"


def by_field(fields: Any, otherwise: str) -> dict[str, str]:
    """Returns what each field is read from, sorted by field: `config.data.fields`, or `otherwise` for x alone if unset.

    Raises UserError if they are not a mapping, or have no x.
    """
    if fields is None:
        return {"x": otherwise}
    if not hasattr(fields, "items"):  # a ConfigDict is not a Mapping
        example = "{'x': 'photos', 'source': 'sketches'}"
        raise UserError(f"config.data.fields is {fields!r}: it must map each field to a name, such as {example}")
    if fields and "x" not in fields:
        raise UserError(f"config.data.fields has {', '.join(map(str, fields))}: one of them must be x")
    return dict(sorted(fields.items())) or {"x": otherwise}
