"""Normalisations with the same call, `norm()(x, train=...)`, so that a model can take any of them as a field."""

import math
from typing import ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax

from gan_jax.core import collectives

ROUNDING = 1e-5
"""The ratio of deviation to mean below which float32 values count as equal."""


class BatchNorm(nn.Module):
    """Batch normalisation over all axes but the last, x [b, ..., c] -> [b, ..., c] (Ioffe and Szegedy 2015).

    Statistics are those of the global batch, over all devices. `momentum` is the share of the old running value that is
    kept (PyTorch's momentum is one minus this). Without `affine` there are no parameters: scale 1, bias 0.
    """

    momentum: float = 0.9
    epsilon: float = 1e-5
    affine: bool = True
    mixes_examples: ClassVar[bool] = True  # so a critic with it has no per-example gradients

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        """Returns x [b, ..., c] normalised by the mean and variance of the batch (in training) or the running ones.

        Raises ValueError in training if the batch has a single value of each channel.
        """
        # As rows of channels: the compiler then merges two equal forward passes of a network into one.
        rows, channels = x.reshape(-1, x.shape[-1]).astype(jnp.float32), (x.shape[-1],)
        scale = self.param("scale", nn.initializers.ones, channels) if self.affine else 1.0
        bias = self.param("bias", nn.initializers.zeros, channels) if self.affine else 0.0
        running = [self.variable("batch_stats", "mean", jnp.zeros, channels)]
        running += [self.variable("batch_stats", "var", jnp.ones, channels)]
        mean, var = (variable.value for variable in running)
        if train:
            if collectives.examples(len(rows)) < 2 and not self.is_initializing():
                raise ValueError(
                    "BatchNorm needs at least 2 values of each channel: use a larger batch or another norm"
                )
            mean, square = collectives.mean((rows.mean(0), jnp.square(rows).mean(0)))
            var = jnp.maximum(square - jnp.square(mean), 0.0)
            for variable, value in zip(running, (mean, var), strict=True):
                variable.value = self.momentum * variable.value + (1 - self.momentum) * value
        rows = (rows - mean) * (lax.rsqrt(var + self.epsilon) * scale) + bias
        return rows.reshape(x.shape).astype(x.dtype)


class FirstBatchNorm(nn.Module):
    """Normalisation by the fixed mean and deviation of the first training batch: x [b, ..., c] -> the same.

    With kernels of `WeightNorm` this is data-dependent initialisation (Salimans and Kingma 2016, arXiv:1602.07868,
    section 3). The statistics never change after that; a `bias` [c], 0 at first, is trained. Before the first update
    the mean is 0 and the deviation 1. The deviation stays 1 where all values of the first batch are equal.

    deviation: that of the outputs for the first batch, `init_stdv` in the authors' code.
    """

    deviation: float = 1.0
    mixes_examples: ClassVar[bool] = True  # in the first batch

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        """Returns (x - mean) / deviation + bias, [b, ..., c]."""
        channels = (x.shape[-1],)
        bias = self.param("bias", nn.initializers.zeros, channels)
        begun = self.variable("first_batch", "begun", jnp.zeros, ())
        kept = [self.variable("first_batch", "mean", jnp.zeros, channels)]
        kept += [self.variable("first_batch", "deviation", jnp.ones, channels)]
        mean, deviation = (variable.value for variable in kept)
        if train:
            rows = lax.stop_gradient(x).reshape(-1, *channels).astype(jnp.float32)
            first = collectives.mean(rows.mean(0))
            spread = jnp.sqrt(collectives.mean(jnp.square(rows - first).mean(0)))
            spread = jnp.where(spread > ROUNDING * jnp.abs(first), spread / self.deviation, 1.0)
            mean, deviation = (
                jnp.where(begun.value > 0, old, new) for old, new in ((mean, first), (deviation, spread))
            )
            for variable, value in zip((begun, *kept), (jnp.ones(()), mean, deviation), strict=True):
                variable.value = value
        return (x - mean.astype(x.dtype)) / deviation.astype(x.dtype) + bias.astype(x.dtype)


class ConditionalBatchNorm(nn.Module):
    """Batch normalisation with a scale and a bias for each class, x [b, ..., c], label [b] int -> [b, ..., c].

    Dumoulin et al. 2017, arXiv:1610.07629, section 2.1. Scales are 1 and biases 0 at first. Statistics are those of
    `BatchNorm`.
    """

    classes: int
    momentum: float = 0.9
    epsilon: float = 1e-5
    mixes_examples: ClassVar[bool] = True

    @nn.compact
    def __call__(self, x: jax.Array, label: jax.Array, *, train: bool) -> jax.Array:
        """Normalises as `BatchNorm` does, then scales and shifts by the numbers of each label."""
        by_class = (self.classes, x.shape[-1])
        scale = self.param("scale", nn.initializers.ones, by_class)[label]
        bias = self.param("bias", nn.initializers.zeros, by_class)[label]
        x = BatchNorm(self.momentum, self.epsilon, affine=False)(x, train=train)
        scale, bias = (a.reshape(x.shape[0], *[1] * (x.ndim - 2), -1).astype(x.dtype) for a in (scale, bias))
        return x * scale + bias


class PixelNorm(nn.Module):
    """x [b, ..., c] divided by the root of the mean square of its channels, without parameters.

    x / sqrt(mean of x^2 over c + epsilon): Karras et al. 2018, arXiv:1710.10196, section 4.2.
    """

    epsilon: float = 1e-8

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        """Normalises each pixel separately."""
        del train
        return x * lax.rsqrt(jnp.square(x).mean(-1, keepdims=True) + self.epsilon)


class InstanceNorm(nn.Module):
    """Normalisation over the pixels of each example and channel, x [b, ..., c] -> [b, ..., c], without parameters.

    (x - mean) / sqrt(variance + epsilon), where the variance is divided by the number of pixels, in training and in
    evaluation: PyTorch's InstanceNorm2d (Ulyanov et al. 2016, arXiv:1607.08022). Raises ValueError if there is only one
    pixel, because its output would always be 0.
    """

    epsilon: float = 1e-5

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        """Returns x [b, ..., c] normalised by the mean and variance of each example and channel."""
        del train
        pixels = tuple(range(1, x.ndim - 1))
        if math.prod(x.shape[1:-1]) < 2:
            raise ValueError(f"InstanceNorm: needs at least 2 pixels, not {x.shape[1:-1]} of {x.shape}")
        centred = x - x.mean(pixels, keepdims=True)
        return centred * lax.rsqrt(jnp.square(centred).mean(pixels, keepdims=True) + self.epsilon)


class NoNorm(nn.Module):
    """The identity, x [b, ..., c] -> [b, ..., c], for models without normalisation."""

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        """Returns x [b, ..., c] as it is."""
        del train
        return x
