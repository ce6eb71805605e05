"""From a config to the experiment it describes: networks, objective, optimizers, first state, train step.

The last place that sees the whole config; everything deeper takes plain arguments.
"""

import inspect
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

from gan_jax.config import PARTS, flatten
from gan_jax.core import averages, fields, optimizers, steps
from gan_jax.core.collectives import base_key
from gan_jax.core.fields import Batch, Sampler, Spec
from gan_jax.core.networks import Network
from gan_jax.core.objective import Objective, Prediction, Weight
from gan_jax.core.state import Players, TrainState, averaged, size
from gan_jax.core.steps import Hyperparams, Numbers, TrainStep, Update
from gan_jax.data import Dataset, feeds, pixels
from gan_jax.data.spec import DataSpec
from gan_jax.errors import UserError, reraise_as, suggestions
from gan_jax.objectives.forward import Terms, Weighted, lazily
from gan_jax.parallel.executor import Executor, executor
from gan_jax.resolve import bind, parameters, required

MAX_BYTES = 1 << 37  # of a state, or of a call's examples: more than any device holds
MAX_UPDATES = 100  # of a player in a step: each is a part of the compiled program
Predict: TypeAlias = Callable[[Players, jax.Array, Batch], Any]
"""`(players, keys [n], batch [n, ...]) -> values`: a prediction by averaged players, of examples as the data set's."""


class Keys(NamedTuple):
    """The run's independent streams of randomness, all from its seed."""

    init: jax.Array
    train: jax.Array
    sample: jax.Array
    evaluate: jax.Array


def streams(seed: int) -> Keys:
    """Returns the streams of a run of this seed."""
    return Keys(*random.split(base_key(seed), len(Keys._fields)))


class Experiment(NamedTuple):
    """All that training needs: pure functions, and how many batches a step takes.

    Attributes:
        init: `key -> TrainState`.
        train_step: a step rule, bound to the objective.
        hyperparams: the numbers that the train step is given, by player.
        scale: batches of the data set to the networks' floats.
        predict: the objective's predictions by use, by the players' moving averages where they have one; images uint8.
        updates_per_step: the most updates that a player has in a step.
        spec: the fields of the data.
        sampled: the fields that samplers fill in.
        keys: the run's random streams.
        present: the classes that samples are made of, those that have examples; none where samples have no class.
        makes: as the objective's.
    """

    init: Callable[[jax.Array], TrainState]
    train_step: TrainStep
    hyperparams: dict[str, Hyperparams]
    scale: Callable[[Batch], Batch]
    predict: dict[str, Predict]
    updates_per_step: int
    spec: Spec
    sampled: frozenset[str]
    keys: Keys

    present: tuple[int, ...]
    makes: Callable[[], tuple[float, float] | None]

    def in_turn(self, n: int) -> np.ndarray:
        """Returns n classes, int32 [n]: those that have examples, in turn."""
        return np.resize(np.array(self.present, np.int32), n)


def build(config: ConfigDict, data: DataSpec) -> Experiment:
    """Returns the experiment that a config describes, on data like these.

    Raises UserError for a name or an argument that does not exist, for networks that do not fit the data, and for a
    model that needs labels where there are none.
    """
    spec, facts = data.fields(config.data.range), _facts(config, data)
    rule = bind("gan_jax.core.steps", config.step_rule.to_dict(), "step_rule")
    objective = _objective(config, facts)
    updates = _updates(config, objective)

    def init(key: jax.Array) -> TrainState:
        example = fields.example(spec, objective.samplers, random.fold_in(key, len(updates)))
        fresh = {}
        for number, (name, init_fn) in enumerate(objective.init.items()):
            fresh[name] = steps.start(init_fn(random.fold_in(key, number), example), updates[name])
        return TrainState(jnp.int32(0), fresh)

    _check_shapes(init, objective, spec)
    return Experiment(
        init=jax.jit(init),
        train_step=rule(objective, updates),
        hyperparams=steps.default_hyperparams(objective, updates),
        scale=partial(pixels.scale, spec),
        predict={name: _finished(prediction, spec) for name, prediction in objective.predictions.items()},
        updates_per_step=max(update.per_step for update in updates.values()),
        spec=spec,
        sampled=frozenset(objective.samplers),
        keys=streams(config.seed),
        present=data.present if "label" in objective.samplers else (),
        makes=objective.makes,
    )


def make_executor(config: ConfigDict, experiment: Experiment, dataset: Dataset) -> Executor:
    """Returns the executor that trains the config's runs, one for each of its seeds, on this data set."""
    seeds = range(config.seed, config.seed + config.seeds)
    feed = feeds.resident(
        dataset,
        experiment.scale,
        seeds=seeds,
        shape=(experiment.updates_per_step, config.batch_size),
        length=min(config.steps_per_call, config.steps),
    )
    keys = jnp.stack([streams(seed).train for seed in seeds])
    return executor(experiment.train_step, feed, experiment.hyperparams, keys, how=config.parallel)


