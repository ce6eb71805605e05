"""The contract of every objective: a move changes its player only, all is finite, the second round compiles nothing."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax import random

from gan_jax import latents, steps
from gan_jax.models import mlp
from gan_jax.objectives import adversarial
from gan_jax.state import TrainState

NETWORKS = {"generator": mlp.Generator((4, 4, 1), widths=(8,)), "critic": mlp.Critic(widths=(8,))}
OBJECTIVES = {
    "minimax": adversarial.minimax(**NETWORKS, latent=latents.uniform(3)),
    "non_saturating": adversarial.non_saturating(**NETWORKS, latent=latents.normal(3)),
}
KEY = random.key(0)
BATCHES = {"x": random.uniform(KEY, (1, 16, 4, 4, 1), minval=-1.0)}
each = pytest.mark.parametrize("name", OBJECTIVES)


def game(name, rates):
    objective = OBJECTIVES[name]
    turns = {player: steps.Turn(optax.sgd(rates.get(player, 0.0))) for player in objective.losses}
    players = {p: steps.start(*init(KEY, BATCHES["x"][0]), turns[p]) for p, init in objective.init.items()}
    return TrainState(jnp.int32(0), players), jax.jit(steps.alternating(objective, turns))


@each
def test_a_move_changes_its_player_only(name):
    for mover in OBJECTIVES[name].losses:
        before, step = game(name, {mover: 0.1})
        after, _ = step(before, BATCHES, KEY)
        for player in before.players:
            old, new = (jax.tree.leaves(state.players[player].params) for state in (before, after))
            same = all(np.array_equal(a, b) for a, b in zip(old, new, strict=True))
            assert same == (player != mover)


@each
def test_rounds_are_finite_and_compile_once(name):
    state, step = game(name, {"critic": 0.1, "generator": 0.1})
    for _ in range(3):
        state, metrics = step(state, BATCHES, KEY)
    assert step._cache_size() == 1
    assert int(state.step) == 3
    assert {"critic/loss", "generator/loss", "critic/real_probability", "critic/fake_probability"} == set(metrics)
    assert all(jnp.isfinite(leaf).all() for leaf in jax.tree.leaves((state.players, metrics)))


@each
def test_the_critic_learns_a_fixed_generator(name):
    state, step = game(name, {"critic": 0.5})
    _, first = step(state, BATCHES, KEY)
    for _ in range(60):
        state, metrics = step(state, BATCHES, KEY)
    assert metrics["critic/loss"] < 0.5 * first["critic/loss"]
    assert metrics["critic/real_probability"] > metrics["critic/fake_probability"] + 0.3


@each
def test_the_generator_learns_to_please_a_fixed_critic(name):
    state, step = game(name, {"generator": 0.5})
    _, first = step(state, BATCHES, KEY)
    for _ in range(60):
        state, metrics = step(state, BATCHES, KEY)
    assert metrics["generator/loss"] < first["generator/loss"]
    assert metrics["critic/fake_probability"] > first["critic/fake_probability"]


@each
def test_predictions_belong_to_their_keys(name):
    objective = OBJECTIVES[name]
    state, _ = game(name, {})
    keys = random.split(KEY, 5)
    images = objective.predict["sample"](state.players, keys)
    assert images.shape == (5, 4, 4, 1)
    np.testing.assert_allclose(images[2:4], objective.predict["sample"](state.players, keys[2:4]), atol=1e-6)
    walks = objective.predict["interpolate"](state.players, keys, jnp.linspace(0, 1, 3))
    assert walks.shape == (5, 3, 4, 4, 1)
    assert jnp.abs(walks[:, 0] - walks[:, -1]).max() > 0


def test_generators_gradients_differ_as_the_notes_say():
    """With the same critic and fakes, minimax's gradient is the smaller one where the critic is sure of the fakes."""
    states = {name: game(name, {"critic": 0.5}) for name in OBJECTIVES}
    state, step = states["minimax"]
    for _ in range(200):
        state, metrics = step(state, BATCHES, KEY)
    assert metrics["critic/fake_probability"] < 0.1
    norms = {}
    for name in OBJECTIVES:
        objective = adversarial.__dict__[name](**NETWORKS, latent=latents.uniform(3))
        params = state.players["generator"].params
        batch = {"x": BATCHES["x"][0]}
        grads = jax.grad(lambda p, o=objective, b=batch: o.losses["generator"](p, state.players, b, KEY)[0])(params)
        norms[name] = optax.tree.norm(grads)
    assert norms["minimax"] < 0.2 * norms["non_saturating"]
