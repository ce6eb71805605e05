"""Pixels: between uint8 outside and the networks' floats inside, for the image fields of a batch."""

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.core.fields import IMAGE, Batch, Spec
from gan_jax.data.base import Dataset

Range = tuple[float, float]


def scale(spec: Spec, batch: Batch) -> Batch:
    """Returns the batch with its image fields as floats of their ranges; other fields stay as they are."""
    limits = {name: field.range for name, field in spec.items() if field.kind == IMAGE and field.range}
    return {name: to_float(value, limits[name]) if name in limits else value for name, value in batch.items()}


def unscale(spec: Spec, name: str, values: jax.Array) -> jax.Array:
    """Returns values [n, ...] of this field as the data set has them: images as uint8, others as they are."""
    field = spec.get(name)
    return values if field is None or field.range is None else to_uint8(values, field.range)


def centred(stored: Spec, cropped: Spec, dataset: Dataset) -> Dataset:
    """Returns a data set with the middle of its images as `stored` says, where they are smaller in `cropped`."""

    def middle(name: str, values: np.ndarray) -> np.ndarray:
        if name not in stored or values.shape[1:] != stored[name].shape or stored[name] == cropped[name]:
            return values
        height, width = cropped[name].shape[:2]
        top, left = (values.shape[1] - height) // 2, (values.shape[2] - width) // 2
        return values[:, top : top + height, left : left + width]

    others = {name: middle(name, values) for name, values in dataset.others.items()}
    return dataset._replace(x=middle("x", dataset.x), others=others)


def to_float(pixels: jax.Array, limits: Range) -> jax.Array:
    """Returns uint8 [...] as float32 [...], 0 at the lower limit and 255 at the upper one."""
    low, high = limits
    return pixels.astype(jnp.float32) * ((high - low) / 255) + low


def to_uint8(x: jax.Array, limits: Range) -> jax.Array:
    """Returns the nearest uint8 [...] of float [...] in these limits; what lies outside of them is clipped."""
    low, high = limits
    return jnp.clip(jnp.round((x - low) * (255 / (high - low))), 0, 255).astype(jnp.uint8)
