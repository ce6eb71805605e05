"""What an example's nearest neighbour says of it."""

import jax
import jax.numpy as jnp


def nearest(x: jax.Array, references: jax.Array) -> jax.Array:
    """The index of the reference nearest to each example: [n, ...], [m, ...] -> int32 [n], by Euclidean distance."""
    x, references = (values.reshape(len(values), -1).astype(jnp.float32) for values in (x, references))
    # |x - r|^2 without |x|^2, which is the same for all references.
    return jnp.argmin(jnp.square(references).sum(axis=1) - 2 * x @ references.T, axis=1)
