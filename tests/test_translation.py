"""Networks of translation and super-resolution."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import random

from gan_jax.core.networks import Network
from gan_jax.core.state import Player
from gan_jax.layers import BatchNorm, Dropout
from gan_jax.models.super_resolution import SRCritic, SRResNet, shuffled
from gan_jax.models.translation import PairCritic, PatchCritic, ResNet, UNet, halvings
from gan_jax.objectives import adversarial, regression

pytestmark = pytest.mark.heavy

KEY = random.key(0)


def apply(module, train=False, **batch):
    network = Network(module)

    def run(batch):
        params, stats = network.init(KEY, batch)
        return params, network.apply(params, stats, batch, train=train, key=KEY)[0]

    return jax.jit(run)(batch)


def images(h=16, w=16, c=3, n=2):
    return random.uniform(KEY, (n, h, w, c), minval=-1)


@pytest.mark.parametrize("size", [(16, 16), (32, 48), (64, 64)])
@pytest.mark.parametrize("model", [UNet, ResNet])
def test_translators_keep_the_size_and_make_the_channels(model, size):
    fields = {"width": 4} | ({"blocks": 1} if model is ResNet else {})
    _, made = apply(model((*size, 1), **fields), source=images(*size))
    assert made.shape == (2, *size, 1)
    assert np.abs(made).max() <= 1


def test_a_u_net_has_the_papers_widths():
    params, _ = jax.eval_shape(lambda: apply(UNet((256, 256, 3)), source=jnp.zeros((1, 256, 256, 3))))
    down = [params[f"Conv_{n}"]["kernel"].shape[-1] for n in range(8)]
    assert down == [64, 128, 256, 512, 512, 512, 512, 512]
    up = [params[f"ConvTranspose_{n}"]["kernel"].shape for n in range(8)]
    assert [shape[-2] for shape in up] == [512, 1024, 1024, 1024, 1024, 512, 256, 128]
    count = sum(leaf.size for leaf in jax.tree.leaves(params))
    assert abs(count - 54.4e6) < 0.1e6


def test_dropout_is_in_the_inner_doublings_alone():
    of = {}
    for size in (16, 64):
        network = Network(UNet((size, size, 1), width=2))
        batch = {"source": images(size, size, 1)}
        params, stats = network.init(KEY, batch)
        made = [network.apply(params, stats, batch, train=True, key=random.key(n))[0] for n in range(2)]
        of[size] = not np.array_equal(*made)
    assert of == {16: False, 64: True}


@pytest.mark.parametrize(("downs", "field"), [(2, 34), (3, 70)])
def test_a_patch_critic_sees_its_patches(downs, field):
    size = 96
    network = Network(PatchCritic(width=2, downs=downs, norm=lambda: Identity()))
    x = images(size, size, 1, n=1)
    params, stats = network.init(KEY, {"x": x})
    params = jax.tree.map(jnp.ones_like, params)
    middle = network.apply(params, stats, {"x": x}, train=False)[0].shape[1] // 2

    def one(x):
        return network.apply(params, stats, {"x": x}, train=False)[0][0, middle, middle]

    seen = np.argwhere(np.asarray(jax.grad(one)(x))[0, :, :, 0] != 0)
    assert (seen.max(0) - seen.min(0) + 1).tolist() == [field, field]


def Identity():  # in place of a layer
    from gan_jax.layers import NoNorm

    return NoNorm()


def test_a_pair_critic_judges_the_pair():
    x, source = images(32, 32), images(32, 32, 1)
    params, scores = apply(PairCritic(width=4, downs=2), x=x, source=source)
    assert scores.ndim == 3
    assert params["Conv_0"]["kernel"].shape[2] == 4


class Dropped(nn.Module):
    """source -> x: dropout, then the batch's statistics, as in training."""

    @nn.compact
    def __call__(self, source, *, train):
        return BatchNorm()(Dropout(0.5)(source, train=train), train=train)


@pytest.mark.parametrize("objective", ["adversarial", "regression"])
def test_predictions_in_the_way_of_training_are_of_each_example_by_itself(objective):
    """With dropout by the example's key, and with its own statistics, whatever else is in the batch."""
    network = Network(Dropped())
    makes = {
        "adversarial": lambda how: adversarial.pix2pix(
            networks={"generator": network, "critic": Network(PairCritic())}, predict_as=how
        ),
        "regression": lambda how: regression.l1(networks={"generator": network}, predict_as=how),
    }[objective]
    source = images(8, 8, 1, n=4)
    players = {"generator": Player(*network.init(KEY, {"source": source}), opt_state=())}
    keys = random.split(KEY, 4)
    plain, made = (
        jax.jit(makes(how).predictions["translate"].fn)(players, keys, {"source": source})
        for how in ("evaluation", "training")
    )
    np.testing.assert_allclose(plain, source / np.sqrt(1 + 1e-5), rtol=1e-5)
    for few in (slice(0, 1), slice(2, 4)):
        again = makes("training").predictions["translate"].fn(players, keys[few], {"source": source[few]})
        np.testing.assert_allclose(again, made[few], atol=1e-5)
    np.testing.assert_allclose(made.mean((1, 2, 3)), 0, atol=1e-5)
    other = makes("training").predictions["translate"].fn(players, keys[::-1], {"source": source})
    assert not np.allclose(other, made)
    with pytest.raises(ValueError, match="predict_as is 'test': it must be one of evaluation, training"):
        makes("test")


def test_sizes_that_do_not_fit_are_named():
    with pytest.raises(ValueError, match=r"source is 8x8, and x is 16x16: set config\.data\.size"):
        apply(UNet((16, 16, 3)), source=images(8, 8))
    with pytest.raises(ValueError, match=r"12x12 cannot be halved 3 times: use a config\.data\.size that 8"):
        apply(UNet((12, 12, 3), downs=3), source=images(12, 12))
    with pytest.raises(ValueError, match="3x3 cannot be halved 1 times"):
        apply(UNet((3, 3, 3)), source=images(3, 3))
    assert [halvings(size) for size in ((64, 64), (48, 32), (512, 512), (3, 4))] == [6, 4, 8, 0]


@pytest.mark.parametrize("factor", [2, 3, 4])
def test_super_resolution_enlarges_any_size(factor):
    params, made = apply(SRResNet(factor=factor, width=4, blocks=1), source=images(6, 7))
    assert made.shape == (2, 6 * factor, 7 * factor, 3)
    zeroed = jax.tree.map(jnp.zeros_like, params)
    plain = Network(SRResNet(factor=factor, width=4, blocks=1)).apply(zeroed, {}, {"source": images(6, 7)}, train=False)
    np.testing.assert_allclose(plain[0], jax.image.resize(images(6, 7), made.shape, "linear"), atol=1e-6)


def test_pixel_shuffle_puts_channels_in_place():
    x = jnp.arange(2 * 4).reshape(1, 1, 2, 4)
    assert shuffled(x, 2)[0, ..., 0].tolist() == [[0, 1, 4, 5], [2, 3, 6, 7]]


def test_the_critic_of_super_resolution_scores_images():
    assert apply(SRCritic(width=2, downs=2), x=images())[1].shape == (2,)
    with pytest.raises(ValueError, match="factor is 6"):
        apply(SRResNet(factor=6), source=images(4, 4))
