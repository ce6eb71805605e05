"""Functions for terms of both players: losses of a critic's class logits, and means of scores over the global batch."""

from collections.abc import Callable

import jax
import optax

from gan_jax.core.collectives import in_part, mean
from gan_jax.objectives.forward import Forward


def cross_entropy(forward: Forward, logits: jax.Array | None) -> tuple[jax.Array, jax.Array]:
    """Returns -log p(label | example) [b] in nats, and the accuracy []: logits [b, classes].

    Raises ValueError where the critic gives no logits or the batch has no labels.
    """
    logits = given(logits, "auxiliary")
    if "label" not in forward.batch:
        raise ValueError("the term `auxiliary` needs labels: use data with labels")
    label = forward.batch["label"]
    return optax.softmax_cross_entropy_with_integer_labels(logits, label), (logits.argmax(-1) == label).mean()


def given(logits: jax.Array | None, term: str) -> jax.Array:
    """Returns a critic's logits [b, classes]; raises ValueError where it gives none to the term."""
    if logits is None:
        raise ValueError(
            f"the term `{term}` needs a critic that gives class logits: set networks.critic.name to "
            "dcgan.AuxiliaryCritic or semi_supervised.Critic, or to your own that returns {'scores': ..., "
            "'logits': ...}"
        )
    return logits


def overall_mean(scores: jax.Array) -> jax.Array:
    """Returns the mean [] of the scores [b, ...] of the global batch, with its gradient."""
    return whole_batch("relativistic_average")(scores.mean())


def whole_batch(term: str) -> Callable[[jax.Array], jax.Array]:
    """Returns `collectives.mean` for a term that mixes examples. Raises ValueError if only a part of them is here."""
    if in_part():
        raise ValueError(
            f"the term `{term}` needs means over the whole batch: config.accumulate must be 1, or use another term"
        )
    return mean
