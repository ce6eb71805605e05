"""A generator with styles, as the term `path_length` needs one: they are what its method `styles` returns."""

import math

import flax.linen as nn
import jax


class Generator(nn.Module):
    """z [b, dim] -> x [b, *shape] in [-1, 1]: a line of the tanh of its styles, which are a line of z."""

    shape: tuple[int, ...]
    width: int = 8

    @nn.compact
    def __call__(self, z: jax.Array, *, train: bool) -> jax.Array:
        """Returns fakes [b, *shape]."""
        styles = self.styles(z)
        return nn.tanh(nn.Dense(math.prod(self.shape))(nn.tanh(styles))).reshape(-1, *self.shape)

    def styles(self, z: jax.Array) -> jax.Array:
        """Returns styles [b, width]."""
        return nn.Dense(self.width)(z)
