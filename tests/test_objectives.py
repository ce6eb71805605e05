"""The contract of every objective: a move changes its player only, all is finite, the second round compiles nothing."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax import random

from gan_jax import layers
from gan_jax.core import optimizers, steps
from gan_jax.core.state import TrainState
from gan_jax.distributions import labels, latents
from gan_jax.models import dcgan, mlp
from gan_jax.objectives import adversarial
from gan_jax.parallel import mapping

NETWORKS = {"generator": mlp.Generator((4, 4, 1), widths=(8,)), "critic": mlp.Critic(widths=(8,))}
LAYERS = {"widths": (4,), "classes": 3}
BY_CLASS = {
    "generator": dcgan.ConditionalGenerator(
        (4, 4, 1), **LAYERS, embedding=2, kernels=(4, 3), strides=(1, 1), paddings=(0, 1)
    ),
    "critic": dcgan.ProjectionCritic(
        **LAYERS, kernels=(3,), strides=(2,), paddings=(1,), norm=layers.NoNorm, init_std=0.1
    ),
}
OBJECTIVES = {
    "minimax": adversarial.minimax(**NETWORKS, latent=latents.uniform(3)),
    "non_saturating": adversarial.non_saturating(**NETWORKS, latent=latents.normal(3)),
    "non_saturating by class": adversarial.non_saturating(
        **BY_CLASS, latent=latents.normal(3), condition=labels.labels(3)
    ),
    "non_saturating_r1": adversarial.non_saturating_r1(**NETWORKS, latent=latents.normal(3), penalty_weight=0.01),
    "wasserstein": adversarial.wasserstein(**NETWORKS, latent=latents.normal(3)),
    "wasserstein_gp": adversarial.wasserstein_gp(**NETWORKS, latent=latents.normal(3), penalty_weight=1.0),
    "wasserstein_gp by class": adversarial.wasserstein_gp(
        **BY_CLASS, latent=latents.normal(3), condition=labels.labels(3), penalty_weight=1.0
    ),
}
CRITICS_RATE = {name: 0.05 if name.startswith("wasserstein") else 0.5 for name in OBJECTIVES}
KEY = random.key(0)
BATCHES = {"x": random.uniform(KEY, (1, 16, 4, 4, 1), minval=-1.0), "label": jnp.arange(16)[None] % 3}
each = pytest.mark.parametrize("name", OBJECTIVES)


def game(name, rates):
    objective = OBJECTIVES[name]
    turns = {player: steps.Turn(optax.sgd(rates.get(player, 0.0))) for player in objective.losses}
    if name == "wasserstein" and "critic" in rates:
        turns["critic"] = steps.Turn(optimizers.chain(optax.sgd(rates["critic"]), clip_weights=0.3))
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
    state, step = game(name, {"critic": 0.1 * CRITICS_RATE[name], "generator": 0.1})
    for _ in range(3):
        state, metrics = step(state, BATCHES, KEY)
    assert step._cache_size() == 1
    assert int(state.step) == 3
    scored = {"distance"} if name.startswith("wasserstein") else {"real_probability", "fake_probability", "gap"}
    penalised = {"penalty", "slope", "slope_max"} if "gp" in name or "r1" in name else set()
    logged = {
        "critic": {"loss", "gradient_norm", "accuracy", *scored, *penalised},
        "generator": {"loss", "gradient_norm", "diversity", "nearest", "offset"},
    }
    assert {f"{player}/{term}" for player, terms in logged.items() for term in terms} == set(metrics)
    if penalised:
        assert metrics["critic/slope_max"] > metrics["critic/slope"]
    assert all(jnp.isfinite(leaf).all() for leaf in jax.tree.leaves((state.players, metrics)))


@each
def test_the_critic_learns_a_fixed_generator(name):
    state, step = game(name, {"critic": CRITICS_RATE[name]})
    _, first = step(state, BATCHES, KEY)
    for _ in range(60):
        state, metrics = step(state, BATCHES, KEY)
    assert metrics["critic/loss"] < first["critic/loss"] - 0.5
    assert metrics["critic/accuracy"] > max(0.8, first["critic/accuracy"])
    if name.startswith("wasserstein"):
        assert metrics["critic/distance"] > first["critic/distance"] + 0.5
    else:
        assert metrics["critic/real_probability"] > metrics["critic/fake_probability"] + 0.3


@each
def test_the_generator_learns_to_please_a_fixed_critic(name):
    state, step = game(name, {"generator": 0.5})
    _, first = step(state, BATCHES, KEY)
    for _ in range(60):
        state, metrics = step(state, BATCHES, KEY)
    assert metrics["generator/loss"] < first["generator/loss"]
    if name.startswith("wasserstein"):
        assert metrics["critic/distance"] < first["critic/distance"]
    else:
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
    state, step = game("minimax", {"critic": 0.5})
    for _ in range(200):
        state, metrics = step(state, BATCHES, KEY)
    assert metrics["critic/fake_probability"] < 0.1
    norms = {}
    for name in ("minimax", "non_saturating"):
        objective = adversarial.__dict__[name](**NETWORKS, latent=latents.uniform(3))
        params = state.players["generator"].params
        batch = {"x": BATCHES["x"][0]}
        grads = jax.grad(lambda p, o=objective, b=batch: o.losses["generator"](p, state.players, b, KEY)[0])(params)
        norms[name] = optax.tree.norm(grads)
    assert norms["minimax"] < 0.2 * norms["non_saturating"]


def test_a_loss_draws_what_its_batch_lacks_as_a_rule_of_play_does():
    state, _ = game("wasserstein_gp", {})
    objective, batch = OBJECTIVES["wasserstein_gp"], {"x": BATCHES["x"][0]}
    drawn = objective.draw(batch, KEY)
    assert drawn["z"].shape == (16, 3)
    for player, loss in objective.losses.items():
        alone, given, other = (
            float(loss(state.players[player].params, state.players, b, KEY)[0])
            for b in (batch, drawn, {**batch, "z": -drawn["z"]})
        )
        assert alone == given != other


@pytest.mark.skipif(jax.default_backend() != "cpu", reason="reads the CPU's program")
def test_fakes_that_two_moves_share_are_made_once_in_a_call_of_rounds():
    """The program of `alternating_on_same_fakes` has fewer products: by those of the generator's two layers."""
    objective, batches = OBJECTIVES["non_saturating"], {"x": BATCHES["x"]}
    turns = {player: steps.Turn(optax.sgd(0.1)) for player in objective.losses}
    state, _ = game("non_saturating", {})

    def products(rule):
        def call(state, indices, rounds):
            step = rule(objective, turns)
            return mapping._rounds(lambda state, _: step(state, batches, KEY), state, indices, rounds)

        return jax.jit(call).lower(state, jnp.arange(3), 3).compile().as_text().count(" dot(")

    assert products(steps.alternating_on_same_fakes) == products(steps.alternating) - 2


