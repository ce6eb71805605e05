"""Convolutions of 3x3 and 4x4 kernels at stride 1 on the CPU, by Winograd's F(2x2, 3x3) and F(2x2, 4x4).

They take 16 products instead of 36, and 25 instead of 64. A tile of 2x2 outputs y is made from 4x4, or 5x5, inputs d
and a kernel g. Each is transformed along rows, then columns:

    V = B d B'    U = G g G'    M[i, j] = V[i, j] U[i, j]    y = A M A'     (' is the transpose)

    B = 1  0 -1  0        G = 1    0    0        A = 1  1  1  0
        0  1  1  0            1/2  1/2  1/2          0  1 -1 -1
        0 -1  1  0            1/2 -1/2  1/2
        0  1  0 -1            0    0    1

M[i, j] is a matrix product of all tiles' channels by a kernel [c, o]. Source: Lavin and Gray 2016, arXiv:1509.09308,
section 4.1. The matrices for 4x4 are of the same construction (Toom and Cook's) with the points 0, 1, -1, 2 and
infinity. The transformed images are 4 times, or 6.25 times, as large, so only a few images are padded and transformed
at a time.

The gradient for images is the convolution of the outputs' gradient with the flipped kernel. For the kernel it is
G' (V' (A' dy A)) G.
"""

import functools
import math
import operator
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import lax

from gan_jax.layers import primitives
from gan_jax.layers.primitives import Array


class Matrices(NamedTuple):
    """B, G and A of the formula above, for kernels of as many taps as G has columns."""

    inputs: np.ndarray
    kernel: np.ndarray
    outputs: np.ndarray


AT_ONCE = 2**20
"""The number of values of transformed images that are computed at once."""
MATRICES = {
    3: Matrices(
        np.array([[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]]),
        np.array([[2, 0, 0], [1, 1, 1], [1, -1, 1], [0, 0, 2]], np.float32) / 2,
        np.array([[1, 1, 1, 0], [0, 1, -1, -1]]),
    ),
    4: Matrices(
        np.array([[2, -1, -2, 1, 0], [0, 2, 1, -1, 0], [0, 2, -3, 1, 0], [0, -1, 0, 1, 0], [0, 2, -1, -2, 1]]),
        np.array([[3, 0, 0, 0], [3, 3, 3, 3], [-1, 1, -1, 1], [1, 2, 4, 8], [0, 0, 0, 6]], np.float32) / 6,
        np.array([[1, 1, 1, 1, 0], [0, 1, -1, 2, 1]]),
    ),
}


def pays(images: tuple[int, ...], kernel: Array, padding: int) -> bool:
    """Returns whether this is faster than the other forms for images [n, h, w, c] and a kernel [kh, kw, c, o].

    The bounds agree with 43 of 47 layers timed both ways with their gradients: kernels of 3x3 and 4x4, batches of 1 to
    64, 4x4 to 64x64 pixels, 16 to 256 channels. Above them 5 to 76% of the time is saved, and two layers lose 2 and
    4%. Below them up to 82% would be lost; two layers would save 2 and 6% (one core of an AMD EPYC with AVX-512,
    2026-11-28). It is never used in half precision, which would round the sums of inputs.
    """
    n, h, w, c = images
    kh, kw, _, o = kernel.shape
    if kh != kw or kh not in MATRICES or padding >= kh or jnp.finfo(kernel.dtype).bits < 32:
        return False
    pixels = n * (h + 2 * padding - kh + 1) * (w + 2 * padding - kw + 1)
    return min(c, o) >= 32 and c * o >= 2048 and pixels >= (2048 if kh == 3 else 512)


