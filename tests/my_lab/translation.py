"""Networks of paired translation: a small U-Net of `source`, and a patch critic of the pair. One file."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from gan_jax.layers import Conv, ConvTranspose


class UNet(nn.Module):
    """source [b, h, w, c] -> x [b, h, w, c] in [-1, 1], with a skip over its one halving."""

    shape: tuple[int, int, int]
    width: int = 8

    @nn.compact
    def __call__(self, source: jax.Array, *, train: bool) -> jax.Array:
        """Returns the translation."""
        del train
        high = nn.relu(Conv(self.width, 3, 1, 1)(source))
        low = nn.relu(Conv(2 * self.width, 4, 2, 1)(high))
        up = nn.relu(ConvTranspose(self.width, 4, 2, 1)(low))
        return nn.tanh(Conv(self.shape[-1], 3, 1, 1)(jnp.concatenate([high, up], axis=-1)))


class PatchCritic(nn.Module):
    """x, source [b, h, w, c] -> scores [b, h / 2, w / 2]: a score for each patch."""

    width: int = 8

    @nn.compact
    def __call__(self, x: jax.Array, source: jax.Array, *, train: bool) -> jax.Array:
        """Returns raw scores."""
        del train
        h = nn.leaky_relu(Conv(self.width, 4, 2, 1)(jnp.concatenate([x, source], axis=-1)), 0.2)
        return Conv(1, 3, 1, 1)(h)[..., 0]
