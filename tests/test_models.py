"""The contract of every model: shapes, dtypes, training and evaluation; and the sizes that the notes give."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import traverse_util
from jax import random

from gan_jax import layers
from gan_jax.core.collectives import AXIS
from gan_jax.core.networks import Network
from gan_jax.models import (
    autoencoder,
    classifier,
    dcgan,
    inpainting,
    mlp,
    pacgan,
    r3gan,
    sngan,
    super_resolution,
    translation,
)

pytestmark = pytest.mark.heavy

KEY = random.key(0)
DIGITS = {"widths": (8, 4), "kernels": (4, 4, 3), "strides": (1, 2, 1), "paddings": (0, 1, 1)}
LISTS = {"widths": (128, 64, 32), "kernels": (4, 3, 4, 4), "strides": (1, 2, 2, 2), "paddings": (0, 1, 1, 1)}
GENERATORS = {
    "mlp": mlp.Generator((8, 8, 1), widths=(6, 5)),
    "dcgan": dcgan.Generator((8, 8, 1), **DIGITS),
    "dcgan colour": dcgan.Generator((8, 8, 3), **DIGITS),
    "dcgan without norm": dcgan.Generator((8, 8, 1), **DIGITS, norm=layers.NoNorm),
}
GENERATORS |= {
    "sngan": sngan.Generator((8, 8, 1), (6, 4), attention=4),
    "r3gan": r3gan.Generator((8, 8, 1), (6, 4), blocks=1, group=4, last_activation=jnp.tanh),
}
ENCODERS = {
    "linear": autoencoder.Encoder(3, widths=()),
    "mlp": autoencoder.Encoder(3, widths=(6, 5)),
    "convolutional": autoencoder.ConvEncoder(3, widths=(4, 8), kernels=(4, 4), strides=(2, 2), paddings=(1, 1)),
}
BY_CLASS = {
    "dcgan generator": dcgan.ConditionalGenerator((8, 8, 1), **DIGITS, classes=3, embedding=2),
    "dcgan critic": dcgan.ProjectionCritic(
        widths=(4, 8), kernels=(4, 4), strides=(2, 2), paddings=(1, 1), classes=3, init_std=0.5
    ),
}
BY_CLASS |= {
    "sngan critic": sngan.ProjectionCritic((6, 4), 1, classes=3),
    "r3gan generator": r3gan.ConditionalGenerator((8, 8, 1), (6, 4), blocks=1, group=4, classes=3, embedding=2),
    "r3gan critic": r3gan.ProjectionCritic((4, 6), blocks=1, group=4, classes=3),
}
CRITICS = {
    "sngan": sngan.Critic((6, 4), 1, attention=4),
    "r3gan": r3gan.Critic((4, 6), blocks=1, group=4),
    "mlp": mlp.Critic(widths=(6, 5)),
    "pacgan": pacgan.Critic(widths=(6, 5), pieces=3),
    "dcgan": dcgan.Critic(widths=(4, 8), kernels=(4, 4), strides=(2, 2), paddings=(1, 1)),
}


def init(module, key, *inputs):
    """The first (params, stats) of a module, whose inputs are the fields in the order of its arguments."""
    network = Network(module)
    return jax.jit(network.init)(key, dict(zip(network.fields, inputs, strict=True)))


def apply(module, params, stats, *inputs, train, key=None):
    """The module's output and new stats."""
    network = Network(module)
    batch = dict(zip(network.fields, inputs, strict=True))
    return jax.jit(partial(network.apply, train=train))(params, stats, batch, key=key)


def sizes(module, x):
    """(channels out of each weight layer, count of parameters) of a module."""
    params, _ = jax.eval_shape(lambda: init(module, KEY, x))
    return sum(leaf.size for leaf in jax.tree.leaves(params))


