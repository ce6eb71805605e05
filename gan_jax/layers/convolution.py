"""Convolution and transposed convolution, with one meaning on every platform and fast on each.

On the CPU a convolution is made of matrix products (`cpu_convolution.py`, `winograd.py`). XLA's CPU convolutions are
many times slower inside `lax.scan`, and multiply the zeros of a dilated image. Elsewhere it is XLA's native
convolution. The transposed convolution is, on each platform, the linear transpose of the convolution: one gathers
patches, the other adds them up at their positions.

All operations can be differentiated to any order, forwards and backwards, mapped and scanned.
"""

from collections.abc import Callable
from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax
from jax.typing import DTypeLike

from gan_jax.layers import cpu_convolution
from gan_jax.layers.kernels import KernelNorm
from gan_jax.layers.products import Array, Size

MAX_KERNEL = 1024  # rows of a kernel: each is an operation of the program


def conv(x: Array, kernel: Array, *, stride: int, padding: int, groups: int = 1) -> Array:
    """Computes out[n, i, o] = sum over u, c of x[n, i s + u - p, c] kernel[u, c, o], as papers and PyTorch define it.

    x [n, h, w, c], kernel [kh, kw, c, o] -> [n, (h + 2 p - kh) // s + 1, (w + 2 p - kw) // s + 1, o], common dtype.
    Here i and u are positions in two dimensions, s is the stride, p the padding, and x is zero outside.
    Each group is a separate convolution, from c / groups channels to o / groups: kernel [kh, kw, c / groups, o].
    Raises ValueError where an output size would be below 1, the channels differ, or the groups do not divide them.
    """
    x, kernel = _checked("conv", x, kernel, stride, padding, groups)
    output = tuple((n + 2 * padding - k) // stride + 1 for n, k in zip(x.shape[1:3], kernel.shape[:2], strict=True))
    _check_output("conv", output, x, kernel, stride, padding)
    return _conv(x, kernel, stride, padding, groups)


def conv_transpose(x: Array, kernel: Array, *, stride: int, padding: int) -> Array:
    """Computes PyTorch's ConvTranspose2d: out[n, i s + u - p, o] += x[n, i, c] kernel[u, c, o], cropped to the output.

    x [n, h, w, c], kernel [kh, kw, c, o] -> [n, (h - 1) s - 2 p + kh, (w - 1) s - 2 p + kw, o], common dtype.
    Raises ValueError where an output size would be below 1, or the channels differ.
    """
    x, kernel = _checked("conv_transpose", x, kernel, stride, padding)
    output = tuple((n - 1) * stride - 2 * padding + k for n, k in zip(x.shape[1:3], kernel.shape[:2], strict=True))
    _check_output("conv_transpose", output, x, kernel, stride, padding)
    return _conv_transpose(x, kernel.swapaxes(2, 3), stride, padding, output)


def _checked(name: str, x: Array, kernel: Array, stride: int, padding: int, groups: int = 1) -> tuple[Array, Array]:
    """Checks ranks, channels, stride and padding, and returns x and the kernel in their common dtype."""
    if groups < 1 or x.shape[-1] % groups or kernel.shape[-1] % groups:
        raise ValueError(
            f"{name}: {groups} groups do not divide {x.shape[-1]} input and {kernel.shape[-1]} output channels"
        )
    if x.ndim != 4 or kernel.ndim != 4 or x.shape[3] != kernel.shape[2] * groups:
        raise ValueError(
            f"{name}: needs images [n, h, w, c] and a kernel [kh, kw, c, o], not {x.shape} and {kernel.shape}"
            + (f" in {groups} groups" if groups > 1 else "")
        )
    if stride < 1 or padding < 0:
        raise ValueError(f"{name}: needs stride >= 1 and padding >= 0, not stride {stride} and padding {padding}")
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


@partial(jax.jit, static_argnames=("stride", "padding", "groups"))
def _conv(x: Array, kernel: Array, stride: int, padding: int, groups: int) -> Array:
    geometry = {"stride": stride, "padding": padding, "groups": groups}
    on_cpu = partial(_on_cpu(x), **geometry)
    return lax.platform_dependent(x, kernel, cpu=on_cpu, default=partial(_native, **geometry))


@partial(jax.jit, static_argnames=("stride", "padding", "output"))
def _conv_transpose(y: Array, kernel: Array, stride: int, padding: int, output: Size) -> Array:
    """Returns [n, *output, c] for y [n, h, w, o] and the convolution's kernel [kh, kw, c, o]."""
    x = jax.ShapeDtypeStruct((y.shape[0], *output, kernel.shape[2]), y.dtype)

    def transpose(form: Callable[..., Array]) -> Callable[[Array, Array], Array]:
        return lambda y, kernel: jax.linear_transpose(lambda x: form(x, kernel, stride, padding), x)(y)[0]

    return lax.platform_dependent(y, kernel, cpu=transpose(_on_cpu(y)), default=transpose(_native))


def _on_cpu(x: Array) -> Callable[..., Array]:
    """Returns the convolution for the CPU: XLA's for a symbolic batch size, because the fastest form depends on it."""
    return cpu_convolution.convolution if isinstance(x.shape[0], int) else _native


def _native(x: Array, kernel: Array, stride: int, padding: int, groups: int = 1) -> Array:
    """Computes the convolution with XLA's own operation."""
    strides, edges, numbers = (stride,) * 2, [(padding,) * 2] * 2, ("NHWC", "HWIO", "NHWC")
    return lax.conv_general_dilated(x, kernel, strides, edges, dimension_numbers=numbers, feature_group_count=groups)


class _Layer(nn.Module):
    """Fields and parameters of both layers."""

    features: int
    kernel: int | Size = 4
    stride: int = 1
    padding: int = 0
    use_bias: bool = False
    kernel_init: nn.initializers.Initializer = nn.initializers.lecun_normal()
    dtype: DTypeLike | None = None
    kernel_norm: KernelNorm | None = None

    def apply_to(self, x: Array, function: Callable[..., Array], groups: int = 1) -> Array:
        """Creates the layer's parameters, and applies `function` to x [n, h, w, c] and to them."""
        if self.features < 1:
            raise ValueError(f"a layer has {self.features} channels: every width must be at least 1")
        size = (self.kernel,) * 2 if isinstance(self.kernel, int) else tuple(self.kernel)
        if min(size) < 1 or max(size) > MAX_KERNEL:
            raise ValueError(
                f"a layer has a kernel of {size[0]}x{size[1]}: every size must be at least 1 and at most {MAX_KERNEL}"
            )
        if groups < 1 or x.shape[-1] % groups or self.features % groups:
            raise ValueError(
                f"a layer has {groups} groups: they must divide its {x.shape[-1]} and {self.features} channels"
            )
        kernel = self.param("kernel", self.kernel_init, (*size, x.shape[-1] // groups, self.features))
        kernel = kernel if self.kernel_norm is None else self.kernel_norm()(kernel)
        bias = self.param("bias", nn.initializers.zeros, (self.features,)) if self.use_bias else None
        x, kernel, bias = nn.dtypes.promote_dtype(x, kernel, bias, dtype=self.dtype)
        y = function(x, kernel, stride=self.stride, padding=self.padding)
        return y if bias is None else y + bias


class Conv(_Layer):
    """`conv` with parameters: x [n, h, w, c] -> [n, (h + 2 p - k) // s + 1, ..., features].

    `kernel` is one size or (height, width). The float32 parameters are `kernel` [kh, kw, c / groups, features] and,
    with `use_bias`, `bias` [features], zero at first. `kernel_norm` makes a layer, such as `SpectralNorm`, that is
    applied to the kernel. Computes in `dtype`, or if it is None, in the common dtype of input and parameters.
    """

    groups: int = 1

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """Returns [n, h', w', features] for x [n, h, w, c]; raises ValueError where h' or w' would be below 1."""
        return self.apply_to(x, partial(conv, groups=self.groups), self.groups)


class ConvTranspose(_Layer):
    """`conv_transpose` with parameters: x [n, h, w, c] -> [n, (h - 1) s - 2 p + k, ..., features].

    Fields and parameters are those of `Conv`, without groups.
    """

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """Returns [n, h', w', features] for x [n, h, w, c]; raises ValueError where h' or w' would be below 1."""
        return self.apply_to(x, conv_transpose)
