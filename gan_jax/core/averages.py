"""Moving averages of weights: warm-ups for their decay, and the batch statistics of networks with such weights.

Warm-ups return 1 - decay, the step size to the new weights. With a constant decay, the initial weights still make up
decay^n of the average after n updates: 97 % after 300 updates at 0.9999. With a warm-up the decay rises to `ema`
instead.

A network with averaged weights has other activations than the trained network, so its batch norm needs separate
statistics (Izmailov et al. 2018, arXiv:1803.05407, section 3.2).
"""

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TypeAlias

import jax
import jax.numpy as jnp
from jax import lax

from gan_jax.core.state import Tree

Warmup: TypeAlias = Callable[[float, jax.Array], jax.Array | float]
"""`(ema, n) -> 1 - decay` after the n-th update of the weights; n is float32 [] and starts at 1."""

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

BATCH_STATS = "batch_stats"  # Flax's name of the statistics that batch norm keeps
EVERY = 10  # steps between two measurements, which cost a forward pass each
FIRST = 100  # steps that are all measured, because the initial statistics, 0 and 1, are far off


def has_batch_stats(stats: Tree) -> bool:
    """Returns True if the running statistics of a player's networks contain those of a batch norm."""
    return any(_of_batch_norm(path) for path, _ in jax.tree_util.tree_leaves_with_path(stats))


def batch_stats(measure: Callable[[Tree], Tree], old: Tree, trained: Tree, step: jax.Array) -> Tree:
    """Returns the running statistics of networks with averaged weights after a step.

    The statistics of batch norm are measured in each of the first `FIRST` steps, and then in every `EVERY`-th. Other
    statistics, such as a codebook, are those of the weights without averaging.

    Args:
        measure: runs the networks with averaged weights on a batch, from old to new statistics.
        old: the statistics before this step.
        trained: the statistics of the weights without averaging.
        step: the number of steps before this one, int32 [].
    """
    own = lax.cond((step < FIRST) | (step % EVERY == 0), measure, lambda old: old, old)
    return jax.tree_util.tree_map_with_path(
        lambda path, own, trained: own if _of_batch_norm(path) else trained, own, trained
    )


def _of_batch_norm(path: tuple) -> bool:
    return any(getattr(part, "key", None) == BATCH_STATS for part in path)
