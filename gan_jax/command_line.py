"""The config that a command line means: its file's or the run's own, with the fields that it sets itself."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from gan_jax import config as configs
from gan_jax import overrides
from gan_jax.errors import UserError
from gan_jax.runs import terminal
from gan_jax.values import plain


def for_training(
    file: str | Path | None, folder: Path, arguments: list[str], *, otherwise: Path
) -> tuple[ConfigDict, dict[str, Any]]:
    """The config to train in a folder -> it, and of its free fields the file's values where it has others.

    Without a file it is that of the folder's run, and in a folder without one that of the file `otherwise`. A free
    field that the file still has as it was when the command line gave the run another one stays as the run has it,
    which is said. The second value is for the run's config.json, where the next command finds it. Raises UserError.
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
        config = _followed(config, own, kept, arguments)
    now = _free(config)
    return config, {field: value for field, value in before.items() if field in now and now[field] != value}


def for_use(file: str | None, own: ConfigDict, arguments: list[str], mode: str, used: Iterable[str]) -> ConfigDict:
    """The config by which a trained run is put to use: the file's or its own, with the fields that the mode uses.

    used: fields, or blocks of them, that the mode goes by though they do not change the run. Raises UserError for
    another such field that is given a value which is not the run's: it would be ignored.
    """
    config = overrides.apply(own if file is None else configs.load(file), arguments)
    held, now = (dict(configs.flatten(each.to_dict())) for each in (own, config))
    for field in map(overrides.field, arguments):
        is_used = not configs.is_free(field) or any(f"{field}.".startswith(f"{one}.") for one in used)
        if not is_used and now[field] != held.get(field):
            raise UserError(
                f"--config.{field}={now[field]}: --mode={mode} does not use this field, "
                f"and the run has {held.get(field)}: leave it out"
            )
    return config


def _followed(config: ConfigDict, own: ConfigDict, kept: dict[str, Any], arguments: list[str]) -> ConfigDict:
    """The config with the free fields that the run was given on the command line, where neither this nor the file does.

    kept: the free fields' values in the file as of the run's last command.
    """
    said, held, now = {*map(overrides.field, arguments)}, _free(own), _free(config)
    changed = {
        field: held[field]
        for field in now
        if field in held and field not in said and now[field] == kept[field] != held[field]
    }
    with config.unlocked(), config.ignore_type():
        config.update_from_flattened_dict(changed)
    for field, value in changed.items():
        terminal.say(
            f"config.{field} is {value!r}, as this run was last told, not the file's {now[field]!r}: "
            f"--config.{field}=... gives it another"
        )
    return overrides.apply(config, [])


def _free(config: ConfigDict) -> dict[str, Any]:
    return {field: value for field, value in configs.flatten(config.to_dict()) if configs.is_free(field)}


def _recorded(path: Path) -> dict[str, Any]:
    """What `for_training` gave to be kept in a run's config.json; nothing in an older run's."""
    kept = configs.read_run(path).get("of_file", {})
    if not isinstance(kept, dict):
        raise UserError(f"{path}: of_file is no block of fields: delete it there")
    return plain(kept, "of_file")
