"""Dropout and noise that depend on the example, not on the device that it is on."""

import math
from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import random

from gan_jax.core.collectives import example_keys
from gan_jax.layers import draws


class Dropout(nn.Module):
    """Zeroes each value of x [b, ...] with probability `rate` when training and scales the rest by 1 / (1 - rate).

    Source: Srivastava et al. 2014. Raises ValueError where `rate` is not in [0, 1).
    """

    rate: float

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        """Returns x [b, ...], with dropout when training; the mask is sampled from the Linen stream "dropout"."""
        if not 0 <= self.rate < 1:
            raise ValueError(f"dropout is {self.rate}: it must be at least 0 and below 1")
        if not train or self.rate == 0:
            return x
        keep = 1 - self.rate
        mask = _drawn(self.make_rng("dropout"), lambda key, shape: random.bernoulli(key, keep, shape), x.shape)
        return jnp.where(mask, x / keep, 0)


class GaussianNoise(nn.Module):
    """Adds independent N(0, std^2) to each value of x [b, ...] in training. Raises ValueError for a negative `std`."""

    std: float

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        """Returns x [b, ...], with noise in training, sampled from the Linen stream "noise"."""
        if not 0 <= self.std < math.inf:
            raise ValueError(f"noise is {self.std}: a standard deviation must be at least 0")
        if not train or self.std == 0:
            return x
        return x + self.std * _drawn(self.make_rng("noise"), random.normal, x.shape).astype(x.dtype)


def _drawn(
    key: jax.Array, draw: Callable[[jax.Array, tuple[int, ...]], jax.Array], shape: tuple[int, ...]
) -> jax.Array:
    """Samples values [b, ...] with `draw(key of an example, shape of an example)`."""

    def sample(words: jax.Array) -> jax.Array:
        keys = example_keys(random.wrap_key_data(words, impl=draws.IMPL), shape[0])
        return jax.vmap(lambda key: draw(key, shape[1:]))(keys)

    return draws.once(sample, draws.words(key))
