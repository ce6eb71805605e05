"""Step rules: the order in which the players of an objective are updated in one step, and against which others.

A rule takes `(objective, updates)`, the latter by player, and returns a pure function `train_step(state, batches, key,
hyperparams) -> (state, metrics)`. `batches` are [max updates_per_step, b, ...]: each of a player's updates has its own.
`key` is the run's constant key, and `hyperparams` are the numbers of `default_hyperparams`. Metrics are float32 scalars
named `player/term`, from each player's last update.
"""

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import optax
from jax import random

from gan_jax.core import averages, diagnostics
from gan_jax.core.accumulate import in_parts
from gan_jax.core.collectives import mean
from gan_jax.core.fields import Batch, fill, stream
from gan_jax.core.objective import Aux, LossFn, Metrics, Objective, Start
from gan_jax.core.state import Player, TrainState, Tree

__all__ = [  # what a config can name
    "alternating",
    "alternating_on_one_batch",
    "alternating_on_same_fakes",
    "simultaneous",
]

Numbers: TypeAlias = Mapping[str, Any]


class Hyperparams(NamedTuple):
    """The numbers that one player is trained with: its terms' weights, its optimizer's, and frozen networks' params.

    They are an argument of the train step, so that runs that differ in them alone share one compiled program. `frozen`
    are the params, by name, of networks that its terms use and nobody trains. They are not part of the state.
    """

    weights: Numbers
    optimizer: Numbers
    frozen: Tree = ()


TrainStep: TypeAlias = Callable[[TrainState, Batch, jax.Array, Mapping[str, Hyperparams]], tuple[TrainState, Metrics]]
Inputs: TypeAlias = tuple[Batch, jax.Array]
"""The batch and the key of one update."""


class Update(NamedTuple):
    """The settings of a player's updates.

    Attributes:
        optimizer: `numbers -> optax transformation`, from the optimizer's numbers by name.
        numbers: the values of these numbers.
        per_step: the number of updates in a step; 0 for a player that is never updated.
        ema: the decay of the moving average of the parameters, or a schedule of it by updates; 0 for none.
        warmup: how the decay rises to `ema` from the first update on.
        accumulate: the number of equal parts of a batch whose gradients are computed one after the other.
        frozen: the keys of the player's parameters and statistics that stay as they are: its frozen networks.
    """

    optimizer: Callable[[Numbers], optax.GradientTransformation]
    numbers: Numbers = MappingProxyType({})
    per_step: int = 1
    ema: float | Callable[[jax.Array], Any] = 0.0
    warmup: averages.Warmup = averages.constant
    accumulate: int = 1
    frozen: frozenset[str] = frozenset()

    def moved(self, params: Tree) -> Tree:
        """Returns the part of the player's parameters that the optimizer moves."""
        return {key: part for key, part in params.items() if key not in self.frozen} if self.frozen else params

    def joined(self, params: Tree, moved: Tree) -> Tree:
        """Returns the player's parameters or statistics with a new moved part."""
        return {**moved, **{key: params[key] for key in self.frozen if key in params}} if self.frozen else moved


Updates: TypeAlias = Mapping[str, Update]


def default_hyperparams(objective: Objective, updates: Updates) -> dict[str, Hyperparams]:
    """Returns the numbers that the objective and the updates were made with, by player, without schedules."""
    return {
        name: Hyperparams(
            {term: weight for term, weight in objective.weights[name].items() if not callable(weight)},
            dict(updates[name].numbers),
            dict(objective.frozen.get(name, {})),
        )
        for name in objective.losses
    }


def alternating(objective: Objective, updates: Updates) -> TrainStep:
    """Each player is updated in turn, against the others as they stand after their latest updates."""
    return _in_order(objective, updates, against=lambda before, after: after)


def simultaneous(objective: Objective, updates: Updates) -> TrainStep:
    """All players are updated at once, against the others as they stood when the step began."""
    return _in_order(objective, updates, against=lambda before, after: before)


def alternating_on_same_fakes(objective: Objective, updates: Updates) -> TrainStep:
    """`alternating`, but the last updates of all players in a step share batch and noise.

    So a generator is updated on the same fakes that the critic has just seen, as in DCGAN's own code. They are made
    once: the latents are the same, so the compiler merges the generator's two forward passes.
    """
    most = max(update.per_step for update in updates.values())

    def train_step(
        state: TrainState, batches: Batch, key: jax.Array, hyperparams: Mapping[str, Hyperparams]
    ) -> tuple[TrainState, Metrics]:
        inputs = _inputs(objective, batches, random.fold_in(key, state.step), most)
        after, metrics = state, {}
        for name in objective.losses:
            last = inputs[most - updates[name].per_step :]  # a player with fewer updates takes part in the last ones
            player, metrics[name] = _train(objective, updates, name, after, last, hyperparams[name])
            after = _with(after, name, player)
        return after._replace(step=state.step + 1), _flat(metrics)

    return train_step


def alternating_on_one_batch(objective: Objective, updates: Updates) -> TrainStep:
    """`alternating`, but all updates of a step see its first batch; noise is still each update's own."""
    step = alternating(objective, updates)

    def train_step(
        state: TrainState, batches: Batch, key: jax.Array, hyperparams: Mapping[str, Hyperparams]
    ) -> tuple[TrainState, Metrics]:
        first = {field: jnp.broadcast_to(values[:1], values.shape) for field, values in batches.items()}
        return step(state, first, key, hyperparams)

    return train_step


