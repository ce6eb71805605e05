"""From a config to the game it describes: networks, objective, optimizers, first state, train step.

The last place that sees the whole config; everything deeper takes plain arguments.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import random
from ml_collections import ConfigDict

from gan_jax import images
from gan_jax.errors import UserError
from gan_jax.objectives.base import Objective, PredictFn
from gan_jax.resolve import bind, parameters
from gan_jax.state import Player, TrainState
from gan_jax.steps import TrainStep


class Keys(NamedTuple):
    """The run's independent streams of randomness, all from its seed."""

    init: jax.Array
    play: jax.Array
    sample: jax.Array


class Experiment(NamedTuple):
    """All that playing needs: pure functions, and how many batches a round takes.

    init: `key -> TrainState`. train_step: a rule of play, bound to the objective. scale: data -> the networks' floats.
    predict: the objective's, with images as uint8. batches: the most moves that a player makes in a round.
    """

    init: Callable[[jax.Array], TrainState]
    train_step: TrainStep
    scale: Callable[[jax.Array], jax.Array]
    predict: dict[str, PredictFn]
    batches: int
    keys: Keys


def build(config: ConfigDict, shape: tuple[int, ...]) -> Experiment:
    """The experiment that a config describes, for examples of this shape (images: (h, w, c)).

    Raises UserError for a name or an argument that does not exist, and for networks that do not fit the data.
    """
    objective = _objective(config, shape)
    names = set(objective.losses)
    if set(config.players) != names:
        raise UserError(
            f"config.players has {_listed(config.players)}; {config.objective.name} is played by {_listed(names)}"
        )
    players = {name: config.players[name] for name in objective.losses}
    optimizers = {name: _optimizer(name, player) for name, player in players.items()}
    repeats = {name: _repeats(name, player) for name, player in players.items()}
    rule = bind("gan_jax.steps", config.order.to_dict(), "order")

    def init(key: jax.Array) -> TrainState:
        fresh = {}
        for number, (name, init_fn) in enumerate(objective.init.items()):
            params, stats = init_fn(random.fold_in(key, number), jnp.zeros((1, *shape)))
            fresh[name] = Player(params, stats, optimizers[name].init(params))
        return TrainState(jnp.int32(0), fresh)

    _check_shapes(init, objective, shape)
    limits = config.data.range
    return Experiment(
        init=jax.jit(init),
        train_step=rule(objective, optimizers, repeats),
        scale=partial(images.to_float, limits=limits),
        predict={name: _as_uint8(predict, limits) for name, predict in objective.predict.items()},
        batches=max(repeats.values()),
        keys=Keys(*random.split(random.key(config.seed), 3)),
    )


def _objective(config: ConfigDict, shape: tuple[int, ...]) -> Objective:
    """The objective, given its networks and whatever else of the config it asks for by name."""
    objective = bind("gan_jax.objectives", config.objective.to_dict(), "objective")
    wanted = parameters(objective)
    parts: dict[str, Any] = {role: _network(role, spec, shape) for role, spec in config.networks.items()}
    if "latent" in config:
        parts["latent"] = _made("gan_jax.latents", config.latent, "latent")
    if set(parts) - set(wanted) or set(wanted) - set(parts):
        raise UserError(
            f"{config.objective.name} is made of {_listed(wanted)}; "
            f"the config's networks and latent give {_listed(parts)}"
        )
    return objective(**parts)


def _network(role: str, spec: ConfigDict, shape: tuple[int, ...]):
    module = bind("gan_jax.models", spec.to_dict(), f"networks.{role}")
    return module(shape=shape) if "shape" in parameters(module) else module()


def _optimizer(name: str, player: ConfigDict):
    return _made("optax", player.optimizer, f"players.{name}.optimizer")


def _made(package: str, spec: ConfigDict, field: str) -> Any:
    """What the spec names, called with the spec's arguments."""
    try:
        return bind(package, spec.to_dict(), field)()
    except (TypeError, ValueError) as error:
        raise UserError(f"config.{field}: {error}") from error


def _repeats(name: str, player: ConfigDict) -> int:
    if player.repeats < 1:
        raise UserError(f"config.players.{name}.repeats is {player.repeats}: it must be at least 1")
    return player.repeats


def _check_shapes(init: Callable, objective: Objective, shape: tuple[int, ...]) -> None:
    """Runs the networks on shapes alone, so that what does not fit is an error before anything is compiled."""
    try:
        state = jax.eval_shape(init, random.key(0))
        made = jax.eval_shape(objective.predict["sample"], state.players, random.split(random.key(0), 2))
    except (TypeError, ValueError) as error:
        message = str(error).splitlines()[0]
        raise UserError(f"config.networks do not fit images of shape {shape}: {message}") from error
    if any(0 in leaf.shape for leaf in jax.tree.leaves(state.players)):
        raise UserError("config.networks have layers of no width: every width must be at least 1")
    if made.shape[1:] != tuple(shape):
        raise UserError(f"config.networks make {made.shape[1:]}, the data set's examples are {tuple(shape)}")


def _as_uint8(predict: PredictFn, limits: images.Range) -> PredictFn:
    return jax.jit(lambda *inputs: images.to_uint8(predict(*inputs), limits))


def _listed(names) -> str:
    return ", ".join(sorted(names))
