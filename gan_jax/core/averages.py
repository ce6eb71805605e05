"""Warm-ups for the decay of a moving average of weights. They return 1 - decay, the step size to the new weights.

At a constant decay the initial weights still count decay^n after n updates: 97 % after 300 updates at 0.9999. With a
warm-up the decay rises to `ema` instead.
"""

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TypeAlias

import jax
import jax.numpy as jnp

Warmup: TypeAlias = Callable[[float, jax.Array], jax.Array | float]
"""`(ema, n) -> 1 - decay` after the n-th update of the weights; n is float32 [], from 1 on."""

SHARE = 0.05  # the longest half-life as a share of the updates so far: ema_rampup in StyleGAN2-ADA


def constant(ema: float, n: jax.Array) -> float:
    """Returns the step 1 - ema, a float. The decay is `ema` from the first update on, for any n []."""
    del n
    return 1 - ema


def ratio(ema: float, n: jax.Array) -> jax.Array:
    """Returns the step [] at the decay min(ema, (1 + n) / (10 + n)), as in TensorFlow's ExponentialMovingAverage."""
    return jnp.maximum(1 - ema, 9 / (10 + n))


def half_life(ema: float, n: jax.Array) -> jax.Array:
    """Returns the step [] at the decay min(ema, 0.5^(1 / (0.05 n))): a half-life of at most 5 % of the n updates."""
    return jnp.maximum(1 - ema, -jnp.expm1(-math.log(2) / (SHARE * n)))


WARMUPS: Mapping[str, Warmup] = MappingProxyType({"none": constant, "ratio": ratio, "half_life": half_life})
"""The values of `players.NAME.ema_warmup`."""
