"""Layers that a config can name: activations, normalisations, dropout, convolutions, initializers."""

from flax.linen import gelu, leaky_relu, relu, sigmoid, silu, softplus, tanh
from flax.linen.initializers import lecun_normal, orthogonal

from gan_jax.layers.activations import identity
from gan_jax.layers.attention import SelfAttention
from gan_jax.layers.convolution import Conv, ConvTranspose
from gan_jax.layers.dropout import Dropout, GaussianNoise
from gan_jax.layers.kernels import Dense, Embed, EqualizedRate, SpectralNorm, WeightNorm
from gan_jax.layers.modulated import MinibatchStd, ModulatedConv, TowardsMean
from gan_jax.layers.normalisation import (
    BatchNorm,
    ConditionalBatchNorm,
    FirstBatchNorm,
    InstanceNorm,
    NoNorm,
    PixelNorm,
)
from gan_jax.layers.quantization import VectorQuantizer

__all__ = [
    "BatchNorm",
    "ConditionalBatchNorm",
    "Conv",
    "ConvTranspose",
    "Dense",
    "Dropout",
    "Embed",
    "EqualizedRate",
    "FirstBatchNorm",
    "GaussianNoise",
    "InstanceNorm",
    "MinibatchStd",
    "ModulatedConv",
    "NoNorm",
    "PixelNorm",
    "SelfAttention",
    "SpectralNorm",
    "TowardsMean",
    "VectorQuantizer",
    "WeightNorm",
    "gelu",
    "identity",
    "leaky_relu",
    "lecun_normal",
    "orthogonal",
    "relu",
    "sigmoid",
    "silu",
    "softplus",
    "tanh",
]
