"""Deep convolutional GAN (Radford, Metz and Chintala 2015, arXiv:1511.06434).

Layers follow from the image's size (layout.py), or are lists with an entry for each layer. A generator's sizes are then
(h - 1) * stride - 2 * padding + kernel, from 1x1 on, and a critic's floor((h + 2 * padding - kernel) / stride) + 1.
A kernel is one size, or a pair (height, width): kernels ((4, 6), 4, 3) make images of 8x12 where (4, 4, 3) make 8x8.
"""

from collections.abc import Callable
from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

from gan_jax.layers import BatchNorm, Conv, ConvTranspose, Dense, Embed, NoNorm, identity
from gan_jax.layers.kernels import KernelNorm
from gan_jax.models import layout
from gan_jax.models.layout import AUTO, Kernels, Layers, Numbers

__all__ = ["AuxiliaryCritic", "ConditionalGenerator", "Critic", "Generator", "ProjectionCritic"]

leaky_relu = partial(nn.leaky_relu, negative_slope=0.2)


class Generator(nn.Module):
    """z [b, dim] -> x [b, *shape]: transposed convolutions, norm and activation between them, then the last activation.

    The layers have biases only with NoNorm; norms have their own. The activation is leaky ReLU; the paper's generator
    has ReLU. `width` is the number of channels of the second-to-last layer. `widths` are those of all layers but the
    last, which has the image's channels. Raises ValueError if the lists differ in length, or if the layers make another
    image size than `shape`.
    """

    shape: tuple[int, int, int]
    width: int = 32
    widths: Numbers = AUTO
    kernels: Kernels = AUTO
    strides: Numbers = AUTO
    paddings: Numbers = AUTO
    norm: Callable[[], nn.Module] = BatchNorm
    activation: Callable = leaky_relu
    last_activation: Callable = nn.tanh
    init_std: float = 0.02
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, z: jax.Array, *, train: bool) -> jax.Array:
        """Returns fakes [b, *shape] in the range of the last activation."""
        automatic = layout.upsampling(self.shape, self.width)
        lists = layout.chosen(automatic, self.widths, self.kernels, self.strides, self.paddings)
        layer = partial(ConvTranspose, use_bias=self.norm is NoNorm, kernel_init=nn.initializers.normal(self.init_std))
        x = z[:, None, None, :]
        layers = _in_turn(lists._replace(widths=(*lists.widths, self.shape[-1])))
        for number, (width, kernel, stride, padding) in enumerate(layers):
            if number > 0:
                x = self.activation(self.norm()(x, train=train))
            x = layer(width, kernel, stride, padding)(x)
        if x.shape[1:] != tuple(self.shape):
            raise ValueError(
                f"the generator's layers make {_size(x.shape[1:])}, but the data set's images are {_size(self.shape)}: "
                "remove its kernels, strides and paddings, which then follow from the size, or set "
                "others; a kernel is a size or a pair (height, width)"
            )
        return self.last_activation(x)


class Critic(nn.Module):
    """x [b, h, w, c] -> scores [b] (raw): convolutions, norm on all but the first, activations, a kernel over all.

    The layers have biases only with NoNorm; norms have their own. `width` is the number of channels of the first layer.
    `kernel_norm`, such as `SpectralNorm`, is applied to all kernels. Raises ValueError if the lists differ in length,
    or if a layer's kernel is larger than its padded input.
    """

    width: int = 32
    widths: Numbers = AUTO
    kernels: Kernels = AUTO
    strides: Numbers = AUTO
    paddings: Numbers = AUTO
    norm: Callable[[], nn.Module] = BatchNorm
    activation: Callable = leaky_relu
    last_activation: Callable = identity
    init_std: float = 0.02
    dtype: DTypeLike = jnp.float32
    kernel_norm: KernelNorm | None = None

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        """Returns scores [b]: the higher, the more real. They are raw unless there is a last activation."""
        return self.last_activation(self.score(self.features(x, train=train)))

    def features(self, x: jax.Array, *, train: bool) -> jax.Array:
        """Returns the inputs of the last layer [b, h', w', c'] for x [b, h, w, c]."""
        automatic = layout.downsampling(x.shape[1:], self.width)
        lists = layout.chosen(automatic, self.widths, self.kernels, self.strides, self.paddings)
        return convolved(x, lists, layer=self.layer(), norm=self.norm, activation=self.activation, train=train)

    def score(self, features: jax.Array) -> jax.Array:
        """Returns the outputs of the last layer [b] for features [b, h, w, c]."""
        return self.layer()(1, features.shape[1:3], use_bias=self.norm is NoNorm)(features).reshape(-1)

    def layer(self) -> Callable[..., nn.Module]:
        """Returns the convolution that all layers use, without its sizes."""
        init = nn.initializers.normal(self.init_std)
        return partial(Conv, kernel_init=init, kernel_norm=self.kernel_norm)


