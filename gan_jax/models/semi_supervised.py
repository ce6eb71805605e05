"""Classifiers that are a GAN's critic, for few labels (Salimans et al. 2016, arXiv:1606.03498, section 5).

Their layers have weight normalisation and data-dependent initialisation. Noise or dropout between them keeps them from
memorising the few labelled examples. The sizes are those of the authors' code,
https://github.com/openai/improved-gan.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

from gan_jax.layers import Conv, Dense, Dropout, FirstBatchNorm, GaussianNoise, WeightNorm

__all__ = ["Classifier", "ConvClassifier", "ConvCritic", "Critic"]

UNIT = partial(WeightNorm, scale=False)
LAYERS = *[(1, 3, 1, 1)] * 2, (1, 3, 2, 1), *[(2, 3, 1, 1)] * 2, (2, 3, 2, 1), (2, 3, 1, 0), *[(2, 1, 1, 0)] * 2
"""The layers of `ConvClassifier`: channels in units of its width, kernel, stride, padding."""


class Classes(nn.Module):
    """The classifiers' common part: a dense layer with a trained kernel norm, from features [b, c] to logits.

    The logits of the first batch have the standard deviation `logits_deviation`.
    """

    classes: int
    init_std: float = 0.1
    logits_deviation: float = 1.0
    dtype: DTypeLike = jnp.float32

    def logits(self, features: jax.Array, *, train: bool) -> jax.Array:
        """Returns the logits [b, classes] of features [b, c]."""
        dense = Dense(self.classes, use_bias=False, kernel_norm=WeightNorm, kernel_init=self.kernel_init)
        return FirstBatchNorm(self.logits_deviation)(dense(features), train=train)

    @property
    def kernel_init(self) -> nn.initializers.Initializer:
        """The initializer of kernels. Their size sets how fast an optimizer turns them."""
        return nn.initializers.normal(self.init_std)


class Classifier(Classes):
    """x [b, ...] -> features [b, widths[-1]], logits [b, classes]: dense layers, with Gaussian noise before each.

    `noise` has its standard deviations, for the input and for hidden layers. At first the outputs of hidden layers have
    deviation 1 before the activation.
    """

    widths: tuple[int, ...] = (1000, 500, 250, 250, 250)
    noise: tuple[float, float] = (0.3, 0.5)
    activation: Callable = nn.relu

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> Any:
        """Returns the features and the logits."""
        features = self.features(x, train=train)
        return features, self.logits(GaussianNoise(self.noise[1])(features, train=train), train=train)

    def features(self, x: jax.Array, *, train: bool) -> jax.Array:
        """Returns the outputs of the last hidden layer [b, widths[-1]]."""
        x = x.reshape(x.shape[0], -1)
        for number, width in enumerate(self.widths):
            x = GaussianNoise(self.noise[number > 0])(x, train=train)
            x = Dense(width, use_bias=False, kernel_norm=UNIT, kernel_init=self.kernel_init)(x)
            x = self.activation(FirstBatchNorm()(x, train=train))
        return x


class ConvClassifier(Classes):
    """x [b, h, w, c] -> features [b, 2 width], logits [b, classes]: nine convolutions and a mean over pixels.

    The authors' network for CIFAR-10. Three convolutions have `width` channels, the others twice as many. `dropout` has
    the rate for the input, and the rate before the fourth and the seventh convolution.
    """

    init_std: float = 0.05
    logits_deviation: float = 0.1
    width: int = 96
    dropout: tuple[float, float] = (0.2, 0.5)
    activation: Callable = partial(nn.leaky_relu, negative_slope=0.2)

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> Any:
        """Returns the features and the logits."""
        features = self.features(x, train=train)
        return features, self.logits(features, train=train)

    def features(self, x: jax.Array, *, train: bool) -> jax.Array:
        """Returns the means over pixels [b, 2 width] of the last convolution."""
        for number, (factor, kernel, stride, padding) in enumerate(LAYERS):
            if number % 3 == 0:
                x = Dropout(self.dropout[number > 0])(x, train=train)
            x = Conv(factor * self.width, kernel, stride, padding, kernel_norm=UNIT, kernel_init=self.kernel_init)(x)
            x = self.activation(FirstBatchNorm()(x, train=train))
        return x.mean((1, 2))


class Critic(Classifier):
    """x [b, ...] -> scores [b] and logits [b, classes]: `Classifier`, whose score is log sum exp of the logits.

    With Z = sum exp, D(x) = Z / (Z + 1) is the score's sigmoid.
    """

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> dict[str, jax.Array]:
        """Returns raw scores, and logits of the classes."""
        return scored(super().__call__(x, train=train))


class ConvCritic(ConvClassifier):
    """x [b, h, w, c] -> scores [b] and logits [b, classes]: `ConvClassifier`, with the scores of `Critic`."""

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> dict[str, jax.Array]:
        """Returns raw scores, and logits of the classes."""
        return scored(super().__call__(x, train=train))


def scored(outputs: tuple[jax.Array, jax.Array]) -> dict[str, jax.Array]:
    """Returns the critic's outputs for features and logits [b, classes]: the logits' log sum exp [b] is the score."""
    return {"scores": jax.nn.logsumexp(outputs[1], axis=-1), "logits": outputs[1]}
