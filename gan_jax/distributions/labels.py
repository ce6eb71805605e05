"""Samplers of labels."""

import jax
import jax.numpy as jnp
from jax import random

from gan_jax.core.fields import Batch, Sampler

__all__ = ["uniform"]


def uniform(classes: int, present: tuple[int, ...] = ()) -> Sampler:
    """Returns a uniform sampler of classes, int32 in 0..classes - 1.

    If `present` is given, only its classes are drawn: no others were seen in training. Raises ValueError if there are
    no classes.
    """
    if classes < 1:
        raise ValueError(f"classes is {classes}: the data set has no labels; use one with labels")

    def draw(keys: jax.Array, batch: Batch) -> jax.Array:
        del batch
        count = len(present) or classes
        drawn = jax.vmap(lambda key: random.randint(key, (), 0, count))(keys)
        return drawn if count == classes else jnp.asarray(present, jnp.int32)[drawn]

    return Sampler(draw)
