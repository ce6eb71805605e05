"""Convolutions of 3x3 kernels at stride 1 on the CPU, by Winograd's F(2x2, 3x3): 16 products for 36.

A tile of 2x2 outputs y is made of 4x4 inputs d and a kernel g. Each is transformed along rows, then columns:

    V = B d B'    U = G g G'    M[i, j] = V[i, j] U[i, j]    y = A M A'     (' is the transpose)

    B = 1  0 -1  0        G = 1    0    0        A = 1  1  1  0
        0  1  1  0            1/2  1/2  1/2          0  1 -1 -1
        0 -1  1  0            1/2 -1/2  1/2
        0  1  0 -1            0    0    1

M[i, j] is a matrix product of all tiles' channels by a kernel [c, o]. Source: Lavin and Gray 2016, arXiv:1509.09308,
section 4.1. The transformed images are four times as large, so only a few images are transformed at a time, as many as
a core's cache holds.

The convolution is a bilinear operation of its own (a JAX primitive), so that its gradients are made in the same way.
For images it is the convolution of the outputs' gradient with the kernel turned round. For the kernel it is another
bilinear operation, G' (V' (A' dy A)) G. Each is the other's transpose, so all can be differentiated to any order.
"""

import math
from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

Array: TypeAlias = jax.Array

AT_ONCE = 2**18
"""Values of the transformed images that are computed at once."""
KERNEL = np.array([[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]], np.float32)
"""G of the formula above."""


def convolution(x: Array, kernel: Array, *, padding: int) -> Array:
    """Computes the convolution of stride 1: x [n, h, w, c], kernel [3, 3, c, o] -> [n, h', w', o].

    h' = h + 2 padding - 2, and w' likewise; `padding` is 0, 1 or 2. float32, or more.
    """
    return _convolution.bind(x, kernel, padding=padding)


def pays(images: tuple[int, ...], kernel: Array, padding: int) -> bool:
    """Returns whether this is faster than the other forms for images [n, h, w, c] and a kernel [3, 3, c, o].

    The bounds agree with 18 of 22 layers timed both ways with their gradients: batches of 8 to 64, 4x4 to 48x48 pixels,
    3 to 256 channels. Above them 8 to 34% of the processor's time is saved, and one layer loses 8%. Below them up to
    138% would be lost; three layers would save 3 to 7%, and compile three times as long (2 CPU cores, shared with other
    work, 2026-11-27). It is never used in half precision, which would round the sums of inputs.
    """
    n, h, w, c = images
    o, pixels = kernel.shape[3], n * (h + 2 * padding - 2) * (w + 2 * padding - 2)
    return min(c, o) >= 32 and c * o >= 2048 and pixels >= 4096 and jnp.finfo(kernel.dtype).bits >= 32


