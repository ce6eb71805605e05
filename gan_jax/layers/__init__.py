"""Layers that a config can name: activations, normalisations, dropout, convolutions."""

from flax.linen import gelu, leaky_relu, relu, silu, tanh

from gan_jax.layers.convolution import Conv, ConvTranspose
from gan_jax.layers.dropout import Dropout
from gan_jax.layers.normalisation import BatchNorm, NoNorm

__all__ = [
    "BatchNorm",
    "Conv",
    "ConvTranspose",
    "Dropout",
    "NoNorm",
    "gelu",
    "leaky_relu",
    "relu",
    "silu",
    "tanh",
]
