"""Configs: the fields that every experiment has; loads, checks and compares configs."""

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from gan_jax.errors import UserError, one_line, reraise_as, suggestions
from gan_jax.python_files import call, split_argument
from gan_jax.values import Fields, plain

PERIODS = ("log_every_steps", "sample_every_steps", "evaluate_every_steps", "checkpoint_every_steps")
RESUMABLE = frozenset({*PERIODS, "steps", "steps_per_call", "keep_checkpoints", "keep_best", "parallel", "accumulate"})
"""Fields that do not change the result of a step: a run may be resumed with other values."""
DATA_RESUMABLE = frozenset({"data.path", "data.hold"})
"""The same in the block of data, whose content is compared by fingerprints."""
DTYPES = ("float32", "bfloat16")
MAPS = ("pmap", "shard_map")
PARTS = {"likelihood": "gan_jax.distributions.likelihoods", "noise": "gan_jax.distributions.noise"}
"""Blocks of a config that name a part of the objective, and the packages of these parts."""
MAX_COUNT, MAX_SEEDS, MAX_LIMIT = 2**31 - 1, 1000, 1e30
"""Limits of counts, as of steps and examples; of runs as one program; of the range of data, in float32."""
BLOCKS, OPTIONAL_BLOCKS = ("objective", "networks", "players"), (*PARTS, "samplers", "augment", "evaluators")
"""Blocks that a config adds to `defaults()`."""
EMA_WARMUP = "ratio"
FORMAT = 2
"""Of config.json: a new number where runs of the release before cannot be resumed or read any more."""


def defaults() -> ConfigDict:
    """The fields that every config has; a config file sets them and adds `objective`, `networks` and `players`."""
    config = Fields()
    config.seed = 0
    config.seeds = 1  # number of runs as one program, from `seed` on
    config.steps = 1000  # steps to train
    config.batch_size = 64  # examples per update, over all devices
    config.accumulate = 1  # parts that an update's batch is taken in, one after the other, for large examples
    config.steps_per_call = 50  # steps compiled into one call
    config.log_every_steps = 50  # periods: 0 = never
    config.sample_every_steps = 500
    config.evaluate_every_steps = 0
    config.checkpoint_every_steps = 1000
    config.keep_checkpoints = 3  # number of newest ones
    config.keep_best = ""  # and the one with the best evaluation: "min evaluator/value" or "max evaluator/value"
    config.dtype = "float32"  # of the networks' computations: float32 or bfloat16; parameters are float32
    config.parallel = "pmap"  # maps a step over all devices: pmap or shard_map
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
) -> dict[str, Any]:
    """Returns a player's block: an Optax optimizer by name with its arguments, and its other settings, 0 for none.

    updates_per_step: updates in a step. clip_gradients: the most that the gradients' global norm may be. clip_weights:
    the box [-c, c] that weights are kept in. ema: decay of the moving average of the weights, which samples come from;
    it may be a schedule of the updates.
    ema_warmup: a lower decay after few updates n, where the average would still be the initial network: 'ratio',
    min(ema, (1 + n) / (10 + n)); 'half_life' of at most 5 % of n (StyleGAN2-ADA); 'none', `ema` from the first on.
    """
    return {
        "optimizer": dict(optimizer),
        "updates_per_step": updates_per_step,
        "clip_gradients": clip_gradients,
        "clip_weights": clip_weights,
        "ema": ema,
        "ema_warmup": ema_warmup,
    }


def load(place: str | Path) -> ConfigDict:
    """Returns the config of a Python file's `get_config()` or of a run's config.json, locked and checked.

    `file.py:argument` calls `get_config("argument")`. A Python config is run as code. Raises UserError, with the
    file's name, for whatever goes wrong in it.
    """
    path, arguments = split_argument(place)
    if not path.is_file():
        raise UserError(f"--config={place}: there is no such file")
    if path.suffix == ".json" and not arguments:
        free = {field: value for field, value in defaults().items() if field in RESUMABLE}
        run = read_run(path)
        return checked(free | _located(run))  # a run from before a new free field can be resumed
    if path.suffix != ".py":
        raise UserError(f"--config={place}: a config is a Python file, or the config.json of a run")
    config = call(place, "get_config", "config")
    if not isinstance(config, ConfigDict):
        raise UserError(f"--config={place}: get_config() returned {type(config).__name__}, not a ConfigDict")
    with reraise_as(f"--config={place}"):
        return checked(config.to_dict())


