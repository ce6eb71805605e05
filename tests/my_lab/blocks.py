"""A critic of blocks with spectral norm and dropout."""

import flax.linen as nn
import jax

from gan_jax.layers import Conv, Dropout, SpectralNorm


class Noisy(nn.Module):
    """x [b, h, w, c] -> x + a convolution of it, a part of which is dropped."""

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        """Returns x and the residual, added."""
        y = Conv(x.shape[-1], 3, padding=1, kernel_norm=SpectralNorm)(nn.silu(x))
        return x + Dropout(0.5)(y, train=train)


class Critic(nn.Module):
    """x [b, h, w, c] -> scores [b]."""

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        """Returns raw scores."""
        x = Conv(4, 3, padding=1)(x)
        for _ in range(2):
            x = Noisy()(x, train=train)
        return nn.Dense(1)(x.mean((1, 2)))[:, 0]
