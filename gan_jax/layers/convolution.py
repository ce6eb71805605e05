"""Convolution and transposed convolution, with one meaning on every platform and fast on each.

On the CPU a convolution is a matrix product (`_product` has a picture): XLA's own CPU convolutions are many times
slower inside `lax.scan`, and multiply the zeros of a dilated image. Elsewhere it is XLA's native one. The transposed
convolution is, on each platform, the linear transpose of the convolution: where that gathers pieces, this adds them up
in their places, and the other way round.

All is made of ordinary operations: it can be differentiated to any order, forwards and backwards, mapped and scanned.
"""

from collections.abc import Callable
from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax
from jax.typing import DTypeLike

MOST = 1024  # rows of a kernel: each is an operation of the program

Array = jax.Array
Size = tuple[int, ...]


def conv(x: Array, kernel: Array, *, stride: int, padding: int) -> Array:
    """Convolution as in papers and PyTorch: out[n, i, o] = sum over u, c of x[n, i s + u - p, c] kernel[u, c, o].

    x [n, h, w, c], kernel [kh, kw, c, o] -> [n, (h + 2 p - kh) // s + 1, (w + 2 p - kw) // s + 1, o], common dtype.
    (i and u are places in two dimensions; s stride, p padding, x zero outside.)
    Raises ValueError where an output size would be below 1, or the channels differ.
    """
    x, kernel = _checked("conv", x, kernel, stride, padding)
    output = tuple((n + 2 * padding - k) // stride + 1 for n, k in zip(x.shape[1:3], kernel.shape[:2], strict=True))
    _check_output("conv", output, x, kernel, stride, padding)
    return _conv(x, kernel, stride, padding)


def conv_transpose(x: Array, kernel: Array, *, stride: int, padding: int) -> Array:
    """PyTorch's ConvTranspose2d: out[n, i s + u - p, o] += x[n, i, c] kernel[u, c, o], what falls outside is dropped.

    x [n, h, w, c], kernel [kh, kw, c, o] -> [n, (h - 1) s - 2 p + kh, (w - 1) s - 2 p + kw, o], common dtype.
    Raises ValueError where an output size would be below 1, or the channels differ.
    """
    x, kernel = _checked("conv_transpose", x, kernel, stride, padding)
    output = tuple((n - 1) * stride - 2 * padding + k for n, k in zip(x.shape[1:3], kernel.shape[:2], strict=True))
    _check_output("conv_transpose", output, x, kernel, stride, padding)
    return _conv_transpose(x, kernel.swapaxes(2, 3), stride, padding, output)


def _checked(name: str, x: Array, kernel: Array, stride: int, padding: int) -> tuple[Array, Array]:
    """Both in their common dtype, once ranks, channels, stride and padding are seen to be right."""
    if x.ndim != 4 or kernel.ndim != 4 or x.shape[3] != kernel.shape[2]:
        raise ValueError(
            f"{name}: wants images [n, h, w, c] and a kernel [kh, kw, c, o], got {x.shape} and {kernel.shape}"
        )
    if stride < 1 or padding < 0:
        raise ValueError(f"{name}: wants stride >= 1 and padding >= 0, got stride {stride} and padding {padding}")
    dtype = jnp.result_type(x, kernel)
    return x.astype(dtype), kernel.astype(dtype)


def _check_output(name: str, output: Size, x: Array, kernel: Array, stride: int, padding: int) -> None:
    if min(output) < 1:
        (h, w), (kh, kw) = x.shape[1:3], kernel.shape[:2]
        raise ValueError(
            f"{name}: an image of {h}x{w} with kernel {kh}x{kw}, stride {stride} and padding {padding} "
            f"would give an output of {output[0]}x{output[1]}: every size must be at least 1"
        )


# One compiled function each, so that calls outside `jit` (a module's `init`) are traced once per shape.


@partial(jax.jit, static_argnames=("stride", "padding"))
def _conv(x: Array, kernel: Array, stride: int, padding: int) -> Array:
    geometry = {"stride": stride, "padding": padding}
    return lax.platform_dependent(x, kernel, cpu=partial(_product, **geometry), default=partial(_native, **geometry))


@partial(jax.jit, static_argnames=("stride", "padding", "output"))
def _conv_transpose(y: Array, kernel: Array, stride: int, padding: int, output: Size) -> Array:
    """y [n, h, w, o], kernel [kh, kw, c, o] -> [n, *output, c]: the kernel is that of the convolution."""
    x = jax.ShapeDtypeStruct((y.shape[0], *output, kernel.shape[2]), y.dtype)

    def transpose(form: Callable[..., Array]) -> Callable[[Array, Array], Array]:
        return lambda y, kernel: jax.linear_transpose(lambda x: form(x, kernel, stride, padding), x)(y)[0]

    return lax.platform_dependent(y, kernel, cpu=transpose(_product), default=transpose(_native))


def _native(x: Array, kernel: Array, stride: int, padding: int) -> Array:
    """XLA's own convolution."""
    strides, edges = (stride,) * 2, [(padding,) * 2] * 2
    return lax.conv_general_dilated(x, kernel, strides, edges, dimension_numbers=("NHWC", "HWIO", "NHWC"))


def _product(x: Array, kernel: Array, stride: int, padding: int) -> Array:
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

        in pairs: three products for four, and for columns again
        a = (p0 - p1) K0    b = p1 (K0 + K1)    c = (p2 - p1) K1      out0 = a + b    out1 = b + c

    Gathering copies every piece once for each row of the kernel; adding moves outputs instead, through products of
    better shape; pairs need a kernel of two places each way, and channels enough for products to be what takes the
    time. A gradient and a transposed convolution are the picture read backwards: what was gathered is added in its
    places, what was added is gathered.
    """
    (kh, kw, c, o), n, s = kernel.shape, x.shape[0], stride
    h, w = ((size + 2 * padding - k) // s + 1 for size, k in zip(x.shape[1:3], (kh, kw), strict=True))
    x = _framed(x, padding, ((h - 1) * s + kh, (w - 1) * s + kw))
    if (h, w) == (1, 1):
        return (x.reshape(n, -1) @ kernel.reshape(-1, o)).reshape(n, 1, 1, o)
    block = s if kh % s == kw % s == 0 else 1
    step, taps = s // block, kh // block
    height, width = (h - 1) * step + 1, (w - 1) * step + 1
    x = x.reshape(n, -1, block, x.shape[2] // block, block * c)
    if (step, taps, kw // block) == (1, 2, 2) and _pairing_pays(x, (h, w), o):
        return _paired(x, kernel)
    x = jnp.concatenate(
        [x[:, :, row, v : v + width : step] for row in range(block) for v in range(kw // block)], axis=3
    )
    # Two-dimensional factors: XLA then turns a transposed product, as gradients have it, into a product.
    if step == 1 and _adding_pays(x.shape, h, o):
        kernel = kernel.reshape(taps, -1, o).swapaxes(0, 1).reshape(-1, taps * o)
        y = (x.reshape(-1, x.shape[3]) @ kernel).reshape(n, -1, w, taps, o)
        return sum((y[:, u : u + h, :, u] for u in range(1, taps)), start=y[:, :h, :, 0])
    x = jnp.concatenate([x[:, u : u + height : step] for u in range(taps)], axis=3)
    return (x.reshape(n * h * w, -1) @ kernel.reshape(-1, o)).reshape(n, h, w, o)


def _paired(places: Array, kernel: Array) -> Array:
    """Outputs two by two along rows and columns, three products for four along each.

    places [n, h + 1, s, w + 1, s c], kernel [2 s, 2 s, c, o] -> [n, h, w, o].
    """
    s, o = places.shape[2], kernel.shape[3]
    x = jnp.concatenate([places[:, :, row] for row in range(s)], axis=3)
    kernel = kernel.reshape(2, s, 2, -1, o).swapaxes(1, 2).reshape(2, 2, x.shape[3], o)

    def product(x: Array, kernel: Array) -> Array:
        return (x.reshape(-1, x.shape[3]) @ kernel).reshape(*x.shape[:3], o)

    return _in_pairs(x, kernel, axis=1, product=partial(_in_pairs, axis=2, product=product))


def _in_pairs(x: Array, kernel: Array, *, axis: int, product: Callable[[Array, Array], Array]) -> Array:
    """p[i] K0 + p[i + 1] K1 of places p along an axis, by `product(places, K)`: m + 1 places -> m outputs.

    x [n, rows, columns, k] places, kernel [2, ..., k, o]: K0, K1 -> [n, rows, columns, o], the axis one shorter.
    A pair is Winograd's F(2, 2), as in Lavin and Gray 2016, arXiv:1509.09308, section 4.1; the last of an odd number of
    outputs has its first two products.
    """
    part, outputs = partial(lax.slice_in_dim, axis=axis), x.shape[axis] - 1
    first, middle, last = part(x, 0, outputs, 2), part(x, 1, None, 2), part(x, 2, None, 2)
    pairs = last.shape[axis]
    shared = product(middle, kernel[0] + kernel[1])
    even = product(first - middle, kernel[0]) + shared
    odd = product(last - part(middle, 0, pairs), kernel[1]) + part(shared, 0, pairs)
    filled = lax.pad(odd, jnp.zeros((), odd.dtype), [(0, even.shape[d] - odd.shape[d], 0) for d in range(odd.ndim)])
    interleaved = [size * (1 + (d == axis)) for d, size in enumerate(even.shape)]
    return part(jnp.stack([even, filled], axis + 1).reshape(interleaved), 0, outputs)


def _pairing_pays(places: Array, output: Size, o: int) -> bool:
    """Whether places [n, rows, s, columns, k] -> [n, *output, o] are better made in pairs, and as exact.

    The bounds agree with 18 of 20 layers timed both ways with their gradients, kernels of 2x2 to 6x6 on 4x4 to 32x32
    pixels, 3 to 128 channels: above them 5 to 42% of the time is saved, below them from 80% is lost to 8% saved (2 CPU
    cores, 2026-11-25). Halves would round the differences.
    """
    channels, bits = places.shape[2] * places.shape[4], jnp.finfo(places.dtype).bits
    return min(output) > 1 and channels >= 64 and o >= 32 and bits >= 32


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


class Conv(nn.Module):
    """`conv` with parameters: x [n, h, w, c] -> [n, (h + 2 p - k) // s + 1, ..., features].

    `kernel` is one size or (height, width). Parameters, float32: `kernel` [kh, kw, c, features], and with `use_bias`
    `bias` [features], zero at first. Computes in `dtype`, or without one in the common dtype of input and parameters.
    """

    features: int
    kernel: int | Size = 4
    stride: int = 1
    padding: int = 0
    use_bias: bool = False
    kernel_init: nn.initializers.Initializer = nn.initializers.lecun_normal()
    dtype: DTypeLike | None = None

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """x [n, h, w, c] -> [n, h', w', features]; ValueError where h' or w' would be below 1."""
        return _layer(self, conv, x)


class ConvTranspose(nn.Module):
    """`conv_transpose` with parameters: x [n, h, w, c] -> [n, (h - 1) s - 2 p + k, ..., features].

    Fields and parameters are those of `Conv`.
    """

    features: int
    kernel: int | Size = 4
    stride: int = 1
    padding: int = 0
    use_bias: bool = False
    kernel_init: nn.initializers.Initializer = nn.initializers.lecun_normal()
    dtype: DTypeLike | None = None

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """x [n, h, w, c] -> [n, h', w', features]; ValueError where h' or w' would be below 1."""
        return _layer(self, conv_transpose, x)


def _layer(module: Conv | ConvTranspose, function: Callable[..., Array], x: Array) -> Array:
    """`function` with the module's parameters, which this makes."""
    if module.features < 1:
        raise ValueError(f"a layer has {module.features} channels: every width must be at least 1")
    size = (module.kernel,) * 2 if isinstance(module.kernel, int) else tuple(module.kernel)
    if min(size) < 1 or max(size) > MOST:
        raise ValueError(
            f"a layer has a kernel of {size[0]}x{size[1]}: every size must be at least 1 and at most {MOST}"
        )
    kernel = module.param("kernel", module.kernel_init, (*size, x.shape[-1], module.features))
    bias = module.param("bias", nn.initializers.zeros, (module.features,)) if module.use_bias else None
    x, kernel, bias = nn.dtypes.promote_dtype(x, kernel, bias, dtype=module.dtype)
    y = function(x, kernel, stride=module.stride, padding=module.padding)
    return y if bias is None else y + bias
