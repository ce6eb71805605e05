"""Convolutions against PyTorch's, against XLA's native ones to the second derivative, and under transformations."""

import re
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from gan_jax.layers import cpu_convolution, products
from gan_jax.layers.convolution import Conv, ConvTranspose, conv, conv_transpose

pytestmark = pytest.mark.heavy

FIXTURE = Path(__file__).parent / "fixtures" / "torch_conv_transpose.npz"
TORCH = np.load(FIXTURE)
CASES = sorted({name.split("/")[0] for name in TORCH.files if "/" in name})

# (kernel, stride, padding, image): DCGAN's layers, one kernel over all, odd sizes, what no stride or kernel reaches.
GEOMETRIES = [
    ((4, 4), 2, 1, (8, 6)),
    ((4, 4), 1, 0, (4, 4)),
    ((3, 3), 2, 1, (7, 7)),
    ((3, 3), 1, 1, (5, 4)),
    ((1, 1), 1, 0, (3, 5)),
    ((1, 1), 3, 0, (5, 7)),
    ((2, 2), 3, 1, (6, 5)),
    ((6, 5), 3, 2, (7, 9)),
    ((2, 4), 2, 2, (5, 3)),
    ((7, 7), 2, 3, (6, 5)),
    ((5, 4), 1, 5, (1, 2)),
]


# Those in which rows can be added after the product: blocks of pixels, no blocks, a kernel larger than the image.
ADDED = [((4, 4), 2, 1, (8, 6)), ((3, 3), 1, 1, (5, 4)), ((5, 4), 1, 5, (1, 2)), ((6, 3), 3, 1, (11, 7))]

# Kernels one place longer than their stride: even and odd numbers of outputs, one row, blocks of 1x1 and 3x3, strides
# of one, two and three places.
PAIRED = [
    ((4, 4), 2, 1, (8, 6)),
    ((4, 4), 2, 1, (10, 7)),
    ((4, 4), 2, 1, (2, 6)),
    ((2, 2), 1, 0, (5, 4)),
    ((6, 6), 3, 1, (11, 8)),
    ((3, 3), 2, 1, (7, 10)),
    ((4, 4), 3, 2, (8, 12)),
]


def native_conv(x, kernel, *, stride, padding, groups=1):
    numbers, edges = ("NHWC", "HWIO", "NHWC"), [(padding,) * 2] * 2
    return lax.conv_general_dilated(
        x, kernel, (stride,) * 2, edges, dimension_numbers=numbers, feature_group_count=groups
    )


def native_transpose(x, kernel, *, stride, padding):
    """The same by XLA's dilation: zeros between the pixels, then a convolution with the kernel turned round."""
    edges = [(k - 1 - padding,) * 2 for k in kernel.shape[:2]]
    numbers = ("NHWC", "HWIO", "NHWC")
    turned = kernel[::-1, ::-1]
    return lax.conv_general_dilated(x, turned, (1, 1), edges, lhs_dilation=(stride,) * 2, dimension_numbers=numbers)


PAIRS = {"conv": (conv, native_conv), "conv_transpose": (conv_transpose, native_transpose)}


def operands(kernel=(4, 4), image=(8, 6), batch=3, channels=(2, 5)):
    """Drawn by NumPy: JAX would compile a generator for each shape."""
    normal = partial(np.random.default_rng(7).standard_normal, dtype=np.float32)
    return jnp.asarray(normal((batch, *image, channels[0]))), jnp.asarray(normal((*kernel, *channels)))


def close(actual, expected, tolerance=2e-5):
    """Equal up to a share of the largest value, leaf by leaf."""
    for a, b in zip(*(jax.tree.leaves(jax.device_get(tree)) for tree in (actual, expected)), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=tolerance * max(1.0, np.abs(b).max()))


