"""Translations of a split's examples against the truth, by pixels, structure and LPIPS; baselines for comparison."""

import logging
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
from gan_jax.experiments.observed import given, observed
from gan_jax.features import lpips
from gan_jax.metrics.biharmonic import biharmonic
from gan_jax.metrics.neighbours import nearest_in_parts
from gan_jax.metrics.psnr import psnr
from gan_jax.metrics.ssim import ms_ssim, scales_that_fit

__all__ = ["pairs"]

Compare = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
METRICS = ("l1", "lpips", "psnr", "ssim")
BASELINES = ("source", "nearest", "mean", "biharmonic")
DIRECTIONS = {"x": "translate", "source": "translate_back"}
"""The predictions, by the field that they make."""


def pairs(
    context: Context,
    *,
    metrics: tuple[str, ...] = (),
    baselines: tuple[str, ...] = BASELINES,
    examples: int = 1000,
    split: str = "test",
    network: str = "alexnet",
    border: int = 0,
    luma: bool = False,
    target: str = "x",
) -> Evaluator:
    """Returns the evaluator of `metrics` between translations of a split's first examples and their own `target`.

    Metrics are means over the examples. By default all are measured: 'l1', the mean absolute difference of pixels in
    0..1; 'psnr' in dB, without `border` pixels, and with `luma` only of Y, as is usual in super-resolution; 'ssim',
    structural similarity at one scale; 'lpips' with `network` (features/lpips.py), if its weights are installed. If
    images have holes (a sampler `mask`), l1 and psnr are measured inside the holes.

    Each value is also measured for the baselines: `/source`, the source itself if it has the size of x; `/nearest`, the
    `x` of the training example whose source is nearest in pixels; for holes instead `/mean`, the mean colour around
    them, and `/biharmonic`, the smoothest filling (metrics/biharmonic.py).

    With `target` "source" the other direction is measured: sources that a model makes from x, as in CycleGAN. Raises
    UserError if the model does not translate in this direction, the examples are not images that the metrics take, or
    their sources do not belong to them.
    """
    _check(context, target, examples, metrics=metrics, baselines=baselines)
    fields = _paired(context.load(split).first(examples))
    truth, translated = fields[target], partial(_translated, context, DIRECTIONS[target])
    names = metrics or _usual(network, truth.shape[1:])
    _check_images(truth.shape[1:], names, border, luma=luma)
    compare = _metrics(names, truth.shape[1:], network, border, luma)
    one = example_keys(base_key(0), 1), {name: jnp.asarray(values[:1]) for name, values in fields.items()}
    context.dry_run(translated, *one)
    seen = {*fields, *context.dry_run(partial(observed, context.predict), one[0], context.scale(one[1]))}
    if border and "mask" in seen:
        raise UserError(
            f"border of translation.pairs is {border}: it must be 0 if images have holes, which may lie within it"
        )
    fillings = {name: fill for name, fill in FILLINGS.items() if "mask" in seen and name in baselines}
    others = {} if "mask" in seen or "source" not in seen else _of_data(fields, context, baselines, target, split)

    def measure(players: Players, key: jax.Array) -> dict[str, float]:
        made, mask = in_batches(lambda some: translated(players, *some), (example_keys(key, len(truth)), fields))
        filled = [_filled(fill, truth, mask) for fill in fillings.values()]
        images = dict(zip(_ends(*others, *fillings), [made, *others.values(), *filled], strict=True))
        return _means(compare, images, truth, mask) | {"n": len(truth)}

    return Evaluator(tuple(f"{name}{end}" for name in compare for end in _ends(*others, *fillings)), measure)


def _means(
    compare: Mapping[str, Compare], images: Mapping[str, np.ndarray], x: np.ndarray, mask: np.ndarray
) -> dict[str, float]:
    """Returns the mean over examples of each metric of each of these images [n, h, w, c] against x."""
    return {
        f"{name}{end}": float(np.mean(of(each, x, mask), dtype=np.float64))
        for name, of in compare.items()
        for end, each in images.items()
    }


def _ends(*baselines: str) -> list[str]:
    """Returns what is appended to a metric's name: nothing, and the name of each baseline."""
    return ["", *(f"/{name}" for name in baselines)]


def _paired(dataset: Dataset) -> dict[str, np.ndarray]:
    """Returns the fields of examples that are pairs of images."""
    if "source" in dataset.unpaired:
        raise UserError(
            "translation.pairs compares pairs, but config.data.paired is False: set config.evaluators=none, or use "
            "data whose test files are pairs, with config.data.use_pairs=False"
        )
    fields = {name: np.asarray(values[:]) for name, values in dataset.arrays.items()}
    if fields["x"].dtype != np.uint8:
        raise UserError("translation.pairs measures images, but these examples are not images")
    return fields


