"""Laws of the latent z: how it is drawn, one key an example, and how one walks between two of them."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import random

__all__ = ["normal", "uniform"]


class Latent(NamedTuple):
    """A law of z: `draw(keys [n]) -> z [n, dim]`, and `walk(a [n, dim], b [n, dim], t [m]) -> [n, m, dim]`."""

    dim: int
    draw: Callable[[jax.Array], jax.Array]
    walk: Callable[[jax.Array, jax.Array, jax.Array], jax.Array]


def uniform(dim: int) -> Latent:
    """Uniform in [-1, 1]^dim; walks are straight lines. Raises ValueError where dim is below 1."""
    _check(dim)

    def draw(keys: jax.Array) -> jax.Array:
        return jax.vmap(lambda key: random.uniform(key, (dim,), minval=-1.0))(keys)

    return Latent(dim, draw, _straight)


def normal(dim: int) -> Latent:
    """N(0, I); walks are great arcs, which keep to the shell where such a z lies (White 2016, arXiv:1609.04468).

    Raises ValueError where dim is below 1.
    """
    _check(dim)

    def draw(keys: jax.Array) -> jax.Array:
        return jax.vmap(lambda key: random.normal(key, (dim,)))(keys)

    return Latent(dim, draw, _great_arc)


def _check(dim: int) -> None:
    if dim < 1:
        raise ValueError(f"dim is {dim}: it must be at least 1")


def _straight(a: jax.Array, b: jax.Array, t: jax.Array) -> jax.Array:
    t = t[:, None]
    return (1 - t) * a[:, None] + t * b[:, None]


def _great_arc(a: jax.Array, b: jax.Array, t: jax.Array) -> jax.Array:
    norms = jnp.linalg.norm(a, axis=-1) * jnp.linalg.norm(b, axis=-1)
    angle = jnp.arccos(jnp.clip(jnp.sum(a * b, axis=-1) / norms, -0.9999, 0.9999))[:, None, None]
    t = t[:, None]
    return (jnp.sin((1 - t) * angle) * a[:, None] + jnp.sin(t * angle) * b[:, None]) / jnp.sin(angle)