def first(function, x, kernel):
    """The value, and the gradients of a curved scalar."""
    return function(x, kernel), jax.grad(lambda x, kernel: jnp.sin(function(x, kernel)).sum(), (0, 1))(x, kernel)


def second(function, x, kernel):
    """The gradients of a gradient penalty through a curved layer."""

    def penalty(x, kernel):
        in_x, in_kernel = first(function, x, kernel)[1]
        return ((jnp.sqrt((in_x**2).sum((1, 2, 3)) + 1e-6) - 1) ** 2).sum() + jnp.cos(in_kernel).sum()

    return jax.grad(penalty, (0, 1))(x, kernel)


@pytest.mark.parametrize("case", CASES)
def test_equal_to_pytorch(case):
    stride, padding = TORCH[f"{case}/geometry"].tolist()
    transposed = case.startswith("conv_transpose")
    x, expected = (TORCH[f"{case}/{name}"].transpose(0, 2, 3, 1) for name in ("input", "output"))
    kernel = TORCH[f"{case}/weight"].transpose((2, 3, 0, 1) if transposed else (2, 3, 1, 0))
    function = conv_transpose if transposed else conv
    actual = function(jnp.asarray(x), jnp.asarray(kernel), stride=stride, padding=padding)
    np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-5)


def test_fixture_holds_both_kinds_and_dcgan_geometries():
    assert len(CASES) == 16
    assert {"conv_4x4_s2_p1", "conv_transpose_4x4_s1_p0", "conv_transpose_3x3_s2_p1", "conv_transpose_5x5_s3_p2"} < {
        *CASES
    }


def compare(name, derivatives, geometries, batch=3, channels=(2, 5)):
    """Ours and the native function in one program per geometry."""

    @partial(jax.jit, static_argnums=(0, 1))
    def both(stride, padding, x, kernel):
        return [derivatives(partial(f, stride=stride, padding=padding), x, kernel) for f in PAIRS[name]]

    for kernel, stride, padding, image in geometries:
        if name == "conv" or all((n - 1) * stride - 2 * padding + k > 0 for n, k in zip(image, kernel, strict=True)):
            close(*both(stride, padding, *operands(kernel, image, batch, channels)))


@pytest.mark.parametrize("name", PAIRS)
def test_values_and_gradients_are_the_native_ones(name):
    compare(name, first, GEOMETRIES)


@pytest.mark.parametrize("name", PAIRS)
def test_second_derivatives_are_the_native_ones(name):
    compare(name, second, GEOMETRIES[:3] + GEOMETRIES[6:7])


@pytest.mark.parametrize("name", PAIRS)
def test_rows_added_after_the_product_are_right_too(name, monkeypatch):
    """By force, for layers so small that gathering pays. The batch size is no other test's, for the reason below."""
    monkeypatch.setattr(products, "_adding_pays", lambda pieces, h, o: pieces[1] > h)
    compare(name, first, ADDED, batch=2)
    compare(name, second, ADDED[:1], batch=2)


@pytest.mark.parametrize("derivatives", [first, second])
@pytest.mark.parametrize(("name", "channels"), [("conv", (16, 2)), ("conv_transpose", (2, 16))])
def test_few_outputs_are_added_after_one_product(name, channels, derivatives):
    """Where the kernel is square and where not, with padding and without it, and with more of it than the kernel."""
    geometries = [((3, 3), 1, 1, (5, 6)), ((4, 4), 1, 1, (6, 7)), ((7, 3), 1, 0, (12, 5)), ((2, 3), 1, 3, (4, 5))]
    compare(name, derivatives, geometries, batch=2, channels=channels)


@pytest.mark.long
@pytest.mark.parametrize("name", PAIRS)
def test_outputs_in_pairs_are_right_too(name, monkeypatch):
    """By force, as above, and where they pay."""
    compare(name, first, [((4, 4), 2, 1, (11, 8)), ((3, 3), 2, 1, (12, 9))], batch=40, channels=(32, 64))
    monkeypatch.setattr(products, "_pairing_pays", lambda pixels, k, kernel: True)
    compare(name, first, PAIRED, batch=5)
    compare(name, second, [PAIRED[1], PAIRED[5]], batch=5)