def _facts(config: ConfigDict, data: DataSpec) -> dict[str, Any]:
    """Returns what networks, samplers and objectives are told where they ask for it by name."""
    return {
        "shape": data.shape,
        "classes": data.classes,
        "no_labels": data.without,
        "present": data.present if data.absent else (),
        "limits": tuple(config.data.range) if len(data.shape) == 3 else None,
        "dtype": jnp.dtype(config.dtype),
    }


def _objective(config: ConfigDict, facts: Mapping[str, Any]) -> Objective:
    """Returns the objective, given its networks, samplers and other parts, and of the facts those it asks for."""
    spec = config.objective.to_dict()
    preset = bind("gan_jax.objectives", {"name": spec.get("name", "")}, "objective")
    terms = {key: spec.pop(key) for key in [*spec] if _annotation(preset, key) is Terms}
    weights = {key: _weight(spec.pop(key), f"objective.{key}") for key in [*spec] if _annotation(preset, key) is Weight}
    objective = partial(
        bind("gan_jax.objectives", {**spec, **weights}, "objective"),
        **{player: _terms(player, _preset_terms(preset, player), given) for player, given in terms.items()},
    )
    parts: dict[str, Any] = {"networks": {role: _network(role, s, facts) for role, s in config.networks.items()}}
    for name, package in PARTS.items():
        if name in config:
            parts[name] = _made(package, config[name].to_dict(), name, facts)
    if "samplers" in config:
        parts["samplers"] = {name: _sampler(name, block, facts) for name, block in config.samplers.items()}
    taken, needed = ({*names} - {*facts} for names in (parameters(objective), required(objective)))
    if not needed <= {*parts} <= taken:
        raise UserError(
            f"{config.objective.name} is made of {_listed(needed)}; the config has blocks for {_listed(parts)}"
        )
    with reraise_as("config.objective"):
        return objective(**parts, **_asked_for(objective, facts))


def _sampler(name: str, block: ConfigDict, facts: Mapping[str, Any]) -> Sampler:
    made = _made("gan_jax.distributions", block.to_dict(), f"samplers.{name}", facts)
    if not isinstance(made, Sampler):
        raise UserError(f"config.samplers.{name}.name: {block.name} makes no sampler: take one, as latents.normal")
    return made


def _annotation(target: Callable, name: str) -> Any:
    """Returns what an objective's parameter is said to be: terms, a weight or anything else."""
    function = target.func if isinstance(target, partial) else target
    parameter = inspect.signature(function).parameters.get(name)
    return None if parameter is None else parameter.annotation


def _preset_terms(preset: Callable, player: str) -> Terms:
    return preset.keywords.get(player, {}) if isinstance(preset, partial) else {}


def _terms(player: str, preset: Terms, given: Any) -> Terms:
    """Returns a player's terms: the preset's, with those that are given in their place or beside them."""
    field = f"objective.{player}"
    if not isinstance(given, Mapping):
        raise UserError(
            f"config.{field} is {given!r}: it must be a block of terms and their weights, as {{'bce': 1.0}}"
        )
    return {**preset, **{name: _term(player, name, preset, value) for name, value in given.items()}}


def _term(player: str, name: str, preset: Terms, value: Any) -> Weighted:
    """Returns a term by its weight, or by a block of its weight, of how rarely it is computed, and its arguments."""
    field = f"objective.{player}.{name}"
    block = {"weight": value} if not isinstance(value, Mapping) or "init_value" in value else dict(value)
    weight, every = _weight(block.pop("weight", 1.0), f"{field}.weight"), block.pop("every", 1)
    known = {"name": block.pop("name", name), **block}
    term = (
        preset[name].term if name in preset and not block else bind(f"gan_jax.objectives.terms.{player}", known, field)
    )
    with reraise_as(f"config.{field}"):
        return Weighted(lazily(term, every=every), weight)


def _weight(value: Any, field: str) -> Weight:
    """Returns a number, or the Optax schedule that a block names."""
    if isinstance(value, Mapping):
        return _made("optax", value, field)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UserError(f"config.{field} is {value!r}: it must be a number, or a block that names an Optax schedule")
    return float(value)


def _network(role: str, spec: ConfigDict, facts: Mapping[str, Any]) -> Network:
    with reraise_as(f"config.networks.{role}"):
        module = bind("gan_jax.models", spec.to_dict(), f"networks.{role}")
        return Network(module(**_asked_for(module, facts)))


def _updates(config: ConfigDict, objective: Objective) -> dict[str, Update]:
    if {*config.players} != {*objective.losses}:
        raise UserError(
            f"config.players has {_listed(config.players)}; "
            f"{config.objective.name} has the players {_listed(objective.losses)}"
        )
    return {name: _update(name, config.players[name]) for name in objective.losses}


