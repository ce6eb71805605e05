"""Blocks whose activations are computed again: the same values and gradients, for less memory."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import ROOT, build_on
from jax import random
from my_lab.blocks import Critic

from gan_jax.config import load
from gan_jax.core.networks import Network
from gan_jax.errors import UserError
from gan_jax.models import r3gan

pytestmark = pytest.mark.heavy

KEY = random.key(0)


def penalised(network, x):
    """The first parameters and stats, and a loss with a gradient of the gradient in x, beside its stats."""
    params, stats = network.init(KEY, {"x": x})

    def loss(params):
        def scores(x):
            made, after = network.apply(params, stats, {"x": x}, train=True, key=KEY)
            return made.sum(), after

        slope, after = jax.grad(scores, has_aux=True)(x)
        return scores(x)[0] + jnp.square(slope).sum(), after

    return params, stats, loss


def test_values_are_the_same_with_noise_stats_and_gradients_of_gradients():
    """The blocks have dropout, and vectors of spectral norm as stats."""
    x, made = random.normal(KEY, (3, 4, 4, 1)), []
    for remat in ("", "Noisy"):
        params, before, loss = penalised(Network(Critic(), remat), x)
        program = jax.jit(jax.value_and_grad(loss, has_aux=True)).lower(params)
        made.append((program.as_text().count("optimization_barrier"), program.compile()(params)))
    (fewer, plain), (more, again) = made
    assert fewer < more
    for a, b in zip(*map(jax.tree.leaves, (plain, again)), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
    after = again[0][1]
    assert any(not np.array_equal(a, b) for a, b in zip(*map(jax.tree.leaves, (before, after)), strict=True))


def test_a_gradient_keeps_less():
    """The bytes kept between a loss and its gradient; what a compiler makes of it differs by platform."""
    x, kept = jnp.ones((4, 16, 16, 3)), []
    for remat in ("", "Block"):
        params, _, loss = penalised(Network(r3gan.Critic(widths=(32,), blocks=12, group=8), remat), x)
        shapes = jax.eval_shape(lambda params, loss=loss: jax.vjp(loss, params, has_aux=True)[1], params)
        kept.append(sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(shapes)))
    assert kept[1] < 0.15 * kept[0]


def test_a_config_says_it_by_the_name_of_a_class_that_a_layer_is_of():
    config = load(ROOT / "configs" / "cifar10_r3gan.py").unlock()
    for name in ("Block", "Blok"):
        config.networks.generator.update({"remat": name, "widths": (8, 8), "blocks": 1, "group": 4})
        config.networks.critic.update({"widths": (8, 8), "blocks": 1, "group": 4})
        if name == "Block":
            assert build_on(config, (8, 8, 3), 10)
            continue
        with pytest.raises(
            UserError, match="remat is 'Blok', but ConditionalGenerator has no such layer: it has Block,"
        ):
            build_on(config, (8, 8, 3), 10)
