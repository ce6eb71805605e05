"""Super-resolution on a benchmark's pairs of files, by the field's protocol."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.core.collectives import base_key, example_keys
from gan_jax.core.state import Players
from gan_jax.data import files, images
from gan_jax.data.images import Reading
from gan_jax.distributions.degrade import resize
from gan_jax.errors import UserError, reraise_as
from gan_jax.evaluation.evaluators.base import Context, Evaluator
from gan_jax.metrics.psnr import psnr

__all__ = ["benchmark"]

VALUES = ("psnr_y", "psnr_rgb")


def benchmark(context: Context, *, path: str, high: str = "HR", low: str = "LR") -> Evaluator:
    """Returns the evaluator of `psnr_y` and `psnr_rgb`, in dB, of enlarged images beside the published ones.

    The benchmark is a folder with sub-folders `high` and `low` of files with equal names (data.files.resolve). Grey
    images are made RGB. psnr_y is that of the luma Y of BT.601; a border as wide as the factor is cut off, as in the
    tables of the field. `/bicubic` beside a value is that of bicubic enlargement. Values are means over the images.

    Raises UserError where there are no such files, or the model does not make images of the high resolution.
    """
    context.check_predicts("translate")
    pairs = _pairs(files.resolve(path), high, low)
    for real, source in pairs:
        if (made := context.dry_run(_enlarged(context), source[None])).shape[1:] != real.shape:
            raise UserError(f"{path}: of {source.shape} the model makes {made.shape[1:]}, not {real.shape}")
    baseline = _scores([(real, _bicubic(source, real.shape[:2])) for real, source in pairs], pairs)

    def measure(players: Players, key: jax.Array) -> dict[str, float]:
        del key
        enlarged = jax.jit(_enlarged(context))
        made = [(real, np.asarray(enlarged(players, source[None]))[0]) for real, source in pairs]
        values = _scores(made, pairs)
        return values | {f"{name}/bicubic": value for name, value in baseline.items()} | {"n": len(pairs)}

    return Evaluator((*VALUES, *(f"{name}/bicubic" for name in VALUES)), measure)


def _enlarged(context: Context):
    def enlarged(players: Players, source: jax.Array) -> jax.Array:
        batch = context.scale({"x": jnp.asarray(source)})
        return context.predict["translate"](players, example_keys(base_key(0), 1), {"source": batch["x"]})

    return enlarged


def _pairs(root: Path, high: str, low: str) -> list[tuple[np.ndarray, np.ndarray]]:
    """Returns each pair of images uint8 [h, w, 3], of high and of low resolution."""
    found = []
    for file in files.find(root / high, "all", labels=False).listed:
        partner = root / low / file.name
        with reraise_as(f"{partner} or its partner in {high} cannot be read"):
            found.append((images.read(file.path, Reading()), images.read(partner, Reading())))
    return found


def _bicubic(source: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    large = resize(jnp.asarray(source, jnp.float32), size)
    return np.asarray(jnp.clip(jnp.round(large), 0, 255).astype(jnp.uint8))


def _scores(made: list[tuple[np.ndarray, np.ndarray]], pairs: list[tuple[np.ndarray, np.ndarray]]) -> dict[str, float]:
    """Returns the mean over images of each value."""
    of_luma, of_rgb = [], []
    for (real, large), (_, source) in zip(made, pairs, strict=True):
        border = real.shape[0] // source.shape[0]
        for values, luma in ((of_luma, True), (of_rgb, False)):
            values.append(psnr(large[None], real[None], border=border, luma=luma)[0])
    return {"psnr_y": float(np.mean(of_luma)), "psnr_rgb": float(np.mean(of_rgb))}
