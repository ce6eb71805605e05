"""Networks that fill holes by dilated and by gated convolutions, beside `translation.Completion`, a U-Net.

Iizuka et al. 2017 (Globally and locally consistent image completion, table 1) and Yu et al. 2019 (arXiv:1806.03589,
section 3.1), for small images: two halvings, a middle that sees far by its rates, two doublings, no norm.
"""

from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

from gan_jax.layers import Conv
from gan_jax.models.translation import check_size

__all__ = ["DilatedCompletion", "GatedCompletion"]


class DilatedCompletion(nn.Module):
    """source [b, h, w, c], mask [b, h, w, 1] -> x [b, h, w, c]: what it makes in the hole, the source around it.

    `width` channels at first, 4 times as many in the middle, whose layers look at every `rates`-th pixel. Raises
    ValueError where 4, or 4 times a rate, does not divide the sides.
    """

    shape: tuple[int, int, int]
    width: int = 32
    rates: tuple[int, ...] = (2, 4, 8)
    last_activation: Callable = nn.tanh
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, source: jax.Array, mask: jax.Array, *, train: bool) -> jax.Array:
        """Returns the source with its hole (mask 1) filled."""
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
        made = self.last_activation(Conv(self.shape[-1], 3, 1, 1, use_bias=True)(x))
        return mask * made + (1 - mask) * source

    def layer(self, x: jax.Array, width: int, *, stride: int = 1) -> jax.Array:
        """Returns [b, h / stride, w / stride, width]: a 3x3 convolution and its activation."""
        return nn.elu(Conv(width, 3, stride, 1, use_bias=True)(x))


class GatedCompletion(DilatedCompletion):
    """source [b, h, w, c], mask [b, h, w, 1] -> x [b, h, w, c]: `DilatedCompletion` with a gate on each activation.

    So each layer learns where its input is of the hole (Yu et al. 2019, equation 2).
    """

    def layer(self, x: jax.Array, width: int, *, stride: int = 1) -> jax.Array:
        """Returns [b, h / stride, w / stride, width]: activations times gates in 0..1, of one 3x3 convolution."""
        values, gates = jnp.split(Conv(2 * width, 3, stride, 1, use_bias=True)(x), 2, axis=-1)
        return nn.elu(values) * nn.sigmoid(gates)


def dilated(layer: Callable[[jax.Array], jax.Array], x: jax.Array, rate: int) -> jax.Array:
    """Returns a layer of images [b, h, w, c] on the grids of every `rate`-th pixel, as one of the whole [b, h, w, c'].

    A 3x3 convolution with padding 1 becomes the dilated one of this rate, with padding `rate`. Raises ValueError where
    the rate does not divide the sides.
    """
    b, h, w, c = x.shape
    if h % rate or w % rate:
        raise ValueError(
            f"a rate of {rate} does not divide activations of {h}x{w}: take other `rates`, or larger images"
        )
    grids = x.reshape(b, h // rate, rate, w // rate, rate, c).transpose(0, 2, 4, 1, 3, 5)
    made = layer(grids.reshape(-1, h // rate, w // rate, c))
    parts = made.reshape(b, rate, rate, h // rate, w // rate, -1).transpose(0, 3, 1, 4, 2, 5)
    return parts.reshape(b, h, w, -1)
