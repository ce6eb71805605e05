"""Observations of an image: a smaller copy, grey values, edges. Samplers of a field `source` that is made from `x`."""

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from gan_jax.core.fields import Batch, Sampler

__all__ = ["bicubic", "edges", "grey"]  # what a config can name

LUMA = (0.299, 0.587, 0.114)
"""The weights of red, green and blue in the luma of ITU-R BT.601."""


def bicubic(factor: int) -> Sampler:
    """Samples `source` [b, h / factor, w / factor, c]: x downscaled as in MATLAB's imresize. Not random.

    Raises ValueError if the factor is not a whole number above 1. `shrink` does if it does not divide the size.
    """
    if type(factor) is not int or factor < 2:
        raise ValueError(f"factor is {factor!r}: it must be a whole number of at least 2")

    def draw(keys: jax.Array, batch: Batch) -> jax.Array:
        del keys
        return shrink(batch["x"], factor)

    return Sampler(draw, observes=True)


def grey() -> Sampler:
    """Samples `source` [b, h, w, 1]: the luma of x [b, h, w, 3], in x's own range. Not random.

    Raises ValueError, when called, if x does not have three channels.
    """

    def draw(keys: jax.Array, batch: Batch) -> jax.Array:
        del keys
        if batch["x"].shape[-1] != len(LUMA):
            raise ValueError(
                f"grey values need RGB images, not {list(batch['x'].shape[1:])}: set config.data.channels=3, "
                "or choose a data set in colour"
            )
        return _luma(batch["x"])

    return Sampler(draw, observes=True)


def edges(limits: tuple[float, float] | None, gain: float = 1.0) -> Sampler:
    """Samples `source` [b, h, w, 1]: the edges of x [b, h, w, 1 or 3], dark on white, in x's own range. Not random.

    Edges are the length of the luma's gradient from Sobel filters, 1 at a border between black and white, times `gain`.
    `limits` are the range of x. Raises ValueError for a gain that is not above 0, or if examples are not images.
    """
    if not gain > 0:
        raise ValueError(f"gain is {gain}: it must be above 0")
    if limits is None:
        raise ValueError("degrade.edges needs images: choose a data set of images")
    low, high = limits

    def draw(keys: jax.Array, batch: Batch) -> jax.Array:
        del keys
        padded = jnp.pad(_luma(batch["x"]), ((0, 0), (1, 1), (1, 1), (0, 0)), mode="edge")
        down, across = (_sobel(padded, axis) for axis in (1, 2))
        length = jnp.sqrt(jnp.square(down) + jnp.square(across)) / (4 * (high - low))
        return high - (high - low) * jnp.minimum(gain * length, 1.0)

    return Sampler(draw, observes=True)


def _luma(x: jax.Array) -> jax.Array:
    """Returns the luma [b, h, w, 1] of RGB images, and grey images as they are. Raises ValueError for others."""
    if x.shape[-1] not in (1, len(LUMA)):
        raise ValueError(f"images have {x.shape[-1]} channels: set config.data.channels to 1 or 3")
    return x if x.shape[-1] == 1 else x @ jnp.array(LUMA)[:, None]


def _sobel(x: jax.Array, axis: int) -> jax.Array:
    """Applies a Sobel filter along an axis, 1 or 2, to images [b, h + 2, w + 2, c]: [b, h, w, c]."""
    n, m = x.shape[axis], x.shape[3 - axis]
    change = lax.slice_in_dim(x, 2, n, axis=axis) - lax.slice_in_dim(x, 0, n - 2, axis=axis)
    before, middle, after = (lax.slice_in_dim(change, k, m - 2 + k, axis=3 - axis) for k in range(3))
    return before + 2 * middle + after


def shrink(x: jax.Array, factor: int) -> jax.Array:
    """Returns images [..., h, w, c] smaller by a whole factor, as MATLAB's imresize with 'bicubic' does in floats.

    The kernel is Keys's with a = -0.5, stretched by the factor against aliasing, and the image's border is repeated.
    If values are rounded after the rows and after the columns, this gives the published low-resolution files of Set5
    to the bit. Raises ValueError if the factor does not divide h and w.
    """
    h, w = x.shape[-3:-1]
    if h % factor or w % factor:
        raise ValueError(f"images of {h}x{w} cannot be {factor} times smaller: crop them to a multiple of {factor}")
    return resize(x, (h // factor, w // factor))


def resize(x: jax.Array, size: tuple[int, int]) -> jax.Array:
    """Returns images [..., h, w, c] at another size (h', w'), as MATLAB's imresize with 'bicubic' does in floats."""
    rows, columns = (jnp.asarray(weights(*sides)) for sides in zip(x.shape[-3:-1], size, strict=True))
    return jnp.einsum("ih,...hwc,jw->...ijc", rows, x, columns, precision=jax.lax.Precision.HIGHEST)


def weights(length: int, to: int) -> np.ndarray:
    """Returns the weights float32 [to, length] of each value of a line in each value of the resized line."""
    scale = to / length
    stretch = max(1.0, 1 / scale)
    centres = (np.arange(to) + 0.5) / scale - 0.5
    taps = int(np.ceil(4 * stretch)) + 2
    first = np.floor(centres - 2 * stretch).astype(int)
    places = first[:, None] + np.arange(taps)
    values = _cubic((centres[:, None] - places) / stretch)
    values /= values.sum(1, keepdims=True)
    table = np.zeros((to, length))
    np.add.at(table, (np.arange(to)[:, None], np.clip(places, 0, length - 1)), values)
    return table.astype(np.float32)


def _cubic(distance: np.ndarray) -> np.ndarray:
    """Computes Keys's cubic convolution kernel, a = -0.5 (Keys 1981, eq. 15)."""
    d = np.abs(distance)
    near = 1.5 * d**3 - 2.5 * d**2 + 1
    far = -0.5 * d**3 + 2.5 * d**2 - 4 * d + 2
    return np.where(d <= 1, near, np.where(d <= 2, far, 0.0))
