"""Accuracy of classifiers."""

from functools import partial

import jax
import jax.numpy as jnp

from gan_jax.core.collectives import base_key, example_keys, in_batches
from gan_jax.core.state import Players
from gan_jax.evaluation.evaluators.base import Context, Evaluator, labels_of

__all__ = ["accuracy"]


def accuracy(context: Context, *, split: str = "test") -> Evaluator:
    """Returns the evaluator of `accuracy`: the share of a split's examples whose likeliest class is their label.

    Raises UserError if the model does not classify, or the split has no labels.
    """
    context.check_predicts("classify")
    dataset = context.load(split)
    label = labels_of(dataset)

    @jax.jit
    def predicted(players: Players, inputs: tuple[jax.Array, jax.Array]) -> jax.Array:
        keys, x = inputs
        return context.predict["classify"](players, keys, context.scale({"x": x}))[1].argmax(-1)

    keys = example_keys(base_key(0), len(dataset.x))  # without effect: nothing is sampled
    context.dry_run(predicted, (keys[:1], dataset.x[:1]))

    def measure(players: Players, key: jax.Array) -> dict[str, float]:
        del key
        return {"accuracy": float(jnp.mean(in_batches(partial(predicted, players), (keys, dataset.x)) == label))}

    return Evaluator(("accuracy",), measure)
