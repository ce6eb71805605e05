"""Augmentations that `config.objective.augment` names: DiffAugment, and the pipeline of ADA."""

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import jax
import jax.numpy as jnp
from jax import random

from gan_jax.core.objective import Weight
from gan_jax.objectives.augment import colour, geometry
from gan_jax.objectives.augment.base import CriticAugment, adaptive, check_image, fixed

__all__ = ["ada", "diff_augment"]

POLICIES = ("color", "translation", "cutout")
MOVES = ("xflip", "rotate90", "xint", "scale", "rotate", "aniso", "xfrac")
COLOURS = ("brightness", "contrast", "lumaflip", "hue", "saturation")


def diff_augment(
    *, shape: tuple[int, ...], limits: tuple[float, float] | None, policy: Sequence[str] = POLICIES, p: Weight = 1.0
) -> CriticAugment:
    """Returns DiffAugment (Zhao et al. 2020, arXiv:2006.10738), with the strengths of the paper's code.

    `color`: brightness +-0.5 in a range of [-1, 1], saturation times 0 to 2, contrast times 0.5 to 1.5 about the mean;
    `translation` by up to 1/8 of the size, with zeros moving in; `cutout` of a square of half the size. Images of one
    channel have no saturation. An example is augmented with probability `p`, 1 in the paper.

    Raises ValueError for an unknown policy, or where examples are not images.
    """
    limits = check_image("diff_augment", shape, limits)
    if isinstance(policy, str) or not policy or not {*policy} <= {*POLICIES}:
        raise ValueError(f"policy is {policy!r}: it must be a tuple of {', '.join(POLICIES)}")
    steps = {"color": _colour, "translation": _translation, "cutout": _cutout}

    def one(key: jax.Array, image: jax.Array, p: jax.Array) -> jax.Array:
        whether, key = random.split(key)
        changed = _centred(image, limits)
        for number, name in enumerate(name for name in POLICIES if name in policy):
            changed = steps[name](random.fold_in(key, number), changed)
        return jnp.where(random.uniform(whether) < p, _restored(changed, limits), image)

    return CriticAugment(one, fixed(p))


def ada(
    *,
    shape: tuple[int, ...],
    limits: tuple[float, float] | None,
    p: Weight | None = None,
    start: float | None = None,
    target: float | None = None,
    every: int | None = None,
    speed: float | None = None,
    factors: Mapping[str, float] = MappingProxyType({}),
) -> CriticAugment:
    """Returns the augmentations of ADA (Karras et al. 2020, arXiv:2006.06676, appendix B), each with probability p.

    Moves: `xflip`, `rotate90`, `xint` (whole pixels, up to 1/8 of the size), `scale` (lognormal, std 0.2 octaves),
    `rotate` (any angle), `aniso` (as scale, along one axis), `xfrac` (normal, std 1/8 of the size), as one affine map
    with bilinear resampling and reflected edges; the paper filters too. Colours: `brightness` (normal, std 0.2),
    `contrast` (lognormal, std 0.5), `lumaflip`, `hue` (any angle), `saturation` (lognormal, std 1), as one map of
    colours; images of one channel have no hue and saturation. `cutout` of a square of half the size, off in the paper.
    `factors`, such as {"hue": 0.5}, multiply the probabilities by name. They are 1 unless given, but 0 for `cutout`.

    Without `p` it follows the scores (`adaptive`), by default with `start` 0, `target` 0.6, `every` 4 and `speed`
    500,000 images. Otherwise it is the given number or schedule. Raises ValueError for arguments out of range or
    without effect, and for examples that are not images of 1 or 3 channels.
    """
    limits = check_image("ada", shape, limits)
    if shape[-1] not in (1, 3):
        raise ValueError(f"ada needs images of 1 or 3 channels, not {shape[-1]}: set config.data.channels")
    factors = _factors(factors)

    def one(key: jax.Array, image: jax.Array, p: jax.Array) -> jax.Array:
        keys = dict(zip(factors, random.split(key, len(factors)), strict=True))
        chances = {name: factor * p for name, factor in factors.items() if factor > 0}
        changed = geometry.resample(_centred(image, limits), _moves(keys, chances, image.shape))
        changed = colour.recoloured(changed, _colours(keys, chances))
        if "cutout" in chances:
            whether, place = random.split(keys["cutout"])
            changed = jnp.where(random.uniform(whether) < chances["cutout"], _cutout(place, changed), changed)
        return _restored(changed, limits)

    follows = {"start": start, "target": target, "every": every, "speed": speed}
    given: dict[str, Any] = {name: value for name, value in follows.items() if value is not None}
    if p is None:
        return adaptive(one, **given)
    if given:
        raise ValueError(f"p is set, so {', '.join(given)} would have no effect: remove p or these")
    return CriticAugment(one, fixed(p))


def _factors(given: Mapping[str, float]) -> dict[str, float]:
    """Returns the factor of each name's probability."""
    known = {**dict.fromkeys((*MOVES, *COLOURS), 1.0), "cutout": 0.0}
    if unknown := {*given} - {*known}:
        raise ValueError(f"factors has {', '.join(sorted(unknown))}: its keys must be among {', '.join(known)}")
    for name, factor in given.items():
        if isinstance(factor, bool) or not isinstance(factor, int | float) or not 0 <= factor <= 1:
            raise ValueError(f"factors.{name} is {factor!r}: it must be a number from 0 to 1")
    return {**known, **given}


