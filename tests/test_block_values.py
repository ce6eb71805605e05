"""Values of residual networks with random parameters, none of them 0, against plain convolutions written here."""

from functools import partial
from itertools import islice

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax, random

from gan_jax.layers.resample import binomial_down, binomial_up
from gan_jax.models import r3gan, sngan

KEY = random.key(0)
IMAGES, Z, LABEL = random.normal(KEY, (3, 16, 8, 3)), random.normal(KEY, (3, 5)), jnp.array([0, 2, 1])
GROUP = 4


def values(module, *inputs, **how):
    """Returns random parameters of a module, and its output by them."""
    shapes = jax.eval_shape(partial(module.init, **how), KEY, *inputs)["params"]
    leaves, tree = jax.tree.flatten(shapes)
    keys = random.split(random.key(1), len(leaves))
    params = tree.unflatten([0.3 * random.normal(key, leaf.shape) for key, leaf in zip(keys, leaves, strict=True)])
    apply = jax.jit(partial(module.apply, mutable=["batch_stats"], **how))
    return params, apply({"params": params}, *inputs)[0]


def check(actual, expected):
    np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-4 * float(jnp.abs(expected).max()))


def convolved(x, params, groups=1, padding="SAME"):
    """The kernel's convolution by XLA's own operation, without a bias."""
    how = {"dimension_numbers": ("NHWC", "HWIO", "NHWC"), "feature_group_count": groups}
    return lax.conv_general_dilated(x, params["kernel"], (1, 1), padding, **how)


def biased(x, params, **how):
    return convolved(x, params, **how) + params["bias"]


def leaky(x):
    return jnp.where(x > 0, x, 0.2 * x)


