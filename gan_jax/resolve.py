"""Resolves names in configs to functions and classes of gan_jax, Optax or any importable package. No registry."""

import importlib
import inspect
import pkgutil
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from types import ModuleType
from typing import Any

from gan_jax.errors import CODE_ERRORS, UserError, one_line, suggestions

NESTED = {"noise": "gan_jax.distributions.noise"}
"""The packages in which nested blocks' names are looked up, by field."""


def bind(package: str, spec: Mapping[str, Any], field: str) -> Callable:
    """Returns the object `spec["name"]` of `package`, with the rest of `spec` bound to it as keyword arguments.

    Values that are themselves blocks with a name are bound first, from the package in NESTED or otherwise from
    `gan_jax.layers`. `field` is the spec's dotted field, for messages. Raises UserError for an unknown name or
    argument, with the known ones.
    """
    if "name" not in spec:
        raise UserError(f"config.{field} has no name: give a name of {package}")
    target = resolve(package, str(spec["name"]), f"{field}.name")
    taken = parameters(target)
    arguments = {}
    for key, value in spec.items():
        if key == "name":
            continue
        if key not in taken:
            raise UserError(f"config.{field}.{key}: {spec['name']} has no argument {key!r}; {suggestions(key, taken)}")
        nested = isinstance(value, Mapping) and "name" in value
        if nested and package == "gan_jax.objectives":
            raise UserError(
                f"config.{field}.{key} is a block, but this value must be a plain one: "
                "only an objective's weights and an optimizer's arguments may be schedules"
            )
        arguments[key] = bind(NESTED.get(key, "gan_jax.layers"), value, f"{field}.{key}") if nested else value
    return partial(target, **arguments) if arguments else target


def resolve(package: str, name: str, field: str) -> Callable:
    """Returns the object called `name`: `file.object` of `package`, or `package.module:object` of any package.

    Raises UserError with the names that exist.
    """
    if ":" in name:
        return outside(name, field)
    module_name, _, attribute = f"{package}.{name}".rpartition(".")
    if all(part.isidentifier() for part in name.split(".")):
        with suppress(_NoSuchFile):
            module = _import(module_name)
            if attribute in _offers(module):
                return getattr(module, attribute)
    raise UserError(f"config.{field}: {package} has no {name!r}; {suggestions(name, _public(package))}")


def outside(name: str, field: str) -> Callable:
    """Returns an importable package's object, given as `package.module:object`. Raises UserError if there is none."""
    module_name, _, attribute = name.partition(":")
    if module_name.partition(".")[0] in sys.stdlib_module_names:
        raise UserError(f"config.{field} is {name!r}: modules of Python's standard library cannot be used in a config")
    if not all(part.isidentifier() for part in (*module_name.split("."), attribute)):
        raise UserError(f"config.{field} is {name!r}: a name outside of gan_jax is written as package.module:object")
    try:
        module = _import(module_name)
    except _NoSuchFile as error:
        raise UserError(f"config.{field}: there is no module {module_name!r} to import: is it installed?") from error
    except CODE_ERRORS as error:
        raise UserError(
            f"config.{field}: importing {module_name}: {type(error).__name__}: {one_line(error)}"
        ) from error
    if not callable(found := getattr(module, attribute, None)):
        offered = [key for key, value in vars(module).items() if callable(value) and not key.startswith("_")]
        raise UserError(f"config.{field}: {module_name} has no {attribute!r}; {suggestions(attribute, offered)}")
    return found


class _NoSuchFile(Exception):
    """Raised for a dotted name without a file, unlike for a file that fails to import."""


def _import(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and f"{name}.".startswith(f"{error.name}."):
            raise _NoSuchFile from error
        raise


def parameters(target: Callable) -> list[str]:
    """Returns the names of keyword arguments that a function, class or partial can still take from a config."""
    bound = target.keywords if isinstance(target, partial) else {}
    linen = {"parent", "name"}  # every Linen module's own fields
    return [p for p in inspect.signature(target).parameters if p not in bound and p not in linen]


def required(target: Callable) -> list[str]:
    """Returns those of `parameters(target)` that have no default."""
    signature = inspect.signature(target).parameters
    return [name for name in parameters(target) if signature[name].default is inspect.Parameter.empty]


def _offers(module: ModuleType) -> list[str]:
    """Returns the names that a module offers: its `__all__`, or in other packages (Optax) its functions."""
    if module.__name__.startswith("gan_jax."):
        return list(getattr(module, "__all__", ()))
    return [name for name, value in vars(module).items() if callable(value) and name[0].islower()]


def _public(package: str) -> list[str]:
    """Returns the dotted names that a package and its files offer."""
    module = importlib.import_module(package)
    names = _offers(module)
    if package.startswith("gan_jax.") and not names:
        for info in pkgutil.iter_modules(module.__path__):
            names += [f"{info.name}.{name}" for name in _offers(importlib.import_module(f"{package}.{info.name}"))]
    return names
