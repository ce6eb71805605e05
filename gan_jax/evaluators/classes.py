"""Whether samples by class are of the class that was asked for."""

import jax
import jax.numpy as jnp

from gan_jax.batch import example_keys, in_batches
from gan_jax.errors import UserError
from gan_jax.evaluators.base import Context, Evaluate, check_count
from gan_jax.metrics.neighbours import nearest
from gan_jax.state import Players

__all__ = ["agreement"]


def agreement(context: Context, *, samples: int = 1000, references: int = 10_000) -> Evaluate:
    """`samples` whose nearest of the first `references` training examples has the class asked for: their share.

    `samples` take the classes in turn; `test` is the same share of as many real test examples, which says how far this
    judge can be trusted. Raises UserError where the model makes no samples by class, or a number is no count.
    """
    for name, value in (("samples", samples), ("references", references)):
        check_count(f"{name} of classes.agreement", value)
    if "sample_class" not in context.predict:
        raise UserError("classes.agreement measures only models that make samples by class")
    train, test = context.load("train"), context.load("test")
    if train.label is None or test.label is None:
        raise UserError(f"classes.agreement needs labels, which {train.name} has not")
    known, label = jnp.asarray(train.x[:references]), jnp.asarray(train.label[:references])
    judge = jax.jit(lambda x: label[nearest(x, known)])
    real = (in_batches(judge, test.x[:samples]) == test.label[:samples]).mean()

    def evaluate(players: Players, key: jax.Array) -> dict[str, float]:
        asked = jnp.arange(samples) % train.classes

        def judged(inputs: tuple[jax.Array, jax.Array]) -> jax.Array:
            keys, labels = inputs
            return judge(context.predict["sample_class"](players, keys, labels)) == labels

        return {"samples": float(in_batches(judged, (example_keys(key, samples), asked)).mean()), "test": float(real)}

    return evaluate
