"""Values of StyleGAN2's networks with random parameters, none of them 0, against their definitions in NumPy.

The definitions are those of the authors' code, https://github.com/NVlabs/stylegan2-ada-pytorch (training/networks.py),
with each example's kernel written out, and with zeros between pixels where images grow.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import random

from gan_jax.layers import draws
from gan_jax.models import stylegan2

KEY = random.key(0)
WORDS = random.key_data(random.split(KEY, 4))
SHAPE, WIDTHS = (8, 12, 3), (4, 5, 6)
STYLES = 2 * len(WIDTHS)
PSI, RATE, GROUP = 0.7, 0.01, 2
STEPS = np.arange(STYLES, dtype=np.float32)[:, None] / STYLES
"""What is added to the styles of each layer, so that they differ."""


def normal(seed, *shape):
    return np.asarray(np.random.default_rng(seed).standard_normal(shape, np.float32))


def randomly(shapes):
    """N(0, 1) for every parameter, with which all features are of about this size."""
    leaves, tree = jax.tree.flatten(shapes)
    return tree.unflatten([normal(seed, *leaf.shape) for seed, leaf in enumerate(leaves)])


def check(actual, expected):
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-5 * max(1, np.abs(expected).max()))


def convolved(x, kernels, stride=1, edges=(0, 0)):
    """x [n, h, w, c] by a kernel for each example, [n, kh, kw, c, o], or by one for all: [1, kh, kw, c, o]."""
    x = np.pad(x, ((0, 0), edges, edges, (0, 0)))
    height, width = (x.shape[axis] - kernels.shape[axis] + 1 for axis in (1, 2))
    taps = np.ndindex(kernels.shape[1:3])
    return sum(x[:, u : u + height : stride, v : v + width : stride] @ kernels[:, u, v, None] for u, v in taps)


def transposed(x, kernels):
    """Each pixel times its example's kernel, added up at every second position."""
    n, h, w, _ = x.shape
    y = np.zeros((n, 2 * h + 1, 2 * w + 1, kernels.shape[-1]))
    for u, v in np.ndindex(kernels.shape[1:3]):
        y[:, u : u + 2 * h : 2, v : v + 2 * w : 2] += x @ kernels[:, u, v, None]
    return y


def filtered(x, edges, stride=1):
    """Each channel by [1, 3, 3, 1] / 8 along rows and columns."""
    taps = np.outer([1, 3, 3, 1], [1, 3, 3, 1]) / 64
    return convolved(x, taps[None, :, :, None, None] * np.eye(x.shape[-1]), stride, edges)


def larger(x):
    n, h, w, c = x.shape
    y = np.zeros((n, 2 * h, 2 * w, c))
    y[:, ::2, ::2] = x
    return 4 * filtered(y, (2, 1))


def smaller(x):
    return filtered(x, (1, 1), stride=2)


def leaky(x):
    return np.where(x > 0, x, 0.2 * x) * 2**0.5


def scaled(kernel):
    return kernel / np.prod(kernel.shape[:-1]) ** 0.5


def dense(x, params, rate=1.0):
    return rate * (x @ scaled(params["Dense_0"]["kernel"]) + params["bias"])


def equalized(x, params, **how):
    return convolved(x, scaled(params["kernel"])[None], **how) + params.get("bias", 0.0)


def mapped(z, params):
    """z at a mean square of 1, and two layers whose learning rate is 0.01 of the others'."""
    x = z / np.sqrt(np.square(z).mean(1, keepdims=True) + 1e-8)
    for number in range(2):
        x = leaky(dense(x, params[f"EqualizedDense_{number}"], RATE))
    return x


