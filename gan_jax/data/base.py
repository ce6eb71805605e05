"""What every data set looks like once it is loaded."""

from typing import NamedTuple

import numpy as np


class Mixture(NamedTuple):
    """The law of generated points: equally likely Gaussians at `centres` float32 [k, d], all axes of one `std`."""

    centres: np.ndarray
    std: float


class Dataset(NamedTuple):
    """One split of a data set, whole in memory.

    Attributes:
        name: what the user called it, as in `config.data.name`.
        split: the split's name, such as 'train'.
        x: the examples: uint8 [n, h, w, c] images in 0..255, or float32 [n, d] points.
        label: int32 [n], each in 0..classes - 1, or None where there are none.
        classes: the number of classes; 0 where there are no labels.
        mixture: the law of generated points, or None where it is not known.
    """

    name: str
    split: str
    x: np.ndarray
    label: np.ndarray | None
    classes: int
    mixture: Mixture | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one example: (h, w, c) or (d,)."""
        return self.x.shape[1:]
