"""Few labels: some of a data set's examples keep their labels, and the labels of the others are never seen."""

from typing import Any

import numpy as np

from gan_jax.data.base import Dataset
from gan_jax.errors import UserError, suggestions

IMAGES, CLASSES = "labelled", "labelled_class"
"""The fields of the labelled examples, in addition to x, which has no labels."""
UNLABELLED = ("keep", "drop")


def keep_labels(dataset: Dataset, per_class: Any, *, seed: Any = 0, unlabelled: str = "keep") -> Dataset:
    """Returns the data set with the labels of `per_class` examples of each class, drawn by `seed` alone.

    0 keeps all labels of a set in which some examples have none (`Dataset.labelled`). `unlabelled` says what happens
    to the other examples. 'drop' leaves them out. With 'keep', `x` has all examples, without labels. Two more fields
    have the k labelled examples, in their own order: `labelled` [k, ...], and `labelled_class` float32 [k, classes],
    which is 1 at their class. So training cannot read any other labels.

    Raises UserError if there are no labels, a class has fewer examples than `per_class`, or a value is not allowed.
    """
    few = dataset.labelled is None or per_class != 0
    _check(per_class if few else 1, seed, unlabelled)
    label = dataset.labels("config.data.labels_per_class")
    known = np.arange(len(label)) if dataset.labelled is None else np.flatnonzero(dataset.labelled)
    if not len(known):
        raise UserError(f"split {dataset.split!r} of {dataset.name} has no labelled example: use a larger part")
    counts = np.bincount(label[known], minlength=dataset.classes)
    for number in np.flatnonzero(counts):
        if counts[number] < per_class:
            name = dataset.class_names[number] if dataset.class_names else number
            raise UserError(
                f"config.data.labels_per_class is {per_class}, but class {name} has {counts[number]:,} examples in "
                f"split {dataset.split!r} of {dataset.name}: use at most {min(counts[counts > 0]):,}"
            )
    rows = known[drawn(label[known], per_class, seed)] if few else known
    dataset = dataset._replace(labelled=None, content="")
    x, own = np.asarray(dataset.x[rows]), label[rows]
    if unlabelled == "drop":
        paired = {name: values for name, values in dataset.others.items() if name not in dataset.unpaired}
        others = {**dataset.others, **{name: np.asarray(values[rows]) for name, values in paired.items()}}
        return dataset._replace(x=x, label=own, others=others, limits=None)
    cause = "labels_per_class" if few else "unlabelled_folder"
    return dataset._replace(
        label=None,
        classes=0,
        unlabelled=f"config.data.{cause} keeps labels for only {len(rows):,} examples, in the field {IMAGES!r}",
        others={**dataset.others, IMAGES: x, CLASSES: np.eye(dataset.classes, dtype=np.float32)[own]},
        unpaired=(*dataset.unpaired, IMAGES, CLASSES),
        follows={**dataset.follows, CLASSES: IMAGES},
    )


def drawn(label: np.ndarray, per_class: int, seed: int) -> np.ndarray:
    """Returns the rows of the examples that keep their labels, class by class: int64 [classes * per_class]."""
    order = np.random.default_rng(seed).permutation(len(label))
    return np.concatenate([order[label[order] == number][:per_class] for number in np.unique(label)])


def _check(per_class: Any, seed: Any, unlabelled: str) -> None:
    for name, value, least in (("labels_per_class", per_class, 1), ("label_seed", seed, 0)):
        if type(value) is not int or value < least:
            raise UserError(f"config.data.{name} is {value!r}: it must be a whole number of at least {least}")
    if unlabelled not in UNLABELLED:
        raise UserError(f"config.data.unlabelled is {unlabelled!r}: {suggestions(str(unlabelled), UNLABELLED)}")
