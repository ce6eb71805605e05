"""LPIPS, the learned perceptual distance of images, from the activations of a network."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp

EPSILON = 1e-10  # added to lengths, as in the published code


def lpips(first: Sequence[jax.Array], second: Sequence[jax.Array], heads: Sequence[jax.Array]) -> jax.Array:
    """Computes the sum over layers of mean over positions of sum over channels of w (u - v)^2, float32 [b].

    Here u and v are the activations of two images, scaled to length 1 over the channels at each position (Zhang et al.
    2018, arXiv:1801.03924, eq. 1, with the square root of w taken in). `first` and `second` are the activations of the
    layers, [b, h, w, c] each, and `heads` the layers' weights w [c].

    A position without any activation counts as 0. Its gradient is finite, where that of the formula would be NaN.
    """
    layers = zip(first, second, heads, strict=True)
    return sum(
        (jnp.square(_unit(one) - _unit(other)).mean((1, 2)) @ head for one, other, head in layers),
        start=jnp.zeros(len(first[0]), jnp.float32),
    )


def _unit(x: jax.Array) -> jax.Array:
    """Returns activations [b, h, w, c] scaled to length 1 over the channels."""
    squares = jnp.square(x).sum(-1, keepdims=True)
    return x / (jnp.sqrt(jnp.maximum(squares, EPSILON**2)) + EPSILON)
