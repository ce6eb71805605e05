"""A pool of earlier fakes that a critic is shown instead of the newest ones: part of its player's carry."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax, random

from gan_jax.core import collectives


class Pool(NamedTuple):
    """Fakes float32 [size, ...], of which the first `count` (int32 []) are filled. It is the same on every device."""

    images: jax.Array
    count: jax.Array


def empty(size: int, example: jax.Array) -> Pool:
    """Returns an empty pool for `size` fakes with the shape of example [1, ...]."""
    return Pool(jnp.zeros((size, *example.shape[1:])), jnp.int32(0))


def exchange(key: jax.Array, fake: jax.Array, pool: Pool) -> tuple[jax.Array, Pool]:
    """Returns what the critic is shown for fakes [b, ...], and the pool after them, without gradients.

    The global batch's fakes go in one after the other. While the pool is not full, a fake is stored and shown. Then,
    with probability 1/2, it replaces a stored one, which is shown instead. Shrivastava et al. 2017 (arXiv:1612.07828),
    section 2.3, as in the code of Zhu et al. 2017 (arXiv:1703.10593). Raises ValueError where only a part of the batch
    is traced.
    """
    if collectives.in_part():
        raise ValueError("a pool of fakes needs the whole batch: config.accumulate must be 1, or objective.pool 0")
    n, made = len(fake), collectives.whole(lax.stop_gradient(fake))
    size, (swap_key, place_key) = len(pool.images), random.split(key)
    swaps = random.bernoulli(swap_key, 0.5, (len(made),))
    places = random.randint(place_key, (len(made),), 0, size)

    def one(pool: Pool, drawn: tuple[jax.Array, jax.Array, jax.Array]) -> tuple[Pool, jax.Array]:
        image, swap, place = drawn
        full = pool.count >= size
        place = jnp.where(full, place, pool.count)
        old = pool.images[place]
        kept = jnp.where(full & ~swap, old, image)
        after = Pool(pool.images.at[place].set(kept), jnp.minimum(pool.count + 1, size))
        return after, jnp.where(full & swap, old, image)

    pool, shown = lax.scan(one, pool, (made, swaps, places))
    if (axis := collectives.axis()) is not None:
        shown = lax.dynamic_slice_in_dim(shown, lax.axis_index(axis) * n, n)
    return shown, pool
