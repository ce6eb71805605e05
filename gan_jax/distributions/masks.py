"""Holes in images, for inpainting: samplers of a field `mask` [b, h, w, 1], 1 in the hole, and of what remains."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import random

from gan_jax.core.fields import Batch, Sampler

__all__ = ["centre", "holed", "rectangles", "strokes"]  # what a config can name

Shape = tuple[int, ...]
WIDEST = 0.3  # width of strokes over the shorter side


def centre(shape: Shape, share: float = 0.5) -> Sampler:
    """Samples a rectangle in the middle whose sides are this share of the image's. Not random (Pathak et al. 2016).

    Raises ValueError if it covers nothing or everything.
    """
    h, w = _size(shape)
    sides = [round(share * side) for side in (h, w)]
    if not all(0 < side < whole for side, whole in zip(sides, (h, w), strict=True)):
        raise ValueError(
            f"share is {share}: each side of the hole must be at least 1 pixel and less than that of {h}x{w}"
        )
    (top, left), (height, width) = ((h - sides[0]) // 2, (w - sides[1]) // 2), sides
    mask = jnp.zeros((h, w, 1)).at[top : top + height, left : left + width].set(1.0)
    return Sampler(lambda keys, batch: jnp.broadcast_to(mask, (len(keys), *mask.shape)), observes=True)


def rectangles(shape: Shape, most: int = 4, low: float = 0.1, high: float = 0.5) -> Sampler:
    """Samples 1 to `most` rectangles, whose sides are uniform shares of the image's from `low` to `high`.

    Raises ValueError for a count below 1, or shares that are not in order or outside of (0, 1).
    """
    h, w = _size(shape)
    if most < 1 or not 0 < low <= high < 1:
        raise ValueError(
            f"most is {most}, low {low}, high {high}: most must be at least 1, and 0 < low <= high < 1, "
            "because a share of 1 leaves nothing around the hole"
        )
    longest = jnp.maximum(1, jnp.array([h, w]) - 1)

    def one(key: jax.Array) -> jax.Array:
        sides_key, place_key = random.split(key)
        shares = random.uniform(sides_key, (2,), minval=low, maxval=high)
        sides = jnp.clip(shares * jnp.array([h, w]), 1, longest)
        first = random.uniform(place_key, (2,)) * (jnp.array([h, w]) - sides)
        rows, columns = (
            (jnp.arange(n) + 0.5 >= first[axis]) & (jnp.arange(n) + 0.5 < first[axis] + sides[axis])
            for axis, n in enumerate((h, w))
        )
        return rows[:, None] & columns[None]

    return _unions(one, most)


def strokes(shape: Shape, most: int = 4, corners: int = 6, width: float = 0.1) -> Sampler:
    """Samples 1 to `most` free-form strokes of `corners` straight parts; `width` is a share of the shorter side.

    As in Yu et al. 2019 (arXiv:1806.03589, section 3.4), each part turns by a random angle and has a random length, at
    most a third of the shorter side. A stroke covers at least a pixel. Raises ValueError for counts below 1 or a width
    outside of (0, 0.3].
    """
    h, w = _size(shape)
    if most < 1 or corners < 1 or not 0 < width <= WIDEST:
        raise ValueError(
            f"most is {most}, corners {corners}, width {width}: counts must be at least 1, the width above 0 and at "
            f"most {WIDEST}, because wider strokes may cover everything"
        )
    side = min(h, w)
    radius = max(width * side / 2, 0.75)  # no point is further from the middle of a pixel
    grid = jnp.stack(jnp.meshgrid(jnp.arange(h) + 0.5, jnp.arange(w) + 0.5, indexing="ij"), -1)

    def one(key: jax.Array) -> jax.Array:
        start_key, angle_key, length_key = random.split(key, 3)
        start = random.uniform(start_key, (2,)) * jnp.array([h, w])
        angles = jnp.cumsum(random.uniform(angle_key, (corners,), minval=-jnp.pi, maxval=jnp.pi))
        lengths = random.uniform(length_key, (corners, 1), minval=0.1, maxval=1.0) * side / 3
        parts = lengths * jnp.stack([jnp.sin(angles), jnp.cos(angles)], -1)
        ends = jnp.clip(start + jnp.cumsum(parts, 0), 0, jnp.array([h, w]))
        starts = jnp.concatenate([start[None], ends[:-1]])
        along = ends - starts
        t = ((grid[:, :, None] - starts) * along).sum(-1) / jnp.maximum(jnp.square(along).sum(-1), 1e-6)
        nearest = starts + jnp.clip(t, 0, 1)[..., None] * along
        return (jnp.square(grid[:, :, None] - nearest).sum(-1) < radius**2).any(-1)

    return _unions(one, most)


def _unions(one: Callable[[jax.Array], jax.Array], most: int) -> Sampler:
    """Returns the sampler of unions of 1 to `most` holes, or of the first alone if all together cover everything.

    one: `key -> [h, w]` bool. If the first one covers everything too, the top left pixel is removed from it.
    """

    def draw(key: jax.Array) -> jax.Array:
        count_key, key = random.split(key)
        count = random.randint(count_key, (), 1, most + 1)
        drawn = jax.vmap(one)(random.split(key, most)) & (jnp.arange(most) < count)[:, None, None]
        union = drawn.any(0)
        hole = jnp.where(union.all(), drawn[0], union)
        return hole.at[0, 0].set(hole[0, 0] & ~hole.all()).astype(jnp.float32)[..., None]

    return Sampler(lambda keys, batch: jax.vmap(draw)(keys), observes=True)


def holed(fill: float = 0.0) -> Sampler:
    """Samples `source` [b, h, w, c]: x with `fill`, a value in its range, in the hole of `mask`. Not random.

    Samplers run in the order of their names, so this field's must come after `mask`, as `source` does.
    """

    def draw(keys: jax.Array, batch: Batch) -> jax.Array:
        del keys
        if "mask" not in batch:
            raise ValueError(
                "masks.holed needs a field mask: set config.samplers.mask, for example to masks.rectangles"
            )
        return batch["x"] * (1 - batch["mask"]) + fill * batch["mask"]

    return Sampler(draw, observes=True)


def _size(shape: Shape) -> tuple[int, int]:
    if len(shape) != 3:
        raise ValueError(f"masks need images, not examples of shape {shape}")
    return shape[0], shape[1]
