"""Mode coverage of a mixture: how many of its Gaussians are found, how closely, and how evenly.

Definitions are those of PacGAN (Lin et al. 2018, arXiv:1712.04086, section 4.1) as its code computes them: everything
is a function of how many high-quality points each mode has.
"""

import jax
import jax.numpy as jnp
from jax.scipy.special import xlogy


def counts(points: jax.Array, centres: jax.Array, *, std: float, within: float = 3.0) -> jax.Array:
    """High-quality points of each mode: points [n, d], centres [k, d] -> float32 [k].

    A point belongs to the nearest centre, and is of high quality where that is nearer than `within` times `std`.
    """
    distances = jnp.linalg.norm(points[:, None] - centres, axis=-1)
    good = distances.min(1) < within * std
    return jnp.zeros(len(centres)).at[distances.argmin(1)].add(good)


def found(counts: jax.Array) -> jax.Array:
    """How many modes have at least one high-quality point: counts [k] -> float32 []."""
    return (counts > 0).sum().astype(jnp.float32)


def reverse_kl(counts: jax.Array) -> jax.Array:
    """KL(q || uniform) in nats, q the modes' shares of the high-quality points: counts [k] -> [].

    From 0 for even shares to log k for a single mode; log k also where there are no such points at all.
    """
    total = counts.sum()
    q = counts / jnp.maximum(total, 1)
    return jnp.where(total > 0, jnp.log(len(counts)) + xlogy(q, q).sum(), jnp.log(len(counts)))
