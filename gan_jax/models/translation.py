"""Networks that make one image from another: pix2pix's U-Net and patch critics, CycleGAN's ResNet.

Isola et al. 2017 (arXiv:1611.07004, appendix 6.1) and Zhu et al. 2017 (arXiv:1703.10593, section 7.2), for any size
that their halvings divide. Images need not be square.
"""

from collections.abc import Callable
from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax, random
from jax.typing import DTypeLike

from gan_jax.layers import BatchNorm, Conv, ConvTranspose, Dropout, InstanceNorm, NoNorm
from gan_jax.layers.kernels import KernelNorm
from gan_jax.models.layout import check_least, doubled

__all__ = ["Completion", "ContrastiveResNet", "PairCritic", "PatchCritic", "ResNet", "UNet"]

MOST_DOWNS = 8  # halvings
EPSILON = 1e-14  # of squared lengths
NORMAL = nn.initializers.normal(0.02)
leaky_relu = partial(nn.leaky_relu, negative_slope=0.2)


class UNet(nn.Module):
    """source [b, h, w, c'] -> x [b, *shape]: halvings and as many doublings, with a skip connection at each size.

    There are `width` channels after the first halving, doubled at each next one up to 8 times as many. The outermost
    and innermost layers have biases instead of a norm, as do all if `norm` is NoNorm. `dropout` is in the doublings
    between the fourth and the innermost one, as in the authors' PyTorch code: in three for 256x256, in none with 5
    halvings or fewer. `downs` 0 halves until a side would be odd or 1, at most 8 times. Raises ValueError if the sizes
    of source and x differ, or if `downs` does not divide them.
    """

    shape: tuple[int, int, int]
    width: int = 64
    downs: int = 0
    norm: Callable[[], nn.Module] = BatchNorm
    dropout: float = 0.5
    last_activation: Callable = nn.tanh
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, source: jax.Array, *, train: bool) -> jax.Array:
        """Returns the translation, in the range of the last activation."""
        return self.translated(source, train=train)

    def translated(self, source: jax.Array, *, train: bool) -> jax.Array:
        """Returns the translation [b, *shape] of an image with any number of channels."""
        check_least(self.downs, "downs", 0)
        downs = self.downs or max(1, halvings(self.shape[:2]))
        check_size(source, self.shape[:2], downs)
        widths, bare = doubled(self.width, downs), self.norm is NoNorm
        conv = partial(Conv, kernel=4, stride=2, padding=1, kernel_init=NORMAL)
        x = source
        skips = []
        for level, width in enumerate(widths):
            ends = level in (0, downs - 1)
            x = conv(width, use_bias=ends or bare)(x if level == 0 else leaky_relu(x))
            x = x if ends else self.norm()(x, train=train)
            skips.append(x)
        up = partial(ConvTranspose, kernel=4, stride=2, padding=1, kernel_init=NORMAL)
        for level in reversed(range(1, downs)):
            x = self.norm()(up(widths[level - 1], use_bias=bare)(nn.relu(x)), train=train)
            if 4 <= level < downs - 1:
                x = Dropout(self.dropout)(x, train=train)
            x = jnp.concatenate([skips[level - 1], x], axis=-1)
        return self.last_activation(up(self.shape[-1], use_bias=True)(nn.relu(x)))


class Completion(UNet):
    """source [b, h, w, c], mask [b, h, w, 1] -> x [b, h, w, c]: the source with the output of `UNet` in the hole.

    Besides `x` it returns `whole` [b, h, w, c], the network's output everywhere, for the term `valid_l1`.
    """

    @nn.compact
    def __call__(self, source: jax.Array, mask: jax.Array, *, train: bool) -> dict[str, jax.Array]:
        """Returns the source with its hole (mask 1) filled, and the network's whole output."""
        return composite(self.translated(jnp.concatenate([source, mask], axis=-1), train=train), source, mask)


