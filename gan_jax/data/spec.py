"""What stays true of a data set without its arrays: what a run keeps of it, to be used where the data are not."""

from typing import Any, NamedTuple

from gan_jax.data.base import Dataset, no_labels

VALUES = {"uint8": (0.0, 255.0)}


class Spec(NamedTuple):
    """The facts of a data set that a model is built for.

    Attributes:
        shape: of one example: (h, w, c) of images or (d,) of points.
        dtype: of the examples as they are stored: 'uint8' images, 'float32' points.
        range: of their values: (0, 255) of images, the least and the greatest of the points.
        classes: the number of classes; 0 without labels that can be used.
        absent: the classes without any example.
        class_names: a name for each class, where they are known.
        without: what is said of a model that needs labels where there are none.
        splits: the names of all splits, where they are known.
        version: of a set that TFDS prepared; '' of others.
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

    @property
    def present(self) -> tuple[int, ...]:
        """The classes that have an example."""
        return tuple(label for label in range(self.classes) if label not in {*self.absent})


def spec_of(dataset: Dataset) -> Spec:
    """The facts of a checked data set."""
    dtype = str(dataset.x.dtype)
    return Spec(
        shape=dataset.shape,
        dtype=dtype,
        range=VALUES.get(dtype) or (float(dataset.x.min()), float(dataset.x.max())),
        classes=dataset.classes,
        absent=tuple(sorted({*range(dataset.classes)} - {*dataset.present})),
        class_names=dataset.class_names,
        without="" if dataset.classes else no_labels(dataset.name, dataset.split, dataset.unlabelled),
        splits=dataset.splits,
        version=dataset.version,
    )


def to_json(spec: Spec) -> dict[str, Any]:
    """The facts as JSON has them."""
    kind = "images" if len(spec.shape) == 3 else "points"
    return {"kind": kind} | {key: list(v) if isinstance(v, tuple) else v for key, v in spec._asdict().items()}


def from_json(stored: dict[str, Any]) -> Spec:
    """The facts of what `to_json` gave, perhaps with other entries beside; ValueError where it is damaged."""
    given: dict[str, Any] = {name: stored[name] for name in Spec._fields if name in stored}
    given |= {name: tuple(value) for name, value in given.items() if isinstance(value, list)}
    spec = Spec(**given)
    whole = all(type(size) is int and size > 0 for size in (*spec.shape, spec.classes + 1))
    if not whole or len(spec.shape) not in (1, 3) or not {*spec.absent} <= {*range(spec.classes)}:
        raise ValueError(f"data_spec: no data set has a shape of {spec.shape} and {spec.classes} classes")
    return spec
