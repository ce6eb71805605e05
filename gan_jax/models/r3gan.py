"""R3GAN's networks (Huang et al. 2025, arXiv:2501.05441, config E): residual, grouped, without normalisation.

A block is a 1x1 convolution to twice the channels, a 3x3 one in groups, and a 1x1 one back whose kernel is 0 at first,
with biased leaky ReLUs between them. Sizes, initial weights and resampling are those of the authors' code,
https://github.com/brownvc/R3GAN. There is one stage for each entry of `widths`, from the smallest size on. The authors
use (768, 768, 768, 768) for CIFAR-10, add 384, 192 and 96 for larger images of faces, and use 1536 throughout for
ImageNet. Images need not be square.
"""

import math
from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

from gan_jax.layers import Conv, Dense, identity
from gan_jax.layers.resample import binomial_down, binomial_up
from gan_jax.models.layout import check_least, smallest

__all__ = ["ConditionalGenerator", "Critic", "Generator", "ProjectionCritic"]

SLOPE, EXPANSION = 0.2, 2
GAIN = math.sqrt(2 / (1 + SLOPE**2))
"""He et al.'s gain of the leaky ReLU."""


def scaled(gain: float) -> nn.initializers.Initializer:
    """Returns the initializer N(0, gain^2 / fan in), or zeros for a gain of 0."""
    return nn.initializers.variance_scaling(gain**2, "fan_in", "normal") if gain else nn.initializers.zeros


class Block(nn.Module):
    """x [b, h, w, c] -> x + a residual of the same shape. `blocks` is the number of blocks of the network.

    Raises ValueError if groups of `group` channels do not divide the expanded channels.
    """

    group: int
    blocks: int

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Returns x and the residual, added."""
        width = x.shape[-1]
        expanded = EXPANSION * width
        if self.group < 1 or expanded % self.group:
            raise ValueError(f"group is {self.group}: it must divide the {expanded} channels of a block's 3x3 kernel")
        init = scaled(GAIN * self.blocks**-0.25)
        y = _leaky_relu(Conv(expanded, 1, kernel_init=init, use_bias=True)(x))
        y = Conv(expanded, 3, padding=1, groups=expanded // self.group, kernel_init=init, use_bias=True)(y)
        return x + Conv(width, 1, kernel_init=nn.initializers.zeros)(_leaky_relu(y))


class Generator(nn.Module):
    """z [b, dim] -> x [b, *shape]: a learned basis times a linear function of z, then larger and larger stages.

    `widths` are the channels of the stages, each of which has `blocks` blocks. The first stage has 4x4 pixels, or
    (h, w) / 2^(stages - 1). `group` is the number of channels of a group. Raises ValueError if the image's sides are
    not multiples of 2^(stages - 1).
    """

    shape: tuple[int, int, int]
    widths: tuple[int, ...] = (768, 768, 768, 768)
    blocks: int = 2
    group: int = 16
    last_activation: Callable = identity
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, z: jax.Array, *, train: bool) -> jax.Array:
        """Returns fakes [b, *shape], without bounds unless there is a last activation."""
        del train
        return self.make(z)

    def make(self, z: jax.Array) -> jax.Array:
        """Returns fakes [b, *shape] for z [b, dim]."""
        check_least(self.blocks, "blocks")
        start, width = smallest(self.shape, len(self.widths)), self.widths[0]
        basis = self.param("basis", nn.initializers.normal(1.0), (*start, width))
        x = basis * Dense(width, use_bias=False, kernel_init=scaled(1))(z)[:, None, None]
        for number, width in enumerate(self.widths):
            x = _widened(x, width)
            x = binomial_up(x) if number else x
            for _ in range(self.blocks):
                x = Block(self.group, self.blocks * len(self.widths))(x)
        return self.last_activation(Conv(self.shape[-1], 1, kernel_init=scaled(1))(x))


class ConditionalGenerator(Generator, kw_only=True):
    """z [b, dim], label [b] int -> x [b, *shape]: `Generator` of z and of the label's embedding as one latent."""

    classes: int
    embedding: int = 64

    @nn.compact
    def __call__(self, z: jax.Array, label: jax.Array, *, train: bool) -> jax.Array:
        """Returns fakes [b, *shape] of these classes."""
        del train
        # Like the authors' linear layer on one-hot vectors, whose fan in is the number of classes.
        embed = nn.Embed(self.classes, self.embedding, embedding_init=nn.initializers.normal(self.classes**-0.5))
        return self.make(jnp.concatenate([z, embed(label)], axis=-1))


class Critic(nn.Module):
    """x [b, h, w, c] -> scores [b] (raw): the generator mirrored, a kernel for each channel, a linear layer.

    `widths` are the channels of the stages from the smallest size on, as in the generator. Other fields and errors are
    as in the generator too.
    """

    widths: tuple[int, ...] = (768, 768, 768, 768)
    blocks: int = 2
    group: int = 16
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        """Returns raw scores [b]: the higher, the more real."""
        del train
        return self.project(x, 1)[:, 0]

    def project(self, x: jax.Array, features: int) -> jax.Array:
        """Returns features [b, features] of x [b, h, w, c]."""
        check_least(self.blocks, "blocks")
        smallest(x.shape[1:], len(self.widths))
        widths = self.widths[::-1]
        x = Conv(widths[0], 1, kernel_init=scaled(1))(x)
        for number, width in enumerate(widths):
            x = _widened(binomial_down(x) if number else x, width)
            for _ in range(self.blocks):
                x = Block(self.group, self.blocks * len(widths))(x)
        fan_in = math.prod(x.shape[1:3])
        kernel = self.param("basis", nn.initializers.normal(fan_in**-0.5), x.shape[1:])
        return Dense(features, use_bias=False, kernel_init=scaled(1))((x * kernel).sum((1, 2)))


class ProjectionCritic(Critic, kw_only=True):
    """x [b, h, w, c], label [b] int -> scores [b]: the product of features [b, widths[0]] and the label's embedding."""

    classes: int

    @nn.compact
    def __call__(self, x: jax.Array, label: jax.Array, *, train: bool) -> jax.Array:
        """Returns raw scores [b] of x as examples of their classes."""
        del train
        size = self.widths[0]
        init = nn.initializers.normal((self.classes * size) ** -0.5)
        return jnp.sum(self.project(x, size) * nn.Embed(self.classes, size, embedding_init=init)(label), axis=-1)


def _leaky_relu(x: jax.Array) -> jax.Array:
    return nn.leaky_relu(x, SLOPE)


def _widened(x: jax.Array, width: int) -> jax.Array:
    """Returns x with `width` channels, by a 1x1 convolution if it has another number."""
    return x if x.shape[-1] == width else Conv(width, 1, kernel_init=scaled(1))(x)
