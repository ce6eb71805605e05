"""Pixels: between uint8 outside and the networks' floats inside, for the image fields of a batch."""

import jax
import jax.numpy as jnp

from gan_jax.core.fields import IMAGE, Batch, Spec

Range = tuple[float, float]


def scale(spec: Spec, batch: Batch) -> Batch:
    """Returns the batch with its image fields as floats of their ranges; other fields stay as they are."""
    limits = {name: field.range for name, field in spec.items() if field.kind == IMAGE and field.range}
    return {name: to_float(value, limits[name]) if name in limits else value for name, value in batch.items()}


def unscale(spec: Spec, name: str, values: jax.Array) -> jax.Array:
    """Returns values like those of this field as the data set has them: images as uint8, others as they are."""
    field = spec.get(name)
    return values if field is None or field.range is None else to_uint8(values, field.range)


def to_float(pixels: jax.Array, limits: Range) -> jax.Array:
    """Returns uint8 [...] as float32 [...], 0 at the lower limit and 255 at the upper one."""
    low, high = limits
    return pixels.astype(jnp.float32) * ((high - low) / 255) + low


def to_uint8(x: jax.Array, limits: Range) -> jax.Array:
    """Returns the nearest uint8 [...] of float [...] in these limits; what lies outside of them is clipped."""
    low, high = limits
    return jnp.clip(jnp.round((x - low) * (255 / (high - low))), 0, 255).astype(jnp.uint8)
