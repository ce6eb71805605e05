"""What networks can make and what the data are must be of one range."""

import math

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.core.networks import Network
from gan_jax.data.spec import DataSpec
from gan_jax.errors import UserError
from gan_jax.experiments import build
from gan_jax.models import dcgan, mlp, pacgan
from gan_jax.training.preflight import check_range

INF = math.inf


@pytest.mark.parametrize(
    ("activation", "expected"),
    [
        (nn.tanh, (-1, 1)),
        (nn.sigmoid, (0, 1)),
        (nn.relu, (0, INF)),
        (nn.elu, (-1, INF)),
        (nn.soft_sign, (-1, 1)),
        (nn.gelu, (-0.17, INF)),
        (lambda x: x, (-INF, INF)),
        (lambda x: 0.5 * nn.tanh(x) + 0.5, (0, 1)),
        (lambda x: jnp.clip(x, -2, 3), (-2, 3)),
        (lambda x: jnp.sign(x) * jnp.log1p(jnp.abs(x)), (-INF, INF)),
        (jnp.exp, (0, INF)),
    ],
)
def test_the_range_of_a_last_activation(activation, expected):
    assert Network(mlp.Generator((2,), last_activation=activation)).output_range() == pytest.approx(expected, abs=1e-3)


def test_a_range_that_cannot_be_known_is_none():
    assert Network(pacgan.Generator((2,))).output_range() is None  # without a last activation
    assert Network(dcgan.Generator((8, 8, 1), last_activation=lambda x: x.reshape(2, -1))).output_range() is None
    assert Network(mlp.Generator((2,), last_activation=lambda x: x[:, :1])).output_range() is None


def test_a_likelihoods_mean_comes_after_the_activation():
    made = Network(mlp.Generator((2,), last_activation=nn.tanh)).output_range(jax.nn.sigmoid)
    np.testing.assert_allclose(made, (1 / (1 + math.e), 1 / (1 + 1 / math.e)), rtol=1e-5)


IMAGES, RING = DataSpec((8, 8, 1)), DataSpec((2,), "float32", (-1.04, 1.05))


def found(config, data, **fields):
    with config.unlocked():
        config.update_from_flattened_dict(fields)
    check_range(build(config, data), config, data)


@pytest.mark.parametrize(
    ("name", "limits", "fields"),
    [
        ("digits_dcgan", (0.0, 1.0), {}),
        ("digits_dcgan", (-1.0, 0.5), {}),
        ("digits_dcgan", (0.0, 255.0), {}),
        ("mnist_gan", (0.0, 1.0), {}),
        ("mnist_deep_ae", (-1.0, 1.0), {}),
    ],
)
def test_another_range_than_the_networks_is_refused_with_both(name, limits, fields, tiny):
    with pytest.raises(UserError, match=r"config\.data\.range is \(.*gives values from .*last_activation") as info:
        found(tiny(name), IMAGES, **{"data.range": limits, **fields})
    assert f"({limits[0]:g}, {limits[1]:g})" in str(info.value)


def test_a_decoder_that_cannot_reach_what_its_likelihood_can_is_refused(tiny):
    config = tiny("mnist_vae")
    with config.unlocked():
        config.networks.decoder.name = "mlp.Generator"  # which ends in a tanh
    with pytest.raises(UserError, match=r"gives values from 0\.269 to 0\.731"):
        check_range(build(config, IMAGES), config, IMAGES)


@pytest.mark.parametrize(
    ("name", "limits"),
    [
        ("digits_dcgan", (-1.0, 1.0)),
        ("mnist_deep_ae", (0.0, 1.0)),
        ("mnist_vae", (0.0, 1.0)),
        ("mnist_linear_ae", (-3.0, 1.0)),
    ],
)
def test_ranges_that_fit_pass(name, limits, tiny):
    found(tiny(name), IMAGES, **{"data.range": limits})


def test_points_must_be_within_reach(tiny):
    found(tiny("mnist_gan"), RING)  # a Gaussian's tails are a little beyond 1
    found(tiny("grid_gan"), RING._replace(range=(-4.2, 4.2)))
    with pytest.raises(UserError, match=r"from -1 to 1.*points of .* lie from -4\.2 to 4\.2"):
        found(tiny("mnist_gan"), RING._replace(range=(-4.2, 4.2)))
