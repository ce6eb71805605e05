"""Layers of modern networks: norms of kernels, conditional batch norm, attention and resampling."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import ROOT
from jax import lax, random

from gan_jax import layers
from gan_jax.config import load
from gan_jax.core.networks import Network, mixing_layers
from gan_jax.experiments import blocks
from gan_jax.layers import resample
from gan_jax.models import dcgan, mlp, pacgan, r3gan, sngan, stylegan2, super_resolution, translation

pytestmark = pytest.mark.heavy

KEY = random.key(0)
SMALL = {"widths": (8, 8), "downs": 1}


def init(module, *inputs):
    network = Network(module)
    batch = dict(zip(network.fields, inputs, strict=True))
    return network, batch, *jax.jit(network.init)(KEY, batch)


def test_spectral_norm_divides_by_the_largest_singular_value():
    norm, kernel = layers.SpectralNorm(), random.normal(KEY, (3, 3, 4, 5))
    variables = norm.init(KEY, kernel)
    for _ in range(100):
        y, variables = norm.apply(variables, kernel, mutable=["spectral"])
    largest = np.linalg.svd(np.asarray(kernel).reshape(-1, 5), compute_uv=False)[0]
    np.testing.assert_allclose(y, kernel / largest, rtol=1e-4)
    same, kept = norm.apply(variables, kernel), norm.apply(variables, kernel, mutable=["other"])[1]
    np.testing.assert_allclose(same, y, rtol=1e-5)
    assert not kept
    # A kernel's scale changes nothing, so the gradient is orthogonal to it.
    gradient = jax.grad(lambda kernel: jnp.sin(norm.apply(variables, kernel)).sum())(kernel)
    assert abs(float((gradient * kernel).sum())) < 1e-3


def test_a_critics_vectors_move_in_training_alone():
    network, batch, params, stats = init(sngan.Critic(**SMALL), random.normal(KEY, (3, 8, 6, 2)))
    first = jax.tree.leaves(stats)
    assert len(first) == 6  # a skip and two convolutions, two more, a line
    scores, after = network.apply(params, stats, batch, train=True)
    assert all((a != b).any() for a, b in zip(first, jax.tree.leaves(after), strict=True) if a.size > 1)
    again, same = network.apply(params, stats, batch, train=False)
    assert same is stats
    np.testing.assert_allclose(scores, again, rtol=1e-5)
    assert mixing_layers(network, batch) == []


def test_equalized_rate_scales_by_fan_in():
    kernel = random.normal(KEY, (3, 3, 4, 5))
    np.testing.assert_allclose(layers.EqualizedRate(2.0).apply({}, kernel), kernel / 3, rtol=1e-6)


def test_a_layers_kernel_is_normed_before_it_is_used():
    x = random.normal(KEY, (2, 5, 4, 3))
    layer = layers.Conv(6, 3, padding=1, kernel_norm=partial(layers.EqualizedRate, 3.0))
    y, variables = layer.init_with_output(KEY, x)
    kernel = variables["params"]["kernel"] * 3 / 27**0.5
    np.testing.assert_allclose(y, layers.Conv(6, 3, padding=1).apply({"params": {"kernel": kernel}}, x), rtol=1e-4)
    dense, variables = layers.Dense(6, kernel_norm=layers.EqualizedRate).init_with_output(KEY, x)
    np.testing.assert_allclose(dense, x @ variables["params"]["kernel"] / 3**0.5, rtol=1e-4, atol=1e-6)


IMAGE, LABEL = random.normal(KEY, (3, 8, 8, 1)), jnp.arange(3)
PATCHES = partial(translation.PatchCritic, width=4, downs=1, norm=layers.NoNorm)


@pytest.mark.parametrize(
    ("critic", "inputs"),
    [
        (partial(dcgan.Critic, width=4, norm=layers.NoNorm), [IMAGE]),
        (partial(dcgan.ProjectionCritic, width=4, norm=layers.NoNorm, classes=3), [IMAGE, LABEL]),
        (partial(dcgan.AuxiliaryCritic, width=4, norm=layers.NoNorm, classes=3), [IMAGE]),
        (partial(sngan.ProjectionCritic, **SMALL, classes=3), [IMAGE, LABEL]),
        (partial(mlp.Critic, (5,)), [IMAGE]),
        (PATCHES, [IMAGE]),
        (pacgan.Critic, [random.normal(KEY, (3, 2))]),
    ],
)
def test_critics_take_a_norm_of_all_their_kernels(critic, inputs):
    """All kernels times 3 are the same critic; biases are 0 at first."""
    network, batch, params, stats = init(critic(kernel_norm=layers.SpectralNorm), *inputs)
    scores, _ = network.apply(params, stats, batch, train=False)
    scaled, _ = network.apply(jax.tree.map(lambda kernel: 3 * kernel, params), stats, batch, train=False)
    jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-4, atol=1e-6), scaled, scores)


def test_conditional_batch_norm_scales_and_shifts_by_class():
    norm, x, label = layers.ConditionalBatchNorm(3), 2 + random.normal(KEY, (64, 2, 2, 4)), jnp.arange(64) % 3
    variables = norm.init(KEY, x, label, train=True)
    plain, stats = layers.BatchNorm(affine=False).init_with_output(KEY, x, train=True)
    assert {*variables["params"]} == {"scale", "bias"}
    variables["params"]["scale"] = jnp.array([1.0, 2.0, 3.0])[:, None] * jnp.ones(4)
    variables["params"]["bias"] = jnp.array([0.0, 0.0, 7.0])[:, None] * jnp.ones(4)
    y, _ = norm.apply(variables, x, label, train=True, mutable=["batch_stats"])
    np.testing.assert_allclose(y[1::3], 2 * plain[1::3], rtol=1e-5)
    np.testing.assert_allclose(y[2::3], 3 * plain[2::3] + 7, rtol=1e-5)
    assert set(stats) == {"batch_stats"}


def test_pixel_norm_is_of_unit_mean_square():
    y = layers.PixelNorm().apply({}, 3 * random.normal(KEY, (2, 3, 3, 8)), train=True)
    np.testing.assert_allclose(jnp.square(y).mean(-1), 1, rtol=1e-5)


def test_attention_is_nothing_at_first_then_a_mean_over_max_pooled_pixels():
    """The mean is weighted by the softmax of queries times keys, without a scale, as in the paper's equation 1."""
    x = random.normal(KEY, (2, 4, 6, 8))
    y, variables = layers.SelfAttention().init_with_output(KEY, x)
    np.testing.assert_array_equal(y, x)
    params = {**variables["params"], "gamma": jnp.float32(2.0)}
    params["query"] = {"kernel": 3 * params["query"]["kernel"]}  # so that pixels differ in what they attend to
    y = layers.SelfAttention().apply({"params": params}, x)
    query, key, value, out = (np.float64(params[name]["kernel"][0, 0]) for name in ("query", "key", "value", "output"))

    def pooled(kernel):
        return (np.float64(x) @ kernel).reshape(2, 2, 2, 3, 2, -1).max((2, 4)).reshape(2, 6, -1)

    near = np.exp((np.float64(x) @ query).reshape(2, 24, -1) @ pooled(key).swapaxes(1, 2))
    assert near.std() > 0.1 * near.mean()
    seen = near / near.sum(-1, keepdims=True) @ pooled(value) @ out
    np.testing.assert_allclose(y - x, 2 * seen.reshape(x.shape), rtol=1e-3, atol=1e-5)