def _convolve(x: Array, kernel: Array, *, padding: int) -> Array:
    h, w = (size + 2 * padding - 2 for size in x.shape[1:3])
    tiles = -(-h // 2), -(-w // 2)
    images = _in_parts(_padded(x, padding, tiles, 2), 16 * math.prod(tiles) * max(kernel.shape[2:]))
    transformed = jnp.einsum("iu,jv,uvco->ijco", KERNEL, KERNEL, kernel, precision="highest").astype(kernel.dtype)
    of_part = partial(_tiles, kernel=transformed)
    y = of_part(images[0]) if len(images) == 1 else lax.map(of_part, images)
    return y.reshape(len(x), *y.shape[-3:])[:, :h, :w]


def _tiles(x: Array, *, kernel: Array) -> Array:
    """Returns the outputs [n, h, w, o] of padded images [n, h + 2, w + 2, c] and a kernel [4, 4, c, o], even sizes."""
    n, h, w = x.shape[0], x.shape[1] // 2 - 1, x.shape[2] // 2 - 1
    products = []
    for row, part in zip(_inputs(x, 1), kernel, strict=True):
        made = lax.dot_general(_stacked(_inputs(row, 2)), part, (((2,), (1,)), ((0,), (0,))))
        products.append(_outputs(list(made.reshape(4, n, h, w, -1)), 2))
    return _outputs(products, 1)


def _kernel_gradient(x: Array, y: Array, *, padding: int) -> Array:
    """Returns sum over n, i of x[n, i + u - p, c] y[n, i, o] as [3, 3, c, o], for `convolution`'s shapes."""
    c, o, tiles = x.shape[3], y.shape[3], tuple(-(-size // 2) for size in y.shape[1:3])
    framed = _padded(x, padding, tiles, 2), _padded(y, 0, tiles, 0)
    images, gradients = (_in_parts(part, 16 * math.prod(tiles) * max(c, o)) for part in framed)
    if len(images) == 1:
        made = _kernel_of_tiles(images[0], gradients[0])
    else:
        none = jnp.zeros((4, 4, c, o), x.dtype)
        made = lax.scan(lambda total, pair: (total + _kernel_of_tiles(*pair), None), none, (images, gradients))[0]
    return jnp.einsum("iu,jv,ijco->uvco", KERNEL, KERNEL, made, precision="highest").astype(x.dtype)


def _kernel_of_tiles(x: Array, y: Array) -> Array:
    """Returns the gradient of `_tiles`' kernel [4, 4, c, o] for its images and a gradient of its outputs."""
    rows = zip(_inputs(x, 1), _outputs_transposed(y, 1), strict=True)
    pairs = ((_stacked(_inputs(row, 2)), _stacked(_outputs_transposed(gradient, 2))) for row, gradient in rows)
    return jnp.stack([lax.dot_general(v, m, (((1,), (1,)), ((0,), (0,)))) for v, m in pairs])


def _inputs(x: Array, axis: int) -> list[Array]:
    """Returns the four values of B d for each tile along an axis of 2 (tiles + 1) positions."""
    even, odd = halves(x, axis)
    starts = [(part, start) for start in (0, 1) for part in (even, odd)]
    a, b, c, d = (lax.slice_in_dim(part, start, start + even.shape[axis] - 1, axis=axis) for part, start in starts)
    return [a - c, b + c, c - b, b - d]


def _outputs(m: list[Array], axis: int) -> Array:
    """Returns A m for each tile along an axis, of twice as many positions."""
    pair = jnp.concatenate([m[0] + m[1] + m[2], m[1] - m[2] - m[3]], axis + 1)
    return pair.reshape(*pair.shape[:axis], -1, m[0].shape[axis + 1], *pair.shape[axis + 2 :])


def _outputs_transposed(y: Array, axis: int) -> list[Array]:
    """Returns the four values of A' y for each tile along an axis of twice as many positions."""
    even, odd = halves(y, axis)
    return [even, even + odd, even - odd, -odd]


def halves(x: Array, axis: int) -> list[Array]:
    """Returns x at the even and at the odd positions of an axis."""
    size = x.shape[axis + 1]
    x = x.reshape(*x.shape[:axis], -1, 2 * size, *x.shape[axis + 2 :])
    return list(lax.split(x, (size, size), axis + 1))


def _stacked(parts: list[Array]) -> Array:
    """Returns arrays [..., c] as rows of channels: [parts, rows, c]."""
    return jnp.stack([part.reshape(-1, part.shape[-1]) for part in parts])


def _padded(x: Array, padding: int, tiles: tuple[int, ...], more: int) -> Array:
    """Returns x with `padding` zeros above and left, and zeros below and right, of 2 tiles + more rows and columns."""
    sizes = zip(tiles, x.shape[1:3], strict=True)
    edges = [(padding, 2 * count + more - padding - size, 0) for count, size in sizes]
    return lax.pad(x, jnp.zeros((), x.dtype), [(0, 0, 0), *edges, (0, 0, 0)])


def _in_parts(x: Array, values: int) -> Array:
    """Returns x [n, ...] as [parts, n / parts, ...], of AT_ONCE values at most where one image has not more."""
    size = max(size for size in range(1, len(x) + 1) if len(x) % size == 0 and (size == 1 or size * values <= AT_ONCE))
    return x.reshape(-1, size, *x.shape[1:])


def _turned(kernel: Array) -> Array:
    """Returns the kernel that takes outputs to inputs, [3, 3, o, c]: turned round, channels exchanged."""
    return kernel[::-1, ::-1].swapaxes(2, 3)


def primitive(name: str, function: Callable[..., Array]) -> Primitive:
    """Returns a JAX primitive that is computed by a function of arrays, on every platform and under `vmap`."""

    def shape(*operands: Any, **geometry: int) -> Any:
        given = (jax.ShapeDtypeStruct(a.shape, a.dtype) for a in operands)
        made = jax.eval_shape(partial(function, **geometry), *given)
        return operands[0].update(shape=made.shape)

    def mapped(operands: tuple[Array, ...], axes: tuple[Any, ...], **geometry: int) -> tuple[Array, int]:
        return jax.vmap(partial(function, **geometry), axes)(*operands), 0

    primitive = Primitive(name)
    primitive.def_impl(lambda *operands, **geometry: jax.jit(partial(function, **geometry))(*operands))
    primitive.def_abstract_eval(shape)
    batching.primitive_batchers[primitive] = mapped
    mlir.register_lowering(primitive, mlir.lower_fun(function, multiple_results=False))
    return primitive


def _to_images(gradient: Array, _: Any, kernel: Array, *, padding: int) -> Array:
    return convolution(gradient, _turned(kernel), padding=2 - padding)


_convolution = primitive("winograd", _convolve)
_for_kernel = primitive("winograd_kernel", _kernel_gradient)
ad.defbilinear(_convolution, _to_images, lambda gradient, x, _, padding: _for_kernel.bind(x, gradient, padding=padding))
ad.defbilinear(
    _for_kernel,
    lambda gradient, _, y, padding: _to_images(y, None, gradient, padding=padding),
    lambda gradient, x, _, padding: convolution(x, gradient, padding=padding),
)
