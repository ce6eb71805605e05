"""Builds the objects that a config's blocks name: the objective with its networks and samplers."""

import inspect
import logging
from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

import jax.numpy as jnp
from ml_collections import ConfigDict

from gan_jax.config import PARTS, frozen_players
from gan_jax.config.values import is_schedule
from gan_jax.core.fields import IMAGE, Sampler, Spec
from gan_jax.core.networks import Network, Networks
from gan_jax.core.objective import Frozen, Objective, Weight
from gan_jax.data.spec import DataSpec
from gan_jax.distributions.augment import Augmentation, Augmentations, augmented_spec
from gan_jax.errors import UserError, reraise_as
from gan_jax.experiments.schedules import check_values, check_weight, weight
from gan_jax.features import lpips
from gan_jax.objectives.augment.base import CriticAugment
from gan_jax.objectives.forward import LastOutputs
from gan_jax.objectives.game import GENERATOR
from gan_jax.objectives.terms import generator as of_generator
from gan_jax.objectives.terms.critic import auxiliary
from gan_jax.objectives.weighted import Terms, Weighted, eager, function, lazily
from gan_jax.resolve import bind, parameters, required


def provided(config: ConfigDict, data: DataSpec) -> dict[str, Any]:
    """Returns the values that networks, samplers and objectives get if they have arguments of these names."""
    return {
        "shape": data.shape,
        "classes": data.known_classes,
        "no_labels": "" if data.classes else data.without,
        "unpaired": data.unpaired,
        "present": data.present if data.absent else (),
        "limits": tuple(config.data.range) if len(data.shape) == 3 else None,
        "dtype": jnp.dtype(config.dtype),
    }


def make_networks(config: ConfigDict, known: Mapping[str, Any]) -> dict[str, Network]:
    """Returns the networks by role, with the known values that they take. Networks of frozen players are frozen."""
    still = frozen_players(config)
    return {
        role: _network(role, block, known)._replace(
            frozen=block.get("frozen") is True or any(f"{role}_".startswith(f"{name}_") for name in still)
        )
        for role, block in config.networks.items()
    }


def make_objective(config: ConfigDict, known: Mapping[str, Any], networks: Networks) -> Objective:
    """Returns the objective of these networks, with samplers and other parts, and the known values that it takes."""
    spec = config.objective.to_dict()
    preset = bind("gan_jax.objectives", {"name": spec.get("name", "")}, "objective")
    terms = {key: spec.pop(key) for key in [*spec] if _annotation(preset, key) is Terms}
    numbers: dict[str, Any] = {
        key: weight(spec.pop(key), f"objective.{key}") for key in [*spec] if _annotation(preset, key) is Weight
    }
    for key, number in numbers.items():
        check_weight(number, f"config.objective.{key}", config.steps)
    if "augment" in spec and _annotation(preset, "augment") == CriticAugment | None:
        numbers["augment"] = _critic_augment(spec.pop("augment"), known, config.steps)
    made = {player: _terms(player, _preset_terms(preset, player), given, known) for player, given in terms.items()}
    _check_counts(made, config.steps)
    if known["no_labels"]:
        _check_without_labels(networks, made.get("critic", _preset_terms(preset, "critic")), known["no_labels"])
    _check_pairs(networks, made.get(GENERATOR, _preset_terms(preset, GENERATOR)), known["unpaired"])
    objective = partial(bind("gan_jax.objectives", {**spec, **numbers}, "objective"), **made)
    parts: dict[str, Any] = {"networks": networks}
    for name, package in PARTS.items():
        if name in config:
            parts[name] = make(package, config[name].to_dict(), name, known)
    if "samplers" in config:
        parts["samplers"] = {name: _sampler(name, block, known) for name, block in config.samplers.items()}
    taken, needed = ({*names} - {*known} for names in (parameters(objective), required(objective)))
    if not needed <= {*parts} <= taken:
        raise UserError(f"{config.objective.name} needs {listed(needed)}; the config has blocks for {listed(parts)}")
    with reraise_as("config.objective"):
        return objective(**parts, **_asked_for(objective, known))