def test_kernels_are_sizes_or_pairs_and_where_sizes_do_not_fit_the_error_says_so():
    lists = {"widths": (3, 3), "strides": (1, 2, 1), "paddings": (0, 1, 1)}
    z, wide = jnp.zeros((2, 5)), (8, 12, 1)
    fits = dcgan.Generator(wide, kernels=((4, 6), 4, 3), **lists)
    assert jax.eval_shape(lambda: apply(fits, *init(fits, KEY, z), z, train=False)[0]).shape == (2, *wide)
    with pytest.raises(ValueError, match=r"make 8x8x1, .* are 8x12x1: .* a size or a pair \(height, width\)"):
        init(dcgan.Generator(wide, kernels=(4, 4, 3), **lists), KEY, z)


@pytest.mark.parametrize("name", GENERATORS)
def test_generator(name):
    module = GENERATORS[name]
    z = random.normal(KEY, (4, 5))
    params, stats = init(module, KEY, z)
    for train in (True, False):
        x, new = apply(module, params, stats, z, train=train)
        assert x.shape == (4, *module.shape)
        assert x.dtype == jnp.float32
        assert jnp.abs(x).max() <= 1
        assert jax.tree.structure(new) == jax.tree.structure(stats)


@pytest.mark.parametrize("name", CRITICS)
def test_critic(name):
    module = CRITICS[name]
    x = random.uniform(KEY, (4, 8, 8, 1))
    params, stats = init(module, KEY, x)
    for train in (True, False):
        scores, new = apply(module, params, stats, x, train=train, key=KEY)
        assert scores.shape == (4,)
        assert scores.dtype == jnp.float32
        assert jax.tree.structure(new) == jax.tree.structure(stats)


@pytest.mark.parametrize("name", ENCODERS)
def test_encoder(name):
    module = ENCODERS[name]
    x = random.uniform(KEY, (4, 8, 8, 1))
    params, stats = init(module, KEY, x)
    for train in (True, False):
        z, new = apply(module, params, stats, x, train=train)
        assert z.shape == (4, 3)
        assert z.dtype == jnp.float32
        assert jax.tree.structure(new) == jax.tree.structure(stats)
    again, _ = apply(module, params, stats, x[:2], train=False)
    np.testing.assert_allclose(again, z[:2], rtol=1e-5, atol=1e-6)


ALL = {**GENERATORS, **ENCODERS, **BY_CLASS, **CRITICS}


@pytest.mark.parametrize("name", ALL)
def test_bfloat16_is_computed_in_and_float32_kept(name):
    module, label = ALL[name], jnp.arange(4) % 3
    x = random.normal(KEY, (4, 5) if hasattr(module, "shape") else (4, 8, 8, 1))
    inputs = (x, label) if hasattr(module, "classes") else (x,)
    params, stats = init(module, KEY, *inputs)

    def outputs(dtype):
        lowered = module.clone(dtype=dtype)
        run = jax.jit(lambda params, stats: apply(lowered, params, stats, *inputs, train=True, key=KEY))
        return run, run(params, stats)

    (_, (exact, _)), (run, (near, new)) = outputs(jnp.float32), outputs(jnp.bfloat16)
    assert near.dtype == jnp.float32
    assert {leaf.dtype for leaf in jax.tree.leaves((params, new))} == {jnp.dtype(jnp.float32)}
    np.testing.assert_allclose(near, exact, atol=0.05 * float(jnp.abs(exact).max()))
    assert (near != exact).any()
    products = [line for line in run.lower(params, stats).as_text().splitlines() if "dot_general" in line]
    assert products
    assert all("bf16>" in line.split("->")[1] for line in products)


@pytest.mark.parametrize("name", BY_CLASS)
def test_networks_by_class_look_at_the_label_of_each_example(name):
    module, label = BY_CLASS[name], jnp.array([0, 1, 2, 2])
    x = random.normal(KEY, (4, 5) if "generator" in name else (4, 8, 8, 1))
    params, stats = init(module, KEY, x, label)
    y, new = apply(module, params, stats, x, label, train=True)
    assert y.shape == ((4, 8, 8, 1) if "generator" in name else (4,))
    assert jax.tree.structure(new) == jax.tree.structure(stats)
    first, _ = apply(module, params, stats, x, label, train=False)
    other, _ = apply(module, params, stats, x, label.at[1].set(2), train=False)
    changed = jnp.abs(other - first).reshape(4, -1).max(1) > 1e-4
    assert changed.tolist() == [False, True, False, False]


