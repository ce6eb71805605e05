"""From a config to the game it describes: networks, objective, optimizers, first state, train step.

The last place that sees the whole config; everything deeper takes plain arguments.
"""

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import random
from ml_collections import ConfigDict

from gan_jax.config import LAWS, leaves
from gan_jax.core import averages, optimizers, steps
from gan_jax.core.collectives import base_key
from gan_jax.core.objective import Objective, PredictFn
from gan_jax.core.state import Player, Players, TrainState, size
from gan_jax.core.steps import Metrics, TrainStep
from gan_jax.data.spec import Spec
from gan_jax.errors import UserError, blamed_on, options
from gan_jax.reporting import images
from gan_jax.resolve import bind, parameters, required

MOST_BYTES = 1 << 37  # of a state, or of a call's examples: more than any device holds
MOST_REPEATS = 100
EXAMPLES = frozenset({"sample", "sample_class", "interpolate", "reconstruct", "walk"})
"""Predictions that are examples, in the networks' floats; others (latents, scores) stay as they are."""


Numbers: TypeAlias = dict[str, Any]
"""Floats by their fields in the config."""


class Keys(NamedTuple):
    """The run's independent streams of randomness, all from its seed."""

    init: jax.Array
    play: jax.Array
    sample: jax.Array
    evaluate: jax.Array


def streams(seed: int) -> Keys:
    """The streams of a run of this seed."""
    return Keys(*random.split(base_key(seed), len(Keys._fields)))


class Experiment(NamedTuple):
    """All that playing needs: pure functions, and how many batches a round takes.

    init: `key -> TrainState`. train_step: a rule of play, bound to the objective. numbers: by their fields those of the
        config that are only reckoned with, as learning rates; step_of: the train step of these numbers. scale: data ->
        the networks' floats, unscale: back.
    predict: the objective's, by the players' moving averages where they have one, with images as uint8.
    batches: the most moves that a player makes in a round. classes: of the data, 0 without labels; present: those that
        have examples. makes: as the objective's.
    """

    init: Callable[[jax.Array], TrainState]
    train_step: TrainStep
    numbers: Numbers
    step_of: Callable[[Numbers], TrainStep]
    scale: Callable[[jax.Array], jax.Array]
    unscale: Callable[[jax.Array], jax.Array]
    predict: dict[str, PredictFn]
    batches: int
    classes: int
    present: tuple[int, ...]
    makes: Callable[[], tuple[float, float] | None]
    keys: Keys

    def in_turn(self, n: int) -> np.ndarray:
        """n classes, int32 [n]: those that have examples, in turn."""
        return np.resize(np.array(self.present, np.int32), n)

    def traced(self, fetch: Callable[[Any, jax.Array], Any]) -> tuple[TrainStep, Callable[[Any, jax.Array], Any]]:
        """The train step and `fetch(data, indices)` with `(data, numbers)` in the place of data.

        So the numbers are arguments of the program that plays, and configs that differ in them alone compile once.
        """

        def train_step(state: TrainState, given: Any, key: jax.Array) -> tuple[TrainState, Metrics]:
            batches, numbers = given
            return self.step_of(numbers)(state, batches, key)

        return train_step, lambda data, indices: (fetch(data[0], indices), data[1])


def build(config: ConfigDict, shape: tuple[int, ...], classes: int = 0) -> Experiment:
    """The experiment that a config describes, for examples of this shape (images: (h, w, c)), labelled if classes > 0.

    Raises UserError as `build_for`.
    """
    return build_for(config, Spec(tuple(shape), classes=classes))


