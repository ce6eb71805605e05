"""Step rules, on a game of two numbers whose steps are known by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax import random

from gan_jax.core import steps
from gan_jax.core.fields import Sampler
from gan_jax.core.objective import Aux, Objective, Start
from gan_jax.core.state import TrainState

pytestmark = pytest.mark.heavy

RATE = 0.5


def toward(rival: str):
    """A loss whose gradient is its player's distance from the rival; it counts its updates and sums its batches."""

    def loss(params, state, batch, key, weights):
        own = state.players[other[rival]]
        stats = {"updates": own.stats["updates"] + 1, "seen": batch["x"].sum()}
        metrics = {"noise": random.uniform(key), "drawn": batch["drawn"].sum()}
        value = 0.5 * weights["distance"] * (params - state.players[rival].params) ** 2
        return value, Aux(stats, metrics, {"steps": own.carry["steps"] + state.step})

    return loss


other = {"a": "b", "b": "a"}
SAMPLERS = {"drawn": Sampler(lambda keys, batch: jax.vmap(random.normal)(keys))}
WEIGHTS = {name: {"distance": 1.0} for name in other}
GAME = Objective(init={}, losses={"b": toward("a"), "a": toward("b")}, weights=WEIGHTS, samplers=SAMPLERS)


def sgd(numbers):
    return optax.sgd(numbers["learning_rate"])


def play(rule, repeats, ema=0.0, change=lambda numbers: numbers):
    updates = {name: steps.Update(sgd, {"learning_rate": RATE}, repeats[name], ema) for name in GAME.losses}
    step = jax.jit(rule(GAME, updates))
    params = {"a": 0.0, "b": 8.0}
    first = {"updates": 0, "seen": jnp.float32(0)}
    players = {
        name: steps.start(Start(jnp.float32(value), first, {"steps": jnp.int32(0)}), updates[name])
        for name, value in params.items()
    }
    batches = {"x": jnp.arange(6.0).reshape(3, 2)}
    numbers = change(steps.default_hyperparams(GAME, updates))
    return step(TrainState(jnp.int32(0), players), batches, random.key(0), numbers)


def test_alternating_answers_the_latest_update():
    state, _ = play(steps.alternating, {"a": 1, "b": 1})
    assert float(state.players["b"].params) == 4.0  # half of the way from 8 to 0
    assert float(state.players["a"].params) == 2.0  # half of the way from 0 to the new 4


def test_simultaneous_answers_the_old_one():
    state, _ = play(steps.simultaneous, {"a": 1, "b": 1})
    assert float(state.players["b"].params) == 4.0
    assert float(state.players["a"].params) == 4.0  # half of the way from 0 to the old 8


def test_alternating_on_one_batch_differs_from_alternating_in_the_batches_alone():
    (state, metrics), (one, one_metrics) = (
        play(rule, {"a": 2, "b": 3}) for rule in (steps.alternating, steps.alternating_on_one_batch)
    )
    assert {name: float(player.stats["seen"]) for name, player in state.players.items()} == {"a": 5.0, "b": 9.0}
    assert {name: float(player.stats["seen"]) for name, player in one.players.items()} == {"a": 1.0, "b": 1.0}
    for name in GAME.losses:
        assert int(one.players[name].stats["updates"]) == int(state.players[name].stats["updates"])
        assert float(one.players[name].params) == float(state.players[name].params)
    assert one_metrics == metrics  # the noise of each update among them


def test_alternating_on_same_fakes_shares_batch_and_noise_of_the_last_updates():
    state, metrics = play(steps.alternating_on_same_fakes, {"a": 1, "b": 3})
    assert {name: float(player.stats["seen"]) for name, player in state.players.items()} == {"a": 9.0, "b": 9.0}
    assert metrics["a/noise"] == metrics["b/noise"]
    assert metrics["a/drawn"] == metrics["b/drawn"]
    plain, noise = play(steps.alternating, {"a": 1, "b": 3})
    assert noise["a/noise"] != noise["b/noise"]
    assert noise["a/drawn"] != noise["b/drawn"]
    for name in GAME.losses:
        assert int(state.players[name].stats["updates"]) == int(plain.players[name].stats["updates"])
        assert float(state.players[name].params) == float(plain.players[name].params)


@pytest.mark.parametrize("rule", [steps.alternating, steps.simultaneous])
def test_repeats_are_counted_and_see_batches_of_their_own(rule):
    state, metrics = play(rule, {"a": 1, "b": 3})
    assert int(state.step) == 1
    assert {name: int(player.stats["updates"]) for name, player in state.players.items()} == {"a": 1, "b": 3}
    assert float(state.players["b"].params) == 1.0  # 8 halved three times
    assert float(state.players["b"].stats["seen"]) == 4 + 5  # the third batch
    assert float(state.players["a"].stats["seen"]) == 0 + 1  # the first
    terms = ("loss", "noise", "drawn", "gradient_norm")
    assert set(metrics) == {f"{name}/{term}" for name in GAME.losses for term in terms}
    assert float(metrics["b/gradient_norm"]) == 2.0  # of the last update, from 2 to 1


def test_gradient_norms_are_those_before_the_optimizer():
    _, metrics = play(steps.alternating, {"a": 1, "b": 1})
    assert float(metrics["b/gradient_norm"]) == 8.0
    assert float(metrics["a/gradient_norm"]) == 4.0  # against the new b


def test_moving_average_follows_the_weights_and_starts_as_a_copy():
    update = steps.Update(sgd, {"learning_rate": RATE}, ema=0.75)
    player = steps.start(Start(jnp.float32(8.0), {}, {}), update)
    assert player.ema == player.params
    assert player.ema.unsafe_buffer_pointer() != player.params.unsafe_buffer_pointer()
    state, _ = play(steps.alternating, {"a": 1, "b": 2}, ema=0.75)
    assert float(state.players["b"].ema) == 0.75 * (0.75 * 8 + 0.25 * 4) + 0.25 * 2
    assert steps.start(Start(jnp.float32(8.0), {}, {}), update._replace(ema=0.0)).ema == ()


def test_noise_is_a_function_of_key_step_player_and_repeat():
    _, metrics = play(steps.alternating, {"a": 1, "b": 1})
    _, again = play(steps.alternating, {"a": 1, "b": 1})
    _, second_update = play(steps.alternating, {"a": 1, "b": 2})
    assert metrics == again
    assert metrics["a/noise"] != metrics["b/noise"]
    assert second_update["b/noise"] != metrics["b/noise"]
    np.testing.assert_array_equal(second_update["a/noise"], metrics["a/noise"])


def test_hyperparams_take_the_place_of_the_numbers_that_a_step_was_made_with():
    def change(numbers):
        return {**numbers, "b": steps.Hyperparams({"distance": 2.0}, {"learning_rate": 0.25})}

    state, _ = play(steps.alternating, {"a": 1, "b": 1}, change=change)
    assert float(state.players["b"].params) == 8.0 - 0.25 * 2.0 * 8.0
    state, _ = play(
        steps.alternating, {"a": 1, "b": 1}, change=lambda n: {**n, "b": n["b"]._replace(weights={"distance": 0.0})}
    )
    assert float(state.players["b"].params) == 8.0


def test_losses_see_the_steps_trained_and_remember():
    state, _ = play(steps.alternating, {"a": 1, "b": 2})
    assert {name: int(player.carry["steps"]) for name, player in state.players.items()} == {"a": 0, "b": 0}
    assert int(state.step) == 1
