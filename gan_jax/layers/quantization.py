"""Vector quantisation: vectors replaced by the nearest codes of a codebook that follows them as a moving average."""

from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax, random

from gan_jax.core import collectives

LEAST_SHARE = 1e-12
"""The smallest share of positions to divide by, so that it is never 0. A code that is used less shrinks towards 0."""


class Quantized(NamedTuple):
    """Vectors after quantisation.

    Attributes:
        z: the codes [b, ..., d], through which gradients pass as if they were the vectors.
        indices: the numbers of the codes, int32 [b, ...].
        commitment: the mean square [b, ...] of a vector's distance from its code, over the d values.
        perplexity: the exponential [] of the entropy of the codes' shares in the global batch, at most their number.
        used_codes: the number [] of codes that the global batch uses.
    """

    z: jax.Array
    indices: jax.Array
    commitment: jax.Array
    perplexity: jax.Array
    used_codes: jax.Array


class VectorQuantizer(nn.Module):
    """z [b, ..., dim] -> `Quantized`: each vector becomes the nearest of `codes` codes, and codes follow their vectors.

    Van den Oord et al. 2017, arXiv:1711.00937, equations 1 and 2. The codebook is that of appendix A.1: a code is the
    moving average of the sum of its vectors, divided by that of their number, both with `decay`. They are in the
    network's stats, as shares of the global batch's positions, so only updates of the network's own player change them.

    A code whose share is below `revive` / codes is dead: the update replaces it by a random vector of the batch
    (Dhariwal et al. 2020, arXiv:2005.00341, section 3.1). At first all codes are dead, so that the first update takes
    them from its batch. With `revive` 0 codes start at random, and dead ones are not replaced. If a batch is split into
    parts (`config.accumulate`), perplexity and used codes are those of a part.

    Raises ValueError for fewer than 2 codes, or a number out of range.
    """

    codes: int = 512
    dim: int = 64
    decay: float = 0.99
    revive: float = 0.1

    def setup(self) -> None:
        """Creates the codebook, and checks the fields."""
        if self.codes < 2 or self.dim < 1:
            raise ValueError(f"codes is {self.codes} and dim {self.dim}: they must be at least 2 and 1")
        for name, value in (("decay", self.decay), ("revive", self.revive)):
            if not 0 <= value < 1:
                raise ValueError(f"{name} is {value}: it must be at least 0 and below 1")
        share = 0.0 if self.revive else 1 / self.codes
        shape = (self.codes, self.dim)
        self.shares = self.variable("codebook", "shares", lambda: jnp.full(self.codes, share, jnp.float32))
        self.sums = self.variable("codebook", "sums", lambda: share * random.normal(self.make_rng("params"), shape))

    def __call__(self, z: jax.Array, *, train: bool) -> Quantized:
        """Returns z quantised. In training the codebook is updated after it was used."""
        vectors, codebook = z.reshape(-1, self.dim).astype(jnp.float32), self.codebook()
        fixed = lax.stop_gradient(vectors)
        indices = nearest(fixed, codebook)
        chosen = codebook[indices]
        hot = jax.nn.one_hot(indices, self.codes)
        shares = collectives.mean(hot.mean(0))
        if train and self.is_mutable_collection("codebook"):
            self._follow(fixed, hot, shares, len(z))
        return Quantized(
            z=(chosen + (vectors - fixed)).astype(z.dtype).reshape(z.shape),
            indices=indices.reshape(z.shape[:-1]),
            commitment=jnp.square(vectors - chosen).mean(-1).reshape(z.shape[:-1]),
            perplexity=jnp.exp(-(shares * jnp.log(jnp.where(shares > 0, shares, 1.0))).sum()),
            used_codes=(shares > 0).sum().astype(jnp.float32),
        )

    def codebook(self) -> jax.Array:
        """Returns the codes [codes, dim]."""
        return self.sums.value / jnp.maximum(self.shares.value, LEAST_SHARE)[:, None]

    def lookup(self, indices: jax.Array) -> jax.Array:
        """Returns the codes [b, ..., dim] of these numbers [b, ...]."""
        return self.codebook()[indices]

    def _follow(self, vectors: jax.Array, hot: jax.Array, shares: jax.Array, examples: int) -> None:
        """Updates the codebook. All new values are means over the global batch, so that it may be split into parts."""
        dead = self.shares.value < self.revive / self.codes
        sums = collectives.mean(jnp.matmul(hot.T, vectors, precision=lax.Precision.HIGHEST) / len(vectors))
        drawn = collectives.mean(self._drawn(vectors, examples))
        moved = (
            self.decay * old.value + (1 - self.decay) * new for old, new in ((self.shares, shares), (self.sums, sums))
        )
        self.shares.value, self.sums.value = (
            jnp.where(dead.reshape(-1, *[1] * (value.ndim - 1)), fresh / self.codes, value)
            for value, fresh in zip(moved, (1.0, drawn), strict=True)
        )

    def _drawn(self, vectors: jax.Array, examples: int) -> jax.Array:
        """Returns [codes, dim], whose mean over devices and parts is a random vector of the batch for each code."""
        places, whole = len(vectors) // examples, collectives.examples(examples)
        chosen = random.randint(self.make_rng("noise"), (self.codes,), 0, whole * places)
        row = chosen - collectives.places(examples)[0] * places
        here = (row >= 0) & (row < len(vectors))
        return jnp.where(here[:, None], vectors[jnp.where(here, row, 0)], 0.0) * (whole // examples)


def nearest(vectors: jax.Array, codebook: jax.Array) -> jax.Array:
    """Returns the number of the nearest code of each vector, the first one in a tie: [n, d], [k, d] -> int32 [n].

    Products are in full float32 everywhere. An accelerator's reduced precision would choose wrong codes for vectors far
    from 0.
    """
    products = jnp.matmul(vectors, codebook.T, precision=lax.Precision.HIGHEST)
    return (jnp.square(codebook).sum(-1) - 2 * products).argmin(-1).astype(jnp.int32)
