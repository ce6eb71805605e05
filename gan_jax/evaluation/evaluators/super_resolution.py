"""Super-resolution on a benchmark's pairs of files, with the field's usual protocol."""

from collections.abc import Callable
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
from gan_jax.features import lpips
from gan_jax.metrics.psnr import psnr, to_luma
from gan_jax.metrics.ssim import ms_ssim

__all__ = ["benchmark"]

Metric = Callable[[np.ndarray, np.ndarray, int], float]
"""`(image, image, border) -> value`, images uint8 [h, w, 3]."""


def benchmark(context: Context, *, path: str, high: str = "HR", low: str = "LR", network: str = "") -> Evaluator:
    """Returns the evaluator of enlarged images against the published ones: `psnr_y`, `psnr_rgb` in dB, and `ssim_y`.

    The benchmark is a folder with sub-folders `high` and `low` of files with equal names (data.files.resolve). Grey
    images become RGB. psnr_y and ssim_y use the luma Y of BT.601. A border as wide as the factor is cut off, as in the
    literature. With a `network`, 'alexnet' or 'vgg16', there is `lpips/NETWORK` too (features/lpips.py). For each
    value, `/bicubic` is the same for bicubic enlargement. Values are means over the images.

    Raises UserError if there are no such files, the network's weights are not installed, or the model does not make
    images of the high resolution.
    """
    context.check_predicts("translate")
    pairs = _pairs(files.resolve(str(path)), high, low)
    for real, source in pairs:
        if (made := context.dry_run(_enlarged(context), source[None])).shape[1:] != real.shape:
            raise UserError(f"{path}: the model enlarges {source.shape} to {made.shape[1:]}, not to {real.shape}")
    metrics = _metrics(network, pairs)
    baseline = _scores(metrics, [_bicubic(source, real.shape[:2]) for real, source in pairs], pairs)

    def measure(players: Players, key: jax.Array) -> dict[str, float]:
        del key
        enlarged = jax.jit(_enlarged(context))
        values = _scores(metrics, [np.asarray(enlarged(players, source[None]))[0] for _, source in pairs], pairs)
        return values | {f"{name}/bicubic": value for name, value in baseline.items()} | {"n": len(pairs)}

    return Evaluator((*metrics, *(f"{name}/bicubic" for name in metrics)), measure)


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


def _metrics(network: str, pairs: list[tuple[np.ndarray, np.ndarray]]) -> dict[str, Metric]:
    """Returns the metrics by the names of their values."""
    made: dict[str, Metric] = {
        "psnr_y": lambda a, b, border: psnr(a[None], b[None], border=border, luma=True)[0],
        "psnr_rgb": lambda a, b, border: psnr(a[None], b[None], border=border)[0],
        "ssim_y": lambda a, b, border: ms_ssim(
            *_inside(border, to_luma(a[None]), to_luma(b[None])), peak=255, scales=1
        )[0],
    }
    if network:
        least = min((real.shape for real, _ in pairs), key=lambda shape: min(shape[:2]))
        between = lpips.between(network, least)
        made[f"lpips/{between.name}"] = lambda a, b, border: _lpips(between, *_inside(border, a[None], b[None]))
    return made


def _lpips(between: lpips.Between, a: np.ndarray, b: np.ndarray) -> float:
    return float(between.of(jnp.asarray(a), jnp.asarray(b))[0])


def _inside(border: int, *batches: np.ndarray) -> tuple[np.ndarray, ...]:
    """Returns images [n, h, w, c] without their border."""
    return tuple(images[:, border:-border, border:-border] for images in batches)


def _scores(
    metrics: dict[str, Metric], made: list[np.ndarray], pairs: list[tuple[np.ndarray, np.ndarray]]
) -> dict[str, float]:
    """Returns the mean over images of each value."""
    borders = [real.shape[0] // source.shape[0] for real, source in pairs]
    return {
        name: float(np.mean([of(a, real, b) for a, (real, _), b in zip(made, pairs, borders, strict=True)]))
        for name, of in metrics.items()
    }
