"""Fully connected networks: the simple GAN for handwritten digits (Goodfellow et al. 2014, arXiv:1406.2661)."""

import math
from collections.abc import Callable
from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

from gan_jax.layers import Dense, Dropout, NoNorm
from gan_jax.layers.kernels import KernelNorm

__all__ = ["Critic", "Generator"]

leaky_relu = partial(nn.leaky_relu, negative_slope=0.01)


class Generator(nn.Module):
    """z [b, dim] -> x [b, *shape] through hidden layers of `widths`, each with norm and activation.

    The last activation sets the range of x; the last kernel may have a norm, such as `WeightNorm`.
    """

    shape: tuple[int, ...]
    widths: tuple[int, ...] = (100,)
    activation: Callable = leaky_relu
    last_activation: Callable = nn.tanh
    norm: Callable[[], nn.Module] = NoNorm
    last_kernel_norm: Callable[[], nn.Module] | None = None
    kernel_init: Callable[[], nn.initializers.Initializer] = nn.initializers.lecun_normal
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, z: jax.Array, *, train: bool) -> jax.Array:
        """Returns fakes [b, *shape] in the range of the last activation."""
        for width in self.widths:
            z = nn.Dense(width, kernel_init=self.kernel_init())(z)
            z = self.activation(self.norm()(z, train=train))
        last = Dense(math.prod(self.shape), kernel_init=self.kernel_init(), kernel_norm=self.last_kernel_norm)
        return self.last_activation(last(z)).reshape(-1, *self.shape)


class Critic(nn.Module):
    """x [b, ...] -> scores [b] (raw) through hidden layers of `widths`, the first without bias, each with dropout.

    `kernel_norm` is applied to all kernels.
    """

    widths: tuple[int, ...] = (100,)
    activation: Callable = leaky_relu
    dropout: float = 0.5
    kernel_norm: KernelNorm | None = None
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        """Returns raw scores [b]: the higher, the more real."""
        x = x.reshape(x.shape[0], -1)
        for number, width in enumerate(self.widths):
            x = self.activation(Dense(width, use_bias=number > 0, kernel_norm=self.kernel_norm)(x))
            x = Dropout(self.dropout)(x, train=train)
        return Dense(1, kernel_norm=self.kernel_norm)(x)[:, 0]