def filtered(x, taps, stride, dilation, edges):
    """The separable filter by XLA's own convolutions, a channel at a time."""
    kernel = jnp.tile(jnp.outer(jnp.array(taps), jnp.array(taps))[:, :, None, None], (1, 1, 1, x.shape[-1]))
    return lax.conv_general_dilated(
        *(x, kernel, (stride,) * 2, [edges] * 2),
        lhs_dilation=(dilation,) * 2,
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        feature_group_count=x.shape[-1],
    )


def test_resampling_is_the_filters_of_the_papers():
    x = random.normal(KEY, (2, 6, 4, 3))
    up = filtered(x, [0.25, 0.75, 0.75, 0.25], 1, 2, (2, 2))
    np.testing.assert_allclose(resample.binomial_up(x), up, atol=1e-5)
    down = filtered(x, [0.125, 0.375, 0.375, 0.125], 2, 1, (1, 1))
    np.testing.assert_allclose(resample.binomial_down(x), down, atol=1e-5)
    np.testing.assert_allclose(resample.average(resample.nearest(x)), x, rtol=1e-6)
    np.testing.assert_array_equal(resample.max_pool(x), x.reshape(2, 3, 2, 2, 2, 3).max((2, 4)))
    np.testing.assert_array_equal(resample.nearest(x), x.repeat(2, 1).repeat(2, 2))
    with pytest.raises(ValueError, match="5x4 cannot be halved"):
        resample.average(x[:, :5])


@pytest.mark.parametrize("resampled", ["nearest", "average", "binomial_up", "binomial_down"])
def test_resampling_multiplies_no_zeros(resampled):
    function = getattr(resample, resampled)
    text = jax.jit(jax.grad(lambda x: jnp.sin(function(x)).sum())).lower(jnp.ones((2, 6, 4, 3))).as_text()
    assert not any(word in text for word in ("convolution", "dot_general", "scatter", "gather"))


def sizes(blocks, first=0):
    """Parameters of residual blocks (in, hidden, out, whether the skip has a kernel), each with biases."""
    return sum(
        9 * a * h + h + 9 * h * b + b + (a * b + b) * skip + (2 * (a + h) if first else 0) for a, h, b, skip in blocks
    )


