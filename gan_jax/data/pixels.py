"""Converts the image fields of a batch between uint8 outside and the networks' floats inside."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.core.fields import IMAGE, Batch, Spec
from gan_jax.data.base import Dataset
from gan_jax.data.examples import Lazy
from gan_jax.errors import UserError

Range = tuple[float, float]


def scale(spec: Spec, batch: Batch) -> Batch:
    """Returns the batch with its image fields as floats of their ranges; other fields stay as they are."""
    limits = {name: field.range for name, field in spec.items() if field.kind == IMAGE and field.range}
    return {name: to_float(value, limits[name]) if name in limits else value for name, value in batch.items()}


def unscale(spec: Spec, name: str, values: jax.Array) -> jax.Array:
    """Returns values [n, ...] of this field in the data set's form: images as uint8, others as they are."""
    field = spec.get(name)
    return values if field is None or field.range is None else to_uint8(values, field.range)


def centred(stored: Spec, cropped: Spec, dataset: Dataset) -> Dataset:
    """Returns a data set with centre crops of the image fields that are smaller in `cropped` than in `stored`."""

    def middle(name: str, values: Any) -> Any:
        if name not in stored or values.shape[1:] != stored[name].shape or stored[name] == cropped[name]:
            return values
        height, width = cropped[name].shape[:2]
        top, left = (values.shape[1] - height) // 2, (values.shape[2] - width) // 2
        window = slice(top, top + height), slice(left, left + width)
        return _Window(values, window) if isinstance(values, Lazy) else values[:, *window]

    made = {name: middle(name, values) for name, values in {"x": dataset.x, **dataset.others}.items()}
    if all(values is dataset.arrays[name] for name, values in made.items()):
        return dataset
    return dataset._replace(x=made.pop("x"), others=made, content="")


class _Window(Lazy):
    """A window of each image of a lazy array, itself lazy."""

    def __init__(self, whole: Lazy, window: tuple[slice, slice]):
        super().__init__(whole.examples, whole.field, whole.indices)
        self._whole, self._window = whole, window
        self.shape = (len(whole), *(part.stop - part.start for part in window), whole.shape[3])
        self.size = int(np.prod(self.shape, dtype=float))

    def __getitem__(self, key: Any) -> Any:
        """Indexes as `Lazy` does."""
        made = self._whole[key]
        return _Window(made, self._window) if isinstance(made, Lazy) else made[..., *self._window, :]


def given(name: str, values: jax.Array, before: Any, limits: Range) -> jax.Array:
    """Returns a user's pixels [...] as floats in these limits. Floats are taken to be in them, and stay as they are.

    before: the values before JAX narrowed their type. Raises UserError for whole numbers other than uint8.
    """
    if not jnp.issubdtype(values.dtype, jnp.integer):
        return values
    if values.dtype != jnp.uint8:
        kind = getattr(before, "dtype", values.dtype)
        raise UserError(f"{name} is {kind}: convert pixels from 0 to 255 to uint8, or others to floats in {limits}")
    return to_float(values, limits)


def to_float(pixels: jax.Array, limits: Range) -> jax.Array:
    """Returns uint8 [...] as float32 [...], 0 at the lower limit and 255 at the upper one."""
    low, high = limits
    return pixels.astype(jnp.float32) * ((high - low) / 255) + low


def to_uint8(x: jax.Array, limits: Range) -> jax.Array:
    """Returns the nearest uint8 [...] of float [...] in these limits; values outside of them are clipped."""
    low, high = limits
    return jnp.clip(jnp.round((x - low) * (255 / (high - low))), 0, 255).astype(jnp.uint8)