def test_the_projection_is_the_labels_embedding_times_the_summed_features():
    """A last kernel that is 1 on one channel sums that channel's features; so does an embedding along it."""
    module, x, along = BY_CLASS["dcgan critic"], random.normal(KEY, (2, 8, 8, 1)), jnp.eye(8)[3]
    bare = dcgan.Critic(widths=(4, 8), kernels=(4, 4), strides=(2, 2), paddings=(1, 1))
    params, stats = init(module, KEY, x, jnp.zeros(2, jnp.int32))
    params["Embed_0"] = {"embedding": jnp.zeros((3, 8)).at[2].set(0.7 * along)}
    scores = {c: apply(module, params, stats, x, jnp.full(2, c), train=False)[0] for c in (0, 2)}
    del params["Embed_0"]
    plain, _ = apply(bare, params, stats, x, train=False)
    params["Conv_2"] = {"kernel": jnp.broadcast_to(along[:, None], (2, 2, 8, 1))}
    summed, _ = apply(bare, params, stats, x, train=False)
    np.testing.assert_allclose(scores[0], plain, rtol=1e-5)
    np.testing.assert_allclose(scores[2], plain + 0.7 * summed, rtol=1e-5)


def test_instance_norm_is_each_examples_own_and_needs_pixels():
    """(x - mean) / sqrt(var + epsilon), by hand on two pixels: 3 and 5 give -1 and 1 over sqrt(1 + epsilon)."""
    x = jnp.array([[3.0, 5.0], [0.0, 0.0]]).reshape(2, 2, 1, 1)
    y = layers.InstanceNorm(epsilon=0.5).apply({}, x, train=True)
    np.testing.assert_allclose(y.ravel(), [-1 / np.sqrt(1.5), 1 / np.sqrt(1.5), 0, 0], rtol=1e-6)
    x = 2 + 3 * random.normal(KEY, (4, 5, 6, 2))
    y = layers.InstanceNorm().apply({}, x, train=False)
    np.testing.assert_allclose(y.mean((1, 2)), 0, atol=1e-5)
    np.testing.assert_allclose(y.std((1, 2)), 1, rtol=1e-4)
    with pytest.raises(ValueError, match="at least 2 pixels"):
        layers.InstanceNorm().apply({}, jnp.zeros((4, 1, 1, 2)), train=True)


def test_sizes_are_the_notes():
    z20, z100, x = jnp.zeros((1, 20)), jnp.zeros((1, 100)), jnp.zeros((1, 28, 28, 1))
    assert sizes(mlp.Generator((28, 28, 1)), z20) == 20 * 100 + 100 + 100 * 784 + 784
    assert sizes(mlp.Critic(), x) == 784 * 100 + 100 + 1
    norms = 2 * (128 + 64 + 32)
    kernels = 16 * 100 * 128 + 9 * 128 * 64 + 16 * 64 * 32 + 16 * 32
    assert sizes(dcgan.Generator((28, 28, 1)), z100) == kernels + norms
    assert sizes(dcgan.Critic(), x) == 16 * 32 + 16 * 32 * 64 + 9 * 64 * 128 + 16 * 128 + 2 * (64 + 128)


def test_first_weights_have_the_asked_spread():
    params, _ = init(dcgan.Generator((28, 28, 1)), KEY, jnp.zeros((1, 100)))
    kernel = params["ConvTranspose_0"]["kernel"]
    np.testing.assert_allclose(kernel.std(), 0.02, rtol=0.02)


def test_dcgan_says_what_sizes_do_not_fit():
    with pytest.raises(ValueError, match=r"layers make 28x28x1, but the data set's images are 32x32x1"):
        init(dcgan.Generator((32, 32, 1), **LISTS), KEY, jnp.zeros((1, 4)))
    with pytest.raises(ValueError, match="lists of layers differ in length"):
        init(dcgan.Generator((28, 28, 1), kernels=(4, 3)), KEY, jnp.zeros((1, 4)))


