"""Builds from a config how each player is updated: its optimizer, its numbers and its moving average."""

import logging
import math
from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np
import optax
from ml_collections import ConfigDict

from gan_jax.config import updates_per_step
from gan_jax.config.values import PIECES, flatten
from gan_jax.core import averages, optimizers
from gan_jax.core.objective import Objective
from gan_jax.core.state import Player, places
from gan_jax.core.steps import Numbers, Update, Updates
from gan_jax.errors import UserError, reraise_as, suggestions
from gan_jax.experiments.blocks import listed, make
from gan_jax.experiments.schedules import check_values, schedule, tabulated

MAX_UPDATES = 100  # of a player in a step, because each is a part of the compiled program
BEGINS = ("boundaries", PIECES)
"""Arguments of schedules that hold steps, in addition to those whose names end in `_steps`."""
MOMENTA = ("b1", "b2", "decay", "momentum")
"""Numbers of optimizers that are at most 1."""
IDLE = 0.01
"""The last share of a run's updates that may have a learning rate of 0, such as at the end of a cosine in float32."""


def make_updates(config: ConfigDict, objective: Objective) -> dict[str, Update]:
    """Returns how each player is updated; raises UserError if the config's players are not the objective's."""
    if {*config.players} != {*objective.losses}:
        raise UserError(
            f"config.players has {listed(config.players)}; "
            f"{config.objective.name} has the players {listed(objective.losses)}"
        )
    if not updates_per_step(config):
        raise UserError("config.players: all players are frozen, so nothing is trained: give one of them updates")
    updates = {name: make_update(name, config.players[name], config.accumulate) for name in objective.losses}
    for name, update in updates.items():
        counts = config.steps * update.per_step
        if callable(update.ema):
            check_values(update.ema, f"config.players.{name}.ema", counts, most=1)
        _check_numbers(config.players[name].optimizer, f"players.{name}.optimizer", counts)
    return updates


def _check_numbers(optimizer: ConfigDict, field: str, counts: int) -> None:
    """Raises UserError if a schedule of an optimizer's number falls below 0, or that of a momentum exceeds 1."""
    for key, block in optimizer.items():
        if isinstance(block, ConfigDict):
            most = 1.0 if key in MOMENTA else math.inf
            check_values(schedule(block.to_dict(), f"{field}.{key}"), f"config.{field}.{key}", counts, most=most)


def with_frozen_networks(config: ConfigDict, updates: Updates, players: Mapping[str, Player]) -> dict[str, Update]:
    """Returns the updates, changed to leave out the networks that the config freezes.

    players: the initial players, or their shapes. A player with nothing else to train is not updated. Raises UserError
    if `frozen` is neither True nor False, or nothing is left to train.
    """
    roles = [role for role, block in config.networks.items() if _is_frozen(role, block)]
    changed = dict(updates)
    for place in places(players, roles).values():
        before = changed[place.player]
        if place.key is None:
            changed[place.player] = before._replace(per_step=0)
            continue
        after = before._replace(frozen=before.frozen | {place.key})
        left = jax.tree.leaves(after.moved(players[place.player].params))
        changed[place.player] = after if left else before._replace(per_step=0)
    if roles and not any(update.per_step for update in changed.values()):
        raise UserError("config.networks: all networks are frozen, so nothing is trained: unfreeze one of them")
    return changed


def check_rates(config: ConfigDict) -> None:
    """Warns of players whose learning rate is 0 before the run's end, for example if only `steps` was overridden."""
    for name, player in config.players.items():
        field, rate = f"config.players.{name}.optimizer.learning_rate", player.optimizer.get("learning_rate")
        updates = 0 if player.frozen else config.steps * player.updates_per_step
        if not updates or not isinstance(rate, ConfigDict):
            continue
        tried, rates = tabulated(schedule(rate.to_dict(), field), updates)
        moves = np.flatnonzero(rates)
        last = tried[moves[-1]] if len(moves) else -1
        if last < (1 - IDLE) * tried[-1]:
            step = (last + 1) // player.updates_per_step
            ends = [key for key in rate if key.endswith("_steps") or key in BEGINS]
            logging.warning(
                "%s is 0 from step %d on, but the run has %d steps: schedules do not follow config.steps, so set its "
                "%s too",
                *(field, step, config.steps, " and ".join(ends)),
            )