def test_forms_are_chosen_by_what_they_move():
    def longest(kernel, image, channels):
        """The most numbers that a piece of a product has, of the `kernel x kernel x channels` that make an output."""
        text = lowered(partial(conv, stride=2, padding=1), "cpu", *operands(kernel, image, 64, channels))
        return max(map(int, re.findall(r"dot_general.*tensor<\d+x(\d+)xf32>, tensor<", text)))

    assert longest((4, 4), (14, 14), (32, 64)) == 2 * 2 * 32  # in pairs
    assert longest((4, 4), (14, 14), (16, 16)) == 4 * 4 * 16 / 2  # added
    assert longest((4, 4), (28, 28), (1, 32)) == 4 * 4  # outputs are wider than what would be copied
    assert longest((4, 4), (4, 4), (12, 48)) == 4 * 4 * 12  # half as much again would be multiplied for nothing
    assert longest((3, 3), (7, 7), (64, 128)) == 2 * 2 * 64  # in pairs: the one shared row and column is by itself
    assert longest((3, 3), (7, 7), (12, 48)) == 3 * 3 * 12  # the stride does not divide the kernel

    def few(kernel, image, channels, dtype=jnp.float32):
        """Whether one product makes the outputs of all of the kernel's places."""
        arguments = (a.astype(dtype) for a in operands(kernel, image, 4, channels))
        text = lowered(partial(conv, stride=1, padding=1), "cpu", *arguments)
        return f"tensor<{channels[0]}x{channels[1] * kernel[0] * kernel[1]}x" in text

    assert few((3, 3), (8, 8), (64, 3))
    assert few((4, 4), (8, 8), (64, 1))
    assert not few((3, 3), (8, 8), (8, 3))  # as many values would be added as are gathered
    assert not few((4, 4), (2, 2), (64, 1))  # an image's four pixels make one output
    assert not few((3, 3), (8, 8), (64, 3), jnp.bfloat16)  # what is added would be rounded


@pytest.mark.parametrize("name", PAIRS)
def test_forward_mode_agrees_with_backward_mode(name):
    function, (x, kernel) = partial(PAIRS[name][0], stride=2, padding=1), operands()
    tangents = jnp.cos(x), jnp.cos(kernel)
    slope = jax.jvp(lambda x, kernel: jnp.sin(function(x, kernel)).sum(), (x, kernel), tangents)[1]
    close(slope, sum((g * t).sum() for g, t in zip(first(function, x, kernel)[1], tangents, strict=True)))


# (kernel channels of a group, output channels, groups, kernel, stride, padding, image)
GROUPED = [
    (4, 8, 2, 3, 1, 1, (5, 6)),
    (2, 9, 3, 3, 2, 1, (5, 6)),
    (1, 6, 6, 4, 1, 0, (4, 4)),
    (8, 4, 2, 3, 1, 1, (3, 4)),
    (3, 4, 4, 1, 1, 0, (3, 2)),
    (8, 16, 2, 4, 1, 3, (5, 6)),
    (8, 4, 2, 3, 1, 3, (3, 4)),  # more padding than the kernel reaches
    (9, 9, 3, 3, 2, 1, (5, 6)),
]


@pytest.mark.parametrize("derivatives", [first, second])
def test_grouped_convolutions_are_the_native_ones(derivatives):
    for c, o, groups, kernel, stride, padding, image in GROUPED:
        geometry = {"stride": stride, "padding": padding, "groups": groups}
        x, k = operands((kernel, kernel), image, channels=(c, o))
        x, k = jnp.concatenate([x / (1 + i) for i in range(groups)], -1), k / (c * kernel**2) ** 0.5
        both = jax.jit(lambda x, k, g=geometry: [derivatives(partial(f, **g), x, k) for f in (conv, native_conv)])
        close(*both(x, k))


