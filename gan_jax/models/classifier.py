"""A small convolutional classifier. Its last hidden layer provides features for metrics of samples."""

from collections.abc import Callable
from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

from gan_jax.layers import BatchNorm, Conv, Dropout, NoNorm
from gan_jax.models import dcgan
from gan_jax.models.layout import Kernel, Layers

__all__ = ["Classifier"]


class Classifier(nn.Module):
    """x [b, h, w, c] -> features [b, dim], logits [b, classes]: convolutions, a hidden layer, and a linear one.

    The features are the hidden layer's outputs, after norm and activation. Dropout is applied only before the logits.
    Lists have an entry for each convolution. A kernel is a size or a pair (height, width). Raises ValueError if lists
    differ in length.
    """

    classes: int
    dim: int = 64
    widths: tuple[int, ...] = (32, 32, 64, 128)
    kernels: tuple[Kernel, ...] = (4, 3, 4, 3)
    strides: tuple[int, ...] = (2, 1, 2, 2)
    paddings: tuple[int, ...] = (1, 1, 1, 1)
    norm: Callable[[], nn.Module] = BatchNorm
    activation: Callable = nn.relu
    dropout: float = 0.3
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> tuple[jax.Array, jax.Array]:
        """Returns the features [b, dim] and the logits [b, classes]."""
        lists = Layers(self.widths, self.kernels, self.strides, self.paddings)
        layer = partial(Conv, kernel_init=nn.initializers.he_normal())
        x = dcgan.convolved(x, lists, layer=layer, norm=self.norm, activation=self.activation, train=train)
        hidden = nn.Dense(self.dim, use_bias=self.norm is NoNorm)(x.reshape(x.shape[0], -1))
        features = self.activation(self.norm()(hidden, train=train))
        return features, nn.Dense(self.classes)(Dropout(self.dropout)(features, train=train))
