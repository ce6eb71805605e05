"""The residual networks of SNGAN (Miyato et al. 2018, arXiv:1802.05957, appendix B.4), with or without classes.

One block for each entry of `widths`. Sizes of the paper and of its authors' code, pfnet-research/sngan_projection:

- 32x32: the generator's widths (256, 256, 256), the critic's (128, 128, 128, 128) with 2 downs.
- 48x48: (256, 128, 64) from a `start` of 512, and (64, 128, 256, 512, 1024) with 4 downs.
- 64x64: (512, 256, 128, 64) from 1024, and (64, 128, 256, 512, 1024) with 5 downs.
- 128x128: (1024, 512, 256, 128, 64), and (64, 128, 256, 512, 1024, 1024) with 5 downs.

Images need not be square.
"""

import math
from collections.abc import Callable
from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

from gan_jax.layers import BatchNorm, ConditionalBatchNorm, Conv, Dense, Embed, SelfAttention, SpectralNorm
from gan_jax.layers.kernels import KernelNorm
from gan_jax.layers.resample import average, nearest
from gan_jax.models import layout

__all__ = ["ConditionalGenerator", "Critic", "Generator", "ProjectionCritic"]

Norm = Callable[[jax.Array], jax.Array]
xavier = nn.initializers.glorot_uniform()
residual = nn.initializers.variance_scaling(2.0, "fan_avg", "uniform")
"""The initializer of the blocks' 3x3 kernels, as in the authors' code."""


class Generator(nn.Module):
    """z [b, dim] -> x [b, *shape]: blocks of batch norm, activation and 3x3 convolutions, each doubling the size.

    `widths` are the channels of the blocks, and `start` is that of the first layer, 0 for that of the first block. The
    image's sides must be multiples of 2^blocks. `SelfAttention` is applied to the block's output whose shorter side is
    `attention` pixels, 0 for none. Raises ValueError if sides are not such multiples, or if no block has this size.
    """

    shape: tuple[int, int, int]
    widths: tuple[int, ...] = (256, 256, 256)
    start: int = 0
    attention: int = 0
    norm: Callable[..., nn.Module] = BatchNorm
    activation: Callable = nn.relu
    last_activation: Callable = nn.tanh
    kernel_norm: KernelNorm | None = None
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, z: jax.Array, *, train: bool) -> jax.Array:
        """Returns fakes [b, *shape] in the range of the last activation."""
        return self.make(z, lambda x: self.norm()(x, train=train), train=train)

    def make(self, z: jax.Array, norm: Norm, *, train: bool) -> jax.Array:
        """Returns fakes [b, *shape] for z [b, dim]; `norm` is applied in the blocks."""
        layout.check_least(len(self.widths), "the number of widths")
        first = layout.smallest(self.shape, len(self.widths) + 1)
        _check_attention(self.attention, [min(first) * 2**n for n in range(1, len(self.widths) + 1)])
        width = self.start or self.widths[0]
        dense = Dense(math.prod(first) * width, kernel_init=xavier, kernel_norm=self.kernel_norm)
        x = dense(z).reshape(-1, *first, width)
        convolve = partial(Conv, use_bias=True, kernel_init=xavier, kernel_norm=self.kernel_norm)
        convolve3 = partial(convolve, kernel=3, padding=1, kernel_init=residual)
        for width in self.widths:
            skip = convolve(width, 1)(x)  # before it is made larger: the same values from a quarter of the products
            x = convolve3(width)(nearest(self.activation(norm(x))))
            x = convolve3(width)(self.activation(norm(x))) + nearest(skip)
            if self.attention and min(x.shape[1:3]) == self.attention:
                x = SelfAttention(self.kernel_norm)(x)
        x = self.activation(self.norm()(x, train=train))
        return self.last_activation(convolve(self.shape[-1], 3, padding=1)(x))


class ConditionalGenerator(Generator, kw_only=True):
    """z [b, dim], label [b] int -> x [b, *shape]: `Generator` whose blocks' norms have a scale and a bias by class.

    `norm` is only the last one, as in the authors' code.
    """

    classes: int
    class_norm: Callable[..., nn.Module] = ConditionalBatchNorm

    @nn.compact
    def __call__(self, z: jax.Array, label: jax.Array, *, train: bool) -> jax.Array:
        """Returns fakes [b, *shape] of these classes, in the range of the last activation."""
        return self.make(z, lambda x: self.class_norm(classes=self.classes)(x, label, train=train), train=train)


class Critic(nn.Module):
    """x [b, h, w, c] -> scores [b] (raw): blocks of activation and 3x3 convolution, a sum over pixels, a linear layer.

    The first `downs` blocks halve the image, whose sides must be multiples of 2^downs. `attention` is as in the
    generator. `kernel_norm` is applied to all kernels. Raises ValueError if sides are not such multiples.
    """

    widths: tuple[int, ...] = (128, 128, 128, 128)
    downs: int = 2
    attention: int = 0
    activation: Callable = nn.relu
    kernel_norm: KernelNorm | None = SpectralNorm
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        """Returns raw scores [b]: the higher, the more real."""
        del train
        return self.score(self.features(x))

    def features(self, x: jax.Array) -> jax.Array:
        """Returns the features [b, widths[-1]] of x [b, h, w, c], summed over pixels."""
        layout.check_least(len(self.widths), "the number of widths")
        if not 0 <= self.downs <= len(self.widths):
            raise ValueError(f"downs is {self.downs}: it must be at least 0 and at most the {len(self.widths)} blocks")
        end = layout.smallest(x.shape[1:], self.downs + 1, "downs")
        _check_attention(self.attention, [min(end) * 2**n for n in range(self.downs)])
        convolve = partial(Conv, use_bias=True, kernel_init=xavier, kernel_norm=self.kernel_norm)
        convolve3 = partial(convolve, kernel=3, padding=1, kernel_init=residual)
        for number, width in enumerate(self.widths):
            half = average if number < self.downs else lambda x: x
            skip = convolve(width, 1)(half(x)) if number < self.downs or x.shape[-1] != width else x
            # All blocks but the first keep their channels up to the second convolution.
            x = convolve3(x.shape[-1])(self.activation(x)) if number else convolve3(width)(x)
            x = half(convolve3(width)(self.activation(x))) + skip
            if self.attention and number < self.downs and min(x.shape[1:3]) == self.attention:
                x = SelfAttention(self.kernel_norm)(x)
        return self.activation(x).sum((1, 2))

    def score(self, features: jax.Array) -> jax.Array:
        """Returns the scores [b] of features [b, c]."""
        return Dense(1, kernel_init=xavier, kernel_norm=self.kernel_norm)(features)[:, 0]


class ProjectionCritic(Critic, kw_only=True):
    """x [b, h, w, c], label [b] int -> scores [b]: `Critic` plus <embedding of the label, summed features>.

    Miyato and Koyama 2018, arXiv:1802.05637, eq. 3. `kernel_norm` is applied to the embedding too.
    """

    classes: int

    @nn.compact
    def __call__(self, x: jax.Array, label: jax.Array, *, train: bool) -> jax.Array:
        """Returns raw scores [b] of x as examples of their classes."""
        del train
        features = self.features(x)
        embed = Embed(self.classes, features.shape[-1], xavier, self.kernel_norm)
        return self.score(features) + jnp.sum(embed(label) * features, axis=-1)


def _check_attention(attention: int, sides: list[int]) -> None:
    if attention and attention not in sides:
        raise ValueError(f"attention is {attention}: it must be 0, or the shorter side of a block's output: {sides}")