@pytest.mark.parametrize("derivatives", [first, second])
def test_groups_of_a_batch_in_parts_are_right_too(derivatives, monkeypatch):
    """The batch is no other test's, because traced functions are kept by shape."""
    monkeypatch.setattr(cpu_convolution, "IMAGES_AT_ONCE", 2 * 5 * 6 * 16)
    x, kernel = operands((3, 3), (5, 6), batch=10, channels=(16, 24))
    kernel = kernel[:, :, :8] / 8
    for stride in (1, 2):
        ours, native = (partial(f, stride=stride, padding=1, groups=2) for f in (conv, native_conv))
        close(derivatives(ours, x, kernel), derivatives(native, x, kernel))
        assert "tensor<5x2x5x6x16xf32>" in lowered(ours, "cpu", x, kernel)


@pytest.mark.parametrize("derivatives", [first, second])
@pytest.mark.parametrize("name", PAIRS)
def test_batches_of_many_patches_in_parts_are_right_too(name, derivatives, monkeypatch):
    """The same, also where no part but one image divides the batch, and where one image is more than a part."""
    monkeypatch.setattr(cpu_convolution, "PATCHES_AT_ONCE", 2 * 4 * 3 * 4 * 4 * 5)
    for batch in (8, 7):
        compare(name, derivatives, [((4, 4), 2, 1, (8, 6)), ((7, 7), 2, 3, (8, 6))], batch=batch)
    text = lowered(partial(conv, stride=2, padding=1), "cpu", *operands(image=(8, 6), batch=8))
    assert "tensor<2x4x8x6x2xf32>" in text


def test_a_kernels_gradient_of_many_parts_is_not_summed_in_half_precision(monkeypatch):
    """The batch is no other test's. Every part adds 1 to each value: bfloat16 would stay at 256."""
    monkeypatch.setattr(cpu_convolution, "IMAGES_AT_ONCE", 16)
    x, kernel = jnp.ones((300, 1, 1, 16), jnp.bfloat16), jnp.ones((1, 1, 8, 16), jnp.bfloat16)
    gradient = jax.grad(lambda kernel: conv(x, kernel, stride=1, padding=0, groups=2).sum())(kernel)
    assert gradient.dtype == jnp.bfloat16
    assert float(gradient.min()) == 300


def test_groups_that_do_not_divide_the_channels_are_refused():
    x, kernel = operands((3, 3), channels=(6, 4))
    with pytest.raises(ValueError, match="4 groups do not divide 6 input and 4 output channels"):
        conv(x, kernel, stride=1, padding=1, groups=4)
    with pytest.raises(ValueError, match="4 groups: they must divide its 6 and 8 channels"):
        Conv(8, 3, groups=4).init(jax.random.key(0), x)


@pytest.mark.parametrize("name", PAIRS)
def test_vmap_over_images_and_kernels(name):
    function = partial(PAIRS[name][0], stride=2, padding=1)
    x, kernel = operands()
    xs, kernels = jnp.stack([x, 2 - x]), jnp.stack([kernel, kernel**2])

    for axes in ((0, 0), (0, None), (None, 0)):
        arguments = (xs if axes[0] == 0 else x, kernels if axes[1] == 0 else kernel)
        one_by_one = [
            first(function, *(a[i] if axis == 0 else a for a, axis in zip(arguments, axes, strict=True)))
            for i in (0, 1)
        ]
        close(
            jax.vmap(partial(first, function), axes)(*arguments),
            jax.tree.map(lambda *leaves: jnp.stack(leaves), *one_by_one),
        )


