"""Rounds of DCGAN and WGAN-GP against PyTorch's, step for step: its weights, data and noise, its losses and weights.

The fixtures are made by scripts/make_torch_rounds.py. Batch norm keeps running statistics there by `momentum` 0.1, the
share of the new value, here by 0.9, the share of the old one: the same. But PyTorch runs the unbiased variance, divided
by n - 1, and this project, as Flax, the biased one, divided by n.
"""

from functools import partial
from pathlib import Path
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax import random

from gan_jax import layers
from gan_jax.core import steps
from gan_jax.core.fields import Sampler
from gan_jax.core.networks import Network
from gan_jax.core.objective import Start
from gan_jax.core.state import TrainState
from gan_jax.losses import penalties
from gan_jax.models import dcgan
from gan_jax.objectives import adversarial
from gan_jax.objectives.terms import critic

pytestmark = pytest.mark.heavy

FIXTURES = Path(__file__).parent / "fixtures"
KEY = random.key(0)
ROUNDS, BATCH, DIM = 3, 8, 5
GAMES = {"dcgan": (adversarial.non_saturating, layers.BatchNorm), "wgan_gp": (adversarial.wasserstein_gp, None)}
FIELDS = {"generator": "z", "critic": "x"}
PIXELS = {"generator": (16, 64), "critic": (16,)}  # that each batch norm of a network sees of an example


def modules(norm):
    generator = {"widths": (6, 4), "kernels": (4, 4, 3), "strides": (1, 2, 1), "paddings": (0, 1, 1)}
    critic = {"widths": (4, 6), "kernels": (4, 3), "strides": (2, 1), "paddings": (1, 1)}
    return {
        "generator": Network(dcgan.Generator((8, 8, 1), **generator, norm=norm)),
        "critic": Network(dcgan.Critic(**critic, norm=norm)),
    }


def params(arrays, player):
    """A network's parameters of PyTorch's, by the names and in the layouts that they have here."""
    transposed = player == "generator"
    tree = {}
    for name, array in arrays.items():
        kind, _, number = name.partition("_")
        if kind == "conv":
            layer = f"{'ConvTranspose' if transposed else 'Conv'}_{number}"
            tree[layer] = {"kernel": jnp.asarray(array.transpose((2, 3, 0, 1) if transposed else (2, 3, 1, 0)))}
        elif kind in ("scale", "bias"):
            tree.setdefault(f"BatchNorm_{number}", {})[kind] = jnp.asarray(array)
    return tree


def named(fixture, when, player):
    prefix = f"{when}/{player}/"
    return {name.removeprefix(prefix): fixture[name] for name in fixture.files if name.startswith(prefix)}


def first_state(fixture, nets, updates):
    inputs = {"generator": jnp.zeros((1, DIM)), "critic": jnp.zeros((1, 8, 8, 1))}
    players = {}
    for name, net in nets.items():
        fresh, stats = net.init(KEY, {FIELDS[name]: inputs[name]})
        weights = params(named(fixture, "first", name), name)
        assert jax.tree.map(jnp.shape, weights) == jax.tree.map(jnp.shape, fresh)
        players[name] = steps.start(Start(weights, stats, {}), updates[name])
    return TrainState(jnp.int32(0), players)


def play(game, fixture, monkeypatch):
    """The fixture's rounds by the project's own objective and rule of play -> the last state, metrics by round."""
    monkeypatch.setattr(penalties, "random", SimpleNamespace(uniform=lambda alpha: alpha))
    make, norm = GAMES[game]
    nets = modules(norm or layers.InstanceNorm)
    adam = optax.adam(2e-3, b1=0.5, b2=0.999)
    updates = {
        "critic": steps.Update(lambda numbers: adam, per_step=fixture["real"].shape[1]),
        "generator": steps.Update(lambda numbers: adam),
    }

    @jax.jit
    def one_step(state, batches, z, alpha):
        # Updates are traced in their order, so each takes the noise that is its own.
        draws, weights = iter(z), iter(alpha)
        # The weights of examples stand in the place of their keys.
        monkeypatch.setattr(critic, "example_keys", lambda key, n: next(weights))
        objective = make(networks=nets, samplers={"z": Sampler(lambda keys, batch: next(draws))})
        numbers = steps.default_hyperparams(objective, updates)
        return steps.alternating(objective, updates)(state, batches, KEY, numbers)

    state, rows = first_state(fixture, nets, updates), []
    for step in range(ROUNDS):
        z = jnp.concatenate([fixture["z_critic"][step], fixture["z_generator"][step][None]])
        batches = {"x": jnp.asarray(fixture["real"][step].transpose(0, 1, 3, 4, 2))}
        state, metrics = one_step(state, batches, z, fixture["alpha"][step])
        rows.append(metrics)
    return state, rows


@pytest.mark.parametrize("game", GAMES)
def test_rounds_equal_pytorchs(game, monkeypatch):
    fixture = np.load(FIXTURES / f"torch_rounds_{game}.npz")
    state, rows = play(game, fixture, monkeypatch)
    close = partial(np.testing.assert_allclose, rtol=1e-4, atol=1e-4)
    for name in ("critic_loss", "generator_loss", *(["critic_gradient_penalty"] if game == "wgan_gp" else [])):
        close([row[name.replace("_", "/", 1)] for row in rows], fixture[name.replace("gradient_penalty", "penalty")])
    for name, player in state.players.items():
        expected = params(named(fixture, "last", name), name)
        jax.tree.map(close, player.params, expected)
        moved = jax.tree.map(lambda a, b: np.abs(a - b).max(), expected, params(named(fixture, "first", name), name))
        assert min(jax.tree.leaves(moved)) > 1e-3  # three steps of 2e-3: far more than the tolerance


def test_running_statistics_equal_pytorchs(monkeypatch):
    fixture = np.load(FIXTURES / "torch_rounds_dcgan.npz")
    state, _ = play("dcgan", fixture, monkeypatch)
    for name, pixels in PIXELS.items():
        last = named(fixture, "last", name)
        passes = ROUNDS * (2 if name == "critic" else 1)  # real, then fake
        for number, size in enumerate(pixels):
            running = state.players[name].stats["batch_stats"][f"BatchNorm_{number}"]
            np.testing.assert_allclose(running["mean"], last[f"mean_{number}"], atol=1e-4)
            started, n = 0.9**passes, BATCH * size  # what is left of the first 1
            unbiased = started + (running["var"] - started) * n / (n - 1)
            np.testing.assert_allclose(unbiased, last[f"var_{number}"], atol=1e-4)
