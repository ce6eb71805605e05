"""StyleGAN2's layers and networks against their definitions, PyTorch, and the authors' sizes; path lengths."""

import inspect
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import ROOT, build_on
from jax import lax, random

from gan_jax import layers
from gan_jax.config import load
from gan_jax.core import collectives
from gan_jax.core.networks import Network, mixing_layers
from gan_jax.distributions import latents
from gan_jax.errors import UserError
from gan_jax.experiments import blocks
from gan_jax.layers import draws, resample
from gan_jax.layers import modulated as modulated_layers
from gan_jax.models import stylegan2
from gan_jax.objectives import adversarial
from gan_jax.objectives.forward import Forward
from gan_jax.objectives.terms import generator as of_generator
from gan_jax.objectives.weighted import eager, first_carry, lazily
from gan_jax.parallel import mapping
from gan_jax.training.preflight import check_step

pytestmark = pytest.mark.heavy

KEY = random.key(0)
NUMBERS = ("NHWC", "HWIO", "NHWC")
WORDS = random.key_data(random.split(KEY, 8))
SMALL = {"widths": (8,), "layers": 1, "features": 8}
SHAPE = (4, 6, 3)


def defined(x, kernel, style, *, up=False, demodulate=True):
    """The modulated convolution by its definition: each example by its own kernel, natively, and the FIR filter."""
    own = kernel * style[:, None, None, :, None]
    if demodulate:
        own /= jnp.sqrt(jnp.square(own).sum((1, 2, 3), keepdims=True) + 1e-8)
    size = kernel.shape[0]

    def one(x, kernel):
        if up:  # a convolution of the image with zeros between its pixels
            edges, dilation = [(size - 1, size - 1)] * 2, (2, 2)
            x, kernel = x[None], kernel[::-1, ::-1]
        else:
            edges, dilation, x = [(size // 2, size // 2)] * 2, (1, 1), x[None]
        return lax.conv_general_dilated(x, kernel, (1, 1), edges, dilation, dimension_numbers=NUMBERS)[0]

    y = jax.vmap(one)(x, own)
    return filtered(y, 1, 2.0) if up else y


def filtered(x, padding, gain=1.0):
    """[1, 3, 3, 1] along rows and columns by XLA's own convolution."""
    taps = jnp.array([1.0, 3.0, 3.0, 1.0]) * gain / 8
    kernel = jnp.broadcast_to(jnp.outer(taps, taps)[:, :, None, None], (4, 4, 1, x.shape[-1]))
    edges, groups = [(padding, padding)] * 2, x.shape[-1]
    return lax.conv_general_dilated(x, kernel, (1, 1), edges, dimension_numbers=NUMBERS, feature_group_count=groups)


def modulated(features, x, **fields):
    """A layer, its parameters for images x, and w of 5 numbers for each."""
    layer, w = layers.ModulatedConv(features, **fields), random.normal(random.key(1), (len(x), 5))
    return layer, jax.jit(layer.init)(KEY, x, w)["params"], w


def both(layer, params, **fields):
    """The layer and its definition as functions of x, the kernel and w."""
    (name,) = [name for name in params if name.startswith("Conv")]
    dense = params["EqualizedDense_0"]

    def ours(x, kernel, w):
        return layer.apply({"params": {**params, name: {"kernel": kernel}}}, x, w)

    def definition(x, kernel, w):
        style = w @ dense["Dense_0"]["kernel"] / w.shape[1] ** 0.5 + dense["bias"]
        return defined(x, kernel / np.prod(kernel.shape[:3]) ** 0.5, style, **fields)

    return ours, definition, params[name]["kernel"]


@pytest.mark.parametrize(
    ("fields", "image", "channels"),
    [
        ({}, (5, 4), (6, 7)),
        ({"up": True}, (3, 4), (6, 7)),
        ({"kernel": 1, "demodulate": False}, (3, 4), (6, 3)),
        ({}, (36, 32), (32, 64)),  # by Winograd on the CPU
    ],
)
def test_a_modulated_convolution_is_one_by_a_kernel_for_each_example(fields, image, channels):
    """In value, gradient and second derivative."""
    c, o = channels
    x = random.normal(KEY, (4, *image, c))
    layer, params, w = modulated(o, x, **fields)
    *functions, kernel = both(layer, params, **{key: value for key, value in fields.items() if key != "kernel"})

    def derivatives(function):
        def loss(*operands):
            return jnp.sin(function(*operands)).mean()

        def norms(*operands):
            return sum(jnp.square(g).sum() for g in jax.grad(loss, (0, 1, 2))(*operands))

        return function(x, kernel, w), jax.grad(loss, (0, 1, 2))(x, kernel, w), jax.grad(norms, (0, 1, 2))(x, kernel, w)

    for a, b in zip(*map(jax.tree.leaves, jax.jit(lambda: [derivatives(f) for f in functions])()), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=2e-5 * np.abs(b).max())


@pytest.mark.parametrize("name", ["plain", "up", "to_image"])
def test_a_modulated_convolution_equals_pytorchs(name):
    arrays = np.load(ROOT / "tests" / "fixtures" / "torch_modulated.npz")
    x, weight, style, expected = (arrays[f"{name}/{part}"] for part in ("input", "weight", "style", "output"))
    o, c, size, _ = weight.shape
    layer = layers.ModulatedConv(o, size, demodulate=name != "to_image", up=name == "up")
    kernel = weight.transpose(2, 3, 1, 0) * (c * size * size) ** 0.5
    dense = {"Dense_0": {"kernel": jnp.eye(c) * c**0.5}, "bias": jnp.zeros(c)}
    params = {"EqualizedDense_0": dense, "ConvTranspose_0" if name == "up" else "Conv_0": {"kernel": kernel}}
    y = layer.apply({"params": params}, jnp.asarray(x.transpose(0, 2, 3, 1)), jnp.asarray(style))
    np.testing.assert_allclose(y, expected.transpose(0, 2, 3, 1), rtol=1e-4, atol=1e-5)


def test_the_blur_is_the_filter_of_the_paper_and_multiplies_no_zeros():
    x = random.normal(KEY, (2, 6, 5, 3))
    for padding, gain in ((1, 2.0), (2, 1.0)):
        np.testing.assert_allclose(resample.blur(x, padding=padding, gain=gain), filtered(x, padding, gain), atol=1e-5)
    text = jax.jit(jax.grad(lambda x: jnp.sin(resample.blur(x, padding=2)).sum())).lower(x).as_text()
    assert not any(word in text for word in ("convolution", "dot_general", "scatter", "gather"))


def test_a_rate_scales_what_a_step_does_and_not_what_a_layer_gives():
    x = random.normal(KEY, (64, 200))
    for rate in (1.0, 0.01):
        layer = layers.modulated.EqualizedDense(300, rate, bias=1.0)
        params = layer.init(KEY, x)["params"]
        y = layer.apply({"params": params}, x) - 1
        np.testing.assert_allclose(y.std(), 1, rtol=0.05)
        moved = layer.apply({"params": jax.tree.map(lambda a: a + 1, params)}, x) - layer.apply({"params": params}, x)
        np.testing.assert_allclose(moved, rate * (x.sum(1, keepdims=True) / 200**0.5 + 1) * jnp.ones(300), atol=2e-3)
    with pytest.raises(ValueError, match="rate is 0"):
        layers.modulated.EqualizedDense(3, 0.0).init(KEY, x)


def test_noise_is_each_examples_own_and_of_its_key_alone():
    made = draws.normal(WORDS, 3, (16, 16))
    np.testing.assert_array_equal(draws.normal(WORDS[2:4], 3, (16, 16)), made[2:4])
    assert abs(float(made.mean())) < 0.1
    np.testing.assert_allclose(made.std(), 1, atol=0.05)
    assert len({row.tobytes() for row in np.asarray([*made, *draws.normal(WORDS, 4, (16, 16))])}) == 2 * len(WORDS)
    sampler = latents.noise()
    np.testing.assert_array_equal(sampler.draw(random.split(KEY, 8), {}), WORDS)
    assert sampler.walk is None


def test_the_deviation_of_a_group_by_hand():
    x = np.asarray(random.normal(KEY, (6, 2, 3, 4)))
    y = layers.MinibatchStd(3).apply({}, x, train=True)
    np.testing.assert_array_equal(y[..., :4], x)
    for rows in (slice(0, 3), slice(3, 6)):
        np.testing.assert_allclose(y[rows, ..., 4], np.full((3, 2, 3), x[rows].std(0).mean()), rtol=1e-5)
    alone = layers.MinibatchStd(4).apply({}, x[:1], train=False)
    np.testing.assert_allclose(alone[..., 4], 1e-4, rtol=1e-5)
    pairs = layers.MinibatchStd(4).apply({}, x, train=False)  # of 6 and 4 the largest divisor
    np.testing.assert_allclose(pairs[:2, ..., 4], x[:2].std(0).mean(), rtol=1e-5)


def test_groups_are_of_the_global_batch_on_devices_and_in_parts():
    layer, x = layers.MinibatchStd(2), random.normal(KEY, (8, 2, 2, 3))
    whole = layer.apply({}, x, train=True)
    split = jax.vmap(lambda x: layer.apply({}, x, train=True), axis_name=collectives.AXIS)(x.reshape(4, 2, 2, 2, 3))
    np.testing.assert_allclose(split.reshape(whole.shape), whole, rtol=1e-6)
    for group, n in ((3, 8), (4, 2), (0, 4)):
        with pytest.raises(ValueError, match=rf"group is {group}: groups must divide the {n} exam"):
            layers.MinibatchStd(group).apply({}, x[:n], train=True)


def small_config(group=2, **changed):
    """The config of CIFAR-10, as narrow as it gets."""
    config = load(ROOT / "configs" / "cifar10_stylegan2.py").unlock()
    config.networks.generator.update(SMALL)
    config.networks.critic.update({"widths": (8,), "group": group})
    config.samplers.z.dim, config.batch_size = 8, 4
    config.update(changed)
    return config


def at_steps(config, r1, path_length):
    """The config with R1 and path lengths in each so many steps."""
    terms = {"critic": {"r1": {"weight": 0.005, "every": r1}}, "generator": {"path_length": {"every": path_length}}}
    config.objective = {"name": "adversarial.stylegan2", **terms}
    return config


def test_groups_that_devices_cannot_share_are_refused_before_anything_is_compiled(monkeypatch):
    config = small_config(group=4)
    experiment = build_on(config, SHAPE)
    assert check_step(experiment, config)
    monkeypatch.setattr(mapping.jax, "device_count", lambda: 2)
    with pytest.raises(UserError, match=r"^config\.networks\.critic: group is 4: groups must divide the 2 examples"):
        check_step(experiment, config)
    monkeypatch.undo()
    config = small_config(group=4, accumulate=2)
    with pytest.raises(UserError, match=r"group is 4: groups must divide the 2 examples"):
        check_step(build_on(config, SHAPE), config)


def played(config, steps, state=None, shape=SHAPE):
    """The states and the metrics of so many steps."""
    experiment = build_on(config, shape)
    step, found = jax.jit(experiment.train_step), []
    state = experiment.init(experiment.keys.init) if state is None else state
    batches = {"x": random.uniform(KEY, (1, config.batch_size, *shape), minval=-1.0)}
    for _ in range(steps):
        state, metrics = step(state, batches, experiment.keys.train, experiment.hyperparams)
        found.append((state, metrics))
    assert step._cache_size() == 1
    return found


@pytest.fixture(scope="module")
def five():
    """Five steps of the small config, of images that are not square."""
    return played(at_steps(small_config(), 4, 2), 5)


def test_lazy_penalties_and_their_average_resume_to_the_bit(five):
    """Path lengths in the second and fourth step, R1 in the fourth; the average of lengths is made of them alone."""
    rows = [metrics for _, metrics in five]
    assert [bool(row["generator/path_length"] > 0) for row in rows] == [False, True, False, True, False]
    assert [bool(row["critic/r1"] > 0) for row in rows] == [False, False, False, True, False]
    averages = [float(state.players["generator"].carry["path_length_average"]) for state, _ in five]
    assert 0 == averages[0] < averages[1] == averages[2] < averages[3] == averages[4]
    np.testing.assert_allclose(averages[1], 0.01 * rows[1]["generator/path_length_mean"], rtol=1e-5)
    np.testing.assert_allclose(
        averages[3], 0.99 * averages[1] + 0.01 * rows[3]["generator/path_length_mean"], rtol=1e-5
    )
    half = jax.tree.map(lambda a: jnp.asarray(np.asarray(a)), five[2][0])
    resumed = played(at_steps(small_config(), 4, 2), 2, half)
    for a, b in zip(*map(jax.tree.leaves, (five[4][0], resumed[-1][0])), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("name", ["cifar10_stylegan2", "ffhq_256_stylegan2"])
def test_rows_hold_the_lazy_terms(name):
    assert load(ROOT / "configs" / f"{name}.py").log_every_steps % 16 == 0


def test_a_batch_in_parts_is_the_update_of_the_whole():
    config = at_steps(small_config(), 1, 1)
    config.networks.generator = {"name": "my_lab.styled:Generator"}
    whole, parts = (played(config, 1)[0] for config.accumulate in (1, 2))
    for name in ("critic/r1", "critic/loss", "generator/loss", "generator/path_length"):
        np.testing.assert_allclose(parts[1][name], whole[1][name], rtol=1e-4)
    averages = [state.players["generator"].carry["path_length_average"] for state, _ in (parts, whole)]
    np.testing.assert_allclose(*averages, rtol=1e-5)


def test_r1_with_groups_is_of_the_gradient_of_summed_scores_and_wgan_gp_refuses_it(five):
    network, x = Network(stylegan2.Critic((8,), group=2)), jnp.zeros((4, *SHAPE))
    assert mixing_layers(network, {"x": x}) == ["MinibatchStd"]
    assert mixing_layers(Network(stylegan2.Critic((8,), group=0)), {"x": x}) == []
    config = small_config()
    before, metrics = five[2][0].players["critic"].params, five[3][1]
    x = random.uniform(KEY, (1, 4, *SHAPE), minval=-1.0)[0]

    def summed(x):
        return network.apply(before, {}, {"x": x}, train=True)[0].sum()

    expected = 4 * jnp.square(jax.jit(jax.grad(summed))(x)).sum((1, 2, 3)).mean()
    np.testing.assert_allclose(metrics["critic/r1"], expected, rtol=1e-4)
    config.objective = {"name": "adversarial.wasserstein_gp"}
    with pytest.raises(UserError, match=r"has MinibatchStd.*networks\.critic\.group=0 for MinibatchStd"):
        check_step(build_on(config, SHAPE), config)


def test_why_r1_refuses_batch_norm():
    """The summed scores of a line after a batch norm are the same for every batch: their gradient is 0."""
    line = random.normal(KEY, (5,))

    def summed(x):
        y, _ = layers.BatchNorm().init_with_output(KEY, x, train=True)
        return (y @ line).sum()

    np.testing.assert_allclose(jax.grad(summed)(random.normal(KEY, (6, 5))), 0, atol=1e-5)


def styles(train=True, **fields):
    """The styles that a generator of three stages gives to 8 examples, and its new mean."""
    network = Network(stylegan2.Generator((16, 16, 3), **(SMALL | {"widths": (8, 8, 8)} | fields)))
    batch = {"z": random.normal(KEY, (8, 6)), "noise": WORDS}

    def apply(key):
        params, stats = network.init(key, batch)
        _, after = network.apply(params, stats, batch, train=train)
        return network._returned("styles", params, stats, batch, train=train, key=None), after["averages"][
            "TowardsMean_0"
        ]["mean"]

    return jax.jit(apply)(KEY)


def test_styles_are_mixed_in_training_from_a_random_layer_on():
    plain, mean = styles(style_mixing=0.0)
    assert plain.shape == (8, 6, 8)
    np.testing.assert_array_equal(plain, jnp.broadcast_to(plain[:, :1], plain.shape))
    np.testing.assert_allclose(mean, 0.005 * plain[:, 0].mean(0), rtol=1e-5)
    mixed, same = styles(style_mixing=1.0)
    np.testing.assert_allclose(same, mean, rtol=1e-5)
    kept = np.asarray(jnp.abs(mixed - plain).max(-1) < 1e-6)
    assert kept[:, 0].all()
    assert not kept[:, -1].any()
    assert (np.diff(kept.astype(int), axis=1) <= 0).all()
    assert len({*kept.sum(1)}) > 2
    outside, _ = styles(train=False, style_mixing=1.0)
    np.testing.assert_allclose(outside, plain, atol=1e-6)
    with pytest.raises(ValueError, match=r"style_mixing is 1\.5"):
        styles(style_mixing=1.5)


def with_parts(module, *inputs):
    """Random parameters of a module, its output, and the outputs of its layers by name."""
    apply = partial(module.apply, capture_intermediates=True, train=False)
    variables = jax.jit(partial(module.init, train=True))(KEY, *inputs)
    leaves, tree = jax.tree.flatten(variables["params"])
    random_ones = [random.normal(random.key(number), leaf.shape) for number, leaf in enumerate(leaves)]
    variables = {**variables, "params": jax.tree.unflatten(tree, random_ones)}
    made, after = jax.jit(apply)(variables, *inputs)
    return (
        variables["params"],
        made,
        {name: of["__call__"][0] for name, of in after["intermediates"].items() if name != "__call__"},
    )


def pointwise(params, x):
    """x by a kernel of 1x1, at the rate of its layer."""
    kernel = params["kernel"][0, 0]
    return x @ kernel / len(kernel) ** 0.5 + params.get("bias", 0.0)


@pytest.mark.parametrize("architecture", stylegan2.ARCHITECTURES)
def test_a_generators_architecture_is_the_papers(architecture):
    fields = SMALL | {"widths": (8, 6), "style_mixing": 0.0, "architecture": architecture}
    module, inputs = stylegan2.Generator((8, 12, 3), **fields), (random.normal(KEY, (8, 5)), WORDS)
    params, made, parts = with_parts(module, *inputs)

    def image(number, x, stage=1):
        layer = {"params": params[f"ModulatedConv_{number}"]}
        made = layers.ModulatedConv(3, 1, demodulate=False).apply(layer, x, parts["TowardsMean_0"])
        return made + params[f"bias_{stage}"]

    small, large = parts["StyledConv_0"], parts["StyledConv_2"]
    if architecture == "skip":
        expected = resample.binomial_up(image(0, small, stage=0)) + image(1, large)
    elif architecture == "resnet":
        shortcut = resample.binomial_up(pointwise(params["Conv_0"], small))
        expected = image(0, (large + shortcut) / 2**0.5)
    else:
        expected = image(0, large)
    np.testing.assert_allclose(made, expected, rtol=1e-4, atol=1e-5)
    count = {"skip": 2, "resnet": 1, "orig": 1}[architecture]
    assert sum(name.startswith("ModulatedConv") for name in params) == count


@pytest.mark.parametrize("architecture", stylegan2.ARCHITECTURES)
def test_a_critics_architecture_is_the_papers(architecture):
    module, x = stylegan2.Critic((8, 6), group=0, architecture=architecture), random.normal(KEY, (4, 8, 12, 3))
    params, made, parts = with_parts(module, x)
    # The numbers of the shortcut, of the block's last convolution, and of the critic's.
    link, last, final = {"resnet": (1, 3, 4), "skip": (3, 2, 4), "orig": (None, 2, 3)}[architecture]
    y = stylegan2.leaky(parts[f"Conv_{last}"])
    if architecture == "resnet":
        first = stylegan2.leaky(pointwise(params["Conv_0"], x))
        y = (y + pointwise(params[f"Conv_{link}"], resample.binomial_down(first))) / 2**0.5
    elif architecture == "skip":
        y += stylegan2.leaky(pointwise(params[f"Conv_{link}"], resample.binomial_down(x)))
    conv = modulated_layers.EqualizedConv(8, 3, padding=1, use_bias=True)
    y = stylegan2.leaky(conv.apply({"params": params[f"Conv_{final}"]}, y))
    y = y.reshape(4, -1)
    for number, act in ((0, stylegan2.leaky), (1, lambda y: y)):
        dense = params[f"EqualizedDense_{number}"]
        y = act(y @ dense["Dense_0"]["kernel"] / y.shape[1] ** 0.5 + dense["bias"])
    np.testing.assert_allclose(made, y[:, 0], rtol=1e-4, atol=1e-5)


def test_another_architecture_is_refused():
    config = small_config()
    config.networks.critic.architecture = "residual"
    with pytest.raises(UserError, match="architecture is 'residual': it must be one of skip, resnet, orig"):
        build_on(config, SHAPE).init(KEY)


def test_truncation_draws_styles_towards_their_running_mean():
    config = small_config()
    for share in (0.0, 0.5):
        config.networks.generator.psi = share
        experiment = build_on(config, SHAPE)
        state = experiment.init(experiment.keys.init)
        layer, x = layers.TowardsMean(share), random.normal(KEY, (5, 3))
        mean = {"averages": {"mean": jnp.array([1.0, 2.0, 3.0])}}
        np.testing.assert_allclose(
            layer.apply(mean, x, train=False), mean["averages"]["mean"] * (1 - share) + share * x
        )
        images = experiment.predict["sample"](state.players, random.split(KEY, 3), {})
        assert (images[0] == images[1]).all() == (share == 0)  # the strength of noise is 0 at first


def test_sizes_are_the_authors():
    """Of the modules of https://github.com/NVlabs/stylegan2-ada-pytorch at 256x256, base 16,384, eight layers."""
    config = load(ROOT / "configs" / "ffhq_256_stylegan2.py")
    state = jax.eval_shape(build_on(config, (256, 256, 3)).init, KEY)
    sizes = {name: sum(leaf.size for leaf in jax.tree.leaves(p.params)) for name, p in state.players.items()}
    assert sizes == {"critic": 24_001_089, "generator": 24_767_458}


def linear_forward(matrix, n=512, carry=0.3):
    """The inputs of a term for a generator x = A w of images 4x6x1, whose Jacobian is A."""
    fake = jnp.zeros((n, 4, 6, 1))
    shared = dict.fromkeys(
        ("real_scores", "fake_scores", "score", "mixing", "real_logits", "fake_logits", "features", "logits")
    )
    return Forward(
        **shared,
        batch={"x": fake, "z": jnp.zeros((n, 3))},
        fake=fake,
        key=KEY,
        step=jnp.int32(0),
        params=None,
        carry={"path_length_average": jnp.float32(carry)},
        style_gradient=lambda batch, y: jnp.einsum("nd,dc->nc", y.reshape(len(batch["z"]), -1), matrix),
    )


def test_the_path_length_of_a_linear_generator():
    """|A' y|, whose mean square is |A|^2 / pixels; the gradient of (|A' y| - a)^2 is of A and of a alone."""
    matrix = random.normal(KEY, (24, 3))
    outcome = of_generator.path_length(linear_forward(matrix))
    y = jax.vmap(lambda key: random.normal(key, (24,)))(collectives.example_keys(KEY, 512)[::2]) / 24**0.5
    lengths = jnp.linalg.norm(y @ matrix, axis=1)
    np.testing.assert_allclose(outcome.values, (lengths - 0.3) ** 2, rtol=1e-5)
    np.testing.assert_allclose(outcome.metrics["path_length_mean"], lengths.mean(), rtol=1e-5)
    np.testing.assert_allclose(outcome.carry["path_length_average"], 0.3 + 0.01 * (lengths.mean() - 0.3), rtol=1e-5)
    many = of_generator.path_length(linear_forward(matrix, n=40_000, carry=0.0), epsilon=1e-30)
    np.testing.assert_allclose(many.values.mean(), jnp.square(matrix).sum() / 24, rtol=0.02)
    found = jax.grad(lambda m: of_generator.path_length(linear_forward(m)).values.mean())(matrix)
    expected = 2 * jnp.einsum("n,nd,nc->dc", (lengths - 0.3) / lengths, y, y @ matrix) / 256
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-6)


def test_the_style_gradient_of_a_network_is_that_of_its_jacobian():
    network = Network(stylegan2.Generator(SHAPE, **SMALL, style_mixing=0.5))
    batch = {"z": random.normal(KEY, (4, 6)), "noise": WORDS[:4]}
    params, stats = jax.jit(network.init)(KEY, batch)
    y = random.normal(KEY, (4, *SHAPE))
    found = jax.jit(partial(network.style_gradient, train=True))(params, stats, batch, y)
    assert found.shape == (4, 2, 8)  # of each layer's style

    def along(x):  # images are moved by scaling the last layer's style alone: its kernel is 1x1, and so linear in it
        return (network.apply(params, stats, batch, train=True)[0] * y).sum((1, 2, 3)) * x

    # What the last style adds to an image is linear in s = A w + 1, so sum y x = gradient . w + the rest of it.
    def without(name):
        dense = params[name]["EqualizedDense_0"]
        zero = {**dense, "Dense_0": jax.tree.map(jnp.zeros_like, dense["Dense_0"])}
        changed = {**params, name: {**params[name], "EqualizedDense_0": zero}}
        return (network.apply(changed, stats, batch, train=True)[0] * y).sum((1, 2, 3))

    given = network._returned("styles", params, stats, batch, train=True, key=None)[:, -1]
    np.testing.assert_allclose(
        (found[:, -1] * given).sum(-1), along(1.0) - without("ModulatedConv_0"), rtol=1e-3, atol=1e-4
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"decay": 0.0}, "decay is 0.0"),
        ({"shrink": 3}, "shrink is 3: it must divide the 512"),
        ({"shrink": 0}, "shrink is 0"),
    ],
)
def test_wrong_arguments_of_path_length_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        of_generator.path_length(linear_forward(jnp.ones((24, 3))), **arguments)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"critic": {"r1": {"every": 0}}}, r"config\.objective\.critic\.r1: every is 0"),
        ({"generator": {"path_length": {"every": 0}}}, r"config\.objective\.generator\.path_length: every is 0"),
        ({"critic": {"path_length": 1.0}}, r"critic has no 'path_length'"),
    ],
)
def test_wrong_terms_are_refused_by_their_field(changed, message):
    config = small_config()
    config.objective = {"name": "adversarial.stylegan2", **changed}
    with pytest.raises(UserError, match=message):
        build_on(config, SHAPE)


def test_a_generator_without_styles_has_no_paths():
    config = small_config()
    config.networks.generator = {"name": "mlp.Generator", "widths": (4,)}
    with pytest.raises(UserError, match=r"no method `styles`: use a network that has one, such as stylegan2\.Gen"):
        check_step(build_on(config, SHAPE), config)


def test_the_interval_of_a_lazy_term_of_a_preset_stays_unless_it_is_given():
    preset = inspect.signature(adversarial.stylegan2).parameters["generator"].default
    for block, interval in ((3.0, 4), ({"shrink": 1}, 4), ({"every": 2}, 2), ({"weight": 1.0, "every": 1}, 1)):
        term = blocks._terms("generator", preset, {"path_length": block}, {})["path_length"].term
        assert eager(term)[1] == interval
        assert first_carry(term) == {"path_length_average": 0.0}
    assert lazily(lazily(len, every=3), every=1) is len
