"""Inpainting networks other than the U-Net `translation.Completion`. Like it, they return `whole` besides `x`.

The context encoder is that of Pathak et al. 2016 (arXiv:1604.07379, section 3.1). Dilated and gated convolutions are
those of Iizuka et al. 2017 (Globally and locally consistent image completion, table 1) and of Yu et al. 2019
(arXiv:1806.03589, section 3.1), for small images: two halvings, a dilated middle, two doublings, no norm.
"""

from collections.abc import Callable
from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

from gan_jax.layers import BatchNorm, Conv, ConvTranspose, NoNorm
from gan_jax.models.layout import check_least, doubled
from gan_jax.models.translation import NORMAL, check_size, composite, leaky_relu

__all__ = ["ContextEncoder", "DilatedCompletion", "GatedCompletion"]

GATED = nn.initializers.variance_scaling(5.0, "fan_in", "truncated_normal")
"""Larger than usual, because each gate about halves its activation. Otherwise the output would be almost 0."""


class ContextEncoder(nn.Module):
    """source [b, h, w, c], mask [b, h, w, 1] -> x [b, h, w, c]: the source with an autoencoder's output in the hole.

    All information passes through `bottleneck` values, without skip connections. There are `downs` halvings, with
    `width` channels after the first, doubled at each next one up to 8 times as many. Then one convolution covers the
    whole remaining image, and the decoder mirrors the encoder. The first and the last layer have biases, as do all
    layers if `norm` is NoNorm. Raises ValueError if 2^downs does not divide the sides.
    """

    shape: tuple[int, int, int]
    width: int = 64
    downs: int = 4
    bottleneck: int = 4000
    norm: Callable[[], nn.Module] = BatchNorm
    last_activation: Callable = nn.tanh
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, source: jax.Array, mask: jax.Array, *, train: bool) -> dict[str, jax.Array]:
        """Returns the source with its hole (mask 1) filled, and the network's whole output."""
        check_least(self.downs, "downs")
        check_size(source, self.shape[:2], self.downs)
        widths, bare = doubled(self.width, self.downs), self.norm is NoNorm
        conv, up = (partial(layer, use_bias=bare, kernel_init=NORMAL) for layer in (Conv, ConvTranspose))
        x = jnp.concatenate([source, mask], axis=-1)
        for level, width in enumerate(widths):
            x = conv(width, 4, 2, 1, use_bias=level == 0 or bare)(x)
            x = leaky_relu(x if level == 0 else self.norm()(x, train=train))
        smallest = x.shape[1:3]
        x = conv(self.bottleneck, smallest)(x)
        x = leaky_relu(self.norm()(x, train=train))
        x = up(widths[-1], smallest)(x)
        for width in reversed(widths[:-1]):
            x = nn.relu(self.norm()(x, train=train))
            x = up(width, 4, 2, 1)(x)
        x = nn.relu(self.norm()(x, train=train))
        last = up(self.shape[-1], 4, 2, 1, use_bias=True)(x)
        return composite(self.last_activation(last), source, mask)


class DilatedCompletion(nn.Module):
    """source [b, h, w, c], mask [b, h, w, 1] -> x [b, h, w, c]: the source with the network's output in the hole.

    There are `width` channels at first, and 4 times as many in the middle, whose layers are dilated by `rates`. Raises
    ValueError if 4, or 4 times a rate, does not divide the sides.
    """

    shape: tuple[int, int, int]
    width: int = 32
    rates: tuple[int, ...] = (2, 4, 8)
    last_activation: Callable = nn.tanh
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, source: jax.Array, mask: jax.Array, *, train: bool) -> dict[str, jax.Array]:
        """Returns the source with its hole (mask 1) filled, and the network's whole output."""
        del train
        check_size(source, self.shape[:2], 2)
        x = self.layer(jnp.concatenate([source, mask], axis=-1), self.width)
        for times in (2, 4):
            x = self.layer(self.layer(x, times * self.width, stride=2), times * self.width)
        for rate in self.rates:
            x = dilated(lambda grids: self.layer(grids, 4 * self.width), x, rate)
        x = self.layer(x, 4 * self.width)
        for times in (2, 1):
            x = self.layer(x.repeat(2, axis=1).repeat(2, axis=2), times * self.width)
        return composite(self.last_activation(Conv(self.shape[-1], 3, 1, 1, use_bias=True)(x)), source, mask)

    def layer(self, x: jax.Array, width: int, *, stride: int = 1) -> jax.Array:
        """Returns [b, h / stride, w / stride, width]: a 3x3 convolution and its activation."""
        return nn.elu(Conv(width, 3, stride, 1, use_bias=True)(x))


class GatedCompletion(DilatedCompletion):
    """source [b, h, w, c], mask [b, h, w, 1] -> x [b, h, w, c]: `DilatedCompletion` with a gate on each activation.

    So each layer can learn which of its inputs belong to the hole (Yu et al. 2019, equation 2).
    """

    def layer(self, x: jax.Array, width: int, *, stride: int = 1) -> jax.Array:
        """Returns [b, h / stride, w / stride, width]: activations times gates in 0..1, from one 3x3 convolution."""
        values, gates = jnp.split(Conv(2 * width, 3, stride, 1, use_bias=True, kernel_init=GATED)(x), 2, axis=-1)
        return nn.elu(values) * nn.sigmoid(gates)


def dilated(layer: Callable[[jax.Array], jax.Array], x: jax.Array, rate: int) -> jax.Array:
    """Applies a layer to each grid of every `rate`-th pixel of images [b, h, w, c], and joins them: [b, h, w, c'].

    A 3x3 convolution with padding 1 becomes the dilated convolution of this rate, with padding `rate`. Raises
    ValueError if the rate does not divide the sides.
    """
    b, h, w, c = x.shape
    if h % rate or w % rate:
        raise ValueError(
            f"a rate of {rate} does not divide activations of {h}x{w}: use other `rates`, or larger images"
        )
    grids = x.reshape(b, h // rate, rate, w // rate, rate, c).transpose(0, 2, 4, 1, 3, 5)
    made = layer(grids.reshape(-1, h // rate, w // rate, c))
    parts = made.reshape(b, rate, rate, h // rate, w // rate, -1).transpose(0, 3, 1, 4, 2, 5)
    return parts.reshape(b, h, w, -1)
