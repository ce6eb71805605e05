"""Schedules that Optax lacks, `count -> number`; configs name them, as in `gan_jax.core.schedules:cosine`."""

from collections.abc import Callable
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp

Schedule: TypeAlias = Callable[[Any], jax.Array]

SHORTEST = 1e-8  # the shortest half-life, in updates: the average is then the newest value


def cosine(*, init_value: float, end_value: float, transition_steps: int) -> Schedule:
    """Returns the half-cosine schedule from one value to another, then constant. Either value may be 0."""

    def value(count: Any) -> jax.Array:
        along = 0.5 - 0.5 * jnp.cos(jnp.pi * jnp.minimum(count / transition_steps, 1.0))
        return init_value + along * (end_value - init_value)

    return value


def half_life(*, init_value: float, end_value: float, transition_steps: int) -> Schedule:
    """Returns the decay 0.5^(1 / h) of a moving average whose half-life h, in updates, follows `cosine`."""
    updates = cosine(init_value=init_value, end_value=end_value, transition_steps=transition_steps)
    return lambda count: 0.5 ** (1 / jnp.maximum(updates(count), SHORTEST))
