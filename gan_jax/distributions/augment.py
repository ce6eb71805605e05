"""Augmentation of training images: random flips, shifts and crops, with a key for each example.

An augmentation is a pure function `(key, image [h, w, c]) -> image [h', w', c]` of floats. Its random numbers do not
depend on the image's size. So images that share a key are changed alike, even if they differ in size.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
from jax import lax, random

from gan_jax.core.collectives import example_keys
from gan_jax.core.fields import Batch, Spec, size, streams

__all__ = ["horizontal_flip", "random_crop", "resize_crop", "translation", "vertical_flip"]  # what a config can name

Augment: TypeAlias = Callable[[jax.Array, jax.Array], jax.Array]
"""`(key, image [h, w, c]) -> image [h', w', c]`."""
FILLS = ("reflect", "zero")


class Augmentation(NamedTuple):
    """An augmentation, and the fields that it changes alike."""

    apply: Augment
    fields: tuple[str, ...]


Augmentations: TypeAlias = Mapping[str, Augmentation]


def horizontal_flip(probability: float = 0.5) -> Augment:
    """Swaps left and right with this probability. Raises ValueError if it is outside of [0, 1]."""
    return _flip(probability, axis=1)


def vertical_flip(probability: float = 0.5) -> Augment:
    """Swaps top and bottom with this probability. Raises ValueError if it is outside of [0, 1]."""
    return _flip(probability, axis=0)


def translation(
    fraction: float = 0.125, fill: str = "reflect", limits: tuple[float, float] | None = (0.0, 1.0)
) -> Augment:
    """Shifts by whole pixels, on each axis uniformly by up to this fraction of the size in either direction.

    fill: what fills the edges: 'reflect', the mirrored image, or 'zero', pixels of 0 (the lower of `limits` as floats).
    Raises ValueError if the fraction is outside of [0, 1], or for another fill.
    """
    if not 0 <= fraction <= 1:
        raise ValueError(f"fraction is {fraction}: it must be a share of the size, from 0 to 1")
    if fill not in FILLS:
        raise ValueError(f"fill is {fill!r}: it must be one of {', '.join(FILLS)}")
    zero = limits[0] if limits else 0.0

    def apply(key: jax.Array, image: jax.Array) -> jax.Array:
        shifts = random.uniform(key, (2,), minval=-fraction, maxval=fraction)
        rows, columns = (
            jnp.arange(n) - jnp.round(shift * n).astype(int) for n, shift in zip(image.shape, shifts, strict=False)
        )
        height, width = image.shape[:2]
        moved = image[_reflected(rows, height)][:, _reflected(columns, width)]
        if fill == "reflect":
            return moved
        inside = _inside(rows, height)[:, None, None] & _inside(columns, width)[None, :, None]
        return jnp.where(inside, moved, zero)

    return apply


def random_crop(size: tuple[int, int]) -> Augment:
    """Crops to this size (h, w), at a uniformly random position.

    Raises ValueError if the size is not two counts and, when called, if it is larger than the image.
    """
    height, width = _checked(size)

    def apply(key: jax.Array, image: jax.Array) -> jax.Array:
        if height > image.shape[0] or width > image.shape[1]:
            raise ValueError(f"size is {height}x{width}, larger than the images of {image.shape[0]}x{image.shape[1]}")
        room = jnp.array([image.shape[0] - height + 1, image.shape[1] - width + 1])
        top, left = jnp.floor(random.uniform(key, (2,)) * room).astype(int)
        return lax.dynamic_slice(image, (top, left, 0), (height, width, image.shape[2]))

    return apply


def resize_crop(size: tuple[int, int]) -> Augment:
    """Enlarges to this size (h, w), bilinearly, and crops at random to the image's original size.

    This is pix2pix's jitter, 256 to 286 to 256 (Isola et al. 2017, arXiv:1611.07004, section 6.2). Raises ValueError
    if the size is not two counts and, when called, if it is smaller than the image.
    """
    larger = _checked(size)

    def apply(key: jax.Array, image: jax.Array) -> jax.Array:
        height, width, channels = image.shape
        if larger[0] < height or larger[1] < width:
            raise ValueError(f"size is {larger[0]}x{larger[1]}, smaller than the images of {height}x{width}")
        return random_crop((height, width))(key, jax.image.resize(image, (*larger, channels), "linear"))

    return apply


def augmented(augmentations: Augmentations, batch: Batch, key: jax.Array, unpaired: Sequence[str] = ()) -> Batch:
    """Returns the batch [b, ...] of an update with its images augmented, with a key for each example.

    The fields of an augmentation share the example's key, except those in `unpaired`, which have their own keys.
    """
    if not augmentations:
        return batch
    keys = example_keys(key, size(batch))
    for name, each in augmentations.items():
        shared = streams(keys, name)
        for field in each.fields:
            own = streams(shared, field) if field in unpaired else shared
            batch = {**batch, field: jax.vmap(each.apply)(own, batch[field])}
    return batch


def augmented_spec(augmentations: Augmentations, spec: Spec) -> Spec:
    """Returns the fields after augmentation. Raises ValueError if an augmentation does not suit its fields."""
    for each in augmentations.values():
        for name in each.fields:
            field = spec[name]
            image = jax.ShapeDtypeStruct(field.shape, field.dtype)
            shape = jax.eval_shape(each.apply, jax.eval_shape(lambda: random.key(0)), image).shape
            spec = {**spec, name: field._replace(shape=shape)}
    return spec


def _flip(probability: float, axis: int) -> Augment:
    if not 0 <= probability <= 1:
        raise ValueError(f"probability is {probability}: it must be at least 0 and at most 1")

    def apply(key: jax.Array, image: jax.Array) -> jax.Array:
        return jnp.where(random.bernoulli(key, probability), jnp.flip(image, axis), image)

    return apply


def _checked(size: tuple[int, int]) -> tuple[int, int]:
    if not isinstance(size, tuple | list) or len(size) != 2 or not all(type(n) is int and n > 0 for n in size):
        raise ValueError(f"size is {size!r}: it must be two whole numbers above 0, the height and the width")
    return size[0], size[1]


def _reflected(positions: jax.Array, n: int) -> jax.Array:
    """Returns positions in 0..n - 1, with those outside mirrored at the first and the last one."""
    around = jnp.abs(positions) % max(1, 2 * n - 2)
    return jnp.minimum(around, 2 * n - 2 - around)


def _inside(positions: jax.Array, n: int) -> jax.Array:
    return (positions >= 0) & (positions < n)
