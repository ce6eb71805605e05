"""Dropout whose mask belongs to the example, not to the device that holds it."""

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
        """Returns x, thinned when training; draws from the Linen stream "dropout"."""
        if not 0 <= self.rate < 1:
            raise ValueError(f"dropout is {self.rate}: it must be at least 0 and below 1")
        if not train or self.rate == 0:
            return x
        keep = 1 - self.rate
        # By a threefry of four words, which is a line of operations: JAX's own of two is a loop on the CPU. Such a long
        # line must not be copied into all that reads the mask: in small sums LLVM then compiles for many minutes.
        words = jnp.resize(random.key_data(self.make_rng("dropout")), (4,))
        keys = example_keys(random.wrap_key_data(words, impl="threefry4x32"), len(x))
        mask = jax.vmap(lambda key: random.bernoulli(key, keep, x.shape[1:]))(keys)
        return jnp.where(lax.optimization_barrier(mask), x / keep, 0)