def _update(name: str, player: ConfigDict) -> Update:
    """Returns how a player is updated, from its block of the config."""
    field = f"players.{name}"
    if not 1 <= player.updates_per_step <= MAX_UPDATES:
        raise UserError(
            f"config.{field}.updates_per_step is {player.updates_per_step}: it must be at least 1 and at most "
            f"{MAX_UPDATES}, as each is a part of the compiled program"
        )
    if not 0 <= player.ema < 1:
        raise UserError(f"config.{field}.ema is {player.ema}: it must be at least 0 (none) and below 1")
    if player.ema_warmup not in averages.WARMUPS:
        allowed = suggestions(player.ema_warmup, averages.WARMUPS)
        raise UserError(f"config.{field}.ema_warmup is {player.ema_warmup!r}: {allowed}")
    block = player.optimizer.to_dict()

    def optimizer(numbers: Numbers) -> optax.GradientTransformation:
        made = _optimizer(block, numbers, field)
        with reraise_as(f"config.{field}"):
            return optimizers.chain(made, clip_gradients=player.clip_gradients, clip_weights=player.clip_weights)

    optimizer({})  # what is wrong with it is an error now
    return Update(
        optimizer,
        _traceable(block, optimizer),
        player.updates_per_step,
        player.ema,
        averages.WARMUPS[player.ema_warmup],
    )


def _optimizer(block: Mapping[str, Any], numbers: Numbers, field: str) -> optax.GradientTransformation:
    """Returns the Optax optimizer of a block, with these numbers, by dotted name, in the place of its own."""
    spec = _replaced(block, numbers)
    for key, value in spec.items():
        if isinstance(value, dict):  # a schedule of the learning rate, say
            spec[key] = _made("optax", value, f"{field}.optimizer.{key}")
    made = _made("optax", spec, f"{field}.optimizer")
    if not isinstance(made, optax.GradientTransformation):
        raise UserError(
            f"config.{field}.optimizer.name: optax.{block.get('name')} makes no optimizer: take one, as adam"
        )
    return made


def _replaced(block: Mapping[str, Any], numbers: Numbers, prefix: str = "") -> dict[str, Any]:
    return {
        key: _replaced(value, numbers, f"{prefix}{key}.")
        if isinstance(value, Mapping)
        else numbers.get(f"{prefix}{key}", value)
        for key, value in block.items()
    }


def _traceable(block: Mapping[str, Any], optimizer: Callable[[Numbers], Any]) -> Numbers:
    """Returns the optimizer's floats, by dotted name, that are used in arithmetic only, so that they can be traced."""

    def is_traceable(field: str) -> bool:
        try:
            jax.eval_shape(lambda value: (optimizer({field: value}), 0)[1], 0.5)
        except (UserError, TypeError):  # something looks at the number: it stays a part of the program
            return False
        return True

    return {field: value for field, value in flatten(block) if type(value) is float and is_traceable(field)}


def _made(package: str, spec: Mapping[str, Any], field: str, facts: Mapping[str, Any] = MappingProxyType({})) -> Any:
    """Returns what the spec names, called with its arguments, and with those facts that it asks for by name."""
    with reraise_as(f"config.{field}"):
        target = bind(package, dict(spec), field)
        return target(**_asked_for(target, facts))


def _asked_for(target: Callable, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Returns those of the facts that it takes; raises UserError where it takes the classes and there are no labels."""
    taken = parameters(target)
    if "classes" in taken and not facts.get("classes", 1):
        raise UserError(f"config.data.name: this model needs labels, {facts['no_labels']}")
    return {name: value for name, value in facts.items() if name in taken}


def _check_shapes(init: Callable, objective: Objective, spec: Spec) -> None:
    """Runs the networks on shapes alone, so that what does not fit is an error before anything is compiled."""
    shape = tuple(spec["x"].shape)
    with reraise_as(f"config.networks do not fit each other or examples of shape {shape}"):
        state = jax.eval_shape(init, base_key(0))
    if (held := size(state.players)) > MAX_BYTES:
        raise UserError(f"config.networks and their optimizers hold {held // 10**9:,} GB: take smaller widths")
    if any(0 in leaf.shape for leaf in jax.tree.leaves([p.params for p in state.players.values()])):
        raise UserError("config.networks have layers of no width: every width must be at least 1")
    for use in {"sample", "translate"} & objective.predictions.keys():
        with reraise_as(f"config.networks make no examples of shape {shape}"):
            example = {name: jnp.zeros((2, *field.shape), field.dtype) for name, field in spec.items() if name != "x"}
            keys = random.split(base_key(0), 2)
            made = jax.eval_shape(objective.predictions[use].fn, state.players, keys, example)
        if made.shape[1:] != shape:
            raise UserError(f"config.networks make {made.shape[1:]}, the data set's examples are {shape}")


def _finished(prediction: Prediction, spec: Spec) -> Predict:
    """Returns the prediction by averaged players, its examples as the data set has them; compiled."""

    def finished(players: Players, keys: jax.Array, batch: Batch) -> Any:
        made = prediction.fn(averaged(players), keys, batch)
        return pixels.unscale(spec, prediction.makes, made) if prediction.makes else made

    return jax.jit(finished)


def _listed(names: Any) -> str:
    return ", ".join(sorted(names)) or "nothing"
