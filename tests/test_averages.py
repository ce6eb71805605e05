"""Moving averages of weights: their warm-up in closed form, by each rule of play, and their batch statistics."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from conftest import build_on
from jax import random

from gan_jax.core import averages, steps
from gan_jax.core.networks import Network
from gan_jax.core.objective import Aux, Objective, Start
from gan_jax.core.state import Player, TrainState
from gan_jax.errors import UserError
from gan_jax.experiments.updates import make_update
from gan_jax.layers import BatchNorm

pytestmark = pytest.mark.heavy

EMA, STEPS = 0.9999, 300


def decay(kind, n):
    return {
        "none": EMA,
        "ratio": min(EMA, (1 + n) / (10 + n)),
        "half_life": min(EMA, 0.5 ** (1 / (0.05 * n))),
    }[kind]


@pytest.mark.parametrize("kind", averages.WARMUPS)
def test_the_decay_is_the_formulas_and_in_the_end_ema(kind):
    for n in (1, 2, 9, 300, 80_000, 100_000, 10**9):
        toward = averages.WARMUPS[kind](EMA, jnp.float32(n))
        assert float(toward) == pytest.approx(1 - decay(kind, n), rel=1e-4)
    assert jnp.float32(toward) == jnp.float32(1 - EMA)


def falling(params, state, batch, key, weights):
    """A loss that moves its player by -1 an update at a rate of 1."""
    return params, Aux({}, {}, {})


def sgd(numbers):
    return optax.sgd(1.0)


@pytest.mark.parametrize("rule", [steps.alternating, steps.alternating_on_same_fakes, steps.simultaneous])
@pytest.mark.parametrize("kind", averages.WARMUPS)
def test_the_average_is_of_the_updates_made_in_every_rule_and_after_resuming(rule, kind):
    each = {"once": 1, "twice": 2}
    updates = {name: steps.Update(sgd, {}, some, EMA, averages.WARMUPS[kind]) for name, some in each.items()}
    game = Objective(init={}, losses=dict.fromkeys(each, falling), weights={name: {} for name in each})
    step, numbers = rule(game, updates), steps.default_hyperparams(game, updates)
    batches = {"x": jnp.zeros((2, 1))}
    players = {name: steps.start(Start(jnp.float32(0), {}, {}), update) for name, update in updates.items()}

    def play(state, steps):
        return jax.lax.fori_loop(0, steps, lambda _, state: step(state, batches, random.key(0), numbers)[0], state)

    state = play(play(TrainState(jnp.int32(0), players), 100), STEPS - 100)
    for name, some in each.items():
        average = 0.0
        for n in range(1, some * STEPS + 1):
            average = decay(kind, n) * average + (1 - decay(kind, n)) * -n
        assert float(state.players[name].params) == -some * STEPS
        assert float(state.players[name].ema) == pytest.approx(average, rel=1e-4)


def test_batch_statistics_of_an_average_are_measured_in_the_first_steps_and_then_in_every_tenth():
    def loss(params, state, batch, key, weights):
        old = state.players["one"].stats["inner"]
        mean = 0.5 * old["batch_stats"]["mean"] + 0.5 * params
        return params, Aux({"inner": {"batch_stats": {"mean": mean}, "codebook": old["codebook"] + 1}}, {}, {})

    updates = {"one": steps.Update(sgd, {}, 1, 0.75)}
    game = Objective(init={}, losses={"one": loss}, weights={"one": {}})
    step, numbers = steps.alternating(game, updates), steps.default_hyperparams(game, updates)
    first = {"inner": {"batch_stats": {"mean": jnp.float32(3)}, "codebook": jnp.float32(0)}}
    player = steps.start(Start(jnp.float32(0), first, {}), updates["one"])
    assert player.ema_stats == first
    copied = player.ema_stats["inner"]["batch_stats"]["mean"]
    assert copied.unsafe_buffer_pointer() != first["inner"]["batch_stats"]["mean"].unsafe_buffer_pointer()
    state, average, mean = TrainState(jnp.int32(0), {"one": player}), 0.0, 3.0
    for n in range(125):
        state, _ = jax.jit(step)(state, {"x": jnp.zeros((1, 1))}, random.key(0), numbers)
        average = 0.75 * average + 0.25 * -(n + 1)
        mean = 0.5 * mean + 0.5 * average if n < 100 or n % 10 == 0 else mean
        found = state.players["one"].ema_stats["inner"]
        assert float(found["batch_stats"]["mean"]) == pytest.approx(mean, rel=1e-5)
        assert float(found["codebook"]) == n + 1  # that of the weights as trained


@pytest.mark.parametrize("stats", [{}, {"codebook": {"mean": jnp.zeros(1)}}])
def test_an_average_without_batch_norm_has_the_statistics_of_the_weights_as_trained(stats):
    player = steps.start(Start({"w": jnp.float32(0)}, stats, {}), steps.Update(sgd, {}, 1, 0.75))
    assert player.ema_stats == ()
    assert player.averaged() == player._replace(params=player.ema)
    assert steps.start(Start(0.0, {"batch_stats": {}}, {}), steps.Update(sgd)).ema_stats == ()


def test_predictions_by_an_average_use_its_own_batch_statistics():
    player = Player("raw", "raw's", (), "average", (), "average's")
    assert player.averaged()[:2] == ("average", "average's")
    assert player._replace(ema=()).averaged()[:2] == ("raw", "raw's")


class Normalised(nn.Module):
    """z [b, 3] -> [b, 2]: a product and batch norm. For normal z the variances are sums of the kernel's squares."""

    @nn.compact
    def __call__(self, z, *, train):
        return BatchNorm(affine=False)(nn.Dense(2, use_bias=False, name="product")(z), train=train)