def _check(context: Context, target: str, examples: int, **chosen: tuple[str, ...]) -> None:
    check_count("examples of translation.pairs", examples)
    if target not in DIRECTIONS:
        raise UserError(f"target of translation.pairs is {target!r}; {suggestions(target, DIRECTIONS)}")
    context.check_predicts(DIRECTIONS[target])
    for field, allowed in {"metrics": METRICS, "baselines": BASELINES}.items():
        for name in chosen[field]:
            if name not in allowed:
                raise UserError(f"{field} of translation.pairs has {name!r}; {suggestions(name, allowed)}")


def _check_images(shape: tuple[int, ...], names: tuple[str, ...], border: int, *, luma: bool) -> None:
    if isinstance(border, bool) or not isinstance(border, int) or not 0 <= 2 * border < min(shape[:2]):
        size = f"{shape[0]}x{shape[1]}"
        raise UserError(
            f"border of translation.pairs is {border!r}: it must be at least 0 and leave at least one pixel "
            f"of {size} images"
        )
    if luma and shape[2] not in (1, 3):
        raise UserError(f"luma of translation.pairs needs images of 1 or 3 channels, not {shape[2]}")
    if "ssim" in names and not scales_that_fit(*shape[:2]):
        raise UserError(f"ssim of translation.pairs needs images of at least 11x11 pixels, not {shape[0]}x{shape[1]}")


def _translated(
    context: Context, direction: str, players: Players, keys: jax.Array, batch: Batch
) -> tuple[jax.Array, jax.Array]:
    """Returns the translations uint8 [n, h, w, c], and masks [n, h, w, 1] of what is compared, 1 without holes."""
    scaled = context.scale(batch)
    seen = observed(context.predict, players, keys, scaled)
    made = context.predict[direction](players, keys, {**scaled, **seen})
    return made, seen.get("mask", jnp.ones((*made.shape[:3], 1)))


def _usual(network: str, shape: tuple[int, ...]) -> tuple[str, ...]:
    """Returns the metrics that can be measured of images of this shape, with a warning if weights are missing."""
    left_out = set() if scales_that_fit(*shape[:2]) else {"ssim"}
    if not lpips.takes(network, shape):
        left_out.add("lpips")
    elif not lpips.is_here(network):
        left_out.add("lpips")
        logging.warning("lpips is left out: the weights of %s are not installed, see docs/evaluation.md", network)
    return tuple(name for name in METRICS if name not in left_out)


def _metrics(
    names: tuple[str, ...], shape: tuple[int, ...], network: str, border: int, luma: bool
) -> dict[str, Compare]:
    """Returns the metrics by the names of their values: `(images, images, mask) -> [n]`, images uint8 [n, h, w, c].

    l1 and psnr use only the pixels of the mask [n, h, w, 1], the others whole images.
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


def _of_data(
    fields: Mapping[str, np.ndarray], context: Context, names: tuple[str, ...], target: str, split: str
) -> dict[str, np.ndarray]:
    """Returns the images uint8 [n, h, w, c] of each baseline that is computed from the examples' sources."""
    origin = "source" if target == "x" else "x"
    x, made = fields[target], {}
    source = np.asarray(given(context.predict, context.scale, fields, origin))
    if "source" in names and source.shape[:3] == x.shape[:3] and source.shape[3] in (1, x.shape[3]):
        made["source"] = np.broadcast_to(source, x.shape)
    if "nearest" in names:
        train = context.load(context.trained_on).arrays
        found = nearest_in_parts(source, given(context.predict, context.scale, train, origin))
        made["nearest"] = np.asarray(train[target][found])
        _warn_of_copies(made["nearest"], x, split)
    return made


def _warn_of_copies(nearest_pairs: np.ndarray, x: np.ndarray, split: str) -> None:
    """Warns if compared examples are also training examples: the nearest training pair's image is their own."""
    if copies := int((nearest_pairs == x).all((1, 2, 3)).sum()):
        logging.warning(
            "%d of the %d examples of split %r that translations are evaluated on are also training examples: use "
            "another split, such as split='train[80%%:]' of the evaluator and config.data.split=train[:80%%]",
            *(copies, len(x), split),
        )


def _mean(image: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """Returns an image [h, w, c] with the mean of its other pixels in the hole [h, w]."""
    return np.where(hole[..., None], image[~hole].mean(0) if not hole.all() else 127.5, image)


FILLINGS = {"mean": _mean, "biharmonic": biharmonic}


def _filled(fill: Callable[[np.ndarray, np.ndarray], np.ndarray], x: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Returns images uint8 [n, h, w, c] with the holes of masks [n, h, w, 1] filled by a baseline.

    Holes that cover the whole image are filled with grey.
    """
    holes = mask[..., 0] > 0
    made = [(_mean if hole.all() else fill)(image, hole) for image, hole in zip(x, holes, strict=True)]
    return np.clip(np.round(np.stack(made)), 0, 255).astype(np.uint8)
