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

KEY = random.key(0)


def penalised(network, x):
    """The first parameters, and a compiled loss with a gradient of the gradient in x, its stats and its gradient."""
    params, stats = network.init(KEY, {"x": x})

    def loss(params):
        def scores(x):
            made, after = network.apply(params, stats, {"x": x}, train=True, key=KEY)
            return made.sum(), after

        slope, after = jax.grad(scores, has_aux=True)(x)
        return scores(x)[0] + jnp.square(slope).sum(), after

    return stats, jax.jit(jax.value_and_grad(loss, has_aux=True)).lower(params), params


def test_values_are_the_same_with_noise_stats_and_gradients_of_gradients():
    """The blocks have dropout, and vectors of spectral norm as stats."""
    x, made = random.normal(KEY, (3, 4, 4, 1)), []
    for remat in ("", "Noisy"):
        before, program, params = penalised(Network(Critic(), remat), x)
        made.append((program.as_text().count("optimization_barrier"), program.compile()(params)))
    (fewer, plain), (more, again) = made
    assert fewer < more
    for a, b in zip(*map(jax.tree.leaves, (plain, again)), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
    after = again[0][1]
    assert any(not np.array_equal(a, b) for a, b in zip(*map(jax.tree.leaves, (before, after)), strict=True))


@pytest.mark.skipif(
    jax.__version_info__ < (0, 12) and jax.default_backend() == "cpu",
    reason="the CPU's compiler of earlier releases computes all blocks again at once",
)
def test_it_takes_less_memory():
    x, sizes = jnp.ones((4, 16, 16, 3)), []
    for remat in ("", "Block"):
        _, program, _ = penalised(Network(r3gan.Critic(widths=(32,), blocks=4, group=8), remat), x)
        sizes.append(program.compile().memory_analysis().temp_size_in_bytes)
    assert sizes[1] < 0.8 * sizes[0]


def test_a_config_says_it_by_the_name_of_a_class_that_a_layer_is_of():
    config = load(ROOT / "configs" / "cifar10_r3gan.py").unlock()
    for name in ("Block", "Blok"):
        config.networks.generator.update({"remat": name, "widths": (8, 8), "blocks": 1, "group": 4})
        config.networks.critic.update({"widths": (8, 8), "blocks": 1, "group": 4})
        if name == "Block":
            assert build_on(config, (8, 8, 3), 10)
            continue
        with pytest.raises(
            UserError, match="remat is 'Blok', which no layer of ConditionalGenerator is: it has Block,"
        ):
            build_on(config, (8, 8, 3), 10)