def test_batch_statistics_of_an_average_are_those_of_its_activations():
    network, target = Network(Normalised()), jnp.array([[1.0, -0.5], [0.5, 1.0], [-1.0, 2.0]])

    def loss(params, state, batch, key, weights):
        z, away = random.normal(key, (500, 3)), random.normal(random.fold_in(key, 1), (3, 2))
        _, stats = network.apply(params, state.players["one"].stats, {"z": z}, train=True)
        # At a rate of 1 the weights are the target and new noise after each update, and their average is the target.
        return jnp.square(params["product"]["kernel"] - target - away).sum() / 2, Aux(stats, {}, {})

    updates = {"one": steps.Update(sgd, {}, 1, 0.99)}
    game = Objective(init={}, losses={"one": loss}, weights={"one": {}})
    step, numbers = steps.alternating(game, updates), steps.default_hyperparams(game, updates)
    first = Start(*network.init(random.key(1), {"z": jnp.zeros((1, 3))}), {})
    state = TrainState(jnp.int32(0), {"one": steps.start(first, updates["one"])})
    batches = {"x": jnp.zeros((1, 1))}
    state = jax.lax.fori_loop(0, 900, lambda _, now: step(now, batches, random.key(0), numbers)[0], state)
    player = state.players["one"]
    own, trained = (jax.tree.leaves(stats)[1] for stats in (player.ema_stats, player.stats))
    np.testing.assert_allclose(own, jnp.square(player.ema["product"]["kernel"]).sum(0), rtol=0.1)
    np.testing.assert_allclose(own, jnp.square(target).sum(0), rtol=0.2)
    assert np.all(trained > jnp.square(target).sum(0) + 1)  # to which the noise adds its own variance, 3


def test_after_300_updates_the_first_weights_have_no_share():
    first = {kind: np.prod([decay(kind, n) for n in range(1, STEPS + 1)]) for kind in averages.WARMUPS}
    assert first["none"] == pytest.approx(0.97, abs=0.001)
    assert max(first["ratio"], first["half_life"]) < 1e-12


def test_warm_up_is_on_unless_a_config_says_otherwise(tiny):
    config = tiny().copy_and_resolve_references()
    config.players.generator.ema = EMA
    assert config.players.generator.ema_warmup == "ratio"
    for name, warmup in averages.WARMUPS.items():
        config.players.generator.ema_warmup = name
        update = make_update("generator", config.players.generator)
        assert (update.ema, update.warmup) == (EMA, warmup)
    config.players.generator.ema_warmup = "half-life"
    with pytest.raises(
        UserError, match=r"config\.players\.generator\.ema_warmup is 'half-life': did you mean half_life"
    ):
        build_on(config, (8, 8, 1))
