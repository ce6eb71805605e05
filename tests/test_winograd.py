"""Winograd's convolutions against XLA's native ones, to the second derivative, in parts and under transformations."""

import re
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from test_convolution import close, first, lowered, native_conv, second

from gan_jax.layers import winograd
from gan_jax.layers.convolution import conv

pytestmark = pytest.mark.heavy

# (taps, padding, channels, output channels, image): odd and even sizes.
CASES = [
    (3, 1, 4, 6, (6, 5)),
    (3, 0, 3, 2, (5, 8)),
    (3, 2, 2, 4, (3, 4)),
    (3, 1, 64, 32, (4, 4)),
    (4, 1, 4, 6, (6, 5)),
    (4, 0, 3, 2, (5, 8)),
    (4, 3, 2, 4, (3, 4)),
    (4, 1, 64, 32, (5, 4)),
]


def operands(taps, padding, c, o, image, batch=3):
    """Images and a kernel of about unit variance in what is made of them."""
    del padding
    normal = partial(np.random.default_rng(3).standard_normal, dtype=np.float32)
    return jnp.asarray(normal((batch, *image, c))), jnp.asarray(normal((taps, taps, c, o))) / (taps**2 * c) ** 0.5


def ours(padding):
    return partial(winograd.convolution, padding=padding)


def native(padding):
    return partial(native_conv, stride=1, padding=padding)


TOLERANCES = {3: 4e-6, 4: 8e-6}
"""By taps: the products of 4x4 kernels have larger factors."""


def near(actual, expected, tolerance=TOLERANCES[3]):
    """Equal up to a share of the largest value, leaf by leaf."""
    for a, b in zip(*(jax.tree.leaves(jax.device_get(tree)) for tree in (actual, expected)), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=tolerance * np.abs(b).max())


@pytest.mark.parametrize("derivatives", [first, second])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_values_gradients_and_second_derivatives_are_the_native_ones(case, derivatives):
    both = jax.jit(lambda x, k: [derivatives(of(case[1]), x, k) for of in (ours, native)])
    near(*both(*operands(*case)), tolerance=TOLERANCES[case[0]])


@pytest.mark.parametrize(("taps", "tolerance"), [(3, 2e-6), (4, 5e-6)])
def test_a_value_is_near_the_exact_one(taps, tolerance):
    x, kernel = operands(taps, 1, 64, 64, (8, 8))
    near(ours(1)(x, kernel), native(1)(x, kernel), tolerance=tolerance)


def test_images_in_parts_are_right_too(monkeypatch):
    """The batch is no other test's, because traced functions are kept by shape."""
    monkeypatch.setattr(winograd, "AT_ONCE", 16 * 9 * 6 * 5)
    for case in (CASES[0], CASES[3], CASES[4]):
        x, kernel = operands(*case, batch=10)
        assert "stablehlo.while" in lowered(ours(case[1]), "cpu", x, kernel)
        near(first(ours(case[1]), x, kernel), first(native(case[1]), x, kernel), tolerance=TOLERANCES[case[0]])


def test_forward_mode_agrees_with_backward_mode():
    function, (x, kernel) = ours(1), operands(*CASES[4])
    tangents = jnp.cos(x), jnp.cos(kernel)
    slope = jax.jvp(lambda x, kernel: jnp.sin(function(x, kernel)).sum(), (x, kernel), tangents)[1]
    close(slope, sum((g * t).sum() for g, t in zip(first(function, x, kernel)[1], tangents, strict=True)))


@pytest.mark.parametrize("axes", [(0, 0), (0, None), (None, 0)])
def test_vmap_over_images_and_kernels_makes_batched_products(axes):
    x, kernel = operands(*CASES[0])
    arguments = [jnp.stack([a, 0.5 - a / 2]) if axis == 0 else a for a, axis in zip((x, kernel), axes, strict=True)]
    mapped = jax.vmap(partial(first, ours(1)), axes)
    near(mapped(*arguments), jax.vmap(partial(first, native(1)), axes)(*arguments))


def test_pmap_sums_the_gradients_of_all_devices():
    devices = jax.local_device_count()
    x, kernel = operands(*CASES[0], batch=2 * devices)

    def gradient(kernel, x):
        return jax.grad(lambda kernel: jnp.sin(ours(1)(x, kernel)).sum())(kernel)

    summed = jax.pmap(lambda k, x: lax.psum(gradient(k, x), "d"), "d", in_axes=(None, 0), out_axes=None)
    close(summed(kernel, x.reshape(devices, 2, *x.shape[1:])), gradient(kernel, x))


def test_it_is_taken_where_it_pays_on_the_cpu_alone():
    def products(batch, image, c, o, dtype=jnp.float32, taps=3, stride=1):
        shapes = jax.ShapeDtypeStruct((batch, *image, c), dtype), jax.ShapeDtypeStruct((taps, taps, c, o), dtype)
        text = lowered(partial(conv, stride=stride, padding=1), "cpu", *shapes)
        assert "convolution" not in text
        return len(re.findall(rf"dot_general.*batching_dims.*tensor<{taps + 1}x", text))

    assert products(64, (16, 16), 128, 128) == 4  # a row of the tiles each
    assert products(16, (16, 16), 64, 128, taps=4) == 5
    assert products(16, (16, 16), 64, 128, taps=4, stride=2) == 0
    assert products(16, (16, 16), 64, 128, taps=5) == 0
    assert products(64, (16, 16), 3, 128) == 0
    assert products(64, (16, 16), 128, 3) == 0
    assert products(64, (16, 16), 128, 128, dtype=jnp.bfloat16) == 0  # sums of inputs would be rounded
    for platform in ("cuda", "tpu"):
        x, kernel = operands(3, 1, 64, 64, (16, 16), batch=8)
        text = lowered(partial(second, partial(conv, stride=1, padding=1)), platform, x, kernel)
        assert "stablehlo.convolution" in text
        assert "dot_general" not in text
