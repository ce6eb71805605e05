"""Encoders, x -> z, and decoders, z -> x, of autoencoders. Decoders have no last activation.

Without hidden layers the fully connected networks are linear.
"""

from collections.abc import Callable
from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

from gan_jax.layers import BatchNorm, Conv, identity
from gan_jax.models import dcgan, layout, mlp
from gan_jax.models.layout import AUTO, Kernels, Numbers

__all__ = ["ConvDecoder", "ConvEncoder", "Decoder", "Encoder"]


Decoder = partial(mlp.Generator, last_activation=identity)
"""z [b, latents] -> outputs [b, *shape] through hidden layers of `widths`."""

ConvDecoder = partial(dcgan.Generator, last_activation=identity)
"""z [b, latents] -> outputs [b, *shape] by transposed convolutions, as in DCGAN's generator."""


class Encoder(nn.Module):
    """x [b, ...] -> z [b, latents] through hidden layers of `widths`, then the last activation, by default none."""

    latents: int
    widths: tuple[int, ...] = (400,)
    activation: Callable = nn.relu
    last_activation: Callable = identity
    kernel_init: Callable[[], nn.initializers.Initializer] = nn.initializers.lecun_normal
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        """Returns the codes z [b, latents]."""
        del train
        x = x.reshape(x.shape[0], -1)
        for width in self.widths:
            x = self.activation(nn.Dense(width, kernel_init=self.kernel_init())(x))
        return self.last_activation(nn.Dense(self.latents, kernel_init=self.kernel_init())(x))


class ConvEncoder(nn.Module):
    """x [b, h, w, c] -> z [b, latents]: the convolutions of DCGAN's critic, then a linear layer.

    `width` is the number of channels of the first layer. Lists have an entry for each convolution, and follow from the
    image's size if they are not given. A kernel is a size or a pair (height, width). Convolutions have biases only
    without a norm, which has its own. Raises ValueError if lists differ in length.
    """

    latents: int
    width: int = 32
    widths: Numbers = AUTO
    kernels: Kernels = AUTO
    strides: Numbers = AUTO
    paddings: Numbers = AUTO
    norm: Callable[[], nn.Module] = BatchNorm
    activation: Callable = dcgan.leaky_relu
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        """Returns the codes z [b, latents]."""
        automatic = layout.downsampling(x.shape[1:], self.width)
        lists = layout.chosen(automatic, self.widths, self.kernels, self.strides, self.paddings)
        layer = partial(Conv, kernel_init=nn.initializers.lecun_normal())
        x = dcgan.convolved(x, lists, layer=layer, norm=self.norm, activation=self.activation, train=train)
        return nn.Dense(self.latents)(x.reshape(x.shape[0], -1))
