"""A config's numbers are arguments of the program that plays it: cells of a sweep that differ in them compile once."""

import jax
import numpy as np
import pytest
from jax import random

from gan_jax.data import load
from gan_jax.data.feeds import resident
from gan_jax.experiment import build

BATCH = 4
RATES = [f"players.{name}.optimizer.learning_rate" for name in ("critic", "generator")]


@pytest.fixture(scope="module")
def games(tiny):
    """WGAN-GP on points at a config's numbers and at others: cheap to compile."""
    one, other = tiny("grid_wgan_gp"), tiny("grid_wgan_gp")
    for player in other.players.values():
        player.optimizer = {"name": "adam", "learning_rate": 3e-3, "b1": 0.3, "b2": 0.7}
    for player in one.players.values():
        player.optimizer = {"name": "adam", "learning_rate": 1e-3, "b1": 0.5, "b2": 0.9}
    other.objective.penalty_weight = 2.0
    return [build(config.lock(), (2,)) for config in (one.unlock(), other.unlock())]


def played(experiment, numbers):
    dataset = load("grid", "train")
    source = resident(dataset, experiment.scale)
    step, fetch = experiment.traced(source.fetch)

    def call(state, data, indices):
        return step(state, fetch(data, indices), random.key(0))

    state = experiment.init(experiment.keys.init)
    places = np.arange(experiment.batches * BATCH).reshape(experiment.batches, BATCH)
    program = jax.jit(call).lower(state, (source.arrays, numbers), places)
    return program.as_text(), program.compile()(state, (source.arrays, numbers), places)


def test_numbers_are_those_that_only_arithmetic_is_done_with(games):
    assert {*RATES, "objective.penalty_weight"} <= set(games[0].numbers)
    assert not {field for field in games[0].numbers if field.endswith(("ema", "clip_weights", "clip_gradients"))}


def test_configs_of_other_numbers_are_one_program_and_play_by_their_own(games):
    one, other = games
    text, _ = played(one, one.numbers)
    same_text, (state, metrics) = played(other, other.numbers)
    assert text == same_text
    _, (swapped, _) = played(one, other.numbers)
    for a, b in zip(jax.tree.leaves(state), jax.tree.leaves(swapped), strict=True):
        np.testing.assert_array_equal(a, b)

    source = resident(load("grid", "train"), other.scale)
    places = np.arange(other.batches * BATCH).reshape(other.batches, BATCH)
    batches = source.fetch(source.arrays, places)
    written_in, expected = jax.jit(other.train_step)(other.init(other.keys.init), batches, random.key(0))
    for a, b in zip(jax.tree.leaves(state.players), jax.tree.leaves(written_in.players), strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-4, atol=1e-6)
    assert metrics["critic/penalty"] == pytest.approx(float(expected["critic/penalty"]), rel=1e-4)
