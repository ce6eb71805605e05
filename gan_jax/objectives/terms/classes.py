"""What terms of both players use: losses of a critic's class logits, and means of scores over the global batch."""

import jax
import optax

from gan_jax.core.collectives import mean
from gan_jax.objectives.forward import Forward


def cross_entropy(forward: Forward, logits: jax.Array | None) -> tuple[jax.Array, jax.Array]:
    """Returns -log p(label | example) [b] in nats, and the share of right classes []: logits [b, classes].

    Raises ValueError where the critic gives no logits or the batch has no labels.
    """
    if logits is None:
        raise ValueError(
            "the term `auxiliary` needs a critic that gives class logits: take networks.critic.name = "
            "dcgan.AuxiliaryCritic, or one of your own that returns {'scores': ..., 'logits': ...}"
        )
    if "label" not in forward.batch:
        raise ValueError("the term `auxiliary` needs labels: take data that has them")
    label = forward.batch["label"]
    return optax.softmax_cross_entropy_with_integer_labels(logits, label), (logits.argmax(-1) == label).mean()


def overall_mean(scores: jax.Array) -> jax.Array:
    """Returns the mean [] of the scores [b, ...] of the global batch, with its gradient."""
    return mean(scores.mean())
