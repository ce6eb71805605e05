"""Moving averages of weights: their warm-up in closed form, by each rule of play, and runs of before there was one."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from conftest import build_on
from jax import random

from gan_jax.core import averages, steps
from gan_jax.core.objective import Aux, Objective, Start
from gan_jax.core.state import TrainState
from gan_jax.errors import UserError
from gan_jax.experiments.updates import make_update

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