def start(first: Start, update: Update) -> Player:
    """Returns a player before its first update. Without updates it has no optimizer state and no moving average.

    The moving average is a copy, never the same buffer, because a state's buffers are donated.
    """
    if not update.per_step:
        return Player(first.params, first.stats, (), (), first.carry)
    opt_state = update.optimizer(update.numbers).init(update.moved(first.params))
    ema = jax.tree.map(jnp.copy, first.params) if update.ema else ()
    ema_stats = jax.tree.map(jnp.copy, first.stats) if update.ema and averages.has_batch_stats(first.stats) else ()
    return Player(first.params, first.stats, opt_state, ema, first.carry, ema_stats)


def _in_order(
    objective: Objective, updates: Updates, *, against: Callable[[TrainState, TrainState], TrainState]
) -> TrainStep:
    """Returns the train step that makes a player's k-th update on the k-th batch, with noise of its own.

    against: `(state before the step, state after the players so far) -> the state that the next one is updated in`.
    """

    def train_step(
        state: TrainState, batches: Batch, key: jax.Array, hyperparams: Mapping[str, Hyperparams]
    ) -> tuple[TrainState, Metrics]:
        key, after, metrics = random.fold_in(key, state.step), state, {}
        for number, name in enumerate(objective.losses):
            inputs = _inputs(objective, batches, random.fold_in(key, number), updates[name].per_step)
            rivals = against(state, after)
            player, metrics[name] = _train(objective, updates, name, rivals, inputs, hyperparams[name])
            after = _with(after, name, player)
        return after._replace(step=state.step + 1), _flat(metrics)

    return train_step


def _inputs(objective: Objective, batches: Batch, key: jax.Array, updates: int) -> list[Inputs]:
    """Returns the batches of a step's updates, with the fields that samplers fill in, and their keys."""
    keys = [random.fold_in(key, number) for number in range(updates)]
    own = [{field: values[number] for field, values in batches.items()} for number in range(updates)]
    return [(fill(objective.samplers, batch, stream(key, "fill")), key) for batch, key in zip(own, keys, strict=True)]


def _train(
    objective: Objective, updates: Updates, name: str, state: TrainState, inputs: list[Inputs], numbers: Hyperparams
) -> tuple[Player, Metrics]:
    """Returns a player after its updates of a step, and the metrics of the last one."""
    metrics, update = {}, updates[name]
    before = state.step.astype(jnp.float32) * update.per_step  # updates; in int32 they would overflow before steps do
    for number, (batch, key) in enumerate(inputs, 1):
        player, metrics = _update(objective.losses[name], update, name, state, batch, key, numbers)
        if update.ema:
            count = before + number
            toward = update.warmup(update.ema(count) if callable(update.ema) else update.ema, count)
            before_it = state.players[name].ema
            ema = optax.incremental_update(update.moved(player.params), update.moved(before_it), toward)
            player = player._replace(ema=update.joined(before_it, ema), ema_stats=state.players[name].ema_stats)
        state = _with(state, name, player)
    return _measured(objective.losses[name], name, state, inputs, numbers), metrics


def _measured(loss: LossFn, name: str, state: TrainState, inputs: list[Inputs], numbers: Hyperparams) -> Player:
    """Returns a player after its updates of a step, with the batch statistics of its averaged parameters."""
    player = state.players[name]
    if player.ema_stats == ():
        return player

    def measure(stats: Tree) -> Tree:
        beside = _with(state, name, player._replace(stats=stats))
        _, aux = _beside(loss, name, numbers.frozen)(player.ema, beside, *inputs[-1], numbers.weights)
        return aux.stats

    return player._replace(ema_stats=averages.batch_stats(measure, player.ema_stats, player.stats, state.step))


def _update(
    loss: LossFn,
    update: Update,
    name: str,
    state: TrainState,
    batch: Batch,
    key: jax.Array,
    numbers: Hyperparams,
) -> tuple[Player, Metrics]:
    player = state.players[name]
    whole = _beside(loss, name, numbers.frozen)

    def loss_of(moved: Tree, *arguments: Any) -> tuple[jax.Array, Aux]:
        return whole(update.joined(player.params, moved), *arguments)

    before = update.moved(player.params)
    differentiate = partial(jax.value_and_grad(loss_of, has_aux=True), before, state)
    (value, aux), grads = in_parts(differentiate, update.accumulate, batch, key, numbers.weights)
    grads, metrics = mean((grads, {"loss": value, **aux.metrics}))
    metrics |= {"gradient_norm": diagnostics.norm(grads)}
    steps, opt_state = update.optimizer(numbers.optimizer).update(grads, player.opt_state, before)
    params = update.joined(player.params, optax.apply_updates(before, steps))
    return Player(params, update.joined(player.stats, aux.stats), opt_state, carry=aux.carry), metrics


def _beside(loss: LossFn, name: str, frozen: Tree) -> LossFn:
    """Returns a player's loss whose terms find frozen networks' params in the carry; the carry it returns has none."""
    if not frozen:
        return loss

    def loss_beside(params: Tree, state: TrainState, *arguments: Any) -> tuple[jax.Array, Aux]:
        player = state.players[name]
        value, aux = loss(params, _with(state, name, player._replace(carry={**player.carry, **frozen})), *arguments)
        return value, aux._replace(carry={key: kept for key, kept in aux.carry.items() if key not in frozen})

    return loss_beside


def _with(state: TrainState, name: str, player: Player) -> TrainState:
    return state._replace(players={**state.players, name: player})


def _flat(metrics: Mapping[str, Metrics]) -> Metrics:
    return {f"{name}/{term}": value for name, terms in metrics.items() for term, value in terms.items()}
