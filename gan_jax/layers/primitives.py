"""JAX primitives. Their gradients are defined here, not derived from the operations that compute them.

A convolution is bilinear. Its gradient for images is the linear operation that adds patches up where they were taken.
Its gradient for the kernel is another one. Each of the three has the others as its transposes. So all can be
differentiated to any order, each in the form that suits it, and nothing but images and kernels is stored.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias

import jax
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

Array: TypeAlias = jax.Array


def convolution(name: str, convolve: Callable[..., Array], to_images: Callable, to_kernel: Callable) -> Callable:
    """Returns a function of x [n, h, w, c], kernel [kh, kw, c', o] and numbers, its geometry -> [n, h', w', o].

    `convolve(x, kernel, **geometry)` computes it. For a gradient y of its outputs, `to_images(y, kernel, size=(h, w),
    **geometry)` computes that of x, and `to_kernel(x, y, taps=(kh, kw), **geometry)` that of the kernel.
    """
    forward, images, kernels = (
        primitive(f"{name}{suffix}", function)
        for suffix, function in (("", convolve), ("_to_images", to_images), ("_to_kernel", to_kernel))
    )

    def for_images(y: Array, x: Any, kernel: Array, **geometry: int) -> Array:
        return images.bind(y, kernel, size=x.aval.shape[1:3], **geometry)

    def for_kernel(y: Array, x: Array, kernel: Any, **geometry: int) -> Array:
        return kernels.bind(x, y, taps=kernel.aval.shape[:2], **geometry)

    ad.defbilinear(forward, for_images, for_kernel)
    ad.defbilinear(
        images,
        lambda x, _, kernel, size, **geometry: forward.bind(x, kernel, **geometry),
        lambda x, y, kernel, size, **geometry: for_kernel(y, x, kernel, **geometry),
    )
    ad.defbilinear(
        kernels,
        lambda kernel, x, y, taps, **geometry: for_images(y, x, kernel, **geometry),
        lambda kernel, x, _, taps, **geometry: forward.bind(x, kernel, **geometry),
    )
    return forward.bind


def in_parts(x: Array, most: int) -> Array:
    """Returns x [n, ...] as [parts, n / parts, ...]: the largest parts that divide n, of at most `most` examples."""
    size = next((size for size in range(min(most, len(x)), 1, -1) if len(x) % size == 0), 1)
    return x.reshape(-1, size, *x.shape[1:])


def primitive(name: str, function: Callable[..., Array]) -> Primitive:
    """Returns a JAX primitive that is computed by a function of arrays, on every platform and under `vmap`."""

    def shape(*operands: Any, **geometry: Any) -> Any:
        given = (jax.ShapeDtypeStruct(a.shape, a.dtype) for a in operands)
        made = jax.eval_shape(partial(function, **geometry), *given)
        return operands[0].update(shape=made.shape)

    def mapped(operands: tuple[Array, ...], axes: tuple[Any, ...], **geometry: Any) -> tuple[Array, int]:
        return jax.vmap(partial(function, **geometry), axes)(*operands), 0

    primitive = Primitive(name)
    primitive.def_impl(lambda *operands, **geometry: jax.jit(partial(function, **geometry))(*operands))
    primitive.def_abstract_eval(shape)
    batching.primitive_batchers[primitive] = mapped
    mlir.register_lowering(primitive, mlir.lower_fun(function, multiple_results=False))
    return primitive
