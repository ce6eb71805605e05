"""AlexNet and VGG16 for ImageNet with the heads of LPIPS, as functions of their params.

Krizhevsky 2014 (arXiv:1404.5997) and Simonyan and Zisserman 2014 (arXiv:1409.1556), as used by Zhang et al. 2018
(arXiv:1801.03924): only their convolutions, so that they take images of any size from `Layout.least` on.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.core.state import Tree
from gan_jax.errors import UserError, suggestions
from gan_jax.layers.convolution import conv
from gan_jax.metrics.lpips import lpips

SHIFT, SCALE = np.array([-0.030, -0.088, -0.188], np.float32), np.array([0.458, 0.448, 0.450], np.float32)
"""Mean and standard deviation of ImageNet's images in [-1, 1], as in the published code."""


class Layer(NamedTuple):
    """A convolution, followed by a ReLU."""

    features: int
    kernel: int
    stride: int
    padding: int


class Stage(NamedTuple):
    """Convolutions whose last activations LPIPS compares; `pool` is the window of max pooling before, or 0 for none."""

    pool: int
    layers: tuple[Layer, ...]


class Layout(NamedTuple):
    """A network.

    Attributes:
        name: with its version.
        stages: its parts, in order.
        least: the least height and width of images.
        file_sha256: the checksum of the file in the package.
        sha256: that of the arrays converted from it (`digest`).
    """

    name: str
    stages: tuple[Stage, ...]
    least: int
    file_sha256: str
    sha256: str

    @property
    def shapes(self) -> dict[str, dict[str, tuple[int, ...]]]:
        """The shapes of its params: `conv_0`, ... in order, and `head_0`, ... for the stages."""
        found: dict[str, dict[str, tuple[int, ...]]] = {}
        channels = 3
        for layer in (layer for stage in self.stages for layer in stage.layers):
            kernel = (layer.kernel, layer.kernel, channels, layer.features)
            found[f"conv_{len(found)}"] = {"kernel": kernel, "bias": (layer.features,)}
            channels = layer.features
        for number, stage in enumerate(self.stages):
            found[f"head_{number}"] = {"kernel": (stage.layers[-1].features,)}
        return found


def _threes(pool: int, *widths: int) -> Stage:
    return Stage(pool, tuple(Layer(width, 3, 1, 1) for width in widths))


LAYOUTS = {
    "alexnet": Layout(
        "alexnet-lpips-v1",
        (
            Stage(0, (Layer(64, 11, 4, 2),)),
            Stage(3, (Layer(192, 5, 1, 2),)),
            _threes(3, 384),
            _threes(0, 256),
            _threes(0, 256),
        ),
        least=31,
        file_sha256="443c5bc35326b81e4ac7517b853fd22d3effe38783697d87e2ec65cb01d744b1",
        sha256="84681e41a85c1ee041c868e50b73d696f9c7752a71a2401829e2195323e457e5",
    ),
    "vgg16": Layout(
        "vgg16-lpips-v1",
        (
            _threes(0, 64, 64),
            _threes(2, 128, 128),
            _threes(2, 256, 256, 256),
            _threes(2, 512, 512, 512),
            _threes(2, 512, 512, 512),
        ),
        least=16,
        file_sha256="2ecbe4ce01168921c28dfd502e2b74490ef8c4d66b0a0286bc7a6127facccc9d",
        sha256="306991d15ae789b09c610a064d690ba6aeb980eec3e4a1f16dd1d5726554953c",
    ),
}
"""The networks by their short names, as used in configs."""


def named() -> dict[str, Layout]:
    """Returns the networks by their short names and by their full names with versions."""
    return LAYOUTS | {layout.name: layout for layout in LAYOUTS.values()}


def find(kind: str) -> Layout:
    """Returns the network with this short or full name. Raises UserError if there is none."""
    if kind not in (known := named()):
        raise UserError(f"there is no network {kind!r} with LPIPS heads; {suggestions(kind, known)}")
    return known[kind]


def activations(layout: Layout, params: Tree, x: jax.Array) -> list[jax.Array]:
    """Returns the last activations of each stage, [n, h', w', c] each, for images x [n, h, w, 1 or 3] in [-1, 1]."""
    return [jax.nn.relu(last) for last in outputs(layout, params, x)]


def outputs(layout: Layout, params: Tree, x: jax.Array) -> list[jax.Array]:
    """Returns the outputs of each stage's last convolution, like `activations` but before the ReLU."""
    x, found, number = (jnp.broadcast_to(x, (*x.shape[:3], 3)) - SHIFT) / SCALE, [], 0
    for stage in layout.stages:
        last = x = max_pool(x, stage.pool) if stage.pool else x
        for layer in stage.layers:
            values = params[f"conv_{number}"]
            x = conv(x, values["kernel"], stride=layer.stride, padding=layer.padding) + values["bias"]
            last, x, number = x, jax.nn.relu(x), number + 1
        found.append(last)
    return found


def distance(layout: Layout, params: Tree, first: jax.Array, second: jax.Array) -> jax.Array:
    """Returns LPIPS for each pair of images [n, h, w, 1 or 3] in [-1, 1], float32 [n]: see `metrics.lpips`."""
    heads = [params[f"head_{number}"]["kernel"] for number in range(len(layout.stages))]
    return lpips(activations(layout, params, first), activations(layout, params, second), heads)


def max_pool(x: jax.Array, window: int) -> jax.Array:
    """Returns the largest values in windows with stride 2, [n, h, w, c] -> [n, (h - window) // 2 + 1, ..., c].

    It is made from slices, because on a GPU the gradient of XLA's own operation is summed in no fixed order.
    """
    for axis in (1, 2):
        outputs = (x.shape[axis] - window) // 2 + 1
        parts = (jax.lax.slice_in_dim(x, i, i + 2 * outputs - 1, 2, axis) for i in range(window))
        largest = next(parts)
        for part in parts:
            largest = jnp.maximum(largest, part)
        x = largest
    return x
