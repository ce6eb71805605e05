"""From blocks of a config to what they name: the objective with its networks and samplers, and the players' updates."""

import inspect
from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

import jax
import jax.numpy as jnp
import optax
from ml_collections import ConfigDict

from gan_jax.config import PARTS, flatten
from gan_jax.core import averages, optimizers
from gan_jax.core.fields import IMAGE, Sampler, Spec
from gan_jax.core.networks import Network
from gan_jax.core.objective import Frozen, Objective, Weight
from gan_jax.core.steps import Numbers, Update
from gan_jax.data.spec import DataSpec
from gan_jax.distributions.augment import Augmentation, Augmentations, shown
from gan_jax.errors import UserError, reraise_as, suggestions
from gan_jax.features import lpips
from gan_jax.objectives.forward import Terms, Weighted, lazily
from gan_jax.resolve import bind, parameters, required

MAX_UPDATES = 100  # of a player in a step: each is a part of the compiled program


def provided(config: ConfigDict, data: DataSpec) -> dict[str, Any]:
    """Returns what networks, samplers and objectives are told where they ask for it by name."""
    return {
        "shape": data.shape,
        "classes": data.classes,
        "no_labels": data.without,
        "present": data.present if data.absent else (),
        "limits": tuple(config.data.range) if len(data.shape) == 3 else None,
        "dtype": jnp.dtype(config.dtype),
    }


def make_objective(config: ConfigDict, known: Mapping[str, Any]) -> Objective:
    """Returns the objective with its networks, samplers and other parts, and the known values that it asks for."""
    spec = config.objective.to_dict()
    preset = bind("gan_jax.objectives", {"name": spec.get("name", "")}, "objective")
    terms = {key: spec.pop(key) for key in [*spec] if _annotation(preset, key) is Terms}
    weights = {key: _weight(spec.pop(key), f"objective.{key}") for key in [*spec] if _annotation(preset, key) is Weight}
    objective = partial(
        bind("gan_jax.objectives", {**spec, **weights}, "objective"),
        **{player: _terms(player, _preset_terms(preset, player), given, known) for player, given in terms.items()},
    )
    parts: dict[str, Any] = {"networks": {role: _network(role, s, known) for role, s in config.networks.items()}}
    for name, package in PARTS.items():
        if name in config:
            parts[name] = _made(package, config[name].to_dict(), name, known)
    if "samplers" in config:
        parts["samplers"] = {name: _sampler(name, block, known) for name, block in config.samplers.items()}
    taken, needed = ({*names} - {*known} for names in (parameters(objective), required(objective)))
    if not needed <= {*parts} <= taken:
        raise UserError(
            f"{config.objective.name} is made of {_listed(needed)}; the config has blocks for {_listed(parts)}"
        )
    with reraise_as("config.objective"):
        return objective(**parts, **_asked_for(objective, known))


def _sampler(name: str, block: ConfigDict, known: Mapping[str, Any]) -> Sampler:
    made = _made("gan_jax.distributions", block.to_dict(), f"samplers.{name}", known)
    if not isinstance(made, Sampler):
        raise UserError(f"config.samplers.{name}.name: {block.name} makes no sampler: take one, as latents.normal")
    return made


def make_augmentations(config: ConfigDict, spec: Spec, known: Mapping[str, Any]) -> tuple[Augmentations, Spec]:
    """Returns the augmentations of training images, in the order of their names, and the fields after them.

    Raises UserError for one that does not suit the fields that it is for.
    """
    made: dict[str, Augmentation] = {}
    images = tuple(name for name, field in spec.items() if field.kind == IMAGE)
    for name, block in (config.get("augment") or {}).items():
        where, values = f"augment.{name}", block.to_dict()
        fields = values.pop("fields", images)
        if not isinstance(fields, tuple) or not fields or not {*fields} <= {*images}:
            raise UserError(
                f"config.{where}.fields is {fields!r}: it must be a tuple of image fields; "
                f"{config.data.name} has {', '.join(images) or 'none'}"
            )
        made[name] = Augmentation(_made("gan_jax.distributions.augment", values, where, known), fields)
        with reraise_as(f"config.{where}"):
            spec = shown({name: made[name]}, spec)
    return made, spec


def _annotation(target: Callable, name: str) -> Any:
    """Returns what an objective's parameter is said to be: terms, a weight or anything else."""
    function = target.func if isinstance(target, partial) else target
    parameter = inspect.signature(function).parameters.get(name)
    return None if parameter is None else parameter.annotation