def count(network, *inputs):
    batch = dict(zip(network.fields, inputs, strict=True))
    params, _ = jax.eval_shape(network.init, KEY, batch)
    return sum(leaf.size for leaf in jax.tree.leaves(params))


@pytest.mark.parametrize(
    ("side", "widths", "downs", "blocks"),
    [
        (32, (128,) * 4, 2, [(3, 128, 128, 1), (128, 128, 128, 1), (128, 128, 128, 0), (128, 128, 128, 0)]),
        (
            64,
            (64, 128, 256, 512, 1024),
            5,
            [(3, 64, 64, 1), *[(c, c, 2 * c, 1) for c in (64, 128, 256, 512)]],
        ),
        (
            128,
            (64, 128, 256, 512, 1024, 1024),
            5,
            [(3, 64, 64, 1), *[(c, c, 2 * c, 1) for c in (64, 128, 256, 512)], (1024, 1024, 1024, 0)],
        ),
    ],
)
def test_sngan_critics_have_the_sizes_of_the_authors(side, widths, downs, blocks):
    """Their dis_models/resblocks.py: the first convolution of a block keeps its channels, but for the first block."""
    critic = Network(sngan.Critic(widths, downs))
    assert count(critic, jnp.zeros((1, side, side, 3))) == sizes(blocks) + widths[-1] + 1


@pytest.mark.parametrize(
    ("side", "widths", "start"),
    [
        (32, (256,) * 3, 0),
        (48, (256, 128, 64), 512),
        (64, (512, 256, 128, 64), 1024),
        (128, (1024, 512, 256, 128, 64), 0),
    ],
)
def test_sngan_generators_have_the_sizes_of_the_authors(side, widths, start):
    """Their gen_models: a line to the first channels, then blocks with a batch norm before each convolution."""
    first, smallest = start or widths[0], side // 2 ** len(widths)
    line = (128 + 1) * smallest**2 * first
    blocks = [(a, b, b, 1) for a, b in zip((first, *widths[:-1]), widths, strict=True)]
    last = 2 * widths[-1] + 9 * widths[-1] * 3 + 3
    made = count(Network(sngan.Generator((side, side, 3), widths, start)), jnp.zeros((1, 128)))
    assert made == line + sizes(blocks, first) + last


def test_a_class_changes_an_sngan_image_by_its_norms():
    module = sngan.ConditionalGenerator((8, 4, 3), (8, 6), attention=4, classes=3)
    network, batch, params, stats = init(module, random.normal(KEY, (4, 5)), jnp.array([0, 1, 2, 2]))
    params["ConditionalBatchNorm_1"]["bias"] += jnp.arange(3.0)[:, None]
    first, _ = network.apply(params, stats, batch, train=False)
    other, _ = network.apply(params, stats, {**batch, "label": jnp.array([0, 2, 2, 2])}, train=False)
    assert (jnp.abs(other - first).reshape(4, -1).max(1) > 1e-4).tolist() == [False, True, False, False]
    assert first.shape == (4, 8, 4, 3)


def number(module, **batch):
    """The count of a network's parameters."""
    params, _ = jax.eval_shape(lambda: Network(module).init(KEY, batch))
    return sum(leaf.size for leaf in jax.tree.leaves(params))


def test_r3gan_sizes_are_those_of_the_authors_code():
    """Summed from https://github.com/brownvc/R3GAN, train.py's presets and R3GAN/Networks.py."""
    z, x, label = jnp.zeros((1, 64)), jnp.zeros((1, 32, 32, 3)), jnp.zeros(1, jnp.int32)

    def block(width, group=16):
        return 2 * width * 2 * width + 2 * width * 9 * group + 2 * 2 * width

    stages = 4 * 2 * block(768)
    generator = r3gan.ConditionalGenerator((32, 32, 3), classes=10)
    assert number(generator, z=z, label=label) == stages + 16 * 768 + 128 * 768 + 768 * 3 + 10 * 64
    critic = r3gan.ProjectionCritic(classes=10)
    assert number(critic, x=x, label=label) == stages + 3 * 768 + 16 * 768 + 768 * 768 + 10 * 768
    widths = (768, 768, 768, 768, 384, 192, 96)
    stages += 2 * (block(384) + block(192) + block(96))
    between = 768 * 384 + 384 * 192 + 192 * 96
    assert number(r3gan.Generator((256, 256, 3), widths), z=z) == stages + between + 16 * 768 + 64 * 768 + 96 * 3
    faces = jnp.zeros((1, 256, 256, 3))
    assert number(r3gan.Critic(widths), x=faces) == stages + between + 3 * 96 + 16 * 768 + 768


