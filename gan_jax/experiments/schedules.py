"""Numbers of a config that may be schedules of the step, or of a player's updates."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np

from gan_jax.core.objective import Weight
from gan_jax.errors import UserError, reraise_as
from gan_jax.resolve import bind

MOST_TRIED = 10_000  # steps that a schedule is looked at


def weight(value: Any, field: str) -> Weight:
    """Returns a number, or the Optax schedule that a block names."""
    if isinstance(value, Mapping):
        return schedule(value, field)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UserError(f"config.{field} is {value!r}: it must be a number, or a block that names an Optax schedule")
    return float(value)


def schedule(block: Mapping[str, Any], field: str) -> Any:
    """Returns the Optax schedule of a block; raises UserError where it would end before it begins."""
    least = {"warmup_steps": 0, "transition_begin": 0, "transition_steps": 1, "decay_steps": 1}
    for name in least:
        if name in block and (isinstance(block[name], bool) or not isinstance(block[name], int | float)):
            raise UserError(f"config.{field}.{name} is {block[name]!r}: it must be a number")
        if name == "decay_steps":
            least[name] += block.get("warmup_steps", 0)
        if name in block and block[name] < least[name]:
            raise UserError(f"config.{field}.{name} is {block[name]}: it ends before it begins: at least {least[name]}")
    with reraise_as(f"config.{field}"):
        parts = [block[name] for name in ("pct_start", "pct_final") if name in block]
        if parts != sorted(parts) or not all(0 <= part <= 1 for part in parts):
            raise ValueError(f"pct_start and pct_final are {parts}: they must be parts of the steps, in this order")
        return bind("optax", dict(block), field)()


def check_weight(value: Weight, field: str, steps: int) -> None:
    """Raises UserError for a schedule that `check_values` refuses, or that is 0 at all steps of the run."""
    if callable(value) and not check_values(value, field, steps).any():
        raise UserError(
            f"{field} is 0 at each of the {steps} steps of the run: let its schedule begin earlier, or set config.steps"
        )


def check_values(value: Callable[[Any], Any], field: str, counts: int, most: float = math.inf) -> np.ndarray:
    """Returns the values of a schedule that `tabulated` looks at.

    Raises UserError where one of them is below 0, above `most` or not finite, or where it is no schedule.
    """
    with reraise_as(field):
        tried, values = tabulated(value, counts)
    if (wrong := ~((values >= 0) & (values <= most) & np.isfinite(values))).any():
        first = int(wrong.argmax())
        limit = "" if math.isinf(most) else f" and at most {most:g}"
        raise UserError(f"{field} is {values[first]:.6g} at {tried[first]}: its schedule must be at least 0{limit}")
    return values


def tabulated(value: Callable[[Any], Any], counts: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns the counts from 0 on, at most MOST_TRIED of them, and a schedule's values there."""
    tried = np.unique(np.linspace(0, max(counts, 1) - 1, min(max(counts, 1), MOST_TRIED)).astype(np.int32))
    return tried, np.asarray(jax.vmap(value)(tried))
