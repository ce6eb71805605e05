"""How well a split's images are reconstructed: beside PCA, and from noisy inputs.

Errors are mean squared errors per pixel of images in [0, 1]; `psnr` are decibels with peak 1, the mean over images.
Both are measured on the decoder's floats, neither clipped nor rounded.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.batch import example_keys, in_batches
from gan_jax.evaluators.base import Context, Evaluate
from gan_jax.metrics import pca
from gan_jax.metrics.reconstruction import psnr, reconstruction_error
from gan_jax.noise import Noise
from gan_jax.state import Players

__all__ = ["beside_pca", "clean", "noisy", "subspace"]


def clean(context: Context, *, split: str = "test") -> Evaluate:
    """`error` and `psnr` of a split's images as they are."""
    x = context.load(split).x
    reconstruct = _reconstruction(context)

    def evaluate(players: Players, key: jax.Array) -> dict[str, float]:
        del key
        return _scores(x, reconstruct(players, context.scale(jnp.asarray(x))))

    return evaluate


def noisy(context: Context, *, noise: Callable[[], Noise], split: str = "test") -> Evaluate:
    """`error` and `psnr` against a split's clean images, of reconstructions from noisy ones.

    Beside them `input_error` and `input_psnr`, those of the noisy images themselves.
    """
    x = context.load(split).x
    reconstruct, corrupt = _reconstruction(context), jax.jit(noise())

    def evaluate(players: Players, key: jax.Array) -> dict[str, float]:
        inputs = corrupt(example_keys(key, len(x)), context.scale(jnp.asarray(x)))
        inherent = _scores(x, _unit(context, inputs))
        return _scores(x, reconstruct(players, inputs)) | {f"input_{name}": value for name, value in inherent.items()}

    return evaluate


def beside_pca(context: Context, *, split: str = "test", fitted: str = "train") -> Evaluate:
    """`error` and `psnr`, and `pca_error` and `pca_psnr` of as many principal components of another split as latents.

    `error_ratio` is the one error over the other: below 1 where the autoencoder is the better one.
    """
    x = context.load(split).x
    reconstruct, whole = _reconstruction(context), _pca(context, fitted)

    def evaluate(players: Players, key: jax.Array) -> dict[str, float]:
        del key
        ours = _scores(x, reconstruct(players, context.scale(jnp.asarray(x))))
        linear = whole.first(_latents(context, players, x))
        theirs = _scores(x, linear.decode(linear.encode(_flat(x))))
        ratio = {"error_ratio": ours["error"] / theirs["error"]}
        return ours | {f"pca_{name}": value for name, value in theirs.items()} | ratio

    return evaluate


def subspace(context: Context, *, fitted: str = "train") -> Evaluate:
    """`largest_angle` and `mean_angle`, in degrees, between a linear decoder's space and the principal components'.

    As many components, of the split `fitted`, as there are latents. The decoder's columns are read off its outputs.
    """
    x = context.load(fitted).x
    _reconstruction(context)
    whole = _pca(context, fitted)

    def evaluate(players: Players, key: jax.Array) -> dict[str, float]:
        del key
        k = _latents(context, players, x)
        made = context.predict["decode"](players, jnp.eye(k + 1, k))  # the last row is z = 0
        columns = np.asarray(made - made[-1], np.float64)[:-1].reshape(k, -1)
        angles = pca.principal_angles(columns, whole.first(k).components)
        return {"largest_angle": angles.max(), "mean_angle": angles.mean()}

    return evaluate


def _reconstruction(context: Context) -> Callable[[Players, jax.Array], np.ndarray]:
    """`(players, inputs [n, ...]) -> [n, ...]` in [0, 1], from the networks' floats."""
    predict = context.predict
    if not {"encode", "decode"} <= predict.keys():
        raise ValueError("the objective gives no encode and decode: this evaluator is for autoencoders")

    def reconstruct(players: Players, inputs: jax.Array) -> np.ndarray:
        made = in_batches(lambda x: predict["decode"](players, predict["encode"](players, x)), inputs)
        return _unit(context, made)

    return reconstruct


def _unit(context: Context, floats: jax.Array | np.ndarray) -> np.ndarray:
    """The networks' floats as images in [0, 1]."""
    low, high = context.scale(jnp.array([0, 255], jnp.uint8))
    return np.asarray((floats - low) / (high - low))


def _flat(x: np.ndarray) -> np.ndarray:
    """uint8 [n, h, w, c] -> float32 [n, h w c] in [0, 1]."""
    return x.reshape(len(x), -1) / np.float32(255)


def _pca(context: Context, split: str) -> pca.PCA:
    return pca.fit(_flat(context.load(split).x))


def _latents(context: Context, players: Players, x: np.ndarray) -> int:
    return jax.eval_shape(context.predict["encode"], players, context.scale(jnp.asarray(x[:1]))).shape[-1]


def _scores(x: np.ndarray, recon: np.ndarray) -> dict[str, float]:
    error = reconstruction_error(_flat(x), recon.reshape(len(x), -1))
    return {"error": error.mean(), "psnr": psnr(error).mean()}
