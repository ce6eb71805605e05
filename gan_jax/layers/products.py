"""Convolutions as matrix products over a kernel's patches, without multiplying zeros.

Where the stride divides the kernel, a block of s x s pixels is one cell with more channels (space-to-depth): the
kernel then moves by one cell at a time, and its patches are fewer and longer. A kernel of 4x4 and stride 2:

    a b | c d | i j        cells    A = a b e f    C = c d g h    I = i j m n    (a kernel of 2x2 cells)
    e f | g h | m n        patches  [A C] [C I]                  (of a row, gathered once)

The rows of patches p0, p1, ... are multiplied by the kernel's rows of cells K0, K1, ... in one of three ways:

    gathered (im2col)      added
    out0 = [p0 p1] [K0     p0 [K0 K1] = [p0 K0  (p0 K1)]      out0 = p0 K0 + p1 K1
    out1 = [p1 p2]  K1]    p1 [K0 K1] = [p1 K0   p1 K1 ]      out1 = p1 K0 + p2 K1
                           p2 [K0 K1] = [(p2 K0) p2 K1 ]      (in brackets: computed but not used)

    in pairs: three products instead of four (`_in_pairs`), and for columns again
    a = (p0 - p1) K0    b = p1 (K0 + K1)    c = (p2 - p1) K1      out0 = a + b    out1 = b + c

Gathering copies every patch once for each row of the kernel. Adding copies outputs instead, and its products have a
better shape. Pairs need a kernel one cell longer than its stride each way, and so many channels that products take most
of the time. A gradient and a transposed convolution are the transpose of the diagram: what was gathered is added up at
its position, what was added is gathered, what was split is joined. So images are split as a whole (`_split`): the
transpose of a strided slice is an image padded with zeros, and such images would be summed.
"""

from collections.abc import Callable, Sequence
from functools import partial

import jax.numpy as jnp
from jax import lax

from gan_jax.layers.primitives import Array

Size = tuple[int, ...]


