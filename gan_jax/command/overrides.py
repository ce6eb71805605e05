"""Overrides fields of a config by `--config.field=value` arguments of the command line.

A field keeps its type, with two exceptions. A schedule may replace a number, and a number a schedule. In the block
`data` a tuple may replace a number, and a number a tuple, such as (h, w) for a side. A block with a name, such as a
network or an evaluator, may get new fields, and `auto` may replace a value of any type; the object of that name checks
them when it is built. A literal replaces a whole block, for example
`--config.players.critic.optimizer="{'name': 'sgd', 'learning_rate': 0.1}"`, and `none` removes it.
"""

import ast
from collections.abc import Sequence
from typing import Any

from absl import flags
from ml_collections import ConfigDict, config_flags

from gan_jax import config as configs
from gan_jax.config.paths import parent_of
from gan_jax.config.values import exchangeable, plain
from gan_jax.errors import UserError, one_line, reraise_as

NONE, AUTO = "none", "auto"
PATH = "path"
TEXTS = "data.unlabelled_folder", "data.group"
"""Fields that are text even if they look like a number, PATH in every block: a folder may be named 2024_10."""


def apply(config: ConfigDict, arguments: Sequence[str]) -> ConfigDict:
    """Returns the config with these arguments applied; raises UserError for unknown fields and wrong values."""
    values, usual = config.to_dict(), []
    for argument in arguments:
        path = field(argument)
        parent, last = parent_of(values, path)
        text = argument.partition("=")[2]
        automatic = "name" in parent and AUTO in (text, parent.get(last))
        if last in parent and _exchangeable(path, parent[last], value := _literal(text)):
            parent[last] = value
            usual = [each for each in usual if field(each) != path]  # the last of several overrides counts
        elif last in parent and last.isidentifier() and not isinstance(parent[last], dict) and not automatic:
            usual.append(argument)
        else:
            _put(parent, last, path, text)
    with reraise_as("the names of the config's fields"):
        changed = ConfigDict(plain(values)).lock()  # checked only after all are set, as fields may depend on each other
    return _typed(changed, usual)


def field(argument: str) -> str:
    """Returns the dotted field that an argument sets; raises UserError if it is not an override."""
    if not argument.startswith(("--config.", "-config.")):
        raise UserError(f"unknown argument {argument!r}: set fields with --config.field=value; see --help")
    return argument.lstrip("-").partition("=")[0].removeprefix("config.")


def given(arguments: Sequence[str]) -> dict[str, str]:
    """Returns the fields that these arguments set, and their values as text."""
    return {field(argument): argument.partition("=")[2] for argument in arguments}


def _exchangeable(path: str, old: Any, new: Any) -> bool:
    """Returns whether a value may replace one of another type."""
    kinds = {tuple if isinstance(value, list) else type(value) for value in (old, new)}
    return exchangeable(old, new) or (path.startswith("data.") and kinds == {int, tuple})


def _put(parent: dict[str, Any], last: str, path: str, text: str) -> None:
    """Replaces or removes a block, or adds a field."""
    if text == NONE:
        parent.pop(last, None)
        return
    value = _literal(text)
    if (last == PATH or path in TEXTS) and not isinstance(value, str | dict):
        value = text
    if isinstance(parent.get(last), dict) and not isinstance(value, dict):
        inner = "name" if "name" in parent[last] else next(iter(parent[last]), "name")
        raise UserError(
            f"config.{path} is a block: set a field of it with --config.{path}.{inner}=..., replace it with "
            f"--config.{path}=\"{{'name': ...}}\", or remove it with --config.{path}={NONE}"
        )
    parent[last] = value


def _literal(text: str) -> Any:
    """Returns the value of a Python literal, with `true` and `false` in any case as booleans; other text as it is."""
    if text.lower() in ("true", "false"):  # as existing fields accept them
        return text.lower() == "true"
    try:
        return ast.literal_eval(text)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return text


def _typed(config: ConfigDict, arguments: Sequence[str]) -> ConfigDict:
    """Returns the config with existing fields set by these arguments, which are parsed by the fields' types."""
    values, argv = flags.FlagValues(), ["gan_jax", *arguments]
    try:
        config_flags.DEFINE_config_dict("config", config, flag_values=values, sys_argv=argv)
        values(argv)
    except (flags.Error, TypeError, ValueError, AttributeError, KeyError) as error:
        raise UserError(one_line(error)) from error
    return configs.checked(config.to_dict())