def build_for(config: ConfigDict, data: Spec) -> Experiment:
    """The experiment that a config describes, for a data set of these facts.

    Raises UserError for a name or an argument that does not exist, for networks that do not fit the data, and for a
    model that needs labels where there are none.
    """
    shape = data.shape
    facts = {
        "shape": shape,
        "classes": data.classes,
        "no_labels": data.without,
        "present": data.present if data.absent else (),
        "limits": tuple(config.data.range) if len(shape) == 3 else None,
        "dtype": jnp.dtype(config.dtype),
    }
    rule = bind("gan_jax.core.steps", config.order.to_dict(), "order")
    objective, turns = _game(config, facts)

    def init(key: jax.Array) -> TrainState:
        fresh = {}
        for number, (name, init_fn) in enumerate(objective.init.items()):
            params, stats = init_fn(random.fold_in(key, number), jnp.zeros((1, *shape)))
            fresh[name] = steps.start(params, stats, turns[name])
        return TrainState(jnp.int32(0), fresh)

    _check_shapes(init, objective, shape)
    scale, unscale = _scales(config, shape)
    return Experiment(
        init=jax.jit(init),
        train_step=rule(objective, turns),
        numbers=_numbers(config, facts),
        step_of=lambda numbers: rule(*_game(config, facts, numbers)),
        scale=scale,
        unscale=unscale,
        predict={
            name: _finished(predict, unscale if name in EXAMPLES else lambda made: made)
            for name, predict in objective.predict.items()
        },
        batches=max(turn.repeats for turn in turns.values()),
        classes=data.classes,
        present=data.present,
        makes=objective.makes,
        keys=streams(config.seed),
    )


def _game(
    config: ConfigDict, facts: dict[str, Any], numbers: Mapping[str, Any] = MappingProxyType({})
) -> tuple[Objective, dict[str, steps.Turn]]:
    """The objective and each player's turn, with these numbers in the place of the config's."""
    given = config.copy_and_resolve_references()
    with given.unlocked(), given.ignore_type():
        given.update_from_flattened_dict(numbers)
    objective = _objective(given, facts)
    if set(given.players) != set(objective.losses):
        raise UserError(
            f"config.players has {_listed(given.players)}; "
            f"{given.objective.name} is played by {_listed(objective.losses)}"
        )
    return objective, {name: _turn(name, given.players[name]) for name in objective.losses}


def _numbers(config: ConfigDict, facts: dict[str, Any]) -> Numbers:
    """Of the objective's and the players' floats those that nothing but arithmetic is done with."""

    def is_only_reckoned_with(field: str) -> bool:
        try:
            jax.eval_shape(lambda value: (_game(config, facts, {field: value}), 0)[1], 0.5)
        except (UserError, TypeError):  # something looks at the number, or its field is no name: all else is as before
            return False
        return True

    blocks = {block: config[block].to_dict() for block in ("objective", "players")}
    return {field: value for field, value in leaves(blocks) if type(value) is float and is_only_reckoned_with(field)}


def _objective(config: ConfigDict, facts: dict[str, Any]) -> Objective:
    """The objective, given its networks and laws, and of the data's facts those that it asks for by name."""
    objective = bind("gan_jax.objectives", config.objective.to_dict(), "objective")
    taken, needed = ({*names} - {*facts} for names in (parameters(objective), required(objective)))
    parts: dict[str, Any] = {role: _network(role, spec, facts) for role, spec in config.networks.items()}
    parts |= {law: _made(package, config[law], law, facts) for law, package in LAWS.items() if law in config}
    if not needed <= set(parts) <= taken:
        raise UserError(
            f"{config.objective.name} is made of {_listed(needed)}; "
            f"the config's networks and laws give {_listed(parts)}"
        )
    with blamed_on("config.objective"):
        return objective(**parts, **_asked_for(objective, facts))


def _network(role: str, spec: ConfigDict, facts: dict[str, Any]):
    with blamed_on(f"config.networks.{role}"):
        module = bind("gan_jax.models", spec.to_dict(), f"networks.{role}")
        return module(**_asked_for(module, facts))


