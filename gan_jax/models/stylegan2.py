"""StyleGAN2's networks (Karras et al. 2020, arXiv:1912.04958, figures 2d and 7): a skip generator, a residual critic.

Both have the three architectures of figure 7 by their names in the authors' code: "skip", "resnet", and "orig" without
either.

Latents are mapped to styles, and each convolution of the generator is modulated by a style of its own. Sizes, initial
weights and gains are those of the authors' code, https://github.com/NVlabs/stylegan2-ada-pytorch. There is one stage
for each entry of `widths`, from the smallest size on. The authors use 512 channels for faces, or base / size where that
is fewer, with a base of 32,768 (config F) or 16,384 (config E, and images of 256x256). Images need not be square.
"""

import math
from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax import random
from jax.typing import DTypeLike

from gan_jax.layers import MinibatchStd, ModulatedConv, PixelNorm, TowardsMean, draws, identity
from gan_jax.layers.modulated import EqualizedConv, EqualizedDense
from gan_jax.layers.resample import binomial_down, binomial_up, blur
from gan_jax.models.layout import smallest

__all__ = ["Critic", "Generator"]

ARCHITECTURES = ("skip", "resnet", "orig")
PIXELS, OTHERS, PLACES = range(3)
"""Numbers of random streams: for noise, for the latents that styles are mixed with, and for where mixing begins."""


def leaky(x: jax.Array) -> jax.Array:
    """Returns the leaky ReLU of slope 0.2 with a gain of sqrt(2), which keeps the mean square: x [...] -> [...]."""
    return nn.leaky_relu(x, 0.2) * math.sqrt(2)


def added(x: jax.Array, shortcut: jax.Array) -> jax.Array:
    """Returns the sum [...] divided by sqrt(2), which keeps the mean square."""
    return (x + shortcut) / math.sqrt(2)


class Mapping(nn.Module):
    """z [b, dim] -> w [b, features]: z divided by the root of its mean square, then `layers` dense layers.

    Their learning rate is 0.01 of the others': Karras et al. 2019, arXiv:1812.04948, section 2 and appendix C.
    """

    layers: int = 8
    features: int = 512
    rate: float = 0.01

    @nn.compact
    def __call__(self, z: jax.Array) -> jax.Array:
        """Returns w [b, features] for z [b, dim]."""
        x = PixelNorm()(z, train=False)
        for _ in range(self.layers):
            x = leaky(EqualizedDense(self.features, self.rate)(x))
        return x


class StyledConv(nn.Module):
    """x [b, h, w, c], w [b, dim], noise [b, h' w'] -> [b, h', w', features]: modulated, then noise, bias, leaky ReLU.

    The noise is multiplied by one number, which is 0 at first.
    """

    features: int
    up: bool = False

    @nn.compact
    def __call__(self, x: jax.Array, w: jax.Array, noise: jax.Array) -> jax.Array:
        """Returns [b, h', w', features]."""
        x = ModulatedConv(self.features, up=self.up)(x, w)
        strength = self.param("strength", nn.initializers.zeros, ())
        x += strength * noise.reshape(*x.shape[:3], 1).astype(x.dtype)
        return leaky(x + self.param("bias", nn.initializers.zeros, (self.features,)))


