"""Transformations of a layer's kernel before it is used, the field `kernel_norm`, and layers that have this field."""

import math
from collections.abc import Callable
from typing import TypeAlias

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax, random

KernelNorm: TypeAlias = Callable[[], nn.Module]
"""A function that makes a layer from a kernel [..., c, o] to one of this shape, applied before the kernel is used."""


class SpectralNorm(nn.Module):
    """A kernel [..., c, o] divided by its largest singular value as a matrix [... c, o]: [..., c, o] -> the same.

    Miyato et al. 2018, arXiv:1802.05957, algorithm 1: one step of the power iteration each time that the network is
    applied in training. Its vector [o] is in the network's stats, so only updates of the network's own player change
    it. Examples do not mix, so gradient penalties are allowed.
    """

    epsilon: float = 1e-12

    @nn.compact
    def __call__(self, kernel: jax.Array) -> jax.Array:
        """Returns the kernel divided by the estimate of its largest singular value."""
        matrix = kernel.reshape(-1, kernel.shape[-1]).astype(jnp.float32)
        first = self.variable(
            "spectral", "u", lambda: self._unit(random.normal(self.make_rng("params"), matrix[0].shape))
        )
        fixed = lax.stop_gradient(matrix)
        v = self._unit((fixed * first.value).sum(1))
        u = self._unit((fixed * v[:, None]).sum(0))
        if self.is_mutable_collection("spectral") and not self.is_initializing():
            first.value = u
        return kernel / (matrix * u * v[:, None]).sum().astype(kernel.dtype)

    def _unit(self, vector: jax.Array) -> jax.Array:
        return vector * lax.rsqrt(jnp.square(vector).sum() + self.epsilon**2)


class EqualizedRate(nn.Module):
    """A kernel [..., c, o] times gain / sqrt(... c): [..., c, o] -> the same, to be initialised by N(0, 1).

    With it Adam moves all layers at the same relative rate: Karras et al. 2018, arXiv:1710.10196, section 4.1.
    """

    gain: float = 1.0

    @nn.compact
    def __call__(self, kernel: jax.Array) -> jax.Array:
        """Returns the kernel at the scale of He et al. 2015."""
        return kernel * (self.gain / math.sqrt(math.prod(kernel.shape[:-1])))


class WeightNorm(nn.Module):
    """A kernel [..., c, o] with a trained norm for each output: scale kernel / |kernel|, [..., c, o] -> the same.

    Salimans and Kingma 2016, arXiv:1602.07868, equation 2. Without `scale` the norms are 1, and there is no parameter.
    A `FirstBatchNorm` after the layer gives it data-dependent initialisation.
    """

    scale: bool = True
    epsilon: float = 1e-12

    @nn.compact
    def __call__(self, kernel: jax.Array) -> jax.Array:
        """Returns the kernel, with each output's weights divided by their norm, times the scale [o]."""
        squares = jnp.square(kernel).sum(tuple(range(kernel.ndim - 1)))
        scale = self.param("scale", nn.initializers.ones, squares.shape) if self.scale else 1.0
        return kernel * (scale * lax.rsqrt(squares + self.epsilon))


class Dense(nn.Module):
    """Linen's dense layer with a `kernel_norm`: x [..., c] -> [..., features].

    The float32 parameters are `kernel` [c, features] and, with `use_bias`, `bias` [features], zero at first.
    """

    features: int
    use_bias: bool = True
    kernel_init: nn.initializers.Initializer = nn.initializers.lecun_normal()
    bias_init: nn.initializers.Initializer = nn.initializers.zeros
    kernel_norm: KernelNorm | None = None

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Returns x kernel + bias [..., features] for x [..., c]."""
        if self.features < 1:
            raise ValueError(f"a layer has {self.features} channels: every width must be at least 1")
        kernel = self.param("kernel", self.kernel_init, (x.shape[-1], self.features))
        y = x @ (kernel if self.kernel_norm is None else self.kernel_norm()(kernel))
        return y + self.param("bias", self.bias_init, (self.features,)) if self.use_bias else y


class Embed(nn.Module):
    """Linen's embedding with a `kernel_norm`: classes [...] int -> vectors [..., features].

    The parameter `embedding` [classes, features], float32, is the kernel.
    """

    classes: int
    features: int
    embedding_init: nn.initializers.Initializer = nn.initializers.variance_scaling(1.0, "fan_in", "normal", out_axis=0)
    kernel_norm: KernelNorm | None = None

    @nn.compact
    def __call__(self, label: jax.Array) -> jax.Array:
        """Returns the vectors [..., features] of these classes."""
        kernel = self.param("embedding", self.embedding_init, (self.classes, self.features))
        return (kernel if self.kernel_norm is None else self.kernel_norm()(kernel))[label]
