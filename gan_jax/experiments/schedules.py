"""Numbers of a config that may be schedules of the step, or of a player's updates."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np
import optax

from gan_jax.config.checks import MAX_COUNT
from gan_jax.config.values import PIECES
from gan_jax.core.objective import Weight
from gan_jax.errors import UserError, reraise_as
from gan_jax.resolve import bind

MOST_TRIED = 10_000  # steps at which a schedule is checked


def weight(value: Any, field: str) -> Weight:
    """Returns a number, or the Optax schedule that a block names."""
    if isinstance(value, Mapping):
        return schedule(value, field)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UserError(f"config.{field} is {value!r}: it must be a number, or a block that names an Optax schedule")
    return float(value)


def schedule(block: Mapping[str, Any], field: str) -> Any:
    """Returns the Optax schedule of a block; raises UserError if it ends before it begins."""
    _check_lengths(block, field)
    with reraise_as(f"config.{field}"):
        parts = [block[name] for name in ("pct_start", "pct_final") if name in block]
        if parts != sorted(parts) or not all(0 <= part <= 1 for part in parts):
            raise ValueError(
                f"pct_start and pct_final are {parts}: they must be fractions of the steps, in ascending order"
            )
        return bind("optax", {**block, **_pieces(block, field), **_joined(block, field)}, field)()


def _check_lengths(block: Mapping[str, Any], field: str) -> None:
    least = {"warmup_steps": 0, "transition_begin": 0, "transition_steps": 1, "decay_steps": 1}
    for name in least:
        if name in block and (isinstance(block[name], bool) or not isinstance(block[name], int | float)):
            raise UserError(f"config.{field}.{name} is {block[name]!r}: it must be a number")
        if name == "decay_steps":
            least[name] += block.get("warmup_steps", 0)
        if name in block and block[name] < least[name]:
            raise UserError(
                f"config.{field}.{name} is {block[name]}: to end after it begins, it must be at least {least[name]}"
            )


def _pieces(block: Mapping[str, Any], field: str) -> dict[str, Any]:
    """Returns the argument PIECES, if given, with steps as numbers: in a config, names of fields are text."""
    if PIECES not in block:
        return {}
    place, given = f"config.{field}.{PIECES}", block[PIECES]
    if not isinstance(given, Mapping):
        raise UserError(f"{place} is {given!r}: it must be a block of steps and factors, such as {{'1000': 0.1}}")
    for step, factor in given.items():
        if not _step(step):
            raise UserError(f"{place} has {step!r}: its steps must be whole numbers from 1 to {MAX_COUNT}")
        if isinstance(factor, bool) or not isinstance(factor, int | float):
            raise UserError(f"{place}.{step} is {factor!r}: it must be a number")
    return {PIECES: {int(step): factor for step, factor in given.items()}}


def _joined(block: Mapping[str, Any], field: str) -> dict[str, Any]:
    """Returns the arguments of `join_schedules`, if given, with the schedules that the blocks name."""
    if "schedules" not in block:
        return {}
    blocks, begins = block["schedules"], block.get("boundaries")
    if not isinstance(blocks, tuple | list) or not blocks:
        raise UserError(f"config.{field}.schedules is {blocks!r}: it must be a tuple of schedules and numbers")
    known = isinstance(begins, tuple | list) and len(begins) == len(blocks) - 1
    if not known or not all(type(step) is int and _step(step) for step in begins) or sorted({*begins}) != [*begins]:
        raise UserError(
            f"config.{field}.boundaries is {begins!r}: it must be a tuple of {len(blocks) - 1} ascending whole "
            f"numbers from 1 to {MAX_COUNT}, the steps at which all schedules but the first begin"
        )
    made = [weight(each, f"{field}.schedules.{number}") for number, each in enumerate(blocks)]
    return {"schedules": [each if callable(each) else optax.constant_schedule(each) for each in made]}


def _step(step: Any) -> int:
    """Returns the number of a step, given as a number or text, if it is above 0; 0 for any other value."""
    text = str(step)
    number = int(text) if text.isascii() and text.isdecimal() and len(text) <= len(str(MAX_COUNT)) else 0
    return number if number <= MAX_COUNT and str(number) == text else 0


def check_weight(value: Weight, field: str, steps: int) -> None:
    """Raises UserError for a schedule that `check_values` refuses, or that is 0 at all steps of the run."""
    if callable(value) and not check_values(value, field, steps).any():
        raise UserError(
            f"{field} is 0 at each of the {steps} steps of the run: start its schedule earlier, or raise config.steps"
        )


def check_values(value: Callable[[Any], Any], field: str, counts: int, most: float = math.inf) -> np.ndarray:
    """Returns a schedule's values as `tabulated` does.

    Raises UserError if a value is below 0, above `most` or not finite, or if it is not a schedule.
    """
    with reraise_as(field):
        tried, values = tabulated(value, counts)
    if (wrong := ~((values >= 0) & (values <= most) & np.isfinite(values))).any():
        first = int(wrong.argmax())
        limit = "" if math.isinf(most) else f" and at most {most:g}"
        raise UserError(f"{field} is {values[first]:.6g} at {tried[first]}: its schedule must be at least 0{limit}")
    return values


def tabulated(value: Callable[[Any], Any], counts: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns at most MOST_TRIED evenly spaced numbers from 0 to `counts` - 1, and a schedule's values there."""
    tried = np.unique(np.linspace(0, max(counts, 1) - 1, min(max(counts, 1), MOST_TRIED)).astype(np.int32))
    return tried, np.asarray(jax.vmap(value)(tried))
