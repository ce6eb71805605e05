"""Translations of a split's examples beside the truth, by pixels, structure and LPIPS, and beside baselines."""

from collections.abc import Callable, Mapping
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.core.collectives import base_key, example_keys, in_batches
from gan_jax.core.fields import Batch
from gan_jax.core.state import Players
from gan_jax.data.base import Dataset
from gan_jax.errors import UserError, suggestions
from gan_jax.evaluation.evaluators.base import Context, Evaluator, check_count
from gan_jax.features import lpips
from gan_jax.metrics.neighbours import nearest
from gan_jax.metrics.psnr import psnr
from gan_jax.metrics.ssim import ms_ssim

__all__ = ["pairs"]

Compare = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
METRICS = ("l1", "lpips", "psnr", "ssim")
BASELINES = ("source", "nearest")


def pairs(
    context: Context,
    *,
    metrics: tuple[str, ...] = ("l1", "psnr", "ssim"),
    baselines: tuple[str, ...] = BASELINES,
    examples: int = 1000,
    split: str = "test",
    network: str = "alexnet",
    border: int = 0,
    luma: bool = False,
) -> Evaluator:
    """Returns the evaluator of `metrics` between translations of a split's first examples and their own `x`.

    Metrics are means over the examples: 'l1', the mean absolute difference of pixels in 0..1; 'psnr' in dB; 'ssim',
    structural similarity at one scale; 'lpips' by `network` (features/lpips.py). `border` pixels are cut off for psnr,
    which with `luma` is that of Y alone, as super-resolution is judged. Where images have holes (a sampler `mask`), l1
    and psnr are those of the holes.

    Beside each value are those of baselines instead of a translation: `/source`, the source itself where it has the
    form of x, and `/nearest`, the `x` of the training pair whose source is nearest in pixels.

    Raises UserError where the model does not translate, or the examples are not images that the metrics take.
    """
    check_count("examples of translation.pairs", examples)
    _check(context, metrics=metrics, baselines=baselines)
    dataset = context.load(split).first(examples)
    fields = {name: np.asarray(values[:]) for name, values in dataset.arrays.items()}
    if fields["x"].dtype != np.uint8:
        raise UserError("translation.pairs measures images, which these examples are not")
    compare = _metrics(metrics, fields["x"].shape[1:], network, border, luma)
    train = context.load(context.trained_on) if "nearest" in baselines else None
    others = _baselines(fields, train, baselines)
    keys = example_keys(base_key(0), 1)
    context.dry_run(partial(_translated, context), keys, {name: values[:1] for name, values in fields.items()})

    def measure(players: Players, key: jax.Array) -> dict[str, float]:
        keys = example_keys(key, len(dataset.x))
        made, mask = in_batches(lambda given: _translated(context, players, *given), (keys, fields))
        images = {"": made, **{f"/{name}": images for name, images in others.items()}}
        values = {
            f"{name}{end}": of(each, fields["x"], mask) for name, of in compare.items() for end, each in images.items()
        }
        return {name: float(np.mean(value, dtype=np.float64)) for name, value in values.items()} | {"n": len(dataset.x)}

    return Evaluator(tuple(f"{name}{end}" for name in compare for end in ("", *(f"/{b}" for b in others))), measure)


def _check(context: Context, **chosen: tuple[str, ...]) -> None:
    context.check_predicts("translate")
    for field, allowed in {"metrics": METRICS, "baselines": BASELINES}.items():
        for name in chosen[field]:
            if name not in allowed:
                raise UserError(f"{field} of translation.pairs has {name!r}; {suggestions(name, allowed)}")


def _translated(context: Context, players: Players, keys: jax.Array, batch: Batch) -> tuple[jax.Array, jax.Array]:
    """Returns the translations uint8 [n, h, w, c], and masks [n, h, w, 1] of what is judged, 1 where there are none."""
    batch = context.scale(batch)
    observed = context.predict["observe"](players, keys, batch) if "observe" in context.predict else {}
    made = context.predict["translate"](players, keys, {**batch, **observed})
    return made, observed.get("mask", jnp.ones((*made.shape[:3], 1)))


def _metrics(
    names: tuple[str, ...], shape: tuple[int, ...], network: str, border: int, luma: bool
) -> dict[str, Compare]:
    """Returns the metrics by the names of their values: `(images, images, mask) -> [n]`, images uint8 [n, h, w, c].

    l1 and psnr are of the pixels of the mask [n, h, w, 1] alone, the others of whole images.
    """
    made: dict[str, Compare] = {}
    for name in names:
        if name == "l1":
            made[name] = _l1
        elif name == "psnr":
            made[name] = lambda a, b, mask: psnr(a, b, mask=mask, border=border, luma=luma)
        elif name == "ssim":
            made[name] = lambda a, b, mask: ms_ssim(a, b, peak=255.0, scales=1)
        else:
            between = lpips.between(network, shape)
            made[f"lpips/{between.name}"] = partial(_lpips, between, lpips.at_once(shape))
    return made


def _l1(a: np.ndarray, b: np.ndarray, mask: np.ndarray) -> np.ndarray:
    difference = np.abs(a.astype(np.float32) - b) * mask / 255
    return difference.sum((1, 2, 3)) / (mask.sum((1, 2, 3)) * a.shape[3])


def _lpips(between: lpips.Between, at_once: int, a: np.ndarray, b: np.ndarray, mask: np.ndarray) -> np.ndarray:
    del mask
    return in_batches(lambda two: between.of(*two), (a, b), at_once)


def _baselines(
    fields: Mapping[str, np.ndarray], train: Dataset | None, names: tuple[str, ...]
) -> dict[str, np.ndarray]:
    """Returns each baseline's images uint8 [n, h, w, c], of those that the data have."""
    x, source = fields["x"], fields.get("source")
    if source is None:
        return {}
    made = {}
    if "source" in names and source.shape == x.shape:
        made["source"] = source
    if train is not None and "source" in train.others:
        indices = np.asarray(nearest(source, np.asarray(train.others["source"][:])))
        made["nearest"] = np.asarray(train.x[indices])
    return made