class ConditionalGenerator(Generator, kw_only=True):
    """z [b, dim], label [b] int -> x [b, *shape]: `Generator` of z and the label's embedding as one latent.

    Mirza and Osindero 2014, arXiv:1411.1784, with an embedding of `embedding` values for each of the `classes`.
    """

    classes: int
    embedding: int = 50

    @nn.compact
    def __call__(self, z: jax.Array, label: jax.Array, *, train: bool) -> jax.Array:
        """Returns fakes [b, *shape] of these classes, in the range of the last activation."""
        embedded = nn.Embed(self.classes, self.embedding)(label)
        return super().__call__(jnp.concatenate([z, embedded], axis=-1), train=train)


class ProjectionCritic(Critic, kw_only=True):
    """x [b, h, w, c], label [b] int -> scores [b]: `Critic` plus <embedding of the label, summed features>.

    Miyato and Koyama 2018, arXiv:1802.05637, eq. 3, features summed over their pixels.
    """

    classes: int

    @nn.compact
    def __call__(self, x: jax.Array, label: jax.Array, *, train: bool) -> jax.Array:
        """Returns raw scores [b] of x as examples of their classes."""
        features = self.features(x, train=train)
        init = nn.initializers.normal(self.init_std)
        embed = Embed(self.classes, features.shape[-1], init, self.kernel_norm)
        projected = jnp.sum(embed(label) * features.sum((1, 2)), axis=-1)
        return self.last_activation(self.score(features) + projected)


class AuxiliaryCritic(Critic, kw_only=True):
    """x [b, h, w, c] -> scores [b] and logits of the classes [b, classes]: `Critic` and a classifier on its features.

    Odena et al. 2016 (arXiv:1610.09585). The features are summed over their pixels for the classifier.
    """

    classes: int

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> dict[str, jax.Array]:
        """Returns raw scores, and logits of the classes."""
        features = self.features(x, train=train)
        init = nn.initializers.normal(self.init_std)
        classify = Dense(self.classes, kernel_init=init, kernel_norm=self.kernel_norm)
        scores = self.last_activation(self.score(features))
        return {"scores": scores, "logits": classify(features.sum((1, 2)))}


def convolved(
    x: jax.Array,
    lists: Layers,
    *,
    layer: Callable[..., nn.Module],
    norm: Callable[[], nn.Module],
    activation: Callable,
    train: bool,
) -> jax.Array:
    """Applies convolutions made by `layer`, all but the first with norm, and activations, in the calling module.

    Convolutions have biases if `norm` is NoNorm. Returns [b, h', w', widths[-1]] for x [b, h, w, c]. Raises
    ValueError if the lists differ in length.
    """
    for number, (width, kernel, stride, padding) in enumerate(_in_turn(lists)):
        x = layer(width, kernel, stride, padding, use_bias=norm is NoNorm)(x)
        x = activation((norm if number > 0 else NoNorm)()(x, train=train))
    return x


def _in_turn(lists: Layers) -> list[tuple]:
    """Returns (channels, kernel, stride, padding) of each layer."""
    if len({len(values) for values in lists}) > 1:
        raise ValueError(
            f"lists of layers differ in length: channels {list(lists.widths)}, "
            f"kernels {list(lists.kernels)}, strides {list(lists.strides)}, paddings {list(lists.paddings)}"
        )
    return list(zip(*lists, strict=True))


def _size(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))