def r3gan_block(x, params):
    """ResidualBlock of the authors' R3GAN/Networks.py; their BiasedActivation has a gain in the first weights alone."""
    y = leaky(biased(x, params["Conv_0"]))
    y = leaky(biased(y, params["Conv_1"], groups=2 * x.shape[-1] // GROUP))
    return x + convolved(y, params["Conv_2"])


def r3gan_features(x, params):
    """Discriminator of the authors' R3GAN/Networks.py with widths 8, 8 and 16 from the image on."""
    x = r3gan_block(convolved(x, params["Conv_0"]), params["Block_0"])
    x = r3gan_block(binomial_down(x), params["Block_1"])
    x = r3gan_block(convolved(binomial_down(x), params["Conv_1"]), params["Block_2"])
    each = convolved(x, {"kernel": params["basis"][:, :, None]}, groups=16, padding="VALID")
    return each[:, 0, 0] @ params["Dense_0"]["kernel"]


def r3gan_image(z, params):
    """Generator of the authors' R3GAN/Networks.py with widths 16, 8 and 8 from the basis on."""
    x = params["basis"] * (z @ params["Dense_0"]["kernel"])[:, None, None]
    x = r3gan_block(x, params["Block_0"])
    x = r3gan_block(binomial_up(convolved(x, params["Conv_0"])), params["Block_1"])
    x = r3gan_block(binomial_up(x), params["Block_2"])
    return convolved(x, params["Conv_1"])


R3GAN = {"widths": (16, 8, 8), "blocks": 1, "group": GROUP}


@pytest.mark.parametrize("width", [8, 10])
def test_an_r3gan_block_is_the_authors(width):
    x = random.normal(KEY, (2, 5, 3, width))
    params, y = values(r3gan.Block(GROUP, blocks=4), x)
    check(y, r3gan_block(x, params))


def test_r3gan_critics_are_the_authors():
    params, scores = values(r3gan.Critic(**R3GAN), IMAGES, train=True)
    check(scores, r3gan_features(IMAGES, params)[:, 0])
    params, scores = values(r3gan.ProjectionCritic(**R3GAN, classes=3), IMAGES, LABEL, train=True)
    check(scores, (r3gan_features(IMAGES, params) * params["Embed_0"]["embedding"][LABEL]).sum(1))


def test_r3gan_generators_are_the_authors():
    params, images = values(r3gan.Generator((16, 8, 3), **R3GAN), Z, train=True)
    check(images, r3gan_image(Z, params))
    module = r3gan.ConditionalGenerator((16, 8, 3), **R3GAN, classes=3, embedding=2)
    params, images = values(module, Z, LABEL, train=True)
    check(images, r3gan_image(jnp.concatenate([Z, params["Embed_0"]["embedding"][LABEL]], 1), params))


def larger(x):
    return x.repeat(2, 1).repeat(2, 2)


def pooled(x):
    n, h, w, c = x.shape
    return x.reshape(n, h // 2, 2, w // 2, 2, c).mean((2, 4))


def batch_normed(x, params, label=None):
    """By the batch's own statistics; where there are labels, scale and bias are those of each example's class."""
    scale, bias = (params[name] if label is None else params[name][label][:, None, None] for name in ("scale", "bias"))
    return (x - x.mean((0, 1, 2))) / jnp.sqrt(x.var((0, 1, 2)) + 1e-5) * scale + bias


def sngan_up_block(x, convolutions, norms, label):
    """Block of the authors' gen_models/resblocks.py."""
    skip, first, second = convolutions
    assert first["kernel"].shape[-1] == skip["kernel"].shape[-1]
    y = biased(larger(nn.relu(batch_normed(x, norms[0], label))), first)
    return biased(nn.relu(batch_normed(y, norms[1], label)), second) + biased(larger(x), skip)


def sngan_image(z, params, label=None):
    """A generator of two blocks for images of 8x4, from 2x1 pixels of 5 channels."""
    kind = "BatchNorm" if label is None else "ConditionalBatchNorm"
    last = params["BatchNorm_4" if label is None else "BatchNorm_0"]
    norms, convolutions = ([params[f"{name}_{n}"] for n in range(count)] for name, count in ((kind, 4), ("Conv", 7)))
    x = (z @ params["Dense_0"]["kernel"] + params["Dense_0"]["bias"]).reshape(-1, 2, 1, 5)
    x = sngan_up_block(x, convolutions[:3], norms[:2], label)
    x = sngan_up_block(x, convolutions[3:6], norms[2:], label)
    return jnp.tanh(biased(nn.relu(batch_normed(x, last)), convolutions[6]))


def test_sngan_generators_are_the_authors():
    shape = {"shape": (8, 4, 3), "widths": (6, 4), "start": 5}
    params, images = values(sngan.Generator(**shape), Z, train=True)
    check(images, sngan_image(Z, params))
    params, images = values(sngan.ConditionalGenerator(**shape, classes=3), Z, LABEL, train=True)
    check(images, sngan_image(Z, params, LABEL))


def sngan_first_block(x, convolutions):
    """OptimizedBlock of the authors' dis_models/resblocks.py."""
    skip, first, second = islice(convolutions, 3)
    return pooled(biased(nn.relu(biased(x, first)), second)) + biased(pooled(x), skip)


def sngan_down_block(x, convolutions, width, half):
    """Block of the authors' dis_models/resblocks.py: its skip is x itself where neither size nor channels change."""
    skip = biased(x, next(convolutions)) if half or width != x.shape[-1] else x
    first, second = islice(convolutions, 2)
    assert first["kernel"].shape[-1] == x.shape[-1]
    y = biased(nn.relu(biased(nn.relu(x), first)), second)
    return (pooled(y) + pooled(skip)) if half else y + skip


@pytest.mark.parametrize(("widths", "downs"), [((6,), 1), ((6, 4), 2), ((6, 4), 1), ((6, 6), 1)])
def test_sngan_critics_are_the_authors(widths, downs):
    module = sngan.ProjectionCritic(widths, downs, kernel_norm=None, classes=3)
    params, scores = values(module, IMAGES, LABEL, train=True)
    convolutions = iter([params[f"Conv_{n}"] for n in range(sum(name.startswith("Conv") for name in params))])
    x = sngan_first_block(IMAGES, convolutions)
    for number, width in enumerate(widths[1:], 1):
        x = sngan_down_block(x, convolutions, width, half=number < downs)
    assert not [*convolutions]
    features = nn.relu(x).sum((1, 2))
    line, classes = params["Dense_0"], params["Embed_0"]["embedding"]
    expected = (features @ line["kernel"] + line["bias"])[:, 0]
    check(scores, expected + (classes[LABEL] * features).sum(1))
    alone = sngan.Critic(widths, downs, kernel_norm=None)
    check(alone.apply({"params": params}, IMAGES, train=True), expected)
