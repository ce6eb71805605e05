"""Checks a config for values that no experiment can have, whatever its networks and data are."""

import math
from typing import Any

from ml_collections import ConfigDict

from gan_jax.config.values import flatten
from gan_jax.errors import UserError, suggestions

PERIODS = ("log_every_steps", "sample_every_steps", "evaluate_every_steps", "checkpoint_every_steps")
DTYPES = ("float32", "bfloat16")
MAPS = ("pmap", "shard_map")
MAX_COUNT, MAX_SEEDS, MAX_LIMIT = 2**31 - 1, 1000, 1e30
"""The limits of counts such as steps and examples, of runs in one program, and of the data's range, in float32."""


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
            f"config.data.range is {limits}: it must be two numbers, rising, from -{MAX_LIMIT} to {MAX_LIMIT}"
        )
    if config.evaluate_every_steps and not config.get("evaluators"):
        raise UserError("config.evaluate_every_steps: this config has no evaluators, so it must be 0")
    rule, _, value = config.keep_best.partition(" ")
    known = config.get("evaluators") or {}
    for name, spec in known.items():
        every = spec.get("every_steps", 0)
        if type(every) is not int or every < 0:
            raise UserError(f"config.evaluators.{name}.every_steps is {every!r}: it must be 0 (never) or more steps")
    if config.keep_best and (rule not in ("min", "max") or value.partition("/")[0] not in known):
        raise UserError(
            f"config.keep_best is {config.keep_best!r}: it must be '' (none), or 'min' or 'max' and a value of this "
            f"config's evaluators, such as 'min likelihood/nll'; {suggestions(value.partition('/')[0], known)}"
        )


def _is_finite(value: Any) -> bool:
    if isinstance(value, dict | tuple | list):
        return all(map(_is_finite, value.values() if isinstance(value, dict) else value))
    return not isinstance(value, float) or math.isfinite(value)
