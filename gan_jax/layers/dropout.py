"""Dropout and noise that depend on the example, not on the device that it is on."""

import math
from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax, random

from gan_jax.core.collectives import example_keys


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
    """Samples values [b, ...] by `draw(key of an example, shape of an example)`, once however many operations read it.

    They are sampled by threefry with four words, 600 operations without a loop; JAX's own with two words is five loops
    on the CPU. XLA would copy these operations into everything that reads them: steps get up to 9 times as slow, and
    in sums over few values LLVM compiles them for minutes.
    """

    def sample(words: jax.Array) -> jax.Array:
        keys = example_keys(random.wrap_key_data(words, impl="threefry4x32"), shape[0])
        return jax.vmap(lambda key: draw(key, shape[1:]))(keys)

    def sample_in_loop(words: jax.Array) -> jax.Array:
        passes = lax.optimization_barrier(jnp.int32(1))  # the compiler would unroll a loop that is known to run once
        empty = jax.tree.map(lambda a: jnp.zeros(a.shape, a.dtype), jax.eval_shape(sample, words))
        return lax.fori_loop(0, passes, lambda *_: sample(words), empty)

    def sample_behind_barrier(words: jax.Array) -> jax.Array:
        return lax.optimization_barrier(sample(words))

    # On the CPU a barrier is not enough before jax 0.11: XLA removes it too early. Elsewhere a loop costs more.
    words = jnp.resize(random.key_data(key), (4,))
    return lax.platform_dependent(words, cpu=sample_in_loop, default=sample_behind_barrier)