def _preset_terms(preset: Callable, player: str) -> Terms:
    default = inspect.signature(preset).parameters[player].default
    return {} if default is inspect.Parameter.empty else default


def _terms(player: str, preset: Terms, given: Any, known: Mapping[str, Any]) -> Terms:
    """Returns a player's terms: the preset's, with those that are given in their place or beside them."""
    field = f"objective.{player}"
    if not isinstance(given, Mapping):
        raise UserError(
            f"config.{field} is {given!r}: it must be a block of terms and their weights, as {{'bce': 1.0}}"
        )
    return {**preset, **{name: _term(player, name, preset, value, known) for name, value in given.items()}}


def _term(player: str, name: str, preset: Terms, value: Any, known: Mapping[str, Any]) -> Weighted:
    """Returns a term by its weight, or by a block of its weight, of how rarely it is computed, and its arguments."""
    field = f"objective.{player}.{name}"
    block = {"weight": value} if not isinstance(value, Mapping) or "init_value" in value else dict(value)
    weight, every = _weight(block.pop("weight", 1.0), f"{field}.weight"), block.pop("every", 1)
    spec = {"name": block.pop("name", name), **block}
    own = name in preset and not block
    term = preset[name].term if own else bind(f"gan_jax.objectives.terms.{player}", spec, field)
    with reraise_as(f"config.{field}"):
        return Weighted(lazily(_with_networks(term, known), every=every), weight)


def _with_networks(term: Callable, known: Mapping[str, Any]) -> Callable:
    """Returns a term with the frozen networks that its arguments name, or 'vgg16' where they name none."""
    given = term.keywords if isinstance(term, partial) else {}
    asked = [name for name in inspect.signature(term).parameters if _annotation(term, name) is Frozen]
    made = {name: lpips.frozen(given.get(name, "vgg16"), known["shape"], known["limits"]) for name in asked}
    return partial(term, **made) if made else term


def _weight(value: Any, field: str) -> Weight:
    """Returns a number, or the Optax schedule that a block names."""
    if isinstance(value, Mapping):
        return _schedule(value, field)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UserError(f"config.{field} is {value!r}: it must be a number, or a block that names an Optax schedule")
    return float(value)


def _schedule(block: Mapping[str, Any], field: str) -> Any:
    """Returns the Optax schedule of a block; raises UserError where it would end before it begins."""
    for name in ("transition_steps", "decay_steps"):
        least = block.get("warmup_steps", 0)
        if name in block and not block[name] > least:
            raise UserError(
                f"config.{field}.{name} is {block[name]}: the schedule would end before it begins, it must be above "
                f"{least or '0'}" + (", its warmup_steps" if least else "")
            )
    for name in ("transition_begin", "warmup_steps"):
        if block.get(name, 0) < 0:
            raise UserError(f"config.{field}.{name} is {block[name]}: it must be at least 0")
    return _made("optax", block, field)


def _network(role: str, spec: ConfigDict, known: Mapping[str, Any]) -> Network:
    with reraise_as(f"config.networks.{role}"):
        module = bind("gan_jax.models", spec.to_dict(), f"networks.{role}")
        return Network(module(**_asked_for(module, known)))


def make_updates(config: ConfigDict, objective: Objective) -> dict[str, Update]:
    """Returns how each player is updated; raises UserError where the config's players are not the objective's."""
    if {*config.players} != {*objective.losses}:
        raise UserError(
            f"config.players has {_listed(config.players)}; "
            f"{config.objective.name} has the players {_listed(objective.losses)}"
        )
    return {name: make_update(name, config.players[name]) for name in objective.losses}


def make_update(name: str, player: ConfigDict) -> Update:
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
            spec[key] = _schedule(value, f"{field}.optimizer.{key}")
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


def _made(package: str, spec: Mapping[str, Any], field: str, known: Mapping[str, Any] = MappingProxyType({})) -> Any:
    """Returns what the spec names, called with its arguments, and with those known values that it asks for by name."""
    with reraise_as(f"config.{field}"):
        target = bind(package, dict(spec), field)
        return target(**_asked_for(target, known))


def _asked_for(target: Callable, known: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the values that it takes; raises UserError where it takes the classes and there are no labels."""
    taken = parameters(target)
    if "classes" in taken and not known.get("classes", 1):
        raise UserError(f"config.data.name: this model needs labels, {known['no_labels']}")
    return {name: value for name, value in known.items() if name in taken}


def _listed(names: Any) -> str:
    return ", ".join(sorted(names)) or "nothing"
