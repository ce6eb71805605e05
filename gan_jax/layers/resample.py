"""Images of twice or half the size, without multiplying zeros: nearest, average, maximum, and binomial filters."""

import jax
import jax.numpy as jnp
from jax import lax
from jax.interpreters import ad

from gan_jax.layers.primitives import primitive
from gan_jax.layers.winograd import halves

Array = jax.Array


def nearest(x: Array) -> Array:
    """Returns x [n, h, w, c] with each pixel four times: [n, 2 h, 2 w, c]."""
    n, h, w, c = x.shape
    return jnp.broadcast_to(x[:, :, None, :, None], (n, h, 2, w, 2, c)).reshape(n, 2 * h, 2 * w, c)


def average(x: Array) -> Array:
    """Returns the means of 2x2 pixels: [n, h, w, c] -> [n, h / 2, w / 2, c]. Raises ValueError for odd sizes."""
    for axis in (1, 2):
        even, odd = _halves(x, axis)
        x = (even + odd) / 2
    return x


def max_pool(x: Array) -> Array:
    """Returns the maxima of 2x2 pixels: [n, h, w, c] -> [n, h / 2, w / 2, c]. Raises ValueError for odd sizes."""
    for axis in (1, 2):
        x = jnp.maximum(*_halves(x, axis))
    return x


def binomial_up(x: Array) -> Array:
    """Returns `nearest`, then [1, 2, 1] / 4 along rows and columns: [n, h, w, c] -> [n, 2 h, 2 w, c], zeros outside.

    This is [1, 3, 3, 1] / 4 on the pixels with zeros between them, the up-sampling of StyleGAN2 and R3GAN.
    """
    for axis in (1, 2):
        pair = jnp.stack([_at(x, -1, axis) + 3 * x, 3 * x + _at(x, 1, axis)], axis + 1) / 4
        x = pair.reshape(*x.shape[:axis], -1, *x.shape[axis + 1 :])
    return x


def binomial_down(x: Array) -> Array:
    """Returns [1, 2, 1] / 4 along rows and columns, then `average`: [n, h, w, c] -> [n, h / 2, w / 2, c].

    This is every second value of [1, 3, 3, 1] / 8, the down-sampling of StyleGAN2 and R3GAN, with zeros outside. Raises
    ValueError for odd sizes.
    """
    for axis in (1, 2):
        even, odd = _halves(x, axis)
        x = (_at(odd, -1, axis) + 3 * (even + odd) + _at(even, 1, axis)) / 8
    return x


def blur(x: Array, *, padding: int, gain: float = 1.0) -> Array:
    """Returns gain [1, 3, 3, 1] / 8 along rows and columns, zeros outside: [n, h, w, c] -> [n, h + 2 padding - 3, ...].

    StyleGAN2 applies it before a convolution of stride 2, and with a gain of 2 after a transposed one. Its transpose is
    the same filter with a padding of 3 - `padding`, which is 0 to 3.
    """
    return _blur_operation.bind(x, padding=padding) * gain**2


def _blur(x: Array, *, padding: int) -> Array:
    """Returns `blur` in three passes over memory.

    On the CPU that takes a third of the time of one pass, in which XLA computes the edges again for each of 16 taps. It
    is a primitive because its transpose would otherwise be sums of images padded with zeros, which take
    five times as long (32x32x64 in batches of 64, processor's time, 2 CPU cores shared with other work, 2026-11-27).
    """
    edges = [(0, 0, 0), *[(padding, padding, 0)] * 2, (0, 0, 0)]
    x = lax.optimization_barrier(lax.pad(x, jnp.zeros((), x.dtype), edges))
    for axis in (1, 2):
        size = x.shape[axis] - 3
        a, b, c, d = (lax.slice_in_dim(x, start, start + size, axis=axis) for start in range(4))
        x = lax.optimization_barrier(((a + d) + 3 * (b + c)) / 8)
    return x


_blur_operation = primitive("blur", _blur)
ad.deflinear2(_blur_operation, lambda y, _, padding: [_blur_operation.bind(y, padding=3 - padding)])


def _halves(x: Array, axis: int) -> list[Array]:
    """Returns x at the even and at the odd positions of an axis; raises ValueError for images of odd sizes."""
    if x.shape[axis] % 2:
        raise ValueError(f"images of {x.shape[1]}x{x.shape[2]} cannot be halved: both sizes must be even")
    return halves(x, axis)


def _at(x: Array, shift: int, axis: int) -> Array:
    """Returns x's neighbours at a distance of 1 or -1 along an axis, 0 outside."""
    edges = [(0, 0, 0)] * x.ndim
    edges[axis] = (-shift, shift, 0)
    return lax.pad(x, jnp.zeros((), x.dtype), edges)