@pytest.mark.parametrize(
    ("name", "side", "classes", "parameters"),
    [
        ("cifar10_r3gan", 32, 10, (20_781_952, 21_280_512)),
        ("ffhq_256_r3gan", 256, 0, (23_057_952, 23_009_568)),
        ("imagenet64_r3gan", 64, 1000, (103_570_432, 107_205_120)),
    ],
)
def test_the_r3gan_configs_have_the_authors_parameters(name, side, classes, parameters):
    """Those of their presets in train.py, such as 104 million in the generator for ImageNet and 107 in its critic."""
    config = load(ROOT / "configs" / f"{name}.py")
    known = {"shape": (side, side, 3), **({"classes": classes} if classes else {})}
    networks = blocks.make_networks(config, {**known, "dtype": jnp.float32})
    batch = {"z": jnp.zeros((1, 64)), "x": jnp.zeros((1, side, side, 3)), "label": jnp.zeros(1, jnp.int32)}
    made = (jax.eval_shape(partial(networks[role].init, KEY), batch)[0] for role in ("generator", "critic"))
    assert tuple(sum(leaf.size for leaf in jax.tree.leaves(params)) for params in made) == parameters


def test_an_r3gan_begins_as_its_skips_alone_in_the_authors_scale():
    module = r3gan.Generator((16, 8, 3), (32, 32, 16), blocks=2, group=8)
    z = random.normal(KEY, (3, 5))
    network, batch, params, stats = init(module, z)
    first = params["Block_0"]["Conv_0"]["kernel"]
    np.testing.assert_allclose(first.std(), (2 / 1.04 / 32) ** 0.5 * 6**-0.25, rtol=0.1)
    x = params["basis"] * (z @ params["Dense_0"]["kernel"])[:, None, None]
    x = resample.binomial_up(resample.binomial_up(x) @ params["Conv_0"]["kernel"][0, 0])
    expected = x @ params["Conv_1"]["kernel"][0, 0]
    np.testing.assert_allclose(network.apply(params, stats, batch, train=True)[0], expected, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (sngan.Generator((12, 8, 3)), "12x8x3 are not images whose sides are multiples of 8: use fewer widths"),
        (sngan.Generator((16, 16, 3), attention=7), r"attention is 7: it must be 0, or .* \[4, 8, 16\]"),
        (r3gan.Generator((12, 8, 3)), "12x8x3 are not images whose sides are multiples of 8: use fewer widths"),
        (r3gan.Generator((8, 8, 3), (8, 8), group=5), "group is 5: it must divide the 16 channels"),
        (r3gan.Generator((8, 8, 3), ()), "the number of widths is 0: it must be at least 1"),
        (r3gan.Generator((8, 8, 3), (8, 8), blocks=0), "blocks is 0: it must be at least 1"),
        (sngan.Generator((8, 8, 3), ()), "the number of widths is 0: it must be at least 1"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(module, message):
    with pytest.raises(ValueError, match=message):
        init(module, jnp.zeros((2, 4)))


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (r3gan.Critic(()), "the number of widths is 0: it must be at least 1"),
        (r3gan.Critic((8, 8), blocks=0), "blocks is 0: it must be at least 1"),
        (sngan.Critic((), 0), "the number of widths is 0: it must be at least 1"),
        (stylegan2.Critic(()), "the number of widths is 0: it must be at least 1"),
        (translation.PatchCritic(downs=-1), "downs is -1: it must be at least 0"),
        (translation.UNet((8, 8, 3), downs=-1), "downs is -1: it must be at least 0"),
        (super_resolution.SRCritic(downs=-1), "downs is -1: it must be at least 0"),
    ],
)
def test_critics_without_layers_are_refused(module, message):
    with pytest.raises(ValueError, match=message):
        init(module, jnp.zeros((2, 8, 8, 3)))


@pytest.mark.parametrize("kind", [dcgan.ProjectionCritic, dcgan.AuxiliaryCritic])
def test_critics_of_classes_have_their_last_activation(kind):
    x, label = random.normal(KEY, (4, 8, 8, 1)), jnp.arange(4) % 3
    given = (x, label) if kind is dcgan.ProjectionCritic else (x,)
    raw, bounded = (
        kind(width=4, classes=3, **more).init_with_output(KEY, *given, train=False)[0]
        for more in ({}, {"last_activation": jnp.tanh})
    )
    scores = [y["scores"] if isinstance(y, dict) else y for y in (raw, bounded)]
    np.testing.assert_allclose(jnp.tanh(scores[0]), scores[1], rtol=1e-5)
    assert float(jnp.abs(scores[0] - scores[1]).max()) > 0


def test_a_critic_with_more_downs_than_blocks_is_refused():
    with pytest.raises(ValueError, match="downs is 3: it must be at least 0 and at most the 2 blocks"):
        init(sngan.Critic(widths=(4, 4), downs=3), jnp.zeros((2, 8, 8, 3)))
