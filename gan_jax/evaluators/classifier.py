"""How often a classifier is right."""

from functools import partial

import jax
import jax.numpy as jnp

from gan_jax.batch import in_batches
from gan_jax.errors import UserError
from gan_jax.evaluators.base import Context, Evaluate
from gan_jax.state import Players

__all__ = ["accuracy"]


def accuracy(context: Context, *, split: str = "test") -> Evaluate:
    """`accuracy`: the share of a split's examples whose likeliest class is their label, from 0 to 1.

    Raises UserError where the model does not classify, or the split has no labels.
    """
    if "classify" not in context.predict:
        raise UserError("classifier.accuracy measures only models that classify")
    dataset = context.load(split)
    if dataset.label is None:
        raise UserError(f"classifier.accuracy needs labels, which {dataset.name} has not")

    @jax.jit
    def predicted(players: Players, x: jax.Array) -> jax.Array:
        return context.predict["classify"](players, context.scale(x))[1].argmax(-1)

    def evaluate(players: Players, key: jax.Array) -> dict[str, float]:
        del key
        return {"accuracy": float(jnp.mean(in_batches(partial(predicted, players), dataset.x) == dataset.label))}

    return evaluate