class Generator(nn.Module):
    """z [b, dim], noise [b, k] -> x [b, *shape]: a learned constant and stages of two modulated convolutions.

    Each stage after the first doubles the size; the first has 4x4 pixels, or (h, w) / 2^(stages - 1). `noise` is the
    words of each example's own random key, as `latents.noise` draws them. `layers` and `features` are those of the
    mapping. In training, with probability `style_mixing`, an example's last layers, from a random one on, get another
    latent's styles. The mean of w is kept in the network's stats, as a moving average with decay 0.995. Outside of
    training styles are truncated towards it by `psi`: mean + psi (w - mean).

    `architecture`: with "skip" each stage makes an image, and images are upsampled and summed; otherwise only the last
    stage makes one. With "resnet" each later stage adds its input, upsampled after a 1x1 convolution, and divides by
    sqrt(2). Raises ValueError if the sides are not multiples of 2^(stages - 1), or for a wrong probability or
    architecture.
    """

    shape: tuple[int, int, int]
    widths: tuple[int, ...] = (512, 512, 512, 512, 256, 128, 64)
    layers: int = 8
    features: int = 512
    style_mixing: float = 0.9
    psi: float = 1.0
    architecture: str = "skip"
    last_activation: Callable = identity
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, z: jax.Array, noise: jax.Array, *, train: bool) -> jax.Array:
        """Returns fakes [b, *shape], without bounds unless there is a last activation."""
        _check(self.architecture)
        start, w = smallest(self.shape, len(self.widths)), self.styles(z, noise, train=train)
        pixels = [start[0] * start[1] * 4 ** (layer // 2) for layer in range(1, 2 * len(self.widths))]
        noises = iter(jnp.split(draws.normal(noise, PIXELS, (sum(pixels),)), np.cumsum(pixels)[:-1], axis=1))
        x = self.param("constant", nn.initializers.normal(1.0), (*start, self.widths[0]))
        x, image = jnp.broadcast_to(x, (z.shape[0], *x.shape)), None
        for stage, width in enumerate(self.widths):
            given = x
            if stage:
                x = StyledConv(width, up=True)(x, w[:, 2 * stage - 1], next(noises))
            x = StyledConv(width)(x, w[:, 2 * stage], next(noises))
            if stage and self.architecture == "resnet":
                x = added(x, binomial_up(EqualizedConv(width, 1)(given)))
            if self.architecture == "skip" or stage == len(self.widths) - 1:
                made = ModulatedConv(self.shape[-1], 1, demodulate=False)(x, w[:, 2 * stage + 1])
                made += self.param(f"bias_{stage}", nn.initializers.zeros, (self.shape[-1],))
                image = made if image is None else binomial_up(image) + made
        return self.last_activation(image)

    def styles(self, z: jax.Array, noise: jax.Array, *, train: bool) -> jax.Array:
        """Returns the styles w [b, layers of the image, features] of latents z [b, dim]."""
        if not 0 <= self.style_mixing <= 1:
            raise ValueError(f"style_mixing is {self.style_mixing}: a probability is at least 0 and at most 1")
        count, mapping = 2 * len(self.widths), Mapping(self.layers, self.features)
        w = TowardsMean(self.psi)(mapping(z), train=train)
        styles = jnp.repeat(w[:, None], count, axis=1)
        if not train or not self.style_mixing:
            return styles
        others, first = _mixed(noise, z.shape[1:], count, self.style_mixing)
        kept = jnp.arange(count) < first[:, None]
        return jnp.where(kept[..., None], styles, mapping(others.astype(z.dtype))[:, None])


class Critic(nn.Module):
    """x [b, h, w, c] -> scores [b] (raw): blocks that halve the size, the deviation over a group, two dense layers.

    `widths` are the channels of the stages from the smallest size on, as in the generator. `group` is the group size of
    `MinibatchStd`, 0 for none. `architecture`: with "resnet" each block adds its input, downsampled before a 1x1
    convolution, and divides by sqrt(2); with "skip" the downsampled image is added to its output after a convolution.
    Raises ValueError if the image's sides are not multiples of 2^(stages - 1), if groups do not divide the batch, or
    for another architecture.
    """

    widths: tuple[int, ...] = (512, 512, 512, 512, 256, 128, 64)
    group: int = 4
    architecture: str = "resnet"
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        """Returns raw scores [b]: the higher, the more real."""
        _check(self.architecture)
        features = self.features(x, train=train)
        return EqualizedDense(1)(features)[:, 0]

    def features(self, x: jax.Array, *, train: bool) -> jax.Array:
        """Returns the features [b, widths[0]] of x [b, h, w, c]."""
        smallest(x.shape[1:], len(self.widths))
        first, *others = self.widths[::-1]
        image, x = x, leaky(EqualizedConv(first, 1, use_bias=True)(x))
        for width in others:
            shortcut = EqualizedConv(width, 1)(binomial_down(x)) if self.architecture == "resnet" else None
            x = leaky(EqualizedConv(x.shape[-1], 3, padding=1, use_bias=True)(x))
            x = leaky(EqualizedConv(width, 3, stride=2, use_bias=True)(blur(x, padding=2)))
            if shortcut is not None:
                x = added(x, shortcut)
            elif self.architecture == "skip":
                image = binomial_down(image)
                x += leaky(EqualizedConv(width, 1, use_bias=True)(image))
        x = MinibatchStd(self.group)(x, train=train) if self.group else x
        x = leaky(EqualizedConv(self.widths[0], 3, padding=1, use_bias=True)(x))
        return leaky(EqualizedDense(self.widths[0])(x.reshape(len(x), -1)))


def _check(architecture: str) -> None:
    if architecture not in ARCHITECTURES:
        raise ValueError(f"architecture is {architecture!r}: it must be one of {', '.join(ARCHITECTURES)}")


def _mixed(words: jax.Array, shape: tuple[int, ...], count: int, probability: float) -> tuple[jax.Array, jax.Array]:
    """Returns other latents N(0, 1) [b, *shape], and the first of `count` layers that has their styles, int32 [b]."""

    def draw(words: jax.Array) -> jax.Array:
        return jax.vmap(lambda key: random.uniform(key, (2,)))(draws.keys(words, PLACES))

    place, chance = draws.once(draw, words).T
    first = 1 + (place * (count - 1)).astype(jnp.int32)
    return draws.normal(words, OTHERS, shape), jnp.where(chance < probability, first, count)
