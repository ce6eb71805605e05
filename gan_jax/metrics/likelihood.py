"""Bounds on log p(x) from importance weights."""

import math

import jax
from jax.scipy.special import logsumexp


def importance_weighted_bound(log_weights: jax.Array) -> jax.Array:
    """Returns the logarithm [...] of the mean weight, in nats, for log weights [..., k].

    The log weights are log p(x, z) - log q(z | x) at k samples z ~ q.

    In expectation it is a lower bound on log p(x) that rises with k, from the evidence lower bound at k = 1 to log p(x)
    in the limit (Burda et al. 2015, arXiv:1509.00519, eq. 8 and theorem 1).
    """
    return logsumexp(log_weights, axis=-1) - math.log(log_weights.shape[-1])