def test_batch_norm_keeps_running_statistics_by_its_momentum():
    norm = layers.BatchNorm(momentum=0.9)
    x = 3 + 2 * random.normal(KEY, (512, 4))
    params, stats = init(norm, KEY, x)
    y, stats = apply(norm, params, stats, x, train=True)
    np.testing.assert_allclose(y.mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(y.std(0), 1, rtol=1e-3)
    running = stats["batch_stats"]
    np.testing.assert_allclose(running["mean"], 0.1 * x.mean(0), rtol=1e-4)
    np.testing.assert_allclose(running["var"], 0.9 + 0.1 * x.var(0), rtol=1e-4)


def test_batch_norm_refuses_a_single_value_which_it_would_make_0():
    norm = layers.BatchNorm()
    params, stats = init(norm, KEY, jnp.ones((1, 1, 1, 4)))
    with pytest.raises(ValueError, match="needs at least 2 values of each channel: use a larger batch"):
        apply(norm, params, stats, jnp.ones((1, 1, 1, 4)), train=True)
    np.testing.assert_allclose(apply(norm, params, stats, jnp.ones((1, 1, 1, 4)), train=False)[0], 1, rtol=1e-4)
    x = random.normal(KEY, (3, 1, 4))  # one on each of three devices

    def on_each(x):
        return apply(norm, params, stats, x, train=True)[0]

    y = jax.vmap(on_each, axis_name=AXIS)(x)
    np.testing.assert_allclose(y[:, 0], on_each(x[:, 0]), atol=1e-6)


WITHOUT_NORM = {
    "dcgan generator": (dcgan.Generator((8, 8, 1), **DIGITS, norm=layers.NoNorm), {"z": (1, 3)}),
    "dcgan critic": (dcgan.Critic(width=2, norm=layers.NoNorm), {"x": (1, 16, 16, 1)}),
    "encoder": (autoencoder.ConvEncoder(3, width=2, norm=layers.NoNorm), {"x": (1, 16, 16, 1)}),
    "classifier": (classifier.Classifier(3, norm=layers.NoNorm), {"x": (1, 16, 16, 1)}),
    "u-net": (translation.UNet((16, 16, 1), width=2, norm=layers.NoNorm), {"source": (1, 16, 16, 1)}),
    "resnet": (translation.ResNet((16, 16, 1), width=2, blocks=1, norm=layers.NoNorm), {"source": (1, 16, 16, 1)}),
    "patches": (translation.PatchCritic(width=2, downs=1, norm=layers.NoNorm), {"x": (1, 16, 16, 1)}),
    "context encoder": (
        inpainting.ContextEncoder((16, 16, 1), width=2, bottleneck=4, norm=layers.NoNorm),
        {"source": (1, 16, 16, 1), "mask": (1, 16, 16, 1)},
    ),
    "super-resolution": (super_resolution.SRResNet(width=2, blocks=1), {"source": (1, 4, 4, 1)}),
}


@pytest.mark.parametrize("name", WITHOUT_NORM)
def test_each_layer_that_no_norm_follows_has_a_bias(name):
    module, shapes = WITHOUT_NORM[name]
    batch = {field: jnp.zeros(shape) for field, shape in shapes.items()}
    params, _ = jax.eval_shape(Network(module).init, KEY, batch)
    flat = traverse_util.flatten_dict(params)
    assert {path[:-1] for path in flat if path[-1] == "bias"} == {path[:-1] for path in flat if path[-1] == "kernel"}


@pytest.mark.skipif(jax.default_backend() != "cpu", reason="reads the CPU's program")
@pytest.mark.parametrize("name", GENERATORS)
def test_a_generators_two_equal_forward_passes_are_compiled_as_one(name):
    """So fakes that two moves share (steps.alternating_on_same_fakes) are made once."""
    module, z = GENERATORS[name], random.normal(KEY, (4, 5))
    params, stats = init(module, KEY, z)

    def forward(params):
        return apply(module, params, stats, z, train=True)[0]

    def gradient(params):
        return jax.grad(lambda params: jnp.square(forward(params)).sum())(params)

    def products(function):
        return jax.jit(function).lower(params).compile().as_text().count(" dot(")

    assert products(lambda params: (forward(params), gradient(params))) == products(gradient) > 0


IMPLS = ["threefry2x32", "threefry4x32", "philox2x32", "philox4x32", "rbg", "unsafe_rbg"]


@pytest.mark.parametrize("impl", IMPLS)  # whatever JAX_DEFAULT_PRNG_IMPL says
def test_dropout_zeroes_its_share_and_keeps_the_mean(impl):
    layer = layers.Dropout(0.25)
    x = jnp.ones((64, 100))
    y, other = (layer.apply({}, x, train=True, rngs={"dropout": random.key(n, impl=impl)}) for n in (0, 1))
    assert len({row.tobytes() for row in np.asarray(jnp.concatenate([y, other]))}) == 2 * len(x)
    np.testing.assert_allclose((y == 0).mean(), 0.25, atol=0.02)
    np.testing.assert_allclose(y.mean(), 1, atol=0.03)
    np.testing.assert_array_equal(layer.apply({}, x, train=False), x)
    with pytest.raises(ValueError, match="below 1"):
        layers.Dropout(1.0).apply({}, x, train=True, rngs={"dropout": KEY})


def dropped(x, key):
    """Four sums over few values, each of which reads a mask of dropout."""
    y = layers.Dropout(0.5).apply({}, x, train=True, rngs={"dropout": key})
    return [jnp.sum(y * scale, 0) for scale in (1.0, 2.0, 3.0, 4.0)]


def test_dropouts_mask_is_made_once_however_much_reads_it():
    """Where XLA copies its 600 operations into each of the sums, some versions of LLVM compile them for minutes."""

    def operations(function):
        return jax.jit(function).lower(jnp.ones((24, 5)), KEY).compile().as_text().count(" xor(")

    once, often = operations(lambda x, key: dropped(x, key)[:1]), operations(dropped)
    assert 40 < once == often


@pytest.mark.parametrize("platform", ["cuda", "tpu"])
def test_dropout_is_no_loop_on_accelerators(platform):
    def gradient(x, key):
        return jax.grad(lambda x: sum(map(jnp.sum, dropped(x, key))))(x)

    traced = jax.jit(jax.vmap(gradient)).trace(jnp.ones((3, 24, 5)), random.split(KEY, 3))
    text = traced.lower(lowering_platforms=(platform,)).as_text()
    assert "optimization_barrier" in text
    assert "stablehlo.while" not in text


def test_pacgan_sizes_are_the_papers():
    generator, critic = pacgan.Generator((2,)), pacgan.Critic()
    z = x = jnp.zeros((1, 2))
    assert sizes(generator, z) == 2 * 400 + 3 * 400 * 400 + 4 * 2 * 400 + 400 * 2 + 2
    assert sizes(critic, x) == (2 + 1) * 1000 + 2 * (200 + 1) * 1000 + 200 + 1


def test_pacgan_generator_reaches_points_beyond_any_box_in_both_modes():
    module = pacgan.Generator((2,), widths=(6, 5))
    z = random.normal(KEY, (50, 3))
    params, stats = init(module, KEY, z)
    params["Dense_2"]["bias"] = jnp.array([7.0, -9.0])
    for train in (True, False):
        x, new = apply(module, params, stats, z, train=train)
        assert (x.shape, x.dtype) == ((50, 2), jnp.float32)
        np.testing.assert_allclose(x.mean(0), [7.0, -9.0], atol=0.5)
        assert jax.tree.structure(new) == jax.tree.structure(stats)


def test_maxout_is_the_largest_piece():
    """One unit of three pieces on the line: the score is that of their upper envelope."""
    module = pacgan.Critic(widths=(1,), pieces=3)
    x = jnp.linspace(-2, 2, 9)[:, None]
    params, stats = init(module, KEY, x)
    params["Dense_0"] = {"kernel": jnp.array([[-1.0, 0.0, 2.0]]), "bias": jnp.array([0.0, 1.0, 0.0])}
    params["Dense_1"] = {"kernel": jnp.array([[3.0]]), "bias": jnp.array([-1.0])}
    scores, _ = apply(module, params, stats, x, train=True)
    envelope = np.maximum(np.maximum(-x, 1), 2 * x)[:, 0]
    np.testing.assert_allclose(scores, 3 * envelope - 1, rtol=1e-6)