def _convolve(x: Array, kernel: Array, *, padding: int) -> Array:
    taps = len(kernel)
    h, w = (size + 2 * padding - taps + 1 for size in x.shape[1:3])
    tiles, transformed = (-(-h // 2), -(-w // 2)), _transformed(kernel)

    def of_part(x: Array) -> Array:
        return _tiles(_padded(x, padding, tiles, taps), transformed, MATRICES[taps])[:, :h, :w]

    y = lax.map(of_part, primitives.in_parts(x, _at_once(taps, tiles, max(kernel.shape[2:]))))
    return y.reshape(len(x), *y.shape[2:])


def _at_once(taps: int, tiles: tuple[int, int], channels: int) -> int:
    """Returns the number of images whose transformed values are AT_ONCE."""
    return AT_ONCE // ((taps + 1) ** 2 * math.prod(tiles) * channels)


def _transformed(kernel: Array) -> Array:
    """Returns G g G' of a kernel [k, k, c, o]: [k + 1, k + 1, c, o]."""
    matrix = MATRICES[len(kernel)].kernel
    return jnp.einsum("iu,jv,uvco->ijco", matrix, matrix, kernel, precision="highest").astype(kernel.dtype)


def _tiles(x: Array, kernel: Array, matrices: Matrices) -> Array:
    """Returns the outputs [n, h, w, o] of padded images [n, h + k', w + k', c] and a transformed kernel, even sizes."""
    products = []
    for row, part in zip(_inputs(x, 1, matrices), kernel, strict=True):
        columns = _inputs(row, 2, matrices)
        made = lax.dot_general(_stacked(columns), part, (((2,), (1,)), ((0,), (0,))))
        products.append(_outputs(list(made.reshape(len(columns), *columns[0].shape[:3], -1)), 2, matrices))
    return _outputs(products, 1, matrices)


def _to_images(y: Array, kernel: Array, *, size: tuple[int, ...], padding: int) -> Array:
    """Returns the convolution with the flipped kernel, its input and output channels exchanged."""
    del size
    return _convolve(y, kernel[::-1, ::-1].swapaxes(2, 3), padding=len(kernel) - 1 - padding)


def _to_kernel(x: Array, y: Array, *, taps: tuple[int, ...], padding: int) -> Array:
    """Returns sum over n, i of x[n, i + u - p, c] y[n, i, o] as [k, k, c, o], for `convolution`'s shapes."""
    c, o, k = x.shape[3], y.shape[3], taps[0]
    tiles, matrices = (-(-y.shape[1] // 2), -(-y.shape[2] // 2)), MATRICES[k]

    def add_part(total: Array, part: tuple[Array, Array]) -> tuple[Array, None]:
        x, y = _padded(part[0], padding, tiles, k), _padded(part[1], 0, tiles, 0)
        return total + _kernel_of_tiles(x, y, matrices), None

    most = _at_once(k, tiles, max(c, o))
    parts = primitives.in_parts(x, most), primitives.in_parts(y, most)
    made = lax.scan(add_part, jnp.zeros((k + 1, k + 1, c, o), x.dtype), parts)[0]
    return jnp.einsum("iu,jv,ijco->uvco", *[matrices.kernel] * 2, made, precision="highest").astype(x.dtype)


def _kernel_of_tiles(x: Array, y: Array, matrices: Matrices) -> Array:
    """Returns the gradient of `_tiles`' kernel for its images and a gradient of its outputs."""
    rows = zip(_inputs(x, 1, matrices), _outputs_transposed(y, 1, matrices), strict=True)
    pairs = (
        (_stacked(_inputs(row, 2, matrices)), _stacked(_outputs_transposed(gradient, 2, matrices)))
        for row, gradient in rows
    )
    return jnp.stack([lax.dot_general(v, m, (((1,), (1,)), ((0,), (0,)))) for v, m in pairs])


def _inputs(x: Array, axis: int, matrices: Matrices) -> list[Array]:
    """Returns the values of B d for each tile along an axis, of as many positions as `_padded` gives."""
    parts, points = halves(x, axis), len(matrices.inputs)
    tiles = parts[0].shape[axis] - (points - 1) // 2
    tile = [lax.slice_in_dim(parts[u % 2], u // 2, u // 2 + tiles, axis=axis) for u in range(points)]
    return [_combined(row, tile) for row in matrices.inputs]


def _outputs(m: list[Array], axis: int, matrices: Matrices) -> Array:
    """Returns A m for each tile along an axis, of twice as many positions."""
    pair = jnp.concatenate([_combined(row, m) for row in matrices.outputs], axis + 1)
    return pair.reshape(*pair.shape[:axis], -1, m[0].shape[axis + 1], *pair.shape[axis + 2 :])


def _outputs_transposed(y: Array, axis: int, matrices: Matrices) -> list[Array]:
    """Returns the values of A' y for each tile along an axis of twice as many positions."""
    pair = halves(y, axis)
    return [_combined(column, pair) for column in matrices.outputs.T]


def _combined(factors: np.ndarray, parts: list[Array]) -> Array:
    """Returns the sum of arrays, each multiplied by its whole number."""
    scaled = (
        part if factor == 1 else int(factor) * part for factor, part in zip(factors, parts, strict=True) if factor
    )
    return functools.reduce(operator.add, scaled)


def halves(x: Array, axis: int) -> list[Array]:
    """Returns x at the even and at the odd positions of an axis."""
    size = x.shape[axis + 1]
    x = x.reshape(*x.shape[:axis], -1, 2 * size, *x.shape[axis + 2 :])
    return list(lax.split(x, (size, size), axis + 1))


def _stacked(parts: list[Array]) -> Array:
    """Returns arrays [..., c] as rows of channels: [parts, rows, c]."""
    return jnp.stack([part.reshape(-1, part.shape[-1]) for part in parts])


def _padded(x: Array, padding: int, tiles: tuple[int, ...], taps: int) -> Array:
    """Returns x with `padding` zeros above and left, and zeros below and right, to whole tiles and an even size.

    A tile's inputs are taps - 1 positions more than its outputs; 0 taps are for the outputs.
    """
    sizes = zip(tiles, x.shape[1:3], strict=True)
    edges = [(padding, 2 * (count + taps // 2) - padding - size, 0) for count, size in sizes]
    return lax.pad(x, jnp.zeros((), x.dtype), [(0, 0, 0), *edges, (0, 0, 0)])


convolution = primitives.convolution("winograd", _convolve, _to_images, _to_kernel)
"""The convolution of stride 1: x [n, h, w, c], kernel [k, k, c, o], `padding` -> [n, h', w', o].

k is 3 or 4, h' = h + 2 padding - k + 1, and w' likewise; `padding` is below k. The dtype is float32 or wider.
"""