def _located(run: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the config of a run, with the resolved path of its data where these are still there."""
    config, path = dict(run["config"]), (run.get("data_spec") or {}).get("path")
    if path and Path(path).exists():
        config["data"] = config["data"] | {"path": path}
    return config


def of_seed(config: ConfigDict, seed: int) -> ConfigDict:
    """Returns the config of a run of this seed alone."""
    return checked(config.to_dict() | {"seed": seed, "seeds": 1})


def check(config: ConfigDict) -> None:
    """Raises UserError for a value that no experiment can have."""
    for field in ("seeds", "steps", "batch_size", "steps_per_call", "keep_checkpoints", "accumulate"):
        most = MAX_SEEDS if field == "seeds" else MAX_COUNT
        if not 1 <= config[field] <= most:
            raise UserError(f"config.{field} is {config[field]}: it must be at least 1 and at most {most:,}")
    if config.batch_size % config.accumulate:
        raise UserError(
            f"config.accumulate is {config.accumulate}: it must divide config.batch_size, which is {config.batch_size}"
        )
    for field in PERIODS:
        if config[field] < 0:
            raise UserError(f"config.{field} is {config[field]}: it must be 0 (never) or more")
    for field, value in flatten(config.to_dict()):
        if not _is_finite(value):
            raise UserError(f"config.{field} is {value}: it must be finite")
    if not 0 <= config.seed <= 2**32 - config.seeds:
        raise UserError(f"config.seed is {config.seed}: it and the seeds after it must be at least 0 and below 2**32")
    if config.dtype not in DTYPES:
        raise UserError(f"config.dtype is {config.dtype!r}: {suggestions(config.dtype, DTYPES)}")
    if config.parallel not in MAPS:
        raise UserError(f"config.parallel is {config.parallel!r}: {suggestions(config.parallel, MAPS)}")
    limits = config.data.range
    numbers = len(limits) == 2 and all(type(limit) in (int, float) for limit in limits)
    if not numbers or not -MAX_LIMIT <= limits[0] < limits[1] <= MAX_LIMIT:
        raise UserError(
            f"config.data.range is {limits}: it must be two numbers, the lower one first, neither beyond {MAX_LIMIT}"
        )
    if config.evaluate_every_steps and not config.get("evaluators"):
        raise UserError("config.evaluate_every_steps: this config names no evaluators, so it must be 0")
    rule, _, value = config.keep_best.partition(" ")
    known = config.get("evaluators") or {}
    for name, spec in known.items():
        every = spec.get("every_steps", 0)
        if type(every) is not int or every < 0:
            raise UserError(f"config.evaluators.{name}.every_steps is {every!r}: it must be 0 (never) or more steps")
    if config.keep_best and (rule not in ("min", "max") or value.partition("/")[0] not in known):
        raise UserError(
            f"config.keep_best is {config.keep_best!r}: it must be '' (none), or 'min' or 'max' and a value of this "
            f"config's evaluators, as 'min likelihood/nll'; {suggestions(value.partition('/')[0], known)}"
        )


def to_json(config: ConfigDict) -> dict[str, Any]:
    """Returns all values as JSON: tuples become lists.

    Raises UserError for a value that would not be read back equal.
    """
    values = plain(config.to_dict())
    written = json.loads(json.dumps(values))
    if plain(written) != values:
        raise UserError("the config cannot be written as JSON and read back: take plain numbers and text")
    return written


def read_run(path: Path) -> dict[str, Any]:
    """Returns the content of a run's config.json.

    Raises UserError where it is none, or of another format.
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
            f"{path} has format {str(version)[:20]}, of {release} release, and this release reads format {FORMAT}: "
            "use that release for this run, or train it anew in another folder"
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
    return field in RESUMABLE or field in DATA_RESUMABLE or field.startswith("evaluators.")


def flatten(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yields `(dotted field, value)` of a config as JSON."""
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def checked(values: dict[str, Any]) -> ConfigDict:
    """Returns a config of these values, in which no two fields share a block; raises UserError."""
    values = plain(values)
    with reraise_as("the names of the config's fields"):
        config = Fields(values)
    for field in BLOCKS:
        if not isinstance(config.get(field), ConfigDict):
            raise UserError(f"the config has no block {field!r}: see configs/digits_dcgan.py for one that has")
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
    """Raises UserError where a block lacks a field of `like`, has another type there, or has unknown fields."""
    for field, example in like.items():
        if field not in block:
            raise UserError(f"{place} has no field {field!r}: start it from gan_jax.config's defaults() and player()")
        kinds = (int, float) if isinstance(example, float) else (type(example),)
        if field == "ema":
            kinds = (*kinds, ConfigDict, Fields)  # a schedule
        if type(block[field]) not in kinds:
            raise UserError(f"{place}.{field} is {block[field]!r}: it must be of type {type(example).__name__}")
    for field in block:
        if field not in {*like, *also}:
            raise UserError(f"unknown field {field!r} in {place}: {suggestions(field, {*like, *also})}")


def _check_blocks(parent: ConfigDict, fields: Iterable[str], place: str) -> None:
    for field in fields:
        if not isinstance(parent[field], ConfigDict):
            raise UserError(f"{place}.{field} is {parent[field]!r}: it must be a block with a name")


def _is_finite(value: Any) -> bool:
    if isinstance(value, dict | tuple | list):
        return all(map(_is_finite, value.values() if isinstance(value, dict) else value))
    return not isinstance(value, float) or math.isfinite(value)
