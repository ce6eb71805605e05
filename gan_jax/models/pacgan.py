"""Networks for 2-D mixtures of Gaussians, on which mode collapse is measured.

Sizes and initial weights are those of PacGAN's synthetic experiments (Lin et al. 2018, arXiv:1712.04086, section 4.1,
and its code), which took them from ALI (Dumoulin et al. 2017).
"""

import math
from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

from gan_jax.layers import BatchNorm
from gan_jax.layers.kernels import Dense, KernelNorm

__all__ = ["Critic", "Generator"]


class Generator(nn.Module):
    """z [b, dim] -> x [b, *shape]: hidden layers of `widths`, no bias, but norm and activation; a linear last layer."""

    shape: tuple[int, ...]
    widths: tuple[int, ...] = (400, 400, 400, 400)
    norm: Callable[[], nn.Module] = BatchNorm
    activation: Callable = nn.relu
    init_std: float = 0.02
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, z: jax.Array, *, train: bool) -> jax.Array:
        """Returns fakes [b, *shape], without bounds."""
        init = nn.initializers.normal(self.init_std)
        for width in self.widths:
            z = nn.Dense(width, use_bias=False, kernel_init=init)(z)
            z = self.activation(self.norm()(z, train=train))
        x = nn.Dense(math.prod(self.shape), kernel_init=init)(z)
        return x.reshape(-1, *self.shape)


class Critic(nn.Module):
    """x [b, ...] -> scores [b] (raw) through hidden layers of `widths` maxout units: no norm, no dropout.

    A maxout unit is the largest of `pieces` linear ones (Goodfellow et al. 2013, arXiv:1302.4389). `kernel_norm`, such
    as `SpectralNorm`, is applied to all kernels.
    """

    widths: tuple[int, ...] = (200, 200, 200)
    pieces: int = 5
    init_std: float = 0.02
    dtype: DTypeLike = jnp.float32
    kernel_norm: KernelNorm | None = None

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        """Returns raw scores [b]: the higher, the more real."""
        del train
        init = nn.initializers.normal(self.init_std)
        x = x.reshape(x.shape[0], -1)
        for width in self.widths:
            x = Dense(self.pieces * width, kernel_init=init, kernel_norm=self.kernel_norm)(x)
            x = x.reshape(-1, self.pieces, width).max(1)
        return Dense(1, kernel_init=init, kernel_norm=self.kernel_norm)(x)[:, 0]