def _check_without_labels(networks: Networks, critic: Terms, why: str) -> None:
    """Raises UserError if labels of real examples are needed but missing, because a sampler would draw them at random.

    Generators and decoders, which make samples, may get a random class.
    """
    for role, network in networks.items():
        if "label" in network.fields and not role.startswith(("generator", "decoder")):
            raise UserError(f"config.networks.{role} takes the labels of real examples, {why}")
    for name, each in critic.items():
        if function(eager(each.term)[0]) is auxiliary:
            raise UserError(f"config.objective.critic.{name} needs the labels of real examples, {why}")


def _check_pairs(networks: Networks, generator: Terms, unpaired: tuple[str, ...]) -> None:
    """Raises UserError if fakes, or a critic, are given real examples that do not belong to the fields they come from.

    `unpaired` are the fields that are read in an order of their own.
    """
    why = "but the data are not paired: use config.objective.name=cycle.cycle_gan or adversarial.cut"
    for role, network in networks.items():
        if role.startswith("critic") and (found := {*network.fields} & {*unpaired}):
            raise UserError(f"config.networks.{role} judges pairs of x and {listed(found)}, {why}")
    if GENERATOR not in networks or not {*networks[GENERATOR].fields} & {*unpaired}:
        return
    for name, each in generator.items():
        term = eager(each.term)[0]
        target = getattr(term, "keywords", {}).get("target", "x")
        if function(term) in of_generator.NEAR_TARGET and target == "x":
            raise UserError(f"config.objective.generator.{name} compares fakes with their own real examples, {why}")


def _sampler(name: str, block: ConfigDict, known: Mapping[str, Any]) -> Sampler:
    made = make("gan_jax.distributions", block.to_dict(), f"samplers.{name}", known)
    if not isinstance(made, Sampler):
        raise UserError(f"config.samplers.{name}.name: {block.name} is not a sampler: use one, such as latents.normal")
    return made


def make_augmentations(config: ConfigDict, spec: Spec, known: Mapping[str, Any]) -> tuple[Augmentations, Spec]:
    """Returns the augmentations of training images, in the order of their names, and the spec after them.

    Raises UserError for an augmentation that does not suit its fields.
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
        made[name] = Augmentation(make("gan_jax.distributions.augment", values, where, known), fields)
        with reraise_as(f"config.{where}"):
            spec = augmented_spec({name: made[name]}, spec)
    return made, spec


def _critic_augment(block: Any, known: Mapping[str, Any], steps: int) -> CriticAugment:
    """Returns the augmentation of the critic's inputs that a block names. Its `p` is a number or a schedule."""
    field, package = "objective.augment", "gan_jax.objectives.augment.pipelines"
    if not isinstance(block, Mapping):
        raise UserError(
            f"config.{field} is {block!r}: it must be a block with a name, such as {{'name': 'diff_augment'}}"
        )
    given = {key: weight(value, f"{field}.{key}") if key == "p" else value for key, value in block.items()}
    if callable(given.get("p")):
        check_values(given["p"], f"config.{field}.p", steps, most=1)
    return make(package, given, field, known)


def _annotation(target: Callable, name: str) -> Any:
    """Returns the annotation of an objective's parameter: terms, a weight or another type; None without one."""
    function = target.func if isinstance(target, partial) else target
    parameter = inspect.signature(function).parameters.get(name)
    return None if parameter is None else parameter.annotation


def _preset_terms(preset: Callable, player: str) -> Terms:
    parameter = inspect.signature(preset).parameters.get(player)
    return {} if parameter is None or parameter.default is inspect.Parameter.empty else parameter.default


