"""Rules of play: in what order, and against whom, the players of an objective move in one round.

A rule takes `(objective, optimizers, repeats)`, the last two by player, and returns a pure function
`train_step(state, batches, key) -> (state, metrics)`: `batches` are [max repeats, b, ...], a batch of its own for each
repeat; `key` is the run's constant key; metrics are float32 scalars named `player/term`, of each player's last move.
"""

from collections.abc import Callable, Mapping
from typing import TypeAlias

import jax
import optax
from jax import random

from gan_jax.batch import mean
from gan_jax.objectives.base import Batch, LossFn, Objective
from gan_jax.state import Player, Players, TrainState

__all__ = ["alternating", "simultaneous"]

Metrics: TypeAlias = dict[str, jax.Array]
TrainStep: TypeAlias = Callable[[TrainState, Batch, jax.Array], tuple[TrainState, Metrics]]
Optimizers: TypeAlias = Mapping[str, optax.GradientTransformation]


def alternating(objective: Objective, optimizers: Optimizers, repeats: Mapping[str, int]) -> TrainStep:
    """Each player moves in turn, `repeats` times, against the others as they stand after their latest moves."""

    def train_step(state: TrainState, batches: Batch, key: jax.Array) -> tuple[TrainState, Metrics]:
        key = random.fold_in(key, state.step)
        players, metrics = dict(state.players), {}
        for number, (name, loss) in enumerate(objective.losses.items()):
            turn = _turn(name, loss, optimizers[name], repeats[name])
            players[name], metrics[name] = turn(players, batches, random.fold_in(key, number))
        return TrainState(state.step + 1, players), _flat(metrics)

    return train_step


def simultaneous(objective: Objective, optimizers: Optimizers, repeats: Mapping[str, int]) -> TrainStep:
    """All players move at once, `repeats` times each, against the others as they stood when the round began."""

    def train_step(state: TrainState, batches: Batch, key: jax.Array) -> tuple[TrainState, Metrics]:
        key = random.fold_in(key, state.step)
        players, metrics = {}, {}
        for number, (name, loss) in enumerate(objective.losses.items()):
            turn = _turn(name, loss, optimizers[name], repeats[name])
            players[name], metrics[name] = turn(state.players, batches, random.fold_in(key, number))
        return TrainState(state.step + 1, players), _flat(metrics)

    return train_step


def _turn(name: str, loss: LossFn, optimizer: optax.GradientTransformation, repeats: int):
    """One player's moves of a round: `(players, batches, key) -> (the player, its last move's metrics)`."""

    def turn(players: Players, batches: Batch, key: jax.Array) -> tuple[Player, Metrics]:
        metrics: Metrics = {}
        for repeat in range(repeats):
            batch = {field: values[repeat] for field, values in batches.items()}
            player, metrics = _move(players[name], loss, optimizer, players, batch, random.fold_in(key, repeat))
            players = {**players, name: player}
        return players[name], metrics

    return turn


def _move(player, loss, optimizer, players, batch, key) -> tuple[Player, Metrics]:
    (value, aux), grads = jax.value_and_grad(loss, has_aux=True)(player.params, players, batch, key)
    grads, metrics = mean((grads, {"loss": value, **aux.metrics}))
    updates, opt_state = optimizer.update(grads, player.opt_state, player.params)
    return Player(optax.apply_updates(player.params, updates), aux.stats, opt_state), metrics


def _flat(metrics: dict[str, Metrics]) -> Metrics:
    return {f"{name}/{term}": value for name, terms in metrics.items() for term, value in terms.items()}