def _is_frozen(role: str, block: ConfigDict) -> bool:
    if not isinstance(frozen := block.get("frozen", False), bool):
        raise UserError(f"config.networks.{role}.frozen is {frozen!r}: it must be True or False")
    return frozen


def make_update(name: str, player: ConfigDict, accumulate: int = 1) -> Update:
    """Returns how a player is updated, from its block of the config; batches are split into `accumulate` parts."""
    field = f"players.{name}"
    if not 0 <= player.updates_per_step <= MAX_UPDATES:
        raise UserError(
            f"config.{field}.updates_per_step is {player.updates_per_step}: it must be at least 0 (frozen) and at most "
            f"{MAX_UPDATES}, because each is a part of the compiled program"
        )
    scheduled = isinstance(player.ema, ConfigDict)
    ema = schedule(player.ema.to_dict(), f"{field}.ema") if scheduled else player.ema
    if not scheduled and not 0 <= ema < 1:
        raise UserError(f"config.{field}.ema is {player.ema}: it must be at least 0 (none) and below 1")
    if player.ema_warmup not in averages.WARMUPS:
        allowed = suggestions(player.ema_warmup, averages.WARMUPS)
        raise UserError(f"config.{field}.ema_warmup is {player.ema_warmup!r}: {allowed}")
    block = player.optimizer.to_dict()

    def optimizer(numbers: Numbers) -> optax.GradientTransformation:
        made = _optimizer(block, numbers, field)
        with reraise_as(f"config.{field}"):
            return optimizers.chain(made, clip_gradients=player.clip_gradients, clip_weights=player.clip_weights)

    optimizer({})  # so that a wrong block raises an error now
    return Update(
        optimizer,
        _traceable(block, optimizer),
        0 if player.frozen else player.updates_per_step,
        ema,
        averages.WARMUPS[player.ema_warmup],
        accumulate,
    )


def _optimizer(block: Mapping[str, Any], numbers: Numbers, field: str) -> optax.GradientTransformation:
    """Returns the Optax optimizer of a block, with these numbers, by dotted name, instead of the block's.

    Optax takes schedules of learning rates; `optimizers.scheduled` handles those of other numbers.
    """
    field, spec = f"{field}.optimizer", _replaced(block, numbers)
    schedules = {key: schedule(value, f"{field}.{key}") for key, value in spec.items() if isinstance(value, dict)}
    others = {key: value for key, value in schedules.items() if key != "learning_rate"}

    def optimizer(own: Numbers) -> optax.GradientTransformation:
        made = make("optax", {**spec, **schedules, **own}, field)
        if not isinstance(made, optax.GradientTransformation):
            raise UserError(
                f"config.{field}.name: optax.{block.get('name')} is not an optimizer: use one, such as adam"
            )
        return made

    return optimizers.scheduled(optimizer, others) if others else optimizer({})


def _replaced(block: Mapping[str, Any], numbers: Numbers, prefix: str = "") -> dict[str, Any]:
    return {
        key: _replaced(value, numbers, f"{prefix}{key}.")
        if isinstance(value, Mapping)
        else numbers.get(f"{prefix}{key}", value)
        for key, value in block.items()
    }


def _traceable(block: Mapping[str, Any], optimizer: Callable[[Numbers], Any]) -> Numbers:
    """Returns the optimizer's floats, by dotted name, that are used only in arithmetic and so can be traced."""

    def is_traceable(field: str) -> bool:
        try:
            jax.eval_shape(lambda value: (optimizer({field: value}), 0)[1], 0.5)
        except (UserError, TypeError):  # code branches on the number: it stays a constant of the program
            return False
        return True

    return {field: value for field, value in flatten(block) if type(value) is float and is_traceable(field)}
