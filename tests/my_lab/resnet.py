"""Residual networks: one file."""

import flax.linen as nn
import jax

from gan_jax.layers import BatchNorm, Conv


class Generator(nn.Module):
    """z [b, dim] -> x [b, h, w, c] by residual blocks at the image's own size, in [-1, 1]."""

    shape: tuple[int, int, int]
    width: int = 8
    blocks: int = 1

    @nn.compact
    def __call__(self, z: jax.Array, *, train: bool) -> jax.Array:
        """Returns fakes."""
        h, w, c = self.shape
        x = nn.Dense(h * w * self.width)(z).reshape(-1, h, w, self.width)
        for _ in range(self.blocks):
            y = Conv(self.width, 3, 1, 1)(nn.relu(BatchNorm()(x, train=train)))
            x = x + Conv(self.width, 3, 1, 1)(nn.relu(BatchNorm()(y, train=train)))
        return nn.tanh(Conv(c, 3, 1, 1)(nn.relu(x)))


class Translator(nn.Module):
    """x [b, h, w, c] -> [b, h, w, c] by a residual block, in [-1, 1]."""

    width: int = 8

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        """Returns an image of the other kind."""
        h = Conv(self.width, 3, 1, 1)(x)
        h = h + Conv(self.width, 3, 1, 1)(nn.relu(BatchNorm()(h, train=train)))
        return nn.tanh(Conv(x.shape[-1], 3, 1, 1)(nn.relu(h)))
