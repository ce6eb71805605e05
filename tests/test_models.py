"""The contract of every model: shapes, dtypes, training and evaluation; and the sizes that the notes give."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import random

from gan_jax import layers, networks
from gan_jax.models import dcgan, mlp

KEY = random.key(0)
DIGITS = {"widths": (8, 4), "kernels": (4, 4, 3), "strides": (1, 2, 1), "paddings": (0, 1, 1)}
GENERATORS = {
    "mlp": mlp.Generator((8, 8, 1), widths=(6, 5)),
    "dcgan": dcgan.Generator((8, 8, 1), **DIGITS),
    "dcgan colour": dcgan.Generator((8, 8, 3), **DIGITS),
    "dcgan without norm": dcgan.Generator((8, 8, 1), **DIGITS, norm=layers.NoNorm),
}
CRITICS = {
    "mlp": mlp.Critic(widths=(6, 5)),
    "dcgan": dcgan.Critic(widths=(4, 8), kernels=(4, 4), strides=(2, 2), paddings=(1, 1)),
}


def sizes(module, x):
    """(channels out of each weight layer, count of parameters) of a module."""
    params, _ = jax.eval_shape(lambda: networks.init(module, KEY, x))
    return sum(leaf.size for leaf in jax.tree.leaves(params))


@pytest.mark.parametrize("name", GENERATORS)
def test_generator(name):
    module = GENERATORS[name]
    z = random.normal(KEY, (4, 5))
    params, stats = networks.init(module, KEY, z)
    for train in (True, False):
        x, new = networks.apply(module, params, stats, z, train=train)
        assert x.shape == (4, *module.shape)
        assert x.dtype == jnp.float32
        assert jnp.abs(x).max() <= 1
        assert jax.tree.structure(new) == jax.tree.structure(stats)


@pytest.mark.parametrize("name", CRITICS)
def test_critic(name):
    module = CRITICS[name]
    x = random.uniform(KEY, (4, 8, 8, 1))
    params, stats = networks.init(module, KEY, x)
    for train in (True, False):
        scores, new = networks.apply(module, params, stats, x, train=train, key=KEY)
        assert scores.shape == (4,)
        assert scores.dtype == jnp.float32
        assert jax.tree.structure(new) == jax.tree.structure(stats)


def test_sizes_are_the_notes():
    z20, z100, x = jnp.zeros((1, 20)), jnp.zeros((1, 100)), jnp.zeros((1, 28, 28, 1))
    assert sizes(mlp.Generator((28, 28, 1)), z20) == 20 * 100 + 100 + 100 * 784 + 784
    assert sizes(mlp.Critic(), x) == 784 * 100 + 100 + 1
    norms = 2 * (128 + 64 + 32)
    kernels = 16 * 100 * 128 + 9 * 128 * 64 + 16 * 64 * 32 + 16 * 32
    assert sizes(dcgan.Generator((28, 28, 1)), z100) == kernels + norms
    assert sizes(dcgan.Critic(), x) == 16 * 32 + 16 * 32 * 64 + 9 * 64 * 128 + 16 * 128 + 2 * (64 + 128)


def test_first_weights_have_the_asked_spread():
    params, _ = networks.init(dcgan.Generator((28, 28, 1)), KEY, jnp.zeros((1, 100)))
    kernel = params["ConvTranspose_0"]["kernel"]
    np.testing.assert_allclose(kernel.std(), 0.02, rtol=0.02)


def test_dcgan_says_what_sizes_do_not_fit():
    with pytest.raises(ValueError, match=r"layers make 28x28x1, the data set's images are 32x32x1"):
        networks.init(dcgan.Generator((32, 32, 1)), KEY, jnp.zeros((1, 4)))
    with pytest.raises(ValueError, match="lists of layers differ in length"):
        networks.init(dcgan.Generator((28, 28, 1), kernels=(4, 3)), KEY, jnp.zeros((1, 4)))


def test_batch_norm_keeps_running_statistics_by_its_momentum():
    norm = layers.BatchNorm(momentum=0.9)
    x = 3 + 2 * random.normal(KEY, (512, 4))
    params, stats = networks.init(norm, KEY, x)
    y, stats = networks.apply(norm, params, stats, x, train=True)
    np.testing.assert_allclose(y.mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(y.std(0), 1, rtol=1e-3)
    running = stats["batch_stats"]["BatchNorm_0"]
    np.testing.assert_allclose(running["mean"], 0.1 * x.mean(0), rtol=1e-4)
    np.testing.assert_allclose(running["var"], 0.9 + 0.1 * x.var(0), rtol=1e-4)


def test_dropout_zeroes_its_share_and_keeps_the_mean():
    layer = layers.Dropout(0.25)
    x = jnp.ones((64, 100))
    y = layer.apply({}, x, train=True, rngs={"dropout": KEY})
    np.testing.assert_allclose((y == 0).mean(), 0.25, atol=0.02)
    np.testing.assert_allclose(y.mean(), 1, atol=0.03)
    np.testing.assert_array_equal(layer.apply({}, x, train=False), x)
    with pytest.raises(ValueError, match="below 1"):
        layers.Dropout(1.0).apply({}, x, train=True, rngs={"dropout": KEY})
