"""Affine maps of the plane and resampling: [3, 3] matrices in pixels from the image's middle, x right and y down."""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

QUARTERS = ((1.0, 0.0), (0.0, 1.0), (-1.0, 0.0), (0.0, -1.0))
"""Cosine and sine of 0, 90, 180 and 270 degrees."""


def scaling(x: ArrayLike, y: ArrayLike) -> jax.Array:
    """Returns the map (x, y) -> (x times the first factor [], y times the second)."""
    return jnp.diag(jnp.stack([jnp.float32(x), jnp.float32(y), jnp.float32(1)]))


def translation(x: ArrayLike, y: ArrayLike) -> jax.Array:
    """Returns the map that adds (x, y) pixels."""
    return jnp.eye(3).at[0, 2].set(x).at[1, 2].set(y)


def rotation(cosine: ArrayLike, sine: ArrayLike) -> jax.Array:
    """Returns the rotation by an angle of this cosine and sine, from the x axis to the y axis."""
    return jnp.eye(3).at[0, :2].set(jnp.stack([cosine, -jnp.float32(sine)])).at[1, :2].set(jnp.stack([sine, cosine]))


def quarter_turns(number: jax.Array) -> jax.Array:
    """Returns the rotation by a number of quarter turns, int [] in 0..3, without rounding."""
    cosine, sine = jnp.array(QUARTERS)[number]
    return rotation(cosine, sine)


def resample(image: jax.Array, inverse: jax.Array) -> jax.Array:
    """Returns the image [h, w, c] moved by the inverse of the map `inverse` [3, 3]: bilinear, with reflected edges.

    Each pixel of the result is read at the place that `inverse` sends it to. The identity returns the image bit for
    bit. There is no anti-aliasing filter where the image gets smaller.
    """
    h, w, c = image.shape
    middle = jnp.array([(w - 1) / 2, (h - 1) / 2])
    down, across = jnp.meshgrid(jnp.arange(h) - middle[1], jnp.arange(w) - middle[0], indexing="ij")
    places = jnp.einsum("ij,jhw->ihw", inverse[:2, :2], jnp.stack([across, down]), precision="highest")
    places += (inverse[:2, 2] + middle)[:, None, None]
    (left, right, right_share), (top, bottom, bottom_share) = (
        _neighbours(p, n) for p, n in zip(places, (w, h), strict=True)
    )
    flat = image.reshape(h * w, c)
    upper, lower = (
        flat[row * w + left] * (1 - right_share) + flat[row * w + right] * right_share for row in (top, bottom)
    )
    return upper * (1 - bottom_share) + lower * bottom_share


def _neighbours(places: jax.Array, size: int) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Returns the pixels before and after places [h, w] along an axis, and the latter's share [h, w, 1]."""
    last = max(size - 1, 1)
    places = jnp.minimum(last - jnp.abs(jnp.mod(places, 2 * last) - last), size - 1)  # mirrored at the edge pixels
    before = jnp.clip(jnp.floor(places), 0, size - 1)
    return before.astype(int), jnp.minimum(before + 1, size - 1).astype(int), (places - before)[..., None]
