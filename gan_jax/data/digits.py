"""scikit-learn's handwritten digits: 1,797 grey images of 8x8 pixels with labels, embedded in the package.

They are the test part of Alpaydin and Kaynak's "Optical Recognition of Handwritten Digits" (UCI, 1998).
"""

import importlib.metadata

import numpy as np

from gan_jax.data.base import Dataset
from gan_jax.errors import UserError, suggestions
from gan_jax.runs import cache

# The images are in the order of their writers, so train and test have different writers.
_SPLITS = {"train": slice(0, 1437), "test": slice(1437, 1797)}


def load(split: str) -> Dataset:
    """Returns `x` uint8 [n, 8, 8, 1], the 17 grey levels spread over 0..255, and `label` int32 [n], 0..9.

    Args:
        split: 'train' (the first 1,437 images) or 'test' (the last 360).

    Raises:
        UserError: for any other split.
    """
    if split not in _SPLITS:
        raise UserError(f"digits has no split {split!r}; {suggestions(split, _SPLITS)}")
    part = _SPLITS[split]
    stored = cache.arrays(f"digits-{importlib.metadata.version('scikit-learn')}", _make)
    return Dataset("digits", split, stored["x"][part], stored["label"][part], classes=10, splits=tuple(_SPLITS))


def _make() -> dict[str, np.ndarray]:
    from sklearn.datasets import load_digits  # takes seconds, so it is imported only if the cache is empty

    images, label = map(np.asarray, load_digits(return_X_y=True))
    x = np.round(images * (255 / 16)).astype(np.uint8).reshape(-1, 8, 8, 1)
    return {"x": x, "label": label.astype(np.int32)}
