"""Samplers of latents and of noise: how they are drawn, with a key for each example, and walks between two."""

import jax
import jax.numpy as jnp
from jax import random

from gan_jax.core.fields import Batch, Sampler

__all__ = ["noise", "normal", "uniform"]


def uniform(dim: int) -> Sampler:
    """Returns a sampler of z [n, dim], uniform in [-1, 1]; walks are straight lines. Raises ValueError for dim < 1."""
    _check(dim)

    def draw(keys: jax.Array, batch: Batch) -> jax.Array:
        del batch
        return jax.vmap(lambda key: random.uniform(key, (dim,), minval=-1.0))(keys)

    return Sampler(draw, lerp)


def normal(dim: int) -> Sampler:
    """Returns a sampler of z [n, dim] ~ N(0, I). Raises ValueError for dim < 1.

    Walks are spherical linear interpolations (slerp), which keep the length that such a z has (White 2016,
    arXiv:1609.04468). For dim = 1, where there is no angle, they are linear. Truncated to a bound, each value follows
    N(0, 1) given that it lies within +-bound, as in BigGAN (Brock et al. 2018, arXiv:1809.11096, section 3.1): it is
    the quantile of that distribution at the level that the value without a bound has in N(0, 1).
    """
    _check(dim)

    def draw(keys: jax.Array, batch: Batch) -> jax.Array:
        del batch
        return jax.vmap(lambda key: random.normal(key, (dim,)))(keys)

    def truncated(keys: jax.Array, bound: float) -> jax.Array:
        return jax.vmap(lambda key: random.truncated_normal(key, -bound, bound, (dim,)))(keys)

    return Sampler(draw, slerp if dim > 1 else lerp, truncated=truncated)


def noise() -> Sampler:
    """Returns a sampler of the words of each example's own random key, uint32 [n, 2], for noise inside a network.

    It is the same along a walk, so that noise does not flicker.
    """

    def draw(keys: jax.Array, batch: Batch) -> jax.Array:
        del batch
        return random.key_data(keys)

    return Sampler(draw)


def lerp(a: jax.Array, b: jax.Array, t: jax.Array) -> jax.Array:
    """Returns linear interpolations from a to b [n, dim], at t [m] of the way: [n, m, dim]."""
    t = t[:, None]
    return (1 - t) * a[:, None] + t * b[:, None]


def slerp(a: jax.Array, b: jax.Array, t: jax.Array) -> jax.Array:
    """Returns spherical linear interpolations from a to b [n, dim], at t [m] of the way: [n, m, dim]."""
    norms = jnp.linalg.norm(a, axis=-1) * jnp.linalg.norm(b, axis=-1)
    angle = jnp.arccos(jnp.clip(jnp.sum(a * b, axis=-1) / norms, -0.9999, 0.9999))[:, None, None]
    t = t[:, None]
    return (jnp.sin((1 - t) * angle) * a[:, None] + jnp.sin(t * angle) * b[:, None]) / jnp.sin(angle)


def _check(dim: int) -> None:
    if dim < 1:
        raise ValueError(f"dim is {dim}: it must be at least 1")