class ResNet(nn.Module):
    """source [b, h, w, c'] -> x [b, *shape]: two halvings, residual blocks, two doublings, reflected borders.

    The paper has 9 blocks for 256x256, 6 for 128x128. Doublings repeat pixels before a 3x3 convolution, which avoids
    checkerboard artifacts; the paper has transposed convolutions. The last layer has a bias, as do all if `norm` is
    NoNorm. Raises ValueError if 4 does not divide the size.
    """

    shape: tuple[int, int, int]
    width: int = 64
    blocks: int = 9
    norm: Callable[[], nn.Module] = InstanceNorm
    last_activation: Callable = nn.tanh
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, source: jax.Array, *, train: bool) -> jax.Array:
        """Returns the translation, in the range of the last activation."""
        return self.decode(self.encode(source, train=train)[-1], train=train)

    def encode(self, source: jax.Array, *, train: bool) -> list[jax.Array]:
        """Returns the source, the output of each halving's convolution, and the output of each residual block."""
        check_size(source, self.shape[:2], 2)
        x, seen = nn.relu(self.layer(source, self.width, train=train, kernel=7)), [source]
        for times in (2, 4):
            seen.append(self.convolved(x, times * self.width, stride=2))
            x = nn.relu(self.norm()(seen[-1], train=train))
        for _ in range(self.blocks):
            h = nn.relu(self.layer(x, 4 * self.width, train=train))
            x = x + self.layer(h, 4 * self.width, train=train)
            seen.append(x)
        return seen

    def decode(self, x: jax.Array, *, train: bool) -> jax.Array:
        """Returns the translation, from the output of the last block."""
        for times in (2, 1):
            x = nn.relu(self.layer(x.repeat(2, axis=1).repeat(2, axis=2), times * self.width, train=train))
        return self.last_activation(self.convolved(x, self.shape[-1], kernel=7, last=True))

    def convolved(self, x: jax.Array, width: int, *, kernel: int = 3, stride: int = 1, last: bool = False) -> jax.Array:
        """Returns a convolution of the image with reflected borders."""
        bias = last or self.norm is NoNorm
        return Conv(width, kernel, stride, use_bias=bias, kernel_init=NORMAL)(reflected(x, kernel // 2))

    def layer(self, x: jax.Array, width: int, *, train: bool, kernel: int = 3) -> jax.Array:
        """Returns the output of `convolved`, normalised."""
        return self.norm()(self.convolved(x, width, kernel=kernel), train=train)


class ContrastiveResNet(ResNet):
    """source [b, h, w, c] -> x, a `ResNet` whose `features` are embedded patches, to be compared.

    CUT: Park et al. 2020, arXiv:2007.15651.

    `layers` are the numbers of the outputs to compare: 0 is the source, 1 and 2 the halvings, 3 and above the residual
    blocks, of which the paper uses the first and the fifth of 9. From each, `patches` positions are drawn, the same for
    all images of a batch, or all positions if there are fewer. Two dense layers turn them into vectors of `dim` values
    and length 1. Raises ValueError for a layer that does not exist.
    """

    layers: tuple[int, ...] = (0, 1, 2, 3, 7)
    patches: int = 256
    dim: int = 256

    @nn.compact
    def __call__(self, source: jax.Array, *, train: bool) -> jax.Array:
        """Returns the translation, in the range of the last activation."""
        if bad := [layer for layer in self.layers if not 0 <= layer < self.blocks + 3]:
            raise ValueError(f"layers has {bad[0]}: with {self.blocks} blocks they must be from 0 to {self.blocks + 2}")
        seen = self.encode(source, train=train)
        self.features([seen[layer] for layer in self.layers], train=train)
        return self.decode(seen[-1], train=train)

    def features(self, seen: list[jax.Array], *, train: bool) -> list[jax.Array]:
        """Returns embedded patches [b, patches, dim] of each of these layers' outputs [b, h', w', c']."""
        made = []
        for x in seen:
            x = x.reshape(x.shape[0], -1, x.shape[-1])
            if train and x.shape[1] > self.patches:
                x = x[:, random.permutation(self.make_rng("noise"), x.shape[1])[: self.patches]]
            h = nn.relu(nn.Dense(self.dim, kernel_init=NORMAL)(x))
            h = nn.Dense(self.dim, kernel_init=NORMAL)(h)
            made.append(h * lax.rsqrt(jnp.square(h).sum(-1, keepdims=True) + EPSILON))
        return made


class PatchCritic(nn.Module):
    """x [b, h, w, c] -> scores [b, h', w'] (raw), one for each patch: 34 pixels wide with 2 halvings, 70 with 3.

    There are `width` channels after the first halving, doubled at each next layer up to 8 times as many. The first
    layer has a bias instead of a norm. `kernel_norm` is applied to all kernels: SN-PatchGAN has `SpectralNorm` (Yu et
    al. 2019, arXiv:1806.03589). Raises ValueError for images that are too small for the halvings.
    """

    width: int = 64
    downs: int = 3
    norm: Callable[[], nn.Module] = InstanceNorm
    kernel_norm: KernelNorm | None = None
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        """Returns raw scores."""
        return self.score(self.features(x, train=train)[-1])

    def features(self, x: jax.Array, *, train: bool) -> list[jax.Array]:
        """Returns the outputs of all layers but the last, [b, h', w', c'] each."""
        check_least(self.downs, "downs", 0)
        if min(x.shape[1:3]) < (least := 3 * 2**self.downs):
            size = "x".join(map(str, x.shape[1:3]))
            raise ValueError(
                f"downs is {self.downs}: sides of the critic's images must be at least {least}, and they are {size}: "
                "set fewer downs"
            )
        seen = []
        for level, width in enumerate(doubled(self.width, self.downs + 1)):
            stride = 2 if level < self.downs else 1
            norm = self.norm if level else NoNorm
            x = self.convolved(x, width, stride, use_bias=norm is NoNorm)
            x = leaky_relu(norm()(x, train=train))
            seen.append(x)
        return seen

    def score(self, features: jax.Array) -> jax.Array:
        """Returns the outputs [b, h', w'] of the last layer."""
        return self.convolved(features, 1, 1, use_bias=True)[..., 0]

    def convolved(self, x: jax.Array, width: int, stride: int, *, use_bias: bool) -> jax.Array:
        """Returns a 4x4 convolution of the image."""
        return Conv(width, 4, stride, 1, use_bias, kernel_init=NORMAL, kernel_norm=self.kernel_norm)(x)


class PairCritic(PatchCritic):
    """x, source [b, h, w, c] -> scores [b, h', w'] (raw): `PatchCritic` of both, joined along channels."""

    norm: Callable[[], nn.Module] = BatchNorm

    @nn.compact
    def __call__(self, x: jax.Array, source: jax.Array, *, train: bool) -> jax.Array:
        """Returns raw scores of x as the translation of source."""
        check_size(source, x.shape[1:3], 0)
        return self.score(self.features(jnp.concatenate([x, source], axis=-1), train=train)[-1])


def composite(whole: jax.Array, source: jax.Array, mask: jax.Array) -> dict[str, jax.Array]:
    """Returns `x`, the whole [b, h, w, c] in the hole (mask 1) and the source around it, and the `whole` itself."""
    return {"x": mask * whole + (1 - mask) * source, "whole": whole}


def halvings(size: tuple[int, int]) -> int:
    """Returns how often both sides can be halved, at most 8 times."""
    return next(n for n in range(MOST_DOWNS + 1) if n == MOST_DOWNS or any(side % 2 ** (n + 1) for side in size))


def reflected(x: jax.Array, pixels: int) -> jax.Array:
    """Returns images [b, h, w, c] with a border of this many pixels, mirrored at the outermost ones."""
    return jnp.pad(x, ((0, 0), (pixels, pixels), (pixels, pixels), (0, 0)), mode="reflect")


def check_size(source: jax.Array, size: tuple[int, ...], downs: int) -> None:
    """Raises ValueError if the source [b, h, w, c] does not have the size of x, or cannot be halved `downs` times."""
    if source.shape[1:3] != tuple(size):
        sizes = f"source is {source.shape[1]}x{source.shape[2]}, and x is {size[0]}x{size[1]}"
        raise ValueError(f"{sizes}: set config.data.size, so that both are the same")
    if any(side % 2**downs for side in size):
        raise ValueError(
            f"images of {size[0]}x{size[1]} cannot be halved {downs} times: use a config.data.size that "
            f"{2**downs} divides, or fewer `downs` if the network has them"
        )
