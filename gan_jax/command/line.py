"""The config of a command: the file's or the run's, with the fields that the command line sets."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from gan_jax import config as configs
from gan_jax.command import overrides
from gan_jax.config.values import flatten, plain
from gan_jax.errors import UserError
from gan_jax.runs import terminal


def for_training(
    file: str | Path | None, folder: Path, arguments: list[str], *, otherwise: Path
) -> tuple[ConfigDict, dict[str, Any]]:
    """Returns the config to train in a folder, and the file's values of the free fields that differ from it.

    Without a file, the config is that of the folder's run, or of the file `otherwise` if there is no run. A free field
    that an earlier command line set keeps the run's value as long as the file's value has not changed, and a line on
    the terminal says so. The second result is kept in the run's config.json for the next command. Raises UserError.
    """
    path = folder / "config.json"
    own = configs.load(path) if path.is_file() else None
    kept = {} if own is None else _free(own) | _recorded(path)
    if file is None and own is not None:
        config, before = own, kept
    else:
        config = configs.load(otherwise if file is None else file)
        before = _free(config)
    config = overrides.apply(config, arguments)
    if own is not None and not configs.differences(configs.to_json(config), configs.to_json(own)):
        config = _with_kept_fields(config, own, kept, arguments)
    now = _free(config)
    return config, {field: before.get(field) for field in before | now if before.get(field) != now.get(field)}


def of_file(file: str | Path, arguments: list[str]) -> ConfigDict:
    """Returns a file's config with the fields that the command line sets; raises UserError."""
    return overrides.apply(configs.load(file), arguments)


def for_use(file: str | None, own: ConfigDict, arguments: list[str], mode: str, used: Iterable[str]) -> ConfigDict:
    """Returns the config for using a trained run: the file's or the run's, with the fields that the command line sets.

    used: the free fields, or blocks of them, that the mode uses. Raises UserError if the command line sets another
    free field to a value that differs from the run's, because that value would be ignored.
    """
    config = overrides.apply(own if file is None else configs.load(file), arguments)
    of_run, now = (dict(flatten(each.to_dict())) for each in (own, config))
    for field in map(overrides.field, arguments):
        is_used = not configs.is_free(field) or any(_within(field, one) for one in used)
        here, there = (_part(values, field) for values in (now, of_run))
        if not is_used and here != there:
            raise UserError(
                f"--config.{field}={_shown(here)}: --mode={mode} does not use this field, "
                f"and the run has {_shown(there)}: leave it out"
            )
    return config


def _part(values: dict[str, Any], field: str) -> Any:
    """Returns a field's value, or the flattened fields of a block; None if there is neither."""
    within = {name: value for name, value in values.items() if _within(name, field)}
    return values.get(field, within or None)


def _shown(part: Any) -> str:
    return "none" if part is None else "a block" if isinstance(part, dict) else str(part)


def _with_kept_fields(config: ConfigDict, own: ConfigDict, kept: dict[str, Any], arguments: list[str]) -> ConfigDict:
    """Returns the config with the run's values of free fields that an earlier command line set.

    Fields that this command line sets, or that have changed in the file since, are left alone.

    kept: the file's values of the free fields at the run's last command. Here and below, a field that is missing, such
    as one of an evaluator that the command line added or removed, counts as None.
    """
    given, of_run, now = [*map(overrides.field, arguments)], _free(own), _free(config)
    changed = {
        field: of_run.get(field)
        for field in now | of_run
        if now.get(field) == kept.get(field) != of_run.get(field)
        and not any(_within(field, one) or (field not in of_run and _within(one, _block(field))) for one in given)
    }
    values = config.to_dict()
    for field, value in changed.items():
        _put(values, field.split("."), value)
    for field in dict.fromkeys(field if _part(of_run, _block(field)) else _block(field) for field in changed):
        here, there = _shown(_part(of_run, field)), _shown(_part(now, field))
        terminal.say(
            f"config.{field} is {here}, as set by this run's last command, and not {there} as in the file: "
            f"set --config.{field}=... to change it"
        )
    return overrides.apply(ConfigDict(values), [])


def _put(values: dict[str, Any], path: list[str], value: Any) -> None:
    """Sets a field, in new blocks if there are none; for None removes it, and the blocks that it leaves empty."""
    first, *rest = path
    if rest:
        _put(values.setdefault(first, {}), rest, value)
    elif value is not None:
        values[first] = value
    if value is None and not (rest and values[first]):
        values.pop(first, None)


def _within(field: str, block: str) -> bool:
    """Returns whether a field is this block, or a part of it."""
    return f"{field}.".startswith(f"{block}.")


def _block(field: str) -> str:
    """Returns the evaluator that a field belongs to, as `evaluators.samples`; another field as it is."""
    return ".".join(field.split(".")[:2]) if _within(field, "evaluators") else field


def _free(config: ConfigDict) -> dict[str, Any]:
    return {field: value for field, value in flatten(config.to_dict()) if configs.is_free(field)}


def _recorded(path: Path) -> dict[str, Any]:
    """Returns the file's values from `for_training` that a run's config.json keeps."""
    kept = configs.read_run(path).get("file_values", {})
    if not isinstance(kept, dict):
        raise UserError(f"{path}: file_values is not a block of fields: delete it from this file")
    return plain(kept, "file_values")