@pytest.mark.parametrize("axes", [(0, 0), (0, None), (None, 0)])
def test_vmap_over_groups_and_their_gradients(axes):
    x, kernel = operands((3, 3), (4, 5), batch=2, channels=(16, 24))
    operand = (x, kernel[:, :, :8] / 8)
    arguments = [jnp.stack([a, 1 - a]) if axis == 0 else a for a, axis in zip(operand, axes, strict=True)]
    ours, native = (partial(first, partial(f, stride=1, padding=1, groups=2)) for f in (conv, native_conv))
    close(jax.vmap(ours, axes)(*arguments), jax.vmap(native, axes)(*arguments))
    summed = jax.grad(lambda *arguments: jnp.sin(jax.vmap(lambda *a: ours(*a)[0], axes)(*arguments)).sum(), (0, 1))
    exact = jax.grad(lambda *arguments: jnp.sin(jax.vmap(lambda *a: native(*a)[0], axes)(*arguments)).sum(), (0, 1))
    close(summed(*arguments), exact(*arguments))


@pytest.mark.parametrize("name", PAIRS)
def test_vmap_over_kernels_makes_batched_products(name):
    function = jax.vmap(partial(first, partial(PAIRS[name][0], stride=2, padding=1)))
    text = lowered(function, "cpu", *(jnp.stack([a, a]) for a in operands()))
    products = [line for line in text.splitlines() if "stablehlo.dot_general" in line]
    assert products
    assert all("batching_dims = [0] x [0]" in line for line in products)


@pytest.mark.parametrize("name", PAIRS)
def test_inside_scan_and_while_loop(name):
    function = partial(PAIRS[name][0], stride=2, padding=1)
    x, kernel = operands()

    def move(kernel):
        return kernel - 0.01 * jax.grad(lambda kernel: jnp.sin(function(x, kernel)).sum())(kernel)

    expected = move(move(move(kernel)))
    close(lax.scan(lambda kernel, _: (move(kernel), None), kernel, length=3)[0], expected)
    looped = lax.while_loop(lambda carry: carry[0] < 3, lambda carry: (carry[0] + 1, move(carry[1])), (0, kernel))
    close(looped[1], expected)


@pytest.mark.parametrize("name", PAIRS)
def test_pmap_sums_the_gradients_of_all_devices(name):
    function = partial(PAIRS[name][0], stride=2, padding=1)
    devices = jax.local_device_count()
    x, kernel = operands(batch=2 * devices)

    def loss(kernel, x):
        return jnp.sin(function(x, kernel)).sum()

    summed = jax.pmap(lambda k, x: lax.psum(jax.grad(loss)(k, x), "d"), "d", in_axes=(None, 0), out_axes=None)
    close(summed(kernel, x.reshape(devices, 2, *x.shape[1:])), jax.grad(loss)(kernel, x))


@pytest.mark.parametrize("name", PAIRS)
def test_bfloat16_stays_and_is_near_float32(name):
    x, kernel = operands(batch=64)
    function = partial(PAIRS[name][0], stride=2, padding=1)

    def gradients(x, kernel):
        return jax.value_and_grad(lambda x, kernel: jnp.sin(0.1 * function(x, kernel)).sum(), (0, 1))(x, kernel)

    half = jax.tree.map(lambda a: a.astype(jnp.bfloat16), (x, kernel))
    y, grads = function(*half), gradients(*half)[1]
    assert y.dtype == grads[0].dtype == grads[1].dtype == jnp.bfloat16
    exact = tuple(a.astype(jnp.float32) for a in half)
    as_float = jax.tree.map(lambda a: a.astype(jnp.float32), (y, grads))
    close(as_float, (function(*exact), gradients(*exact)[1]), tolerance=0.02)
    assert function(half[0], kernel).dtype == jnp.float32


def lowered(function, platform, *arguments):
    return jax.jit(function).trace(*arguments).lower(lowering_platforms=(platform,)).as_text()


