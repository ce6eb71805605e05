"""Normalisations with one call, `norm()(x, train=...)`, so that a model takes any of them as a field."""

import math
from typing import ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax

from gan_jax.core import collectives


class BatchNorm(nn.Module):
    """Batch normalisation over all axes but the last, x [b, ..., c] -> [b, ..., c] (Ioffe and Szegedy 2015).

    Statistics are those of the global batch, over all devices. `momentum` is the share of the old running value that is
    kept (PyTorch's momentum is one minus this).
    """

    momentum: float = 0.9
    epsilon: float = 1e-5
    mixes_examples: ClassVar[bool] = True  # so a critic with it has no per-example gradients

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        """Returns x [b, ..., c] normalised by the batch's mean and variance in training, else by the running ones."""
        # As rows of channels: the compiler then merges two equal forward passes of a network into one.
        rows, channels = x.reshape(-1, x.shape[-1]).astype(jnp.float32), (x.shape[-1],)
        scale = self.param("scale", nn.initializers.ones, channels)
        bias = self.param("bias", nn.initializers.zeros, channels)
        running = [self.variable("batch_stats", "mean", jnp.zeros, channels)]
        running += [self.variable("batch_stats", "var", jnp.ones, channels)]
        mean, var = (variable.value for variable in running)
        if train:
            mean, square = collectives.mean((rows.mean(0), jnp.square(rows).mean(0)))
            var = jnp.maximum(square - jnp.square(mean), 0.0)
            for variable, value in zip(running, (mean, var), strict=True):
                variable.value = self.momentum * variable.value + (1 - self.momentum) * value
        rows = (rows - mean) * (lax.rsqrt(var + self.epsilon) * scale) + bias
        return rows.reshape(x.shape).astype(x.dtype)


class InstanceNorm(nn.Module):
    """Normalisation over the pixels of each example and channel, x [b, ..., c] -> [b, ..., c], without parameters.

    (x - mean) / sqrt(variance + epsilon), the variance that of the pixels (divided by their number), in training and
    evaluation alike: PyTorch's InstanceNorm2d (Ulyanov et al. 2016, arXiv:1607.08022). Raises ValueError where there is
    only one pixel, of which nothing but 0 would be left.
    """

    epsilon: float = 1e-5

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        """Returns x [b, ..., c] normalised by the mean and variance of each example and channel."""
        del train
        pixels = tuple(range(1, x.ndim - 1))
        if math.prod(x.shape[1:-1]) < 2:
            raise ValueError(f"InstanceNorm: wants at least 2 pixels, got {x.shape[1:-1]} of {x.shape}")
        centred = x - x.mean(pixels, keepdims=True)
        return centred * lax.rsqrt(jnp.square(centred).mean(pixels, keepdims=True) + self.epsilon)


class NoNorm(nn.Module):
    """The identity, x [b, ..., c] -> [b, ..., c], where a model is to have no normalisation."""

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        """Returns x [b, ..., c] as it is."""
        del train
        return x
