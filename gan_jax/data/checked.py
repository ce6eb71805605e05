"""Checks that every loaded data set has the form that `Dataset` describes."""

import logging
import math
from collections.abc import Mapping
from numbers import Real
from typing import Any

import numpy as np

from gan_jax.data.base import Dataset, Mixture
from gan_jax.data.examples import Lazy
from gan_jax.errors import UserError

CHANNELS = (1, 3)  # a first axis of this size may be channels put first by mistake
MAX_CLASSES = 1_000_000
ARRAYS = (np.ndarray, Lazy)
IMAGES, POINTS = "images are uint8 [n, h, w, c] in 0..255", "points are float32 [n, d]"


def checked(made: Any, name: str, split: str) -> Dataset:
    """Returns what was loaded as this split of this set, after checking its form.

    Labels that no model can use are left out, and `unlabelled` says why, because not every model needs them. Raises
    UserError, which names the set, what is wrong with it and what to do.
    """
    source = f"config.data.name={name}, split {split!r}"
    if not isinstance(made, Dataset):
        raise UserError(f"{source}: its load returns {_kind(made)}: it must return a gan_jax.data.Dataset")
    if not isinstance(made.x, ARRAYS):
        raise UserError(f"{source}: x is {_kind(made.x)}: it must be a NumPy array; {IMAGES}, {POINTS}")
    if wrong := _wrong_shape(made.x):
        raise UserError(f"{source}: {wrong}")
    if not isinstance(made.x, Lazy):
        low, high = made.limits or (made.x.min(), made.x.max())
        if wrong := _wrong_values(made.x, high):
            raise UserError(f"{source}: {wrong}")
        if low == high and made.x.size > 1:
            logging.warning("%s: every value is %s, so there is nothing to learn", source, low)
    made = made._replace(name=name, split=split)
    if wrong := _wrong_others(made) or _wrong_facts(made):
        raise UserError(f"{source}: {wrong}")
    if made.label is None:
        return made._replace(classes=0)
    if isinstance(made.label, np.ndarray) and made.label.ndim and len(made.label) != len(made.x):
        raise UserError(
            f"{source}: {len(made.x)} examples and {len(made.label)} labels: give one label for each example"
        )
    if why := _wrong_labels(made.label, made.classes):
        return made._replace(label=None, classes=0, class_names=(), unlabelled=why)
    return made._replace(label=made.label.astype(np.int32, copy=False), classes=int(made.classes))


def _wrong_shape(x: np.ndarray) -> str:
    """Returns what is wrong with the shape or dtype of examples, and what to do; '' for nothing."""
    x_is = f"x is {x.dtype} {list(x.shape)}"
    if x.ndim and not len(x):
        return "it has no examples: use a larger part"
    if x.ndim == 3:
        return f"{x_is}: images need an axis of channels, of size 1 for grey images; use x[..., None]; {IMAGES}"
    if x.ndim == 4 and x.dtype != np.uint8:
        return f"{x_is}: images must be uint8 in 0..255; {_as_pixels(x)}"
    if x.ndim == 2 and x.dtype != np.float32:
        return f"{x_is}: points must be float32; use x.astype(np.float32), or convert it to images: {IMAGES}"
    if x.ndim not in (2, 4):
        return f"{x_is}: {IMAGES}, {POINTS}; reshape it"
    if not x.size:
        return f"{x_is}: its examples have no values; {IMAGES}, {POINTS}"
    if x.ndim == 4 and x.shape[1] in CHANNELS and x.shape[3] > 4 and x.shape[2] > 4:
        return f"{x_is}: the channels seem to come first (NCHW) but must come last (NHWC); use np.moveaxis(x, 1, -1)"
    return ""


def _as_pixels(x: np.ndarray) -> str:
    """Returns how to convert images of another dtype to uint8."""
    if x.dtype.kind not in "fiu":
        return "convert them to numbers first"
    low, high = x.min(), x.max()
    about = f"its values range from {low:g} to {high:g}"
    if x.dtype.kind == "f" and low >= 0 and high <= 1:
        return f"{about}: use np.round(255 * x).astype(np.uint8)"
    if x.dtype.kind == "f" and low >= -1 and high <= 1:
        return f"{about}: use np.round(127.5 * (x + 1)).astype(np.uint8)"
    if low >= 0 and high <= 255:
        return f"{about}: use x.astype(np.uint8)"
    return f"{about}: scale them to 0..255, then use x.astype(np.uint8)"


