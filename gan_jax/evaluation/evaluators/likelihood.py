"""The likelihood of a split's examples under a model that predicts `elbo` and `log_weights`, such as a VAE."""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from gan_jax.core.collectives import base_key, example_keys, in_batches
from gan_jax.core.fields import Batch
from gan_jax.core.state import Players
from gan_jax.evaluation.evaluators.base import Context, Evaluator, check_count
from gan_jax.metrics.likelihood import importance_weighted_bound

__all__ = ["likelihood"]

DECODED_AT_ONCE = 4_000  # latents, which bounds the memory and fits a processor's cache


def likelihood(context: Context, *, split: str = "test", samples: int = 200) -> Evaluator:
    """Returns the evaluator of means over the split, in nats per example: `nll`, `elbo`, `reconstruction`, `kl`.

    `nll` is minus the importance-weighted bound with `samples` samples, an upper bound on -log p(x) in expectation;
    `elbo` is minus the sum of the two terms, with one z for each example. An example's random values, z and pixels that
    the likelihood binarises, depend only on the evaluation's key and the example's index in the split.

    Raises UserError if `samples` is not a whole number of at least 1, the objective has no likelihood, or the split
    lacks a field that it needs.
    """
    check_count("samples", samples)
    context.check_predicts("elbo", "log_weights")
    dataset = context.load(split)
    at_once = max(1, DECODED_AT_ONCE // samples)

    @jax.jit
    def terms(players: Players, inputs: tuple[jax.Array, Batch]) -> dict[str, jax.Array]:
        keys, batch = inputs
        batch = context.scale(batch)

        def weights(some: jax.Array) -> jax.Array:
            draws = jnp.tile(some, (len(keys), 1))
            return context.predict["log_weights"](players, keys, {**batch, "draws": draws})

        log_weights = _in_parts(weights, samples)
        elbo = context.predict["elbo"](players, keys, batch)
        return {"nll": -importance_weighted_bound(log_weights), "elbo": -elbo["reconstruction"] - elbo["kl"], **elbo}

    one = {name: values[:1] for name, values in dataset.arrays.items()}
    context.dry_run(terms, (example_keys(base_key(0), 1), one))

    def measure(players: Players, key: jax.Array) -> dict[str, float]:
        keys = example_keys(key, len(dataset.x))
        values = in_batches(partial(terms, players), (keys, dataset.arrays), at_once)
        return {name: float(value.mean(dtype=np.float64)) for name, value in values.items()}

    return Evaluator(("nll", "elbo", "reconstruction", "kl"), measure)


def _in_parts(log_weights: Callable[[jax.Array], jax.Array], samples: int) -> jax.Array:
    """Returns the log weights [n, samples], from a function of the samples' numbers [k] -> [n, k], in parts."""
    parts = -(-samples // DECODED_AT_ONCE)
    if parts == 1:
        return log_weights(jnp.arange(samples))
    numbers = jnp.arange(parts * DECODED_AT_ONCE).reshape(parts, -1)
    return jnp.concatenate(lax.map(log_weights, numbers), axis=1)[:, :samples]
