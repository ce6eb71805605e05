"""Rules of play: in what order, and against whom, the players of an objective move in one round.

A rule takes `(objective, turns)`, the latter by player, and returns a pure function
`train_step(state, batches, key) -> (state, metrics)`: `batches` are [max repeats, b, ...], a batch of its own for each
repeat; `key` is the run's constant key; metrics are float32 scalars named `player/term`, of each player's last move.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import optax
from jax import random

from gan_jax.core import averages, diagnostics
from gan_jax.core.collectives import mean
from gan_jax.core.objective import Batch, LossFn, Objective
from gan_jax.core.state import Player, Players, TrainState, Tree

__all__ = [  # what a config can name
    "alternating",
    "alternating_on_one_batch",
    "alternating_on_same_fakes",
    "simultaneous",
]

Metrics: TypeAlias = dict[str, jax.Array]
TrainStep: TypeAlias = Callable[[TrainState, Batch, jax.Array], tuple[TrainState, Metrics]]
Move: TypeAlias = tuple[Batch, jax.Array]
"""What one move is made on: a batch [b, ...], and a key."""


class Turn(NamedTuple):
    """How a player moves in a round: by which optimizer, how often, and the decay of its moving average (0 = none)."""

    optimizer: optax.GradientTransformation
    repeats: int = 1
    ema: float = 0.0
    warmup: averages.Warmup = averages.constant


Turns: TypeAlias = Mapping[str, Turn]


def alternating(objective: Objective, turns: Turns) -> TrainStep:
    """Each player moves in turn, `repeats` times, against the others as they stand after their latest moves."""

    def train_step(state: TrainState, batches: Batch, key: jax.Array) -> tuple[TrainState, Metrics]:
        key = random.fold_in(key, state.step)
        players, metrics = dict(state.players), {}
        for number, (name, loss) in enumerate(objective.losses.items()):
            moves = _moves(objective, batches, random.fold_in(key, number), turns[name].repeats)
            players[name], metrics[name] = _play(name, loss, turns[name], players, moves, state.step)
        return TrainState(state.step + 1, players), _flat(metrics)

    return train_step


def alternating_on_same_fakes(objective: Objective, turns: Turns) -> TrainStep:
    """`alternating`, but the last moves of all players in a round share batch and noise.

    So a generator answers the critic on the very fakes that it has just seen, as in DCGAN's own code, and they are made
    once: of the same latents, so that the compiler finds the generator's two forward passes to be one.
    """
    most = max(turn.repeats for turn in turns.values())

    def train_step(state: TrainState, batches: Batch, key: jax.Array) -> tuple[TrainState, Metrics]:
        moves = _moves(objective, batches, random.fold_in(key, state.step), most)
        players, metrics = dict(state.players), {}
        for name, loss in objective.losses.items():
            last = moves[most - turns[name].repeats :]
            players[name], metrics[name] = _play(name, loss, turns[name], players, last, state.step)
        return TrainState(state.step + 1, players), _flat(metrics)

    return train_step


def alternating_on_one_batch(objective: Objective, turns: Turns) -> TrainStep:
    """`alternating`, but all moves of a round see its first batch; noise is still each move's own."""
    step = alternating(objective, turns)

    def train_step(state: TrainState, batches: Batch, key: jax.Array) -> tuple[TrainState, Metrics]:
        first = {field: jnp.broadcast_to(values[:1], values.shape) for field, values in batches.items()}
        return step(state, first, key)

    return train_step


def simultaneous(objective: Objective, turns: Turns) -> TrainStep:
    """All players move at once, `repeats` times each, against the others as they stood when the round began."""

    def train_step(state: TrainState, batches: Batch, key: jax.Array) -> tuple[TrainState, Metrics]:
        key = random.fold_in(key, state.step)
        players, metrics = {}, {}
        for number, (name, loss) in enumerate(objective.losses.items()):
            moves = _moves(objective, batches, random.fold_in(key, number), turns[name].repeats)
            players[name], metrics[name] = _play(name, loss, turns[name], state.players, moves, state.step)
        return TrainState(state.step + 1, players), _flat(metrics)

    return train_step


def start(params: Tree, stats: Tree, turn: Turn) -> Player:
    """A player before its first move. Its moving average is a copy, never the same buffer: state is donated."""
    return Player(params, stats, turn.optimizer.init(params), jax.tree.map(jnp.copy, params) if turn.ema else ())


def _moves(objective: Objective, batches: Batch, key: jax.Array, repeats: int) -> list[Move]:
    """What a round's moves are made on: each repeat's batch, with what is drawn for it, and key."""
    keys = [random.fold_in(key, repeat) for repeat in range(repeats)]
    own = [{field: values[repeat] for field, values in batches.items()} for repeat in range(repeats)]
    return [(objective.draw(batch, key), key) for batch, key in zip(own, keys, strict=True)]


def _play(
    name: str, loss: LossFn, turn: Turn, players: Players, moves: list[Move], step: jax.Array
) -> tuple[Player, Metrics]:
    """One player's moves of the round after `step` -> the player, its last move's metrics."""
    metrics: Metrics = {}
    before = step.astype(jnp.float32) * turn.repeats  # updates; in int32 they would overflow before the steps do
    for number, (batch, key) in enumerate(moves, 1):
        player, metrics = _move(players[name], loss, turn, players, batch, key)
        if turn.ema:
            toward = turn.warmup(turn.ema, before + number)
            player = player._replace(ema=optax.incremental_update(player.params, players[name].ema, toward))
        players = {**players, name: player}
    return players[name], metrics


def _move(
    player: Player, loss: LossFn, turn: Turn, players: Players, batch: Batch, key: jax.Array
) -> tuple[Player, Metrics]:
    (value, aux), grads = jax.value_and_grad(loss, has_aux=True)(player.params, players, batch, key)
    grads, metrics = mean((grads, {"loss": value, **aux.metrics}))
    metrics |= {"gradient_norm": diagnostics.norm(grads)}
    updates, opt_state = turn.optimizer.update(grads, player.opt_state, player.params)
    params = optax.apply_updates(player.params, updates)
    return Player(params, aux.stats, opt_state), metrics


def _flat(metrics: dict[str, Metrics]) -> Metrics:
    return {f"{name}/{term}": value for name, terms in metrics.items() for term, value in terms.items()}