def _asked_for(target: Callable, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Of the facts those that it takes; UserError where it takes the classes and there are no labels."""
    taken = parameters(target)
    if "classes" in taken and not facts.get("classes", 1):
        raise UserError(f"config.data.name: this model needs labels, {facts['no_labels']}")
    return {name: value for name, value in facts.items() if name in taken}


def _turn(name: str, player: ConfigDict) -> steps.Turn:
    """A player's block of the config as its turn in a round."""
    field = f"players.{name}"
    if not 1 <= player.repeats <= MOST_REPEATS:
        raise UserError(
            f"config.{field}.repeats is {player.repeats}: it must be at least 1 and at most {MOST_REPEATS}, "
            "as each is a part of the compiled program"
        )
    if not 0 <= player.ema < 1:
        raise UserError(f"config.{field}.ema is {player.ema}: it must be at least 0 (none) and below 1")
    if player.ema_warmup not in averages.WARMUPS:
        allowed = options(player.ema_warmup, averages.WARMUPS)
        raise UserError(f"config.{field}.ema_warmup is {player.ema_warmup!r}: {allowed}")
    spec = player.optimizer.to_dict()
    for key, value in spec.items():
        if isinstance(value, dict):  # a schedule of the learning rate, say
            spec[key] = _made("optax", value, f"{field}.optimizer.{key}")
    optimizer = _made("optax", spec, f"{field}.optimizer")
    if not isinstance(optimizer, optax.GradientTransformation):
        raise UserError(
            f"config.{field}.optimizer.name: optax.{player.optimizer.name} makes no optimizer: take one, as adam"
        )
    with blamed_on(f"config.{field}"):
        moved = optimizers.chain(optimizer, clip_gradients=player.clip_gradients, clip_weights=player.clip_weights)
    return steps.Turn(moved, player.repeats, player.ema, averages.WARMUPS[player.ema_warmup])


def _made(package: str, spec: Mapping[str, Any], field: str, facts: Mapping[str, Any] = MappingProxyType({})) -> Any:
    """What the spec names, called with the spec's arguments, and of the facts with those that it asks for by name."""
    with blamed_on(f"config.{field}"):
        target = bind(package, dict(spec), field)
        return target(**_asked_for(target, facts))


def _check_shapes(init: Callable, objective: Objective, shape: tuple[int, ...]) -> None:
    """Runs the networks on shapes alone, so that what does not fit is an error before anything is compiled."""
    with blamed_on(f"config.networks do not fit each other or examples of shape {tuple(shape)}"):
        state = jax.eval_shape(init, base_key(0))
    if (held := size(state.players)) > MOST_BYTES:
        raise UserError(f"config.networks and their optimizers hold {held // 10**9:,} GB: take smaller widths")
    if any(0 in leaf.shape for leaf in jax.tree.leaves(state.players)):
        raise UserError("config.networks have layers of no width: every width must be at least 1")
    if "sample" not in objective.predict:
        return
    with blamed_on(f"config.networks make no examples of shape {tuple(shape)}"):
        made = jax.eval_shape(objective.predict["sample"], state.players, random.split(base_key(0), 2))
    if made.shape[1:] != tuple(shape):
        raise UserError(f"config.networks make {made.shape[1:]}, the data set's examples are {tuple(shape)}")


def _scales(config: ConfigDict, shape: tuple[int, ...]) -> tuple[Callable, Callable]:
    """From the data to the networks' floats and back: images are uint8 outside, points are what they are."""
    if len(shape) != 3:
        return (lambda x: x), (lambda x: x)
    limits = config.data.range
    return partial(images.to_float, limits=limits), partial(images.to_uint8, limits=limits)


def _finished(predict: PredictFn, unscale: Callable) -> PredictFn:
    """The prediction by averaged players, its examples as the data set has them; compiled."""

    def averaged(player: Player) -> Player:
        return player if player.ema == () else player._replace(params=player.ema)

    def finished(players: Players, *inputs: jax.Array) -> jax.Array:
        return unscale(predict({name: averaged(player) for name, player in players.items()}, *inputs))

    return jax.jit(finished)


def _listed(names) -> str:
    return ", ".join(sorted(names))
