"""Losses between a network's output and its target: [b, ...] twice -> [b], means over an example's values."""

import jax
import jax.numpy as jnp


def squared_error(recon: jax.Array, x: jax.Array) -> jax.Array:
    """Returns the mean over an example's values of (recon - x)^2: [b, ...] twice -> [b], in units of x squared."""
    return jnp.square(recon - x).reshape(len(x), -1).mean(axis=1)


def absolute_error(recon: jax.Array, x: jax.Array) -> jax.Array:
    """Returns the mean over an example's values of |recon - x|: [b, ...] twice -> [b], in units of x."""
    return jnp.abs(recon - x).reshape(len(x), -1).mean(axis=1)
