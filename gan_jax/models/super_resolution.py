"""Networks that enlarge images: SRResNet, and the critic of SRGAN.

Ledig et al. 2017 (arXiv:1609.04802, figure 4), without batch norm and with the enlarged input added, as in ESRGAN (Wang
et al. 2018, arXiv:1809.00219).
"""

import math
from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

from gan_jax.layers import Conv
from gan_jax.models.layout import check_least, doubled

__all__ = ["SRCritic", "SRResNet"]

leaky_relu = partial(nn.leaky_relu, negative_slope=0.1)
HE_TENTH = nn.initializers.variance_scaling(0.02, "fan_in", "normal")
"""He's initial values times 0.1, so that the first residuals are small."""


class SRResNet(nn.Module):
    """source [b, h, w, c] -> x [b, factor h, factor w, c]: residual blocks, then pixel shuffles; of any size.

    The output is the bilinearly enlarged source plus a correction. `factor` is a power of 2, or 3.
    """

    factor: int = 4
    width: int = 64
    blocks: int = 16
    dtype: DTypeLike = jnp.float32

    @property
    def reach(self) -> int:
        """The number of source pixels, to each side, that an output pixel depends on."""
        return 2 * self.blocks + 3  # the first layer, two a block, and the layers after them, which see finer pixels

    @nn.compact
    def __call__(self, source: jax.Array, *, train: bool) -> jax.Array:
        """Returns the enlarged image, not clipped to its range."""
        del train
        conv = partial(Conv, kernel=3, stride=1, padding=1, use_bias=True, kernel_init=HE_TENTH)
        x = first = leaky_relu(conv(self.width)(source))
        for _ in range(self.blocks):
            x = x + conv(self.width)(nn.relu(conv(self.width)(x)))
        x = x + first
        for factor in _factors(self.factor):
            x = leaky_relu(shuffled(conv(self.width * factor**2)(x), factor))
        x = conv(source.shape[-1])(leaky_relu(conv(self.width)(x)))
        return x + jax.image.resize(source, x.shape, "linear")


class SRCritic(nn.Module):
    """x [b, h, w, c] -> scores [b] (raw): 3x3 convolutions and 4x4 ones of stride 2 in turn, then two dense layers.

    The dense layers have 2 `width` units and 1; the paper's first one has 1,024.
    """

    width: int = 64
    downs: int = 4
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        """Returns raw scores."""
        del train
        check_least(self.downs, "downs", 0)
        for width in doubled(self.width, self.downs):
            x = nn.leaky_relu(Conv(width, 3, 1, 1, use_bias=True)(x), 0.2)
            x = nn.leaky_relu(Conv(width, 4, 2, 1, use_bias=True)(x), 0.2)
        x = nn.leaky_relu(nn.Dense(2 * self.width)(x.reshape(x.shape[0], -1)), 0.2)
        return nn.Dense(1)(x)[:, 0]


def shuffled(x: jax.Array, factor: int) -> jax.Array:
    """Returns [b, h, w, factor^2 c] as images [b, factor h, factor w, c]: channels become pixels (Shi et al. 2016)."""
    b, h, w, channels = x.shape
    parts = x.reshape(b, h, w, factor, factor, channels // factor**2)
    return parts.transpose(0, 1, 3, 2, 4, 5).reshape(b, h * factor, w * factor, -1)


def _factors(factor: int) -> list[int]:
    if factor == 3:
        return [3]
    if factor < 2 or factor & (factor - 1):
        raise ValueError(f"factor is {factor}: it must be 3 or a power of 2")
    return [2] * int(math.log2(factor))
