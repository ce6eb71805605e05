"""A config's numbers are arguments of the program that trains it: cells of a sweep that differ in them compile once."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import build_on
from jax import random

from gan_jax.data import load

BATCH = 4
ADAM = {"name": "adam", "learning_rate": 1e-3, "b1": 0.5, "b2": 0.9}
OTHER = {"name": "adam", "learning_rate": 3e-3, "b1": 0.3, "b2": 0.7}


@pytest.fixture(scope="module")
def experiments(tiny):
    """WGAN-GP on points at a config's numbers and at others: cheap to compile."""
    made = []
    for adam, weight in ((ADAM, 0.1), (OTHER, 2.0)):
        config = tiny("grid_wgan_gp").unlock()
        for player in config.players.values():
            player.optimizer = dict(adam)
        config.objective.critic.gradient_penalty = weight
        made.append(build_on(config.lock(), (2,)))
    return made


def trained(experiment, hyperparams):
    """The program of a step, and what it makes of the first state."""
    x = load("grid", "train").x[: experiment.updates_per_step * BATCH]
    batches = {"x": jnp.asarray(x).reshape(experiment.updates_per_step, BATCH, 2)}
    arguments = experiment.init(experiment.keys.init), batches, random.key(0), hyperparams
    program = jax.jit(experiment.train_step).lower(*arguments)
    return program.as_text(), program.compile()(*arguments)


def test_hyperparams_are_those_that_only_arithmetic_is_done_with(experiments):
    critic = experiments[0].hyperparams["critic"]
    assert critic.weights == {"wasserstein": 1.0, "gradient_penalty": 0.1}
    assert critic.optimizer == {"learning_rate": 1e-3, "b1": 0.5, "b2": 0.9}


def test_configs_of_other_numbers_are_one_program_and_train_by_their_own(experiments):
    one, other = experiments
    text, (first, _) = trained(one, one.hyperparams)
    same_text, (state, metrics) = trained(other, other.hyperparams)
    assert text == same_text
    _, (swapped, _) = trained(one, other.hyperparams)
    for a, b in zip(jax.tree.leaves(state), jax.tree.leaves(swapped), strict=True):
        np.testing.assert_array_equal(a, b)
    moved = zip(jax.tree.leaves(first.players), jax.tree.leaves(state.players), strict=True)
    assert any(not np.array_equal(a, b) for a, b in moved)
    total = metrics["critic/wasserstein"] + 2.0 * metrics["critic/gradient_penalty"]
    np.testing.assert_allclose(metrics["critic/loss"], total, rtol=1e-5)