def _terms(player: str, preset: Terms, given: Any, known: Mapping[str, Any]) -> Terms:
    """Returns a player's terms: the preset's, replaced or extended by the given ones."""
    field = f"objective.{player}"
    if not isinstance(given, Mapping):
        raise UserError(
            f"config.{field} is {given!r}: it must be a block of terms and their weights, such as {{'bce': 1.0}}"
        )
    return {**preset, **{name: _term(player, name, preset, value, known) for name, value in given.items()}}


def _check_counts(terms: Mapping[str, Terms], steps: int) -> None:
    """Raises UserError for a term that begins after the run's end, or whose weight is 0 at all of its steps."""
    for player, of in terms.items():
        for name, each in of.items():
            field, (_, every, after) = f"config.objective.{player}.{name}", eager(each.term)
            if after >= steps:
                raise UserError(
                    f"{field}.after is {after}: it must be below the {steps} steps of the run, config.steps"
                )
            if steps // every * every <= after:
                logging.warning(
                    "%s is never computed: no multiple of its every (%d) is above its after (%d) and at most "
                    "config.steps (%d)",
                    *(field, every, after, steps),
                )
            check_weight(each.weight, f"{field}.weight", steps)


def _term(player: str, name: str, preset: Terms, value: Any, known: Mapping[str, Any]) -> Weighted:
    """Returns a term from its weight, or from a block of its weight, its arguments, `every` and `after`.

    For a term of the preset, `every` and `after` are by default the preset's.
    """
    field = f"objective.{player}.{name}"
    block = {"weight": value} if not isinstance(value, Mapping) or is_schedule(value) else dict(value)
    spec = {"name": block.pop("name", name)}
    usual, *when = eager(preset[name].term) if name in preset and spec["name"] == name else (None, 1, 0)
    number = weight(block.pop("weight", 1.0), f"{field}.weight")
    every, after = block.pop("every", when[0]), block.pop("after", when[1])
    own = usual if not block else None
    term = own or bind(f"gan_jax.objectives.terms.{player}", {**spec, **block}, field)
    with reraise_as(f"config.{field}"):
        return Weighted(lazily(_with_networks(term, known), every=every, after=after), number)


def _with_networks(term: Callable, known: Mapping[str, Any]) -> Callable:
    """Returns a term with the frozen networks that its arguments name; the default is 'vgg16'."""
    given = term.keywords if isinstance(term, partial) else {}
    makers = {Frozen: lpips.frozen, LastOutputs: lpips.frozen_outputs}
    asked = {name: makers.get(_annotation(term, name)) for name in inspect.signature(term).parameters}
    made = {
        name: maker(given.get(name, "vgg16"), known["shape"], known["limits"]) for name, maker in asked.items() if maker
    }
    return partial(term, **made) if made else term


def _network(role: str, spec: ConfigDict, known: Mapping[str, Any]) -> Network:
    block = spec.to_dict()
    remat, _ = block.pop("remat", ""), block.pop("frozen", False)  # read by `updates`
    with reraise_as(f"config.networks.{role}"):
        if block.get("classes", most := known.get("classes", 0)) < most:
            raise ValueError(f"classes is {block['classes']}, but the data have {most}: leave it out")
        module = bind("gan_jax.models", block, f"networks.{role}")
        return Network(module(**_asked_for(module, known)), remat=remat, field=f"config.networks.{role}")


def make(package: str, spec: Mapping[str, Any], field: str, known: Mapping[str, Any] = MappingProxyType({})) -> Any:
    """Returns the result of the object that a spec names, called with its arguments and the known values it takes."""
    with reraise_as(f"config.{field}"):
        target = bind(package, dict(spec), field)
        return target(**_asked_for(target, known))


def _asked_for(target: Callable, known: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the known values that the target takes; raises UserError if it takes classes and there are no labels."""
    taken = parameters(target)
    if "classes" in taken and not known.get("classes", 1):
        raise UserError(f"config.data.name: this model needs labels, {known['no_labels']}")
    return {name: value for name, value in known.items() if name in taken}


def listed(names: Any) -> str:
    """Returns the names sorted and joined by commas, or 'nothing'."""
    return ", ".join(sorted(names)) or "nothing"
