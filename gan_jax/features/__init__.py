"""Feature networks: their features of images are used to measure samples.

The repository has small classifiers for single data sets, each made with a config of configs/features/ and
scripts/export_features.py. For any images there are networks trained on ImageNet, whose files the user provides
(lpips.py, inception.py). A network's name includes its version, and its weights never change, so that values measured
with it stay comparable.
"""

import logging
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.core import networks as core
from gan_jax.core.collectives import in_batches
from gan_jax.data.base import Dataset
from gan_jax.data.pixels import to_float
from gan_jax.errors import UserError
from gan_jax.features import inception, lpips, lpips_layouts, weights
from gan_jax.features.base import Network, described
from gan_jax.resolve import bind

__all__ = ["Network", "choose", "load", "pixels"]

OF_DATA = {
    "digits": "digits-v1",
    "mnist": "mnist-v1",
    "binary_mnist": "mnist-v1",
    "stacked_mnist": "mnist-v1",
    "fashion_mnist": "fashion_mnist-v1",
}
"""The network used to measure samples of each data set."""


def load(name: str, *, folder: Path = weights.FOLDER) -> Network:
    """Returns the network with this name, such as 'mnist-v1'.

    Raises UserError if there is none, or its file was altered.
    """
    params, stats, about, sha256 = weights.read(name, folder)
    shape, limits = tuple(about["shape"]), tuple(about["range"])
    network = core.Network(bind("gan_jax.models", about["network"], name)(classes=about["classes"]))

    @jax.jit
    def outputs(x: jax.Array) -> tuple[jax.Array, jax.Array]:
        return network.apply(params, stats, {"x": to_float(x, limits)}, train=False)[0]

    features, logits = jax.eval_shape(outputs, jax.ShapeDtypeStruct((1, *shape), jnp.uint8))
    return Network(name, sha256, shape, features.shape[1], logits.shape[1], "none", described(outputs, shape))


def pixels(shape: tuple[int, ...]) -> Network:
    """Returns the identity as a network: features are the values themselves, scaled to 0..1 for images."""

    def describe(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        flat = np.asarray(x).reshape(len(x), -1).astype(np.float32)
        return flat / 255 if x.dtype == np.uint8 else flat, np.zeros((len(x), 0), np.float32)

    return Network("pixels", "", shape, int(np.prod(shape)), 0, "none", describe)


def choose(kind: str, dataset: Dataset, path: str = "") -> Network:
    """Returns the network for a data set: its 'classifier', 'pixels' for none, or one by name.

    A name is one of OF_DATA's networks, 'alexnet' or 'vgg16' (lpips.py), or 'inception' with a file. If a classifier
    takes one channel and images have several, they are described channel by channel (`by_channel`). If the data set has
    no classifier, or one for other images, `general` chooses another network, with a warning.

    Raises UserError if there is no such network, or if it is for other images.
    """
    if kind == "pixels":
        return pixels(dataset.shape)
    if kind == "inception":
        return inception.load(path, dataset.shape)
    if kind in lpips_layouts.named():
        return lpips.load(kind, dataset.shape)
    base = dataset.name.partition(":")[0]
    if kind == "classifier" and base not in OF_DATA:
        return general(dataset, f"data set {base!r} has no classifier (only {', '.join(OF_DATA)} have one)")
    network = load(OF_DATA[base] if kind == "classifier" else kind)
    if len(dataset.shape) == 3 and network.shape == (*dataset.shape[:2], 1) and dataset.shape[2] > 1:
        network = by_channel(network, dataset.shape[2])
    if network.shape != dataset.shape:
        misfit = f"{network.name} takes images of {network.shape}, but those of {dataset.name} are {dataset.shape}"
        if kind == "classifier":
            return general(dataset, misfit)
        raise UserError(misfit)
    return network


def general(dataset: Dataset, why: str) -> Network:
    """Returns the network for data without a classifier, and logs a warning that says so.

    It is the first of `lpips.FALLBACKS` that takes such images and whose weights are installed, or pixels.
    """
    fit = [kind for kind in lpips.FALLBACKS if lpips.takes(kind, dataset.shape)]
    here = [kind for kind in fit if lpips.is_here(kind)]
    network = lpips.load(here[0], dataset.shape) if here else pixels(dataset.shape)
    missing = f"; features of {' or '.join(fit)} are better for images: {lpips.HOW}" if fit and not here else ""
    logging.warning("%s: features are those of %s, as the values' names say%s", why, network.name, missing)
    return network


def by_channel(network: Network, channels: int) -> Network:
    """Returns the network applied to each channel: concatenated features, and a logit for each tuple of classes.

    The logits are joint log-probabilities, in lexicographic order: the first channel's class is the first digit.
    """
    classes = network.classes**channels

    @jax.jit
    def joint(logits: jax.Array) -> jax.Array:
        total = jnp.zeros((len(logits), 1))
        for of_channel in jnp.moveaxis(jax.nn.log_softmax(logits), 1, 0):
            total = (total[:, :, None] + of_channel[:, None]).reshape(len(logits), -1)
        return total

    def describe(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        n = len(x)
        features, logits = network.describe(np.moveaxis(np.asarray(x), -1, 1).reshape(-1, *network.shape))
        logits = in_batches(joint, logits.reshape(n, channels, -1))
        return features.reshape(n, -1), logits

    shape = (*network.shape[:2], channels)
    return network._replace(shape=shape, dim=network.dim * channels, classes=classes, describe=describe)
