"""Errors of reconstructions of a split's images, from clean or noisy inputs, and comparisons with PCA.

Errors are mean squared errors per pixel of images in [0, 1]; `psnr` are decibels with peak 1, the mean over images.
Both are measured on the decoder's floats, neither clipped nor rounded.
"""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.core.collectives import base_key, example_keys, in_batches
from gan_jax.core.state import Players
from gan_jax.distributions.noise import Noise
from gan_jax.errors import UserError
from gan_jax.evaluation.evaluators.base import Context, Evaluator
from gan_jax.metrics import pca
from gan_jax.metrics.psnr import decibels
from gan_jax.metrics.reconstruction import reconstruction_error

__all__ = ["beside_pca", "clean", "noisy", "subspace"]

SCORES = ("error", "psnr")


def clean(context: Context, *, split: str = "test") -> Evaluator:
    """Returns the evaluator of `error` and `psnr` of reconstructions of a split's images."""
    x = _images(context, split)
    reconstruct = _reconstruction(context, x)

    def measure(players: Players, key: jax.Array) -> dict[str, float]:
        del key
        return _scores(x, reconstruct(players, _scaled(context, x)))

    return Evaluator(SCORES, measure)


def noisy(context: Context, *, noise: Callable[[], Noise], split: str = "test") -> Evaluator:
    """Returns the evaluator of `error` and `psnr` of reconstructions from noisy images, against the clean images.

    It also gives `input_error` and `input_psnr`, those of the noisy images themselves.
    """
    x = _images(context, split)
    reconstruct, corrupt = _reconstruction(context, x), jax.jit(noise())
    context.dry_run(lambda players, x: corrupt(example_keys(base_key(0), 1), _scaled(context, x)), x[:1])

    def measure(players: Players, key: jax.Array) -> dict[str, float]:
        inputs = corrupt(example_keys(key, len(x)), _scaled(context, x))
        inherent = _scores(x, _unit(context, inputs))
        return _scores(x, reconstruct(players, inputs)) | {f"input_{name}": value for name, value in inherent.items()}

    return Evaluator((*SCORES, *(f"input_{name}" for name in SCORES)), measure)


def beside_pca(context: Context, *, split: str = "test", fitted: str = "train") -> Evaluator:
    """Returns the evaluator of `error` and `psnr`, and of `pca_error` and `pca_psnr` of PCA with as many latents.

    The principal components are those of split `fitted`. `error_ratio` is `error` over `pca_error`: below 1 if the
    autoencoder is better. Raises UserError if that split has fewer components than there are latents.
    """
    x = _images(context, split)
    reconstruct, linear = _reconstruction(context, x), _pca(context, fitted)

    def measure(players: Players, key: jax.Array) -> dict[str, float]:
        del key
        ours = _scores(x, reconstruct(players, _scaled(context, x)))
        theirs = _scores(x, linear.decode(linear.encode(_flat(x))))
        ratio = {"error_ratio": ours["error"] / theirs["error"]}
        return ours | {f"pca_{name}": value for name, value in theirs.items()} | ratio

    return Evaluator((*SCORES, *(f"pca_{name}" for name in SCORES), "error_ratio"), measure)


def subspace(context: Context, *, fitted: str = "train") -> Evaluator:
    """Returns the evaluator of `largest_angle` and `mean_angle` between a linear decoder's space and PCA's, in degrees.

    PCA is fitted to split `fitted`, with as many components as latents. The decoder's columns are read from its
    outputs. Raises UserError if the split has fewer components.
    """
    linear = _pca(context, fitted)
    k = len(linear.components)

    def measure(players: Players, key: jax.Array) -> dict[str, float]:
        z = jnp.eye(k + 1, k)  # the last row is 0
        made = context.predict["decode"](players, example_keys(key, k + 1), {"z": z})
        columns = np.asarray(made - made[-1], np.float64)[:-1].reshape(k, -1)
        angles = pca.principal_angles(columns, linear.components)
        return {"largest_angle": angles.max(), "mean_angle": angles.mean()}

    return Evaluator(("largest_angle", "mean_angle"), measure)


def _images(context: Context, split: str) -> np.ndarray:
    """Returns a split's images uint8 [n, h, w, c]; raises UserError if its examples are not images."""
    dataset = context.load(split)
    if len(dataset.shape) != 3:
        raise UserError(f"this evaluator measures images, but {dataset.name} has examples of shape {dataset.shape}")
    return np.asarray(dataset.x)


def _reconstruction(context: Context, x: np.ndarray) -> Callable[[Players, jax.Array], np.ndarray]:
    """Returns `(players, inputs [n, ...]) -> reconstructions [n, ...]` in [0, 1]; inputs are the networks' floats.

    Raises UserError if the model does not take examples of the shape of x [n, ...], or makes another shape.
    """
    predict = context.predict
    context.check_predicts("encode", "decode")

    def decoded(players: Players, inputs: jax.Array) -> jax.Array:
        keys = example_keys(base_key(0), len(inputs))  # without effect: nothing is sampled
        return predict["decode"](players, keys, {"z": predict["encode"](players, keys, {"x": inputs})})

    made = context.dry_run(lambda players, x: decoded(players, _scaled(context, x)), x[:1])
    if made.shape[1:] != x.shape[1:]:
        raise UserError(f"the model makes outputs of shape {made.shape[1:]} from examples of shape {x.shape[1:]}")

    def reconstruct(players: Players, inputs: jax.Array) -> np.ndarray:
        return _unit(context, in_batches(partial(decoded, players), inputs))

    return reconstruct


def _unit(context: Context, floats: jax.Array | np.ndarray) -> np.ndarray:
    """Returns the networks' floats as images in [0, 1], of the same shape."""
    low, high = _scaled(context, np.array([0, 255], np.uint8))
    return np.asarray((floats - low) / (high - low))


def _scaled(context: Context, x: jax.Array | np.ndarray) -> jax.Array:
    """Returns uint8 images as the networks' floats, of the same shape."""
    return context.scale({"x": jnp.asarray(x)})["x"]


def _flat(x: np.ndarray) -> np.ndarray:
    """Returns images uint8 [n, h, w, c] as float32 [n, h w c] in [0, 1]."""
    return x.reshape(len(x), -1) / np.float32(255)


def _pca(context: Context, split: str) -> pca.PCA:
    """Returns as many principal components of a split's images as the model has latents.

    Raises UserError if there are fewer.
    """
    x = _images(context, split)
    _reconstruction(context, x)
    keys = example_keys(base_key(0), 1)
    encode = context.predict["encode"]
    shape = context.dry_run(lambda players, x: encode(players, keys, {"x": _scaled(context, x)}), x[:1]).shape
    if len(shape) != 2:
        raise UserError(
            f"the model's latents have shape {shape[1:]}, but PCA's are vectors: use reconstruction.clean instead"
        )
    latents = shape[-1]
    whole = pca.fit(_flat(x))
    if latents > (rank := pca.rank(whole)):
        raise UserError(
            f"the model has {latents} latents, but the {len(x)} examples of split {split!r} have only {rank} principal "
            "components to compare them with: use fewer latents, or leave this evaluator out"
        )
    return whole.first(latents)


def _scores(x: np.ndarray, recon: np.ndarray) -> dict[str, float]:
    error = reconstruction_error(_flat(x), recon.reshape(len(x), -1))
    return {"error": error.mean(), "psnr": decibels(error, peak=1.0).mean()}
