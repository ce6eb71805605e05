"""Convolutions on the CPU, in the form that was measured to be the fastest for each layer.

Kernels of 3x3 and 4x4 at stride 1 use Winograd's products (`winograd.py`), all others products of patches
(`products.py`). Where moving values takes longer than multiplying them, the batch is computed in parts that fit a
cache. That is the case with groups, each of which is convolved by itself, and with many patches.
"""

import math
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from gan_jax.layers import primitives, products, winograd
from gan_jax.layers.primitives import Array

IMAGES_AT_ONCE = 3 * 2**17
"""The number of image values that are split into groups at once.

192 channels of 32x32 in 24 groups take 169 ms in batches of 64 with their gradients, instead of 286 all at once. At
16x16 they take 30 ms instead of 70 (one core of an AMD EPYC with AVX-512, 2026-11-28).
"""
PATCHES_AT_ONCE = 2**22
"""The number of patch values that are multiplied at once.

Kernels of 4x4 and stride 2 from 64 channels of 32x32 to 128 take 53 ms in batches of 64 with their gradients, instead
of 102 all at once. At 64x64, from 32 channels to 64, they take 89 ms instead of 201 (on the same core).
"""
LOOPED = 8
"""Groups of at least this many channels are convolved one after the other, not at once."""


def convolution(x: Array, kernel: Array, stride: int, padding: int, groups: int = 1) -> Array:
    """Computes a convolution in the fastest form for its shapes.

    x [n, h, w, c], kernel [kh, kw, c / groups, o] -> [n, h', w', o], of one dtype.
    """
    if groups == 1 and stride == 1 and winograd.pays(x.shape, kernel, padding):
        return winograd.convolution(x, kernel, padding=padding)
    geometry = {"stride": stride, "padding": padding, "groups": groups}
    return _in_parts(x, kernel, **geometry) if _parts_pay(x, kernel, **geometry) else _of_part(x, kernel, **geometry)


def _parts_pay(x: Array, kernel: Array, **geometry: int) -> bool:
    """Returns whether a batch is faster in parts: with groups, or with patches that do not fit a cache."""
    return geometry["groups"] > 1 or (math.prod(kernel.shape[:2]) > 1 and _at_once(x, kernel, **geometry) < len(x))


def _at_once(x: Any, kernel: Any, *, stride: int, padding: int, groups: int) -> int:
    """Returns the number of images that are computed at once."""
    if groups > 1:
        return IMAGES_AT_ONCE // math.prod(x.shape[1:])
    kh, kw = kernel.shape[:2]
    h, w = ((size + 2 * padding - k) // stride + 1 for size, k in zip(x.shape[1:3], (kh, kw), strict=True))
    return PATCHES_AT_ONCE // (h * w * kh * kw * x.shape[3])


def _of_part(x: Array, kernel: Array, *, stride: int, padding: int, groups: int) -> Array:
    form = partial(products.convolution, stride=stride, padding=padding)
    if groups == 1:
        return form(x, kernel)
    of_group = _split(x, groups), _split(kernel, groups)
    looped = kernel.shape[2] >= LOOPED
    return _joined(lax.map(lambda pair: form(*pair), of_group) if looped else jax.vmap(form)(*of_group))


def _split(x: Array, groups: int) -> Array:
    """Returns [..., c] as [groups, ..., c / groups]."""
    return jnp.moveaxis(x.reshape(*x.shape[:-1], groups, -1), -2, 0)


def _joined(x: Array) -> Array:
    """Returns [groups, ..., c / groups] as [..., c]."""
    x = jnp.moveaxis(x, 0, -2)
    return x.reshape(*x.shape[:-2], -1)


def _convolve(x: Array, kernel: Array, **geometry: int) -> Array:
    y = lax.map(lambda x: _of_part(x, kernel, **geometry), primitives.in_parts(x, _at_once(x, kernel, **geometry)))
    return y.reshape(-1, *y.shape[2:])


def _to_images(y: Array, kernel: Array, *, size: tuple[int, ...], **geometry: int) -> Array:
    (kh, kw), padding, groups = kernel.shape[:2], geometry["padding"], geometry["groups"]
    if groups > 1 and geometry["stride"] == 1 and kh == kw > padding:
        # Computed with the flipped kernel, which takes a tenth less time than adding patches up.
        turned = _joined(_split(kernel[::-1, ::-1], groups).swapaxes(3, 4))
        return _convolve(y, turned, **(geometry | {"padding": kh - 1 - padding}))
    x = jax.ShapeDtypeStruct((len(y), *size, kernel.shape[2] * groups), y.dtype)
    parts = primitives.in_parts(y, _at_once(x, kernel, **geometry))
    x = x.update(shape=(parts.shape[1], *x.shape[1:]))
    x = lax.map(jax.linear_transpose(lambda x: _of_part(x, kernel, **geometry), x), parts)[0]
    return x.reshape(-1, *x.shape[2:])


def _to_kernel(x: Array, y: Array, *, taps: tuple[int, ...], **geometry: int) -> Array:
    kernel = jax.ShapeDtypeStruct((*taps, x.shape[3] // geometry["groups"], y.shape[3]), x.dtype)
    none = jnp.zeros(kernel.shape, jnp.promote_types(kernel.dtype, jnp.float32))  # many parts are added

    def add_part(total: Array, part: tuple[Array, Array]) -> tuple[Array, None]:
        x, y = part
        return total + jax.linear_transpose(lambda kernel: _of_part(x, kernel, **geometry), kernel)(y)[0], None

    most = _at_once(x, kernel, **geometry)
    total = lax.scan(add_part, none, (primitives.in_parts(x, most), primitives.in_parts(y, most)))[0]
    return total.astype(kernel.dtype)


_in_parts = primitives.convolution("in_parts", _convolve, _to_images, _to_kernel)
