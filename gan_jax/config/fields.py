"""Configs: the fields that every config has, and functions that load, check and compare configs."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from gan_jax.config.checks import PERIODS, check
from gan_jax.config.python_files import call, split_argument
from gan_jax.config.values import Fields, flatten, plain
from gan_jax.errors import UserError, one_line, reraise_as, suggestions

RESUMABLE = frozenset(
    {*PERIODS, "steps", "steps_per_call", "keep_checkpoints", "keep_best", "parallel", "accumulate", "trackers"}
)
"""Fields that do not change the result of a step, so a run may be resumed with other values."""
ADDED = ("init_from", "init_partial")
"""Other fields that a run of this format may lack."""
BLOCKS_RESUMABLE = frozenset({"data.path", "data.hold", "networks.generator.psi"})
"""The same for fields in blocks: data are compared by fingerprints, and psi is used outside of training only."""
PARTS = {"likelihood": "gan_jax.distributions.likelihoods", "noise": "gan_jax.distributions.noise"}
"""Blocks of a config that name a part of the objective, and the packages of these parts."""
BLOCKS, OPTIONAL_BLOCKS = ("objective", "networks", "players"), (*PARTS, "samplers", "augment", "evaluators")
"""Blocks that a config adds to `defaults()`."""
EMA_WARMUP = "ratio"
FORMAT = 2
"""The format of config.json. It changes when runs of earlier releases can no longer be resumed or read."""


def defaults() -> ConfigDict:
    """The fields that every config has; a config file sets them and adds `objective`, `networks` and `players`."""
    config = Fields()
    config.seed = 0
    config.seeds = 1  # number of runs in one program, with seeds from `seed` on
    config.steps = 1000  # steps to train
    config.batch_size = 64  # examples per update, over all devices
    config.accumulate = 1  # parts of an update's batch, computed one after the other, for large examples
    config.steps_per_call = 50  # steps compiled into one call
    config.log_every_steps = 50  # periods: 0 = never
    config.sample_every_steps = 500
    config.evaluate_every_steps = 0
    config.checkpoint_every_steps = 1000
    config.keep_checkpoints = 3  # number of newest checkpoints kept
    config.keep_best = ""  # and the one of the best evaluation: "min evaluator/value" or "max evaluator/value"
    config.trackers = ""  # further destinations of rows and pictures: wandb, mlflow, or package.module:Class
    config.dtype = "float32"  # dtype of the networks' computations: float32 or bfloat16; parameters are float32
    config.parallel = "pmap"  # maps a step over all devices: pmap or shard_map
    config.init_from = ""  # another run whose players this one starts from: RUN, RUN:NAME, RUN@STEP
    config.init_partial = False  # initialises arrays that are missing in that run or have another shape there
    config.data = ConfigDict({"name": "digits", "split": "train", "range": (-1.0, 1.0)})
    config.step_rule = ConfigDict({"name": "alternating"})
    return config


def player(
    optimizer: dict[str, Any],
    *,
    updates_per_step: int = 1,
    clip_gradients: float = 0.0,
    clip_weights: float = 0.0,
    ema: float | dict[str, Any] = 0.0,
    ema_warmup: str = EMA_WARMUP,
    frozen: bool = False,
) -> dict[str, Any]:
    """Returns a player's block: an Optax optimizer by name with its arguments, and other settings; 0 means none.

    updates_per_step: updates in a step. clip_gradients: the largest allowed global norm of the gradients. clip_weights:
    the bound c of the weights, which are clipped to [-c, c]. ema: the decay of the moving average of the weights, which
    makes the samples; it may be a schedule over the updates.
    ema_warmup: lowers the decay while the number of updates n is small: 'ratio', min(ema, (1 + n) / (10 + n));
    'half_life' of at most 5 % of n (StyleGAN2-ADA); 'none', `ema` from the first update on.
    frozen: whether the player is never updated, which is also the case with 0 updates in a step.
    """
    return {
        "optimizer": dict(optimizer),
        "updates_per_step": updates_per_step,
        "clip_gradients": clip_gradients,
        "clip_weights": clip_weights,
        "ema": ema,
        "ema_warmup": ema_warmup,
        "frozen": frozen,
    }


def updates_per_step(config: ConfigDict | Mapping[str, Any]) -> int:
    """Returns the largest number of updates that a player has in a step. Frozen players have none."""
    return max(0 if player.get("frozen") else player["updates_per_step"] for player in config["players"].values())


def frozen_players(config: ConfigDict) -> list[str]:
    """Returns the names of the players of a config that are never updated."""
    return [name for name, player in config.players.items() if player.frozen or not player.updates_per_step]


def load(place: str | Path) -> ConfigDict:
    """Returns the config of a Python file's `get_config()` or of a run's config.json, locked and checked.

    `file.py:argument` calls `get_config("argument")`. A Python config is run as code. Raises UserError, with the
    file's name, for any error in it.
    """
    path, arguments = split_argument(place)
    if not path.is_file():
        raise UserError(f"--config={place}: there is no such file")
    if path.suffix == ".json" and not arguments:
        return checked(completed(_located(read_run(path))))
    if path.suffix != ".py":
        raise UserError(f"--config={place}: a config is a Python file, or the config.json of a run")
    config = call(place, "get_config", "config")
    if not isinstance(config, ConfigDict):
        raise UserError(f"--config={place}: get_config() returned {type(config).__name__}, not a ConfigDict")
    with reraise_as(f"--config={place}"):
        return checked(config.to_dict())


def _located(run: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the config of a run, with the resolved path of its data if they are still there."""
    config, path = dict(run["config"]), (run.get("data_spec") or {}).get("path")
    if path and Path(path).exists() and isinstance(config.get("data"), Mapping):
        config["data"] = {**config["data"], "path": path}
    return config


