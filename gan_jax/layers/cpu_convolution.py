"""A convolution as matrix products, in the form that measures best for each layer: how the CPU makes it."""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
from jax import lax

Array = jax.Array
Size = tuple[int, ...]


def product(x: Array, kernel: Array, stride: int, padding: int) -> Array:
    """Matrix products over what the kernel sees, without multiplied zeros.

    Where the stride divides the kernel, a block of s x s pixels is one place with more channels (space-to-depth): the
    kernel then moves by one place at a time, and its pieces are fewer and longer. A kernel of 4x4 and stride 2:

        a b | c d | i j        places   A = a b e f    C = c d g h    I = i j m n    (a kernel of 2x2 places)
        e f | g h | m n        pieces   [A C] [C I]                  (of a row, gathered once)

    The rows of pieces p0, p1, ... meet the kernel's rows of places K0, K1, ... in one of three ways:

        gathered (im2col)      added
        out0 = [p0 p1] [K0     p0 [K0 K1] = [p0 K0  (p0 K1)]      out0 = p0 K0 + p1 K1
        out1 = [p1 p2]  K1]    p1 [K0 K1] = [p1 K0   p1 K1 ]      out1 = p1 K0 + p2 K1
                               p2 [K0 K1] = [(p2 K0) p2 K1 ]      (in brackets: made for nothing)

        in pairs: three products for four (`_in_pairs`), and for columns again
        a = (p0 - p1) K0    b = p1 (K0 + K1)    c = (p2 - p1) K1      out0 = a + b    out1 = b + c

    Gathering copies every piece once for each row of the kernel; adding moves outputs instead, through products of
    better shape; pairs need a kernel one place longer than its stride each way, and channels enough for products to be
    what takes the time. A gradient and a transposed convolution are the picture read backwards: what was gathered is
    added in its places, what was added is gathered, what was taken apart is joined. That is why images are split as a
    whole (`_apart`): a strided slice would come back as an image of zeros around it, and images would be summed.
    """
    (kh, kw, c, o), n, s = kernel.shape, x.shape[0], stride
    h, w = ((size + 2 * padding - k) // s + 1 for size, k in zip(x.shape[1:3], (kh, kw), strict=True))
    if (h, w) == (1, 1):
        return _dense(_framed(x, padding, (kh, kw)).reshape(n, 1, 1, -1), kernel.reshape(-1, o))
    block = s if kh % s == kw % s == 0 else 1
    step, rows, columns = s // block, kh // block, kw // block
    paired = rows == columns == step + 1 and min(h, w) > 1 and _pairing_pays(n * h * w, block * block * c, kernel)
    group = 2 * step if paired else step
    size = tuple(-(-((out - 1) * step + taps) // group) * group * block for out, taps in ((h, rows), (w, columns)))
    x = _framed(x, padding, size).reshape(n, size[0], -1, block * c)
    if paired:
        along_rows = partial(_in_pairs, axis=2, block=1, outputs=w, inner=_dense)
        return _in_pairs(x, kernel.reshape(kh, columns, -1, o), axis=1, block=block, outputs=h, inner=along_rows)
    joined = partial(jnp.concatenate, axis=3)
    x = joined(_apart(x, block, axis=1))
    kernel = kernel.reshape(rows, block, columns, -1, o).swapaxes(1, 2)
    x = joined(_seen(_apart(x, step, axis=2), range(columns), w, axis=2))
    # Two-dimensional factors: XLA then turns a transposed product, as gradients have it, into a product.
    if step == 1 and _adding_pays(x.shape, h, o):
        made = _dense(x, kernel.reshape(rows, -1, o).swapaxes(0, 1).reshape(-1, rows * o))
        first, *others = (part[:, u : u + h] for u, part in enumerate(lax.split(made, (o,) * rows, 3)))
        return sum(others, start=first)
    x = joined(_seen(_apart(x, step, axis=1), range(rows), h, axis=1))
    return _dense(x, kernel.reshape(-1, o))


def _in_pairs(x: Array, kernel: Array, *, axis: int, block: int, outputs: int, inner: Callable[..., Array]) -> Array:
    """What a kernel one place longer than its stride makes along an axis, outputs two by two.

    Neighbours share a place, which takes one product in the place of two; what one of them sees alone is as it was:

        stride 1    out0 = p0 K0 + p1 K1               a = (p0 - p1) K0             b = p1 (K0 + K1)
                    out1 = p1 K0 + p2 K1               c = (p2 - p1) K1
        stride 2    out0 = p0 K0 + p1 K1 + p2 K2       a = [p0 - p2, p1] [K0        b = p2 (K0 + K2)
                    out1 = p2 K0 + p3 K1 + p4 K2                          K1]
                                                       c = [p3, p4 - p2] [K1
        out0 = a + b    out1 = b + c                                      K2]

    x [n, rows, columns, k], kernel [taps, ..., k, o] -> the same with `outputs` along the axis and o channels. `block`
    pixels along the axis are a place; `inner(x, [..., taps k, o])` makes the product of an a, b or c. The first line is
    Winograd's F(2, 2), as in Lavin and Gray 2016, arXiv:1509.09308, section 4.1.
    """
    stride, odds = len(kernel) - block, outputs // 2
    evens = outputs - odds
    seen = partial(_seen, _apart(x, 2 * stride, axis=axis), axis=axis)
    shared = range(stride, stride + block)

    def less(places: range, count: int) -> list[Array]:
        return [own - other for own, other in zip(seen(places, count), seen(shared, count), strict=True)]

    a = less(range(block), evens) + seen(range(block, stride), evens)
    c = seen(range(stride + block, 2 * stride), odds) + less(range(2 * stride, 2 * stride + block), odds)
    joined, taps = partial(jnp.concatenate, axis=-2), [tap[0] for tap in _apart(kernel, len(kernel), axis=0)]
    b = inner(jnp.concatenate(seen(shared, evens), 3), joined(taps[:block]) + joined(taps[stride:]))
    a = inner(jnp.concatenate(a, 3), joined(taps[:stride])) + b
    c = inner(jnp.concatenate(c, 3), joined(taps[block:])) + lax.slice_in_dim(b, 0, odds, axis=axis)
    return _every_other(a, 0, outputs, axis=axis) + _every_other(c, 1, outputs, axis=axis)


def _dense(x: Array, kernel: Array) -> Array:
    """x [n, h, w, k], kernel [k, o] -> [n, h, w, o]."""
    return (x.reshape(-1, x.shape[3]) @ kernel).reshape(*x.shape[:3], -1)


def _apart(x: Array, step: int, *, axis: int) -> list[Array]:
    """x at every `step`-th place along an axis, from each of the first `step` places on; its size is a multiple."""
    size = x.shape[axis + 1]
    x = x.reshape(*x.shape[:axis], -1, step * size, *x.shape[axis + 2 :])
    return list(lax.split(x, (size,) * step, axis + 1))


def _seen(parts: list[Array], places: range, outputs: int, *, axis: int) -> list[Array]:
    """What x, taken `_apart` by its step, is at place, place + step, ..., `outputs` of them, for each of the places."""
    found = [(parts[place % len(parts)], place // len(parts)) for place in places]
    return [lax.slice_in_dim(part, start, start + outputs, axis=axis) for part, start in found]


def _every_other(x: Array, first: int, size: int, *, axis: int) -> Array:
    """x at places first, first + 2, ... of `size` along an axis, zeros between them."""
    edges = [(0, 0, 0)] * x.ndim
    edges[axis] = (first, size - first - 2 * x.shape[axis] + 1, 1)
    return lax.pad(x, jnp.zeros((), x.dtype), edges)


def _pairing_pays(pixels: int, k: int, kernel: Array) -> bool:
    """Whether so many output pixels of a kernel [kh, kw, c, o], on places of k channels, are made faster in pairs.

    The bounds agree with 40 of 44 layers timed both ways with their gradients, kernels of 2x2 to 6x6 on 4x4 to 64x64
    pixels, 3 to 256 channels, batch 64: above them 9 to 43% of the time is saved and one layer loses 3%; below them
    up to 110% would be lost, but for three layers that would save 4 to 11% (2 CPU cores, 2026-11-25). Never of
    halves, which would round the differences.
    """
    return k >= 16 and pixels * kernel.size >= 2e7 and jnp.finfo(kernel.dtype).bits >= 32


def _adding_pays(pieces: Size, h: int, o: int) -> bool:
    """Whether rows of pieces [n, rows, w, k] -> [n, h, w, o] are better added than gathered.

    Counted for a row of the kernel: numbers copied, against numbers moved and multiplications made for nothing, 40 of
    which take the time of one number. That figure agrees with 11 layers, timed both ways with their gradients: kernels
    of 3 to 5 on 7x7 to 32x32 pixels, 1 to 128 channels (2 CPU cores, 2026-11-23).
    """
    _, rows, _, k = pieces
    return rows > h and k * h > o * rows + k * o * (rows - h) / 40


def _framed(x: Array, padding: int, size: Size) -> Array:
    """x [n, h, w, c] with `padding` zeros above and left, and below and right filled or cut to [n, *size, c]."""
    rows, columns = ((padding, new - padding - old, 0) for new, old in zip(size, x.shape[1:3], strict=True))
    return lax.pad(x, jnp.zeros((), x.dtype), [(0, 0, 0), rows, columns, (0, 0, 0)])