def modulated(x, params, w, *, up=False, demodulate=True):
    """By the kernel of each example, which its style scales, and which is then scaled to a norm of 1."""
    kernel = scaled(params["ConvTranspose_0" if up else "Conv_0"]["kernel"])
    kernels = kernel * dense(w, params["EqualizedDense_0"])[:, None, None, :, None]
    if demodulate:
        kernels /= np.sqrt(np.square(kernels).sum((1, 2, 3), keepdims=True) + 1e-8)
    if up:
        return 4 * filtered(transposed(x, kernels), (1, 1))
    return convolved(x, kernels, edges=(len(kernel) // 2,) * 2)


def styled(x, params, w, noise, *, up=False):
    """One number of noise for each pixel, the same for all channels, times the layer's strength, a single number."""
    y = modulated(x, params["ModulatedConv_0"], w, up=up)
    return leaky(y + params["strength"].item() * noise.reshape(*y.shape[:3], 1) + params["bias"])


def image(params, styles, noise, architecture):
    """Of three stages, with styles [layer] [n, dim] and noise [layer] [n, h w]."""

    def layer(number, x):
        return styled(x, params[f"StyledConv_{number}"], styles[number], noise[number], up=number % 2 == 1)

    def to_rgb(number, x, stage):
        own, w = params[f"ModulatedConv_{number}"], styles[2 * stage + 1]
        return modulated(x, own, w, demodulate=False) + params[f"bias_{stage}"]

    def block(number, x):
        return layer(2 * number, layer(2 * number - 1, x))

    def residual(number, x):
        return (block(number, x) + larger(equalized(x, params[f"Conv_{number - 1}"]))) / 2**0.5

    x = layer(0, np.repeat(params["constant"][None], len(noise[0]), 0))
    if architecture == "resnet":
        return to_rgb(0, residual(2, residual(1, x)), stage=2)
    y = block(1, x)
    z = block(2, y)
    if architecture == "orig":
        return to_rgb(0, z, stage=2)
    return larger(larger(to_rgb(0, x, 0)) + to_rgb(1, y, 1)) + to_rgb(2, z, 2)


class Stepped(stylegan2.Generator):
    """A generator with other styles in each layer."""

    def styles(self, z, noise, *, train):
        return super().styles(z, noise, train=train) + STEPS


@pytest.mark.parametrize("architecture", stylegan2.ARCHITECTURES)
def test_generators_are_the_authors(architecture):
    """Styles truncated towards a mean, noise, and three stages, of images that are not square."""
    module = Stepped(SHAPE, WIDTHS, layers=2, features=7, psi=PSI, architecture=architecture)
    z = 3 * normal(100, len(WORDS), 5)
    variables = randomly(jax.eval_shape(partial(module.init, train=False), KEY, z, WORDS))
    params, mean = variables["params"], variables["averages"]["TowardsMean_0"]["mean"]
    params["Mapping_0"] = jax.tree.map(lambda leaf: leaf / RATE, params["Mapping_0"])
    pixels = [2 * 3 * 4**doublings for doublings in (0, 1, 1, 2, 2)]

    @jax.jit
    def apply(variables):
        return module.apply(variables, z, WORDS, train=False), draws.normal(WORDS, stylegan2.PIXELS, (sum(pixels),))

    made, noise = apply(variables)
    styles = mean + PSI * (mapped(z, params["Mapping_0"]) - mean) + STEPS[:, None]
    expected = image(params, styles, np.split(np.asarray(noise), np.cumsum(pixels)[:-1], axis=1), architecture)
    assert made.shape == (len(WORDS), *SHAPE)
    check(made, expected)


def with_deviations(x):
    """Adds a channel with one number, the deviation over a group, in the mean over pixels and channels."""
    groups = x.reshape(-1, GROUP, *x.shape[1:])
    deviations = np.sqrt(groups.var(1) + 1e-8).mean((1, 2, 3)).repeat(GROUP)
    return np.concatenate([x, deviations[:, None, None, None] * np.ones_like(x[..., :1])], -1)


def scores(x, params, architecture):
    """Of three stages."""
    convolutions = iter([params[f"Conv_{n}"] for n in range(sum(name.startswith("Conv") for name in params))])
    small, x = x, leaky(equalized(x, next(convolutions)))
    for _ in WIDTHS[1:]:
        shortcut = equalized(smaller(x), next(convolutions)) if architecture == "resnet" else None
        x = leaky(equalized(x, next(convolutions), edges=(1, 1)))
        x = leaky(equalized(filtered(x, (2, 2)), next(convolutions), stride=2))
        if architecture == "resnet":
            x = (x + shortcut) / 2**0.5
        if architecture == "skip":
            small = smaller(small)
            x = x + leaky(equalized(small, next(convolutions)))
    x = leaky(equalized(with_deviations(x), next(convolutions), edges=(1, 1)))
    assert not [*convolutions]
    x = leaky(dense(x.reshape(len(x), -1), params["EqualizedDense_0"]))
    return dense(x, params["EqualizedDense_1"])[:, 0]


@pytest.mark.parametrize("architecture", stylegan2.ARCHITECTURES)
def test_critics_are_the_authors(architecture):
    module = stylegan2.Critic(WIDTHS, group=GROUP, architecture=architecture)
    x = 5 * normal(100, 4, *SHAPE)  # so that biases do not decide the scores
    params = randomly(jax.eval_shape(partial(module.init, train=True), KEY, x)["params"])
    made = jax.jit(partial(module.apply, train=True))({"params": params}, x)
    check(made, scores(x, params, architecture))


def test_a_layer_starts_without_noise_and_bias_and_with_styles_around_1():
    inputs = jnp.zeros((1, 2, 2, 3)), jnp.zeros((1, 5)), jnp.zeros((1, 4))
    params = jax.jit(stylegan2.StyledConv(4).init)(KEY, *inputs)["params"]
    assert not params["strength"].any()
    assert not params["bias"].any()
    assert (params["ModulatedConv_0"]["EqualizedDense_0"]["bias"] == 1).all()