def _wrong_values(x: np.ndarray, most: Any) -> str:
    if x.dtype == np.uint8:
        if most <= 1:
            return (
                f"the largest value of its uint8 images is {most}, but white is 255, so all would be black; if its "
                "pixels are 0 and 1, multiply them by 255"
            )
        return ""
    finite = np.isfinite(x)
    if finite.all():
        return ""
    first = np.flatnonzero(~finite.all(1))[0]
    return (
        f"{finite.size - np.count_nonzero(finite)} of {finite.size} values are not finite (NaN or infinite), the "
        f"first in example {first}: remove such examples"
    )


def _wrong_others(made: Dataset) -> str:
    """Returns what is wrong with the further fields of a data set, and what to do; '' for nothing."""
    others, n = made.others, len(made.x)
    if not isinstance(others, Mapping):
        return f"others is {_kind(others)}: it must be a dict of NumPy arrays by the fields' names"
    for name, values in others.items():
        if not isinstance(name, str) or not name.isidentifier() or name in ("x", "label"):
            return f"others has a field {name!r}: a field's name must be an identifier other than 'x' and 'label'"
        if name == "mask":
            return "others has a field 'mask': holes are made by a sampler, such as masks.rectangles; rename this field"
        if not isinstance(values, ARRAYS):
            return f"others[{name!r}] is {_kind(values)}: it must be a NumPy array"
        found = f"others[{name!r}] is {values.dtype} {list(values.shape)}"
        if not values.ndim or (len(values) != n and name not in made.unpaired) or 0 in values.shape:
            return f"{found}: it must have one non-empty entry for each of the {n} examples"
        if (first := made.follows.get(name)) and (first not in others or len(values) != len(others[first])):
            return f"{found}, and it follows {first!r}: it must have one entry for each entry of {first!r}"
        if values.dtype != (np.uint8 if values.ndim == 4 else np.float32):
            return f"{found}: {IMAGES}, other fields are float32 [n, ...]"
        if isinstance(values, np.ndarray) and values.dtype == np.float32 and not np.isfinite(values).all():
            return f"{found}, and some of its values are not finite (NaN or infinite): remove such examples"
    return ""


def _wrong_facts(made: Dataset) -> str:
    """Returns what is wrong with a data set's other attributes, and what to do; '' for nothing."""
    for field in ("class_names", "splits"):
        value = getattr(made, field)
        if not isinstance(value, tuple) or not all(isinstance(name, str) for name in value):
            return f"{field} is {value!r}: it must be a tuple of strings"
    for field in ("version", "unlabelled"):
        if not isinstance(value := getattr(made, field), str):
            return f"{field} is {value!r}: it must be a string"
    if made.class_names and made.classes and len(made.class_names) != made.classes:
        return f"it has {made.classes} classes and {len(made.class_names)} class_names: give one for each class"
    if made.mixture is None:
        return ""
    centres, std = made.mixture if isinstance(made.mixture, Mixture) else (None, None)
    fits = isinstance(centres, np.ndarray) and centres.ndim == 2 and centres.shape[1:] == made.shape and len(centres)
    if not fits or not isinstance(std, Real) or not 0 < std < math.inf:
        return (
            "mixture does not describe its points: it must be None, or a gan_jax.data.base.Mixture with centres "
            f"[k, {made.shape[0]}] and a std above 0"
        )
    return ""


def _wrong_labels(label: Any, classes: Any) -> str:
    """Returns why no model can use these labels, and what to do; '' if they can be used."""
    if not isinstance(label, np.ndarray):
        return f"they are {_kind(label)}; convert them to a NumPy array, int32 [n]"
    they_are = f"they are {label.dtype} {list(label.shape)}"
    if label.ndim == 2 and label.shape[1] > 1:
        return f"{they_are}, perhaps one-hot, not integers [n]; use label.argmax(1).astype(np.int32)"
    if label.ndim != 1:
        return f"{they_are}, not [n]; use label.reshape(-1)"
    if label.dtype.kind not in "iu":
        return f"{they_are}, not integers; use label.astype(np.int32)"
    if isinstance(classes, bool) or not isinstance(classes, int | np.integer) or classes < 1:
        return f"the number of classes is not given (classes is {classes!r}); set classes to their number, 1 or more"
    if classes > MAX_CLASSES:
        return (
            f"classes is {classes:,}, more than {MAX_CLASSES:,}; set it to the number of classes that the labels have"
        )
    outside = np.count_nonzero((label < 0) | (label >= classes))
    if not outside:
        return ""
    span = f"range from {label.min()} to {label.max()}" if label.min() < label.max() else f"are all {label.min()}"
    message = f"they {span}; {outside} of {len(label)} are outside 0..{classes - 1}, the labels of {classes} classes"
    if label.min() == -1:
        return f"{message}; -1 usually marks an example without a label: keep only those that have one"
    return f"{message}; number the classes from 0, or give the correct number of classes"


def _kind(value: Any) -> str:
    return "None" if value is None else type(value).__name__
