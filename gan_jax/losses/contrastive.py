"""Contrastive losses."""

import jax
import jax.numpy as jnp
from jax import lax


def patch_nce(queries: jax.Array, keys: jax.Array, *, temperature: float = 0.07) -> jax.Array:
    """Returns -log softmax_j(q_i . k_j / temperature) at j = i: [b, p, d] twice -> [b, p].

    The cross-entropy of finding, for patch i of one image, patch i among the p of the other. Keys have no gradients.
    Park et al. 2020 (arXiv:2007.15651), equation 2. Raises ValueError for a temperature that is not above 0.
    """
    if temperature <= 0:
        raise ValueError(f"temperature is {temperature}: it must be above 0")
    logits = jnp.einsum("bid,bjd->bij", queries, lax.stop_gradient(keys)) / temperature
    return -jnp.diagonal(jax.nn.log_softmax(logits, axis=-1), axis1=1, axis2=2)
