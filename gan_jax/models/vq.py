"""The networks of VQ-VAE (van den Oord et al. 2017, arXiv:1711.00937, section 4.1), for images of any size.

The paper's networks have width 256, 2 halvings and 2 residual blocks. Images need not be square.
"""

from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

from gan_jax.layers import Conv, ConvTranspose, VectorQuantizer, identity

__all__ = ["Autoencoder"]


class Residual(nn.Module):
    """x [b, h, w, c] -> x + a 3x3 and a 1x1 convolution of it, each after a ReLU."""

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Returns x and the residual, added."""
        y = Conv(x.shape[-1], 3, padding=1, use_bias=True)(nn.relu(x))
        return x + Conv(x.shape[-1], 1, use_bias=True)(nn.relu(y))


class Encoder(nn.Module):
    """x [b, h, w, c] -> [b, h / 2^downs, w / 2^downs, dim]: halvings, then residual blocks, then a 1x1 convolution."""

    dim: int
    width: int
    downs: int
    blocks: int

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Returns the vectors that are quantised. Raises ValueError where the halvings do not divide the sides."""
        _, h, w, _ = x.shape
        if self.downs < 1 or h % 2**self.downs or w % 2**self.downs:
            raise ValueError(
                f"downs is {self.downs}: it must be at least 1, and 2^downs must divide the sides of {h}x{w} images"
            )
        for number in range(self.downs):
            x = Conv(self.width, 4, 2, 1, use_bias=True)(nn.relu(x) if number else x)
        for _ in range(self.blocks):
            x = Residual()(x)
        return Conv(self.dim, 1, use_bias=True)(nn.relu(x))


class Decoder(nn.Module):
    """z [b, h, w, dim] -> [b, 2^ups h, 2^ups w, channels]: the encoder's mirror image. Its last layer is `last`."""

    channels: int
    width: int
    ups: int
    blocks: int

    @nn.compact
    def __call__(self, z: jax.Array) -> jax.Array:
        """Returns the image, without bounds."""
        x = Conv(self.width, 3, padding=1, use_bias=True)(z)
        for _ in range(self.blocks):
            x = Residual()(x)
        for _ in range(self.ups - 1):
            x = ConvTranspose(self.width, 4, 2, 1, use_bias=True)(nn.relu(x))
        return ConvTranspose(self.channels, 4, 2, 1, use_bias=True, name="last")(nn.relu(x))


class Autoencoder(nn.Module):
    """x [b, h, w, c] -> its reconstruction [b, h, w, c] from codes [b, h / 2^downs, w / 2^downs], and what terms need.

    `quantizer` makes a layer such as `VectorQuantizer`, whose `dim` is the size of a code. `width` is the number of
    channels of all other layers. By default there is no last activation.
    """

    shape: tuple[int, int, int]
    width: int = 64
    downs: int = 2
    blocks: int = 2
    quantizer: Callable[[], VectorQuantizer] = VectorQuantizer
    last_activation: Callable = identity
    dtype: DTypeLike = jnp.float32

    def setup(self) -> None:
        """Creates the encoder, the quantiser and the decoder."""
        self.quantize = self.quantizer()
        self.encoder = Encoder(self.quantize.dim, self.width, self.downs, self.blocks)
        self.decoder = Decoder(self.shape[-1], self.width, self.downs, self.blocks)

    def __call__(self, x: jax.Array, *, train: bool) -> dict[str, jax.Array]:
        """Returns the reconstruction `x`, and `indices`, `commitment`, `perplexity` and `used_codes` of `Quantized`."""
        quantized = self.quantize(self.encoder(x), train=train)
        others = {name: value for name, value in quantized._asdict().items() if name != "z"}
        return {"x": self.decode(quantized.z, train=train), **others}

    def encode(self, x: jax.Array, *, train: bool) -> jax.Array:
        """Returns the codes of x by number, int32 [b, h', w']."""
        return self.quantize(self.encoder(x), train=train).indices

    def embed(self, z: jax.Array, *, train: bool) -> jax.Array:
        """Returns the vectors [b, h', w', dim] of codes with numbers z [b, h', w']."""
        del train
        return self.quantize.lookup(z).astype(self.dtype)

    def decode(self, z: jax.Array, *, train: bool) -> jax.Array:
        """Returns images [b, h, w, c] from codes, given as numbers [b, h', w'] or as vectors [b, h', w', dim]."""
        vectors = self.embed(z, train=train) if jnp.issubdtype(z.dtype, jnp.integer) else z
        return self.last_activation(self.decoder(vectors))
