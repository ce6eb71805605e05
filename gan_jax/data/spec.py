"""The description of a data set without its arrays. A run keeps it, so that its models work without the data."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from gan_jax.core.fields import IMAGE, LABEL, POINT, Field, Spec
from gan_jax.data.base import Dataset, no_labels
from gan_jax.data.few_labels import CLASSES

VALUES = {"uint8": (0.0, 255.0)}


class DataSpec(NamedTuple):
    """The description of a data set, from which models are built.

    Attributes:
        shape: the shape of one example: (h, w, c) for images or (d,) for points.
        dtype: the type of stored examples: 'uint8' for images, 'float32' for points.
        range: the range of their values: (0, 255) for images, the least and the greatest value for points.
        classes: the number of classes; 0 without usable labels.
        absent: the classes without any example.
        class_names: the name of each class, if known.
        without: the end of the error message of models that need labels, if there are none.
        splits: the names of all splits, if known.
        version: the version of a set that TFDS prepared; '' for others.
        others: the shapes of an example's further fields, such as `source`, by name.
        unpaired: names of `others` that are read in an order of their own.
    """

    shape: tuple[int, ...]
    dtype: str = "uint8"
    range: tuple[float, float] = VALUES["uint8"]
    classes: int = 0
    absent: tuple[int, ...] = ()
    class_names: tuple[str, ...] = ()
    without: str = "and the data set has no labels"
    splits: tuple[str, ...] = ()
    version: str = ""
    others: Mapping[str, tuple[int, ...]] = MappingProxyType({})
    unpaired: tuple[str, ...] = ()

    def fields(self, limits: tuple[float, float]) -> Spec:
        """Returns the fields of a batch; `limits` is the range that images are scaled to."""
        fields = {name: _field(shape, limits) for name, shape in {"x": self.shape, **self.others}.items()}
        return {**fields, "label": Field((), LABEL, classes=self.classes)} if self.classes else fields

    @property
    def known_classes(self) -> int:
        """The number of classes, whether all examples have labels or only some of them."""
        return self.classes or self.others.get(CLASSES, (0,))[0]

    @property
    def present(self) -> tuple[int, ...]:
        """The classes that have an example."""
        return tuple(label for label in range(self.classes) if label not in {*self.absent})


def spec_of(dataset: Dataset) -> DataSpec:
    """Returns the description of a checked data set."""
    dtype = str(dataset.x.dtype)
    return DataSpec(
        shape=dataset.shape,
        dtype=dtype,
        range=VALUES.get(dtype) or (float(dataset.x.min()), float(dataset.x.max())),
        classes=dataset.classes,
        absent=tuple(sorted({*range(dataset.classes)} - {*dataset.present})),
        class_names=dataset.class_names,
        without="" if dataset.classes else no_labels(dataset.name, dataset.split, dataset.unlabelled),
        splits=dataset.splits,
        version=dataset.version,
        others={name: values.shape[1:] for name, values in dataset.others.items()},
        unpaired=dataset.apart,
    )


def to_json(spec: DataSpec) -> dict[str, Any]:
    """Returns a description as JSON values."""
    kind = "images" if len(spec.shape) == 3 else "points"
    values = spec._asdict() | {"others": {name: list(shape) for name, shape in spec.others.items()}}
    return {"kind": kind} | {key: list(value) if isinstance(value, tuple) else value for key, value in values.items()}


def from_json(stored: dict[str, Any]) -> DataSpec:
    """Returns the description from the values of `to_json`, ignoring other entries; raises ValueError if damaged."""
    values: dict[str, Any] = {name: stored[name] for name in DataSpec._fields if name in stored}
    values |= {name: tuple(value) for name, value in values.items() if isinstance(value, list)}
    values["others"] = {name: tuple(shape) for name, shape in values.get("others", {}).items()}
    spec = DataSpec(**values)
    whole = all(type(size) is int and size > 0 for size in (*spec.shape, spec.classes + 1))
    if not whole or len(spec.shape) not in (1, 3) or not {*spec.absent} <= {*range(spec.classes)}:
        raise ValueError(f"data_spec: no data set has a shape of {spec.shape} and {spec.classes} classes")
    return spec


def _field(shape: tuple[int, ...], limits: tuple[float, float]) -> Field:
    """Returns the field of examples of this shape: images if it has 3 axes, otherwise points."""
    return Field(tuple(shape), IMAGE, tuple(limits)) if len(shape) == 3 else Field(tuple(shape), POINT)