def test_samples_of_a_class_are_those_that_were_drawn_of_it():
    """`sample` draws a label for each key; told the same labels, `sample_class` makes the same images."""
    state, _ = game("non_saturating by class", {})
    predict = OBJECTIVES["non_saturating by class"].predict
    keys = random.split(KEY, 12)
    (drawn,) = labels.labels(3).draw(keys)
    assert set(drawn.tolist()) == {0, 1, 2}
    images = predict["sample"](state.players, keys)
    np.testing.assert_array_equal(predict["sample_class"](state.players, keys, drawn), images)
    others = predict["sample_class"](state.players, keys, (drawn + 1) % 3)
    assert (jnp.abs(others - images).max((1, 2, 3)) > 1e-3).all()
    assert "sample_class" not in OBJECTIVES["non_saturating"].predict


def test_labels_are_drawn_evenly_and_need_classes():
    (drawn,) = labels.labels(4).draw(random.split(KEY, 2000))
    np.testing.assert_allclose(np.bincount(drawn) / 2000, 0.25, atol=0.04)
    with pytest.raises(ValueError, match="the data set has no labels"):
        labels.labels(0)


def test_a_penalised_critic_may_not_have_batch_statistics():
    networks = {**NETWORKS, "critic": dcgan.Critic(widths=(2, 2), kernels=(3, 3), strides=(1, 1), paddings=(1, 1))}
    objective = adversarial.wasserstein_gp(**networks, latent=latents.normal(3))
    with pytest.raises(ValueError, match="batch statistics"):
        jax.eval_shape(objective.init["critic"], KEY, BATCHES["x"][0])
    jax.eval_shape(adversarial.wasserstein(**networks, latent=latents.normal(3)).init["critic"], KEY, BATCHES["x"][0])


def test_a_penaltys_weight_may_not_be_negative():
    with pytest.raises(ValueError, match=r"penalty_weight is -1\.0: it must be at least 0"):
        adversarial.wasserstein_gp(**NETWORKS, latent=latents.normal(3), penalty_weight=-1.0)