@pytest.mark.parametrize("name", PAIRS)
def test_products_on_the_cpu_and_native_convolutions_elsewhere(name):
    function = partial(second, partial(PAIRS[name][0], stride=2, padding=1))
    assert "convolution" not in lowered(function, "cpu", *operands())
    for platform in ("cuda", "tpu"):
        text = lowered(function, platform, *operands())
        assert "stablehlo.convolution" in text
        assert "dot_general" not in text


@pytest.mark.parametrize("name", PAIRS)
def test_the_native_form_of_other_platforms_is_right_too(name, monkeypatch):
    """Run here by force. Its batch size is no other test's: traced functions are kept by shape."""
    monkeypatch.setattr(lax, "platform_dependent", lambda *operands, cpu, default: default(*operands))
    ours, native = (partial(function, stride=2, padding=1) for function in PAIRS[name])
    arguments = operands(kernel=(5, 3), image=(7, 6), batch=4)
    assert "stablehlo.convolution" in lowered(ours, "cpu", *arguments)
    close(first(ours, *arguments), first(native, *arguments))


@pytest.mark.parametrize(
    ("module", "function", "size"), [(Conv, conv, (3, 5)), (ConvTranspose, conv_transpose, (14, 19))]
)
def test_modules_are_the_functions_with_parameters(module, function, size):
    x = operands(image=(7, 10))[0]
    layer = module(6, (4, 3), 2, 1, use_bias=True)
    params = layer.init(jax.random.key(0), x)["params"]
    assert {name: value.shape for name, value in params.items()} == {"kernel": (4, 3, 2, 6), "bias": (6,)}
    assert float(jnp.abs(params["bias"]).max()) == 0
    params = {**params, "bias": jnp.arange(6.0)}
    y = layer.apply({"params": params}, x)
    assert y.shape == (3, *size, 6)
    close(y, function(x, params["kernel"], stride=2, padding=1) + jnp.arange(6.0))
    assert set(module(6, 4, 2, 1).init(jax.random.key(0), x)["params"]) == {"kernel"}


@pytest.mark.parametrize("module", [Conv, ConvTranspose])
def test_modules_compute_in_the_dtype_asked_and_keep_float32_parameters(module):
    x = operands()[0]
    y, variables = module(6, 4, 2, 1, dtype=jnp.bfloat16).init_with_output(jax.random.key(0), x)
    assert y.dtype == jnp.bfloat16
    assert variables["params"]["kernel"].dtype == jnp.float32


@pytest.mark.parametrize(
    ("function", "image", "kernel", "stride", "padding", "words"),
    [
        (conv, (3, 8), (4, 4), 2, 0, ["3x8", "4x4", "stride 2", "padding 0", "0x3"]),
        (conv, (2, 2), (7, 7), 1, 2, ["2x2", "7x7", "stride 1", "padding 2", "0x0"]),
        (conv_transpose, (1, 1), (4, 4), 2, 2, ["1x1", "4x4", "stride 2", "padding 2", "0x0"]),
        (conv_transpose, (2, 1), (3, 2), 2, 2, ["2x1", "3x2", "1x-2"]),
    ],
)
def test_an_output_size_below_one_is_refused_with_the_sizes(function, image, kernel, stride, padding, words):
    with pytest.raises(ValueError, match="every size must be at least 1") as error:
        function(*operands(kernel, image), stride=stride, padding=padding)
    for word in [function.__name__, *words]:
        assert word in str(error.value)


@pytest.mark.parametrize("function", [conv, conv_transpose])
def test_other_wrong_arguments_are_refused(function):
    x, kernel = operands()
    with pytest.raises(ValueError, match="stride >= 1"):
        function(x, kernel, stride=0, padding=0)
    with pytest.raises(ValueError, match="padding >= 0"):
        function(x, kernel, stride=1, padding=-1)
    with pytest.raises(ValueError, match=r"\(3, 8, 6, 2\) and \(4, 4, 5, 2\)"):
        function(x, kernel.swapaxes(2, 3), stride=1, padding=0)
