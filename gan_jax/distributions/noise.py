"""Noise on examples, for denoising autoencoders."""

from collections.abc import Callable
from typing import TypeAlias

import jax
import jax.numpy as jnp
from jax import random

__all__ = ["gaussian", "masking"]  # what a config can name

Noise: TypeAlias = Callable[[jax.Array, jax.Array], jax.Array]
"""`(keys [n], x [n, ...]) -> x [n, ...]`: the noise of an example depends only on its own key."""


def gaussian(level: float) -> Noise:
    """Adds N(0, level^2), `level` in units of x, without clipping. Raises ValueError if `level` is below 0."""
    if not level >= 0:
        raise ValueError(f"level is {level}: it must be at least 0")

    def add(key: jax.Array, x: jax.Array) -> jax.Array:
        return x + level * random.normal(key, x.shape)

    return jax.vmap(add)


def masking(level: float, limits: tuple[float, float] | None = None) -> Noise:
    """Sets each value to 0 with probability `level` (Vincent et al. 2008, section 2.3), in images to black.

    `limits` are the range of images, from black to white. Raises ValueError if `level` is outside of [0, 1].
    """
    if not 0 <= level <= 1:
        raise ValueError(f"level is {level}: it must be the share of masked values, from 0 to 1")

    def mask(key: jax.Array, x: jax.Array) -> jax.Array:
        return jnp.where(random.bernoulli(key, 1 - level, x.shape), x, limits[0] if limits else 0.0)

    return jax.vmap(mask)
