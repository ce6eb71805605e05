"""Mode coverage: the number of known modes that samples have, and how evenly they cover them.

Modes are a mixture's Gaussians, or the classes of a classifier. Definitions are those of PacGAN (Lin et al. 2018,
arXiv:1712.04086, section 4.1) as its code computes them. All are functions of the number of high-quality points, or
samples, of each mode.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import xlogy
from jax.typing import ArrayLike


class ModeCoverage(NamedTuple):
    """The number of modes `found`, and `reverse_kl` from even shares, in nats."""

    found: float
    reverse_kl: float


def mode_coverage(classes: ArrayLike, *, modes: int) -> ModeCoverage:
    """Computes the coverage of modes from samples' predicted classes, int [n] from 0 to modes - 1.

    Stacked MNIST has 1,000 modes, three digits to a sample. A classifier's errors also count as modes, so report the
    value for test images as well. Raises ValueError if a class is out of range, or if there is no sample.
    """
    classes = np.asarray(classes)
    if classes.ndim != 1 or not classes.size or not np.issubdtype(classes.dtype, np.integer):
        raise ValueError(f"classes are {classes.dtype} of shape {classes.shape}: they must be integers [samples]")
    if classes.min() < 0 or classes.max() >= modes:
        raise ValueError(
            f"classes are from {classes.min()} to {classes.max()}: they must be from 0 to {modes - 1} for {modes} modes"
        )
    per_mode = jnp.asarray(np.bincount(classes, minlength=modes), jnp.float32)
    return ModeCoverage(float(found(per_mode)), float(reverse_kl(per_mode)))


def counts(points: jax.Array, centres: jax.Array, *, std: float, within: float = 3.0) -> jax.Array:
    """Counts the high-quality points of each mode: points [n, d], centres [k, d] -> float32 [k].

    A point belongs to the nearest centre. It is of high quality if that is nearer than `within` times `std`.
    """
    distances = jnp.linalg.norm(points[:, None] - centres, axis=-1)
    good = distances.min(1) < within * std
    return jnp.zeros(len(centres)).at[distances.argmin(1)].add(good)


def found(counts: jax.Array) -> jax.Array:
    """Returns the number of modes that have a high-quality point: counts [k] -> float32 []."""
    return (counts > 0).sum().astype(jnp.float32)


def entropy(counts: jax.Array) -> jax.Array:
    """Returns the entropy of the modes' shares of the high-quality points, in nats: counts [k] -> [], from 0 to log k.

    It is also 0 if there are no such points at all.
    """
    q = counts / jnp.maximum(counts.sum(), 1)
    return -xlogy(q, q).sum()


def reverse_kl(counts: jax.Array) -> jax.Array:
    """Returns KL(q || uniform) in nats, q the modes' shares of the high-quality points: counts [k] -> [].

    It ranges from 0 for even shares to log k for a single mode. It is also log k if there are no such points at all.
    """
    return jnp.log(len(counts)) - entropy(counts)