def convolution(x: Array, kernel: Array, stride: int, padding: int) -> Array:
    """Computes a convolution in the fastest form for its shapes.

    x [n, h, w, c], kernel [kh, kw, c, o] -> [n, h', w', o], of one dtype.
    """
    (kh, kw, c, o), n, s = kernel.shape, x.shape[0], stride
    h, w = ((size + 2 * padding - k) // s + 1 for size, k in zip(x.shape[1:3], (kh, kw), strict=True))
    if s == 1 and _adding_all_pays(x.shape, kernel, h * w):
        return _added(x, kernel, padding)
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
    x = joined(_split(x, block, axis=1))
    kernel = kernel.reshape(rows, block, columns, -1, o).swapaxes(1, 2)
    x = joined(_cells(_split(x, step, axis=2), range(columns), w, axis=2))
    # Two-dimensional factors, because XLA then turns the transposed products of gradients into plain products.
    if step == 1 and _adding_pays(x.shape, h, o):
        made = _dense(x, kernel.reshape(rows, -1, o).swapaxes(0, 1).reshape(-1, rows * o))
        first, *others = (part[:, u : u + h] for u, part in enumerate(lax.split(made, (o,) * rows, 3)))
        return sum(others, start=first)
    x = joined(_cells(_split(x, step, axis=1), range(rows), h, axis=1))
    return _dense(x, kernel.reshape(-1, o))


def _added(x: Array, kernel: Array, padding: int) -> Array:
    """Computes a convolution of stride 1 by one product with all positions of the kernel, whose outputs are added.

    x [n, h, w, c], kernel [kh, kw, c, o] -> [n, h', w', o], of one dtype. The outputs to add have kh kw o
    values per pixel, where patches have kh kw c.
    """
    kh, kw, c, o = kernel.shape
    y = _dense(x, kernel.transpose(2, 0, 1, 3).reshape(c, -1))
    y = _summed(lax.split(y, (kw * o,) * kh, 3), padding, axis=1)
    return _summed(lax.split(y, (o,) * kw, 3), padding, axis=2)


def _summed(parts: Sequence[Array], padding: int, *, axis: int) -> Array:
    """Returns out[i] = sum over u of part u[i + u - padding] along an axis, parts being zero outside."""

    def moved(part: Array, u: int) -> Array:
        edges = [(0, 0, 0)] * part.ndim
        edges[axis] = (padding - u, padding - len(parts) + 1 + u, 0)
        return lax.pad(part, jnp.zeros((), part.dtype), edges)

    first, *others = (moved(part, u) for u, part in enumerate(parts))
    return sum(others, start=first)


def _in_pairs(x: Array, kernel: Array, *, axis: int, block: int, outputs: int, inner: Callable[..., Array]) -> Array:
    """Computes a convolution along an axis two outputs at a time, by a kernel one cell longer than its stride.

    Neighboring outputs share a cell, which takes one product instead of two. Cells of a single output are as before:

        stride 1    out0 = p0 K0 + p1 K1               a = (p0 - p1) K0             b = p1 (K0 + K1)
                    out1 = p1 K0 + p2 K1               c = (p2 - p1) K1
        stride 2    out0 = p0 K0 + p1 K1 + p2 K2       a = [p0 - p2, p1] [K0        b = p2 (K0 + K2)
                    out1 = p2 K0 + p3 K1 + p4 K2                          K1]
                                                       c = [p3, p4 - p2] [K1
        out0 = a + b    out1 = b + c                                      K2]

    x [n, rows, columns, k], kernel [taps, ..., k, o] -> the same with `outputs` along the axis and o channels. `block`
    pixels along the axis are a cell; `inner(x, [..., taps k, o])` computes the product of an a, b or c. The first line
    is Winograd's F(2, 2), as in Lavin and Gray 2016, arXiv:1509.09308, section 4.1.
    """
    stride, odds = len(kernel) - block, outputs // 2
    evens = outputs - odds
    cells = partial(_cells, _split(x, 2 * stride, axis=axis), axis=axis)
    shared = range(stride, stride + block)

    def less(positions: range, count: int) -> list[Array]:
        return [own - other for own, other in zip(cells(positions, count), cells(shared, count), strict=True)]

    a = less(range(block), evens) + cells(range(block, stride), evens)
    c = cells(range(stride + block, 2 * stride), odds) + less(range(2 * stride, 2 * stride + block), odds)
    joined, taps = partial(jnp.concatenate, axis=-2), [tap[0] for tap in _split(kernel, len(kernel), axis=0)]
    b = inner(jnp.concatenate(cells(shared, evens), 3), joined(taps[:block]) + joined(taps[stride:]))
    a = inner(jnp.concatenate(a, 3), joined(taps[:stride])) + b
    c = inner(jnp.concatenate(c, 3), joined(taps[block:])) + lax.slice_in_dim(b, 0, odds, axis=axis)
    return _every_other(a, 0, outputs, axis=axis) + _every_other(c, 1, outputs, axis=axis)


def _dense(x: Array, kernel: Array) -> Array:
    """Returns the product [n, h, w, o] of x [n, h, w, k] and a kernel [k, o]."""
    return (x.reshape(-1, x.shape[3]) @ kernel).reshape(*x.shape[:3], -1)


def _split(x: Array, step: int, *, axis: int) -> list[Array]:
    """Returns x at every `step`-th position along an axis, from each of the first `step`, which divides the size."""
    size = x.shape[axis + 1]
    x = x.reshape(*x.shape[:axis], -1, step * size, *x.shape[axis + 2 :])
    return list(lax.split(x, (size,) * step, axis + 1))


def _cells(parts: list[Array], positions: range, outputs: int, *, axis: int) -> list[Array]:
    """Returns x, given as `_split` by a step, at i, i + step, ..., `outputs` of them, for each of the positions i."""
    starts = [(parts[i % len(parts)], i // len(parts)) for i in positions]
    return [lax.slice_in_dim(part, start, start + outputs, axis=axis) for part, start in starts]


def _every_other(x: Array, first: int, size: int, *, axis: int) -> Array:
    """Returns x at positions first, first + 2, ... of `size` along an axis, zeros between them."""
    edges = [(0, 0, 0)] * x.ndim
    edges[axis] = (first, size - first - 2 * x.shape[axis] + 1, 1)
    return lax.pad(x, jnp.zeros((), x.dtype), edges)


def _pairing_pays(pixels: int, k: int, kernel: Array) -> bool:
    """Returns whether pairs are faster for this many output pixels, a kernel [kh, kw, c, o] and cells of k channels.

    The bounds agree with 40 of 44 layers timed both ways with their gradients, kernels of 2x2 to 6x6 on 4x4 to 64x64
    pixels, 3 to 256 channels, batch 64. Above them 9 to 43% of the time is saved, and one layer loses 3%. Below them
    up to 110% would be lost, but three layers would save 4 to 11% (2 CPU cores, 2026-11-25). Pairs are never used in
    half precision, which would round the differences.
    """
    return k >= 16 and pixels * kernel.size >= 2e7 and jnp.finfo(kernel.dtype).bits >= 32


def _adding_pays(patches: Size, h: int, o: int) -> bool:
    """Returns whether rows of patches [n, rows, w, k] -> [n, h, w, o] are faster when added than when gathered.

    For a row of the kernel, it compares the values that gathering copies with those that adding copies, plus the unused
    multiplications of adding, 40 of which take as long as copying a value. That figure agrees with 11 layers, timed
    both ways with their gradients: kernels of 3 to 5 on 7x7 to 32x32 pixels, 1 to 128 channels (2 CPU cores,
    2026-11-23).
    """
    _, rows, _, k = patches
    return rows > h and k * h > o * rows + k * o * (rows - h) / 40


def _adding_all_pays(images: Size, kernel: Array, outputs: int) -> bool:
    """Returns whether `_added` is fastest for images [n, h, w, c], a kernel [kh, kw, c, o] and this many outputs.

    The bounds agree with 14 layers timed both ways with their gradients: kernels of 3x3 to 7x7 on 8x8 to 96x96 pixels,
    8 to 256 channels to 1 to 24. Above them 16 to 94% of the time is saved, below them up to 38% would be lost (one
    core of an AMD EPYC with AVX-512, 2026-11-28). It is never used in half precision, which would round what is added.
    """
    (kh, kw, c, o), (h, w) = kernel.shape, images[1:3]
    few = 4 * o <= c and kh * kw > 1 and 2 * outputs >= h * w
    return few and jnp.finfo(kernel.dtype).bits >= 32


def _framed(x: Array, padding: int, size: Size) -> Array:
    """Returns x [n, h, w, c] with `padding` zeros above and left, filled or cut below and right to [n, *size, c]."""
    rows, columns = ((padding, new - padding - old, 0) for new, old in zip(size, x.shape[1:3], strict=True))
    return lax.pad(x, jnp.zeros((), x.dtype), [(0, 0, 0), rows, columns, (0, 0, 0)])