def _moves(keys: dict[str, jax.Array], chances: dict[str, Any], shape: tuple[int, ...]) -> jax.Array:
    """Returns the inverse [3, 3] of the drawn moves, one after the other."""
    h, w = shape[:2]
    size, inverse = jnp.array([w, h]), jnp.eye(3)

    def lognormal(key: jax.Array) -> jax.Array:
        return jnp.exp2(0.2 * random.normal(key))

    def turned(key: jax.Array) -> jax.Array:
        angle = random.uniform(key, minval=-math.pi, maxval=math.pi)
        return geometry.rotation(jnp.cos(angle), jnp.sin(angle))

    def shrunk(key: jax.Array) -> jax.Array:
        factor = lognormal(key)
        return geometry.scaling(factor, factor)

    def squeezed(key: jax.Array) -> jax.Array:
        factor = lognormal(key)
        return geometry.scaling(factor, 1 / factor)

    draws = {
        "xflip": lambda key: geometry.scaling(1 - 2 * random.bernoulli(key), 1),
        "rotate90": lambda key: geometry.quarter_turns(random.randint(key, (), 0, 4)),
        "xint": lambda key: geometry.translation(*jnp.round(random.uniform(key, (2,), minval=-1, maxval=1) * size / 8)),
        "scale": shrunk,
        "rotate": turned,
        "aniso": squeezed,
        "rotate again": turned,
        "xfrac": lambda key: geometry.translation(*random.normal(key, (2,)) * size / 8),
    }
    for name, draw in draws.items():
        if (chance := chances.get(name.split()[0])) is None:
            continue
        if name.startswith("rotate") and name != "rotate90":  # twice, so that the probability of any is p
            chance = 1 - jnp.sqrt(1 - chance)
        key = random.fold_in(keys[name.split()[0]], len(name))
        inverse = inverse @ _drawn(key, chance, draw, jnp.eye(3))
    return inverse


def _colours(keys: dict[str, jax.Array], chances: dict[str, Any]) -> jax.Array:
    """Returns the map [4, 4] of the drawn changes of colours, one after the other."""
    draws = {
        "brightness": lambda key: colour.brightness(0.2 * random.normal(key)),
        "contrast": lambda key: colour.contrast(jnp.exp2(0.5 * random.normal(key))),
        "lumaflip": lambda key: colour.luma_flip(random.bernoulli(key)),
        "hue": lambda key: colour.hue(random.uniform(key, minval=-math.pi, maxval=math.pi)),
        "saturation": lambda key: colour.saturation(jnp.exp2(random.normal(key))),
    }
    matrix = jnp.eye(4)
    for name, draw in draws.items():
        if name in chances:
            matrix = _drawn(keys[name], chances[name], draw, jnp.eye(4)) @ matrix
    return matrix


def _drawn(key: jax.Array, chance: jax.Array, draw: Any, identity: jax.Array) -> jax.Array:
    """Returns a drawn map with this probability, otherwise the identity."""
    whether, what = random.split(key)
    return jnp.where(random.uniform(whether) < chance, draw(what), identity)


def _colour(key: jax.Array, image: jax.Array) -> jax.Array:
    bright, saturated, contrasted = random.uniform(key, (3,))
    image = image + bright - 0.5
    grey = image.mean(-1, keepdims=True)
    image = (image - grey) * 2 * saturated + grey
    mean = image.mean()
    return (image - mean) * (contrasted + 0.5) + mean


def _translation(key: jax.Array, image: jax.Array) -> jax.Array:
    h, w, _ = image.shape
    most = jnp.array([int(h / 8 + 0.5), int(w / 8 + 0.5)])
    shift = random.randint(key, (2,), -most, most + 1)
    rows, columns = jnp.arange(h) - shift[0], jnp.arange(w) - shift[1]
    inside = ((rows >= 0) & (rows < h))[:, None] & ((columns >= 0) & (columns < w))
    moved = image[jnp.clip(rows, 0, h - 1)][:, jnp.clip(columns, 0, w - 1)]
    return jnp.where(inside[..., None], moved, 0.0)


def _cutout(key: jax.Array, image: jax.Array) -> jax.Array:
    h, w, _ = image.shape
    sizes = int(h / 2 + 0.5), int(w / 2 + 0.5)
    first = [
        random.randint(key, (), 0, n + 1 - size % 2) - size // 2
        for key, n, size in zip(random.split(key), (h, w), sizes, strict=True)
    ]
    cut = [
        (jnp.arange(n) >= at) & (jnp.arange(n) < at + size) for n, at, size in zip((h, w), first, sizes, strict=True)
    ]
    return jnp.where((cut[0][:, None] & cut[1])[..., None], 0.0, image)


def _centred(image: jax.Array, limits: tuple[float, float]) -> jax.Array:
    """Returns the image scaled from `limits` to [-1, 1]."""
    low, high = limits
    return (image - (low + high) / 2) / ((high - low) / 2)


def _restored(image: jax.Array, limits: tuple[float, float]) -> jax.Array:
    low, high = limits
    return image * ((high - low) / 2) + (low + high) / 2
