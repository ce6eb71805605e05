"""Layers that follow from the image's size."""

import jax
import jax.numpy as jnp
import pytest
from conftest import build_on
from jax import random

from gan_jax import config as configs
from gan_jax.command import overrides
from gan_jax.core.networks import Network
from gan_jax.errors import UserError
from gan_jax.models import autoencoder, dcgan, layout, vae
from gan_jax.models.layout import Layers

pytestmark = pytest.mark.heavy

KEY = random.key(0)
SIZES = [
    (1, 1),
    (2, 5),
    (4, 4),
    (8, 8),
    (28, 28),
    (31, 31),
    (32, 32),
    (64, 64),
    (128, 128),
    (48, 32),
    (45, 37),
    (218, 178),
]
MODULES = {
    "generator": lambda shape: dcgan.Generator(shape, width=2),
    "critic": lambda shape: dcgan.Critic(width=2),
    "encoder": lambda shape: autoencoder.ConvEncoder(3, width=2),
    "posterior": lambda shape: vae.ConvEncoder(3, width=2),
    "decoder": lambda shape: vae.ConvDecoder(shape, width=2),
}


def test_the_layers_of_28x28_and_8x8_are_those_of_the_results_that_were_measured():
    assert layout.downsampling((28, 28, 1), 32) == Layers((32, 64, 128), (4, 4, 3), (2, 2, 2), (1, 1, 1))
    assert layout.upsampling((28, 28, 1), 32) == Layers((128, 64, 32), (4, 3, 4, 4), (1, 2, 2, 2), (0, 1, 1, 1))
    assert layout.downsampling((8, 8, 1), 32) == Layers((32, 64), (4, 3), (2, 1), (1, 1))
    assert layout.upsampling((8, 8, 1), 64) == Layers((128, 64), (4, 4, 3), (1, 2, 1), (0, 1, 1))


def test_layers_of_larger_images():
    assert layout.downsampling((64, 64, 3), 64) == Layers(
        (64, 128, 256, 512), (4,) * 4, (2,) * 4, (1,) * 4
    )  # as DCGAN's own
    assert layout.upsampling((64, 64, 3), 64).widths == (512, 256, 128, 64)
    assert layout.downsampling((128, 128, 3), 16).widths == (16, 32, 64, 128, 128)


def test_kernels_of_each_axis_are_odd_where_its_size_is():
    """45x37 -> 23x19 -> 12x10 -> 6x5 -> 3x3, and back."""
    assert layout.downsampling((45, 37, 3), 4).kernels == (3, 3, 4, (4, 3))
    assert layout.upsampling((45, 37, 3), 4).kernels == (3, (4, 3), 4, 3, 3)
    assert layout.upsampling((48, 32, 1), 4).kernels[0] == (6, 4)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: "x".join(map(str, size)))
@pytest.mark.parametrize("name", MODULES)
def test_networks_fit_images_of_any_size(name, size):
    shape = (*size, 3)
    network = Network(MODULES[name](shape))
    batch = {"x": jnp.zeros((2, *shape)), "z": jnp.zeros((2, 5))}
    params, stats = jax.eval_shape(lambda: network.init(KEY, batch))
    made = jax.eval_shape(lambda p, s: network.apply(p, s, batch, train=True)[0], params, stats)
    expected = {"critic": (2,), "encoder": (2, 3), "posterior": (2, 3)}.get(name, (2, *shape))
    assert jax.tree.leaves(made)[0].shape == expected
    kernels = [leaf.shape[:2] for leaf in jax.tree.leaves(params) if leaf.ndim == 4]
    assert max(map(max, kernels)) <= 7


def test_a_network_of_two_kernel_sizes_computes_and_has_gradients():
    network = Network(dcgan.Generator((9, 6, 1), width=2))
    batch = {"z": random.normal(KEY, (2, 3))}
    params, stats = network.init(KEY, batch)
    grads = jax.grad(lambda p: network.apply(p, stats, batch, train=True, key=KEY)[0].sum())(params)
    assert all(jnp.abs(leaf).max() > 0 for leaf in jax.tree.leaves(grads["ConvTranspose_0"]))


def test_lists_that_are_given_take_the_place_of_automatic_ones():
    automatic = layout.downsampling((28, 28, 1), 32)
    lists = layout.chosen(automatic, (1, 2, 3), "auto", [2, 2, 2], "auto")
    assert lists == automatic._replace(widths=(1, 2, 3))
    with pytest.raises(ValueError, match="kernels is 'atuo': it must be 'auto' or a list with an entry for each layer"):
        layout.chosen(automatic, "auto", "atuo", "auto", "auto")
    with pytest.raises(ValueError, match=r"convolutions need images \[h, w, c\], not examples of shape \(2,\)"):
        layout.upsampling((2,), 32)


@pytest.mark.parametrize(
    "name", ["digits_dcgan", "mnist_dcgan", "mnist_wgan_gp", "mnist_cgan", "mnist_conv_ae", "mnist_conv_vae"]
)
@pytest.mark.parametrize("shape", [(32, 32, 3), (28, 28, 1), (48, 36, 3)])
def test_configs_of_convolutions_are_of_any_images(tiny, name, shape):
    assert build_on(tiny(name), shape, classes=10)


def test_lists_in_a_config_can_be_made_automatic_and_given_again(tiny):
    lists = {"widths": (4, 4, 4), "kernels": (4, 4, 3), "strides": (2, 2, 2), "paddings": (1, 1, 1)}
    config = tiny("mnist_dcgan").unlock()
    config.networks.critic.update(lists)
    config = configs.checked(config.to_dict())
    with pytest.raises(UserError, match=r"config.networks do not fit each other or examples of shape \(4, 4, 1\)"):
        build_on(overrides.apply(config, ["--config.networks.critic.kernels=(9,9,9)"]), (4, 4, 1))
    config = overrides.apply(config, [f"--config.networks.critic.{name}=auto" for name in lists])
    assert config.networks.critic.kernels == "auto"
    assert build_on(config, (64, 64, 3))
    config = overrides.apply(config, ["--config.networks.critic.widths=(4,4,4,4)"])
    assert config.networks.critic.widths == (4, 4, 4, 4)
    assert build_on(config, (64, 64, 3))
