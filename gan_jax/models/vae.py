"""Encoders of variational autoencoders, x -> mean and log-variance of z, and the networks of conditional ones.

Decoders are those of autoencoders: the likelihood says what their outputs mean.
"""

from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

from gan_jax.models import autoencoder
from gan_jax.models.autoencoder import ConvDecoder, Decoder

__all__ = ["ConditionalDecoder", "ConditionalEncoder", "ConvDecoder", "ConvEncoder", "Decoder", "Encoder"]


class Encoder(nn.Module):
    """x [b, ...] -> mean and log-variance of z [b, latents] each, through hidden layers of `widths`."""

    latents: int
    widths: tuple[int, ...] = (400,)
    activation: Callable = nn.relu
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> tuple[jax.Array, jax.Array]:
        """Returns the posterior's mean and log-variance, [b, latents] each."""
        return _halves(autoencoder.Encoder(2 * self.latents, self.widths, self.activation)(x, train=train))


class ConvEncoder(autoencoder.ConvEncoder):
    """x [b, h, w, c] -> mean and log-variance of z [b, latents] each; fields as in `autoencoder.ConvEncoder`."""

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> tuple[jax.Array, jax.Array]:
        """Returns the posterior's mean and log-variance, [b, latents] each."""
        layers = self.width, self.widths, self.kernels, self.strides, self.paddings
        return _halves(autoencoder.ConvEncoder(2 * self.latents, *layers, self.norm, self.activation)(x, train=train))


class ConditionalEncoder(Encoder, kw_only=True):
    """`Encoder` of x and the label [b], whose learned embedding of `embedding` values is concatenated to the pixels."""

    classes: int
    embedding: int = 16

    @nn.compact
    def __call__(self, x: jax.Array, label: jax.Array, *, train: bool) -> tuple[jax.Array, jax.Array]:
        """Returns the posterior's mean and log-variance given the class, [b, latents] each."""
        x = jnp.concatenate([x.reshape(x.shape[0], -1), nn.Embed(self.classes, self.embedding)(label)], axis=1)
        return Encoder(self.latents, self.widths, self.activation)(x, train=train)


class ConditionalDecoder(nn.Module):
    """`Decoder` of z and the label [b], whose learned embedding of `embedding` values is concatenated to z."""

    shape: tuple[int, ...]
    classes: int
    embedding: int = 16
    widths: tuple[int, ...] = (400,)
    activation: Callable = nn.relu
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, z: jax.Array, label: jax.Array, *, train: bool) -> jax.Array:
        """Returns outputs [b, *shape] for these classes."""
        z = jnp.concatenate([z, nn.Embed(self.classes, self.embedding)(label)], axis=1)
        return Decoder(self.shape, widths=self.widths, activation=self.activation)(z, train=train)


def _halves(both: jax.Array) -> tuple[jax.Array, jax.Array]:
    mean, logvar = jnp.split(both, 2, axis=-1)
    return mean, logvar
