"""Affine maps of colours, [4, 4] matrices of (r, g, b, 1), and their application to images."""

import math

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

GREY = (1 / math.sqrt(3.0),) * 3
"""The axis of greys, of length 1."""


def brightness(amount: ArrayLike) -> jax.Array:
    """Returns the map that adds an amount [] to all channels."""
    return jnp.eye(4).at[:3, 3].set(amount)


def contrast(factor: ArrayLike) -> jax.Array:
    """Returns the map that multiplies all channels."""
    return _linear(jnp.eye(3) * factor)


def luma_flip(flipped: ArrayLike) -> jax.Array:
    """Returns the reflection in the plane of colours without brightness if `flipped` is 1, otherwise the identity."""
    return _linear(jnp.eye(3) - 2 * _greys() * flipped)


def hue(angle: ArrayLike) -> jax.Array:
    """Returns the rotation about the axis of greys by an angle in radians (Rodrigues' formula)."""
    x, y, z = GREY
    cross = jnp.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    cosine, sine = jnp.cos(angle), jnp.sin(angle)
    return _linear(cosine * jnp.eye(3) + sine * cross + (1 - cosine) * _greys())


def saturation(factor: ArrayLike) -> jax.Array:
    """Returns the map that multiplies a colour's distance from the axis of greys."""
    axis = _greys()
    return _linear(axis + factor * (jnp.eye(3) - axis))


def recoloured(image: jax.Array, matrix: jax.Array) -> jax.Array:
    """Returns the image [h, w, c] with the map [4, 4] applied to each pixel.

    Images of one channel are treated as grey: brightness, contrast and luma flip act on them as on an image of three
    equal channels, hue and saturation leave them as they are.
    """
    grey = image.shape[-1] == 1
    colours = jnp.broadcast_to(image, (*image.shape[:2], 3)) if grey else image
    changed = jnp.einsum("ij,hwj->hwi", matrix[:3, :3], colours, precision="highest") + matrix[:3, 3]
    return changed[..., :1] if grey else changed


def _linear(matrix: ArrayLike) -> jax.Array:
    return jnp.eye(4).at[:3, :3].set(matrix)


def _greys() -> jax.Array:
    """Returns the projection [3, 3] to the axis of greys."""
    return jnp.full((3, 3), 1 / 3)