def as_given(config: dict[str, Any], run: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a config with its data's path as in the run's config.json, if both refer to the same place.

    A run resumed with its config.json thus keeps the name `emoji`, not the folder that it refers to on one machine.
    """
    given, located = run["config"].get("data"), _located(run).get("data")
    same = isinstance(given, Mapping) and isinstance(located, Mapping) and "path" in given
    if not same or config["data"].get("path") != located.get("path"):
        return config
    return {**config, "data": {**config["data"], "path": given["path"]}}


def completed(run: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a run's config, with the defaults of fields that are newer than the run, so that it can be resumed.

    A value that should be a block but is not remains unchanged, so that `checked` refuses it.
    """
    added = {field: value for field, value in defaults().items() if field in RESUMABLE or field in ADDED}
    players = run.get("players")
    if isinstance(players, Mapping) and all(isinstance(player, Mapping) for player in players.values()):
        added["players"] = {name: {"frozen": False, **player} for name, player in players.items()}
        run = {field: value for field, value in run.items() if field != "players"}
    return {**added, **run}


def of_seed(config: ConfigDict, seed: int) -> ConfigDict:
    """Returns the config of a single run with this seed."""
    return checked(config.to_dict() | {"seed": seed, "seeds": 1})


def to_json(config: ConfigDict) -> dict[str, Any]:
    """Returns all values as JSON: tuples become lists.

    Raises UserError for a value that would not be equal when read back.
    """
    values = plain(config.to_dict())
    written = json.loads(json.dumps(values))
    if plain(written) != values:
        raise UserError("the config cannot be written as JSON and read back: use plain numbers and text")
    return written


def read_run(path: Path) -> dict[str, Any]:
    """Returns the content of a run's config.json.

    Raises UserError if it is not one, or has another format.
    """
    try:
        run = json.loads(path.read_text("utf-8"))
        run["config"]["seed"]
        version = run.get("format", 1)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UserError(f"{path} is not the config.json of a run: {one_line(error)}") from error
    if version != FORMAT:
        release = "a later" if isinstance(version, int) and version > FORMAT else "an earlier"
        raise UserError(
            f"{path} has format {str(version)[:20]}, of {release} release, but this release reads format {FORMAT}: "
            "use that release for this run, or train it again in another folder"
        )
    return run


def differences(mine: dict[str, Any], other: dict[str, Any]) -> list[str]:
    """Returns `field: other's value -> mine` for each field that differs and changes the result of a step."""
    left, right = dict(flatten(mine)), dict(flatten(other))
    return [
        f"{field}: {right.get(field, 'absent')} -> {left.get(field, 'absent')}"
        for field in sorted(left.keys() | right.keys())
        if left.get(field, ...) != right.get(field, ...) and not is_free(field)
    ]


def is_free(field: str) -> bool:
    """Returns True for a dotted field that does not change the result of a step."""
    return field in RESUMABLE or field in BLOCKS_RESUMABLE or field.startswith("evaluators.")


def checked(values: dict[str, Any]) -> ConfigDict:
    """Returns a checked config of these values, in which no two fields share a block; raises UserError."""
    values = plain(values)
    with reraise_as("the names of the config's fields"):
        config = Fields(values)
    for field in BLOCKS:
        if not isinstance(config.get(field), ConfigDict):
            raise UserError(f"the config has no block {field!r}: see configs/digits_dcgan.py for an example")
    usual = defaults()
    _check_fields(config, usual, "config", {*BLOCKS, *OPTIONAL_BLOCKS})
    _check_fields(config.data, usual.data, "config.data", config.data)  # its other fields are the data set's
    _check_blocks(config, {*config} & {*OPTIONAL_BLOCKS}, "config")
    for field in {*config} & {"networks", "players", "evaluators", "samplers", "augment"}:
        _check_blocks(config[field], config[field], f"config.{field}")
    for name, block in config.players.items():
        _check_fields(block, Fields(player({})), f"config.players.{name}")
    check(config)
    return config.lock()


def _check_fields(block: ConfigDict, like: ConfigDict, place: str, also: Iterable[str] = ()) -> None:
    """Raises UserError if a block lacks a field of `like`, has another type there, or has unknown fields."""
    for field, example in like.items():
        if field not in block:
            raise UserError(f"{place} has no field {field!r}: make it with gan_jax.config's defaults() and player()")
        kinds = (int, float) if isinstance(example, float) else (type(example),)
        if field == "ema":
            kinds = (*kinds, ConfigDict, Fields)  # a schedule
        value = block[field].to_dict() if isinstance(block[field], ConfigDict) else block[field]
        if type(block[field]) not in kinds:
            raise UserError(f"{place}.{field} is {value!r}: it must be of type {type(example).__name__}")
    for field in block:
        if field not in {*like, *also}:
            raise UserError(f"unknown field {field!r} in {place}: {suggestions(field, {*like, *also})}")


def _check_blocks(parent: ConfigDict, fields: Iterable[str], place: str) -> None:
    for field in fields:
        if not isinstance(parent[field], ConfigDict):
            raise UserError(f"{place}.{field} is {parent[field]!r}: it must be a block with a name")
