"""Layers of StyleGAN2: dense layers and convolutions with equalized rates, and convolutions modulated by a style."""

import math
from functools import partial
from typing import ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax

from gan_jax.core import collectives
from gan_jax.layers.convolution import Conv, ConvTranspose
from gan_jax.layers.kernels import Dense, EqualizedRate
from gan_jax.layers.resample import blur

unit = nn.initializers.normal(1.0)
EqualizedConv = partial(Conv, kernel_init=unit, kernel_norm=EqualizedRate)
"""`Conv` with kernels of N(0, 1) divided by the root of the fan in."""


class EqualizedDense(nn.Module):
    """x [..., c] -> rate (x kernel / sqrt(c) + bias) [..., features], the kernel N(0, 1 / rate^2) at first.

    In effect `rate` multiplies the learning rate: Adam's steps have the same size for all parameters, and it scales
    their effect. Karras et al. 2018, arXiv:1710.10196, section 4.1; 0.01 in StyleGAN's mapping network. Biases are
    `bias` / rate at first.
    """

    features: int
    rate: float = 1.0
    bias: float = 0.0

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Returns [..., features] for x [..., c]; raises ValueError for a rate of 0 or less."""
        if not self.rate > 0:
            raise ValueError(f"rate is {self.rate}: a multiplier of the learning rate must be above 0")
        kernel = nn.initializers.normal(1 / self.rate)
        norm = partial(EqualizedRate, self.rate)
        y = Dense(self.features, use_bias=False, kernel_init=kernel, kernel_norm=norm)(x)
        first = nn.initializers.constant(self.bias / self.rate)
        return y + self.rate * self.param("bias", first, (self.features,))


class ModulatedConv(nn.Module):
    """x [b, h, w, c], w [b, dim] -> [b, h', w', features]: a convolution whose kernel an example's style modulates.

    Here s [c] is an affine function of w whose bias is 1 at first, and k is the layer's kernel. The kernel for an
    example is k'':

        k'[u, c, o] = s[c] k[u, c, o]    k''[u, c, o] = k'[u, c, o] d[o]    1 / d[o]^2 = epsilon + sum k'[u, c, o]^2

    with the sum over u and c: Karras et al. 2020, arXiv:1912.04958, equations 1 and 3. s does not depend on u, and d
    neither on u nor on c, so both can be applied outside of the convolution:

        sum x[i + u, c] k''[u, c, o] = d[o] sum (s[c] x[i + u, c]) k[u, c, o]

    That is how it is computed: the input is scaled, then convolved with the kernel that all examples share, and the
    output is scaled. So it is as fast as a plain convolution on every platform. Without `demodulate` d is 1.

    `up` makes images of twice the size, by a transposed convolution of stride 2 and the filter [1, 3, 3, 1] / 4.
    """

    features: int
    kernel: int = 3
    demodulate: bool = True
    up: bool = False
    epsilon: float = 1e-8

    @nn.compact
    def __call__(self, x: jax.Array, w: jax.Array) -> jax.Array:
        """Returns [b, h', w', features] for x [b, h, w, c] and w [b, dim]."""
        style = EqualizedDense(x.shape[-1], bias=1.0)(w)
        fields = {"kernel_init": unit, "kernel_norm": EqualizedRate}
        if self.up:
            conv = ConvTranspose(self.features, self.kernel, stride=2, **fields)
            y = blur(conv(x * style[:, None, None]), padding=2 - self.kernel // 2, gain=2.0)
        else:
            conv = Conv(self.features, self.kernel, padding=self.kernel // 2, **fields)
            y = conv(x * style[:, None, None])
        if not self.demodulate:
            return y
        kernel = EqualizedRate()(conv.variables["params"]["kernel"])
        squares = jnp.square(style) @ jnp.square(kernel).sum((0, 1))
        return y * lax.rsqrt(squares + self.epsilon)[:, None, None]


class TowardsMean(nn.Module):
    """x [b, c] -> x in training; otherwise mean + share (x - mean), with the running mean of x in training.

    This is the truncation of styles: Karras et al. 2019, arXiv:1812.04948, appendix B, where `share` is psi. The mean
    [c] is over global batches, and is kept in the network's stats. `decay` is the share of the old mean that a batch
    keeps.
    """

    share: float = 1.0
    decay: float = 0.995

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        """Returns x [b, c] in training, and updates the mean; otherwise returns x moved towards the mean."""
        mean = self.variable("averages", "mean", jnp.zeros, x.shape[1:])
        if not train:
            return (mean.value + self.share * (x - mean.value)).astype(x.dtype)
        if self.is_mutable_collection("averages"):
            seen = collectives.mean(lax.stop_gradient(x).astype(jnp.float32).mean(0))
            mean.value = self.decay * mean.value + (1 - self.decay) * seen
        return x


class MinibatchStd(nn.Module):
    """x [b, h, w, c] -> [b, h, w, c + 1]: adds a channel with one number, the standard deviation over a group.

    A group is `group` consecutive examples of the global batch. The number is the mean over pixels and channels of
    sqrt(variance + epsilon), the same for all examples of the group: Karras et al. 2018, arXiv:1710.10196, section 3.
    Outside of training, where a batch may have any size, groups have the greatest common divisor of both sizes.
    """

    group: int = 4
    epsilon: float = 1e-8
    mixes_examples: ClassVar[bool] = True
    in_groups: ClassVar[bool] = True  # so parts of whole groups give the same as the whole batch

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        """Returns x and the channel. Raises ValueError for a group below 1, or one that does not divide the batch."""
        if self.group < 1 or (train and len(x) % self.group):
            raise ValueError(
                f"group is {self.group}: groups must divide the {len(x)} examples computed at once, which are "
                "config.batch_size / devices / config.accumulate; the critic's group=0 leaves this layer out"
            )
        groups = x.reshape(-1, math.gcd(len(x), self.group), *x.shape[1:])
        variance = jnp.square(groups - groups.mean(1, keepdims=True)).mean(1)
        deviation = jnp.sqrt(variance + self.epsilon).mean((1, 2, 3)).repeat(groups.shape[1])
        return jnp.concatenate([x, jnp.broadcast_to(deviation[:, None, None, None], (*x.shape[:3], 1))], -1)
