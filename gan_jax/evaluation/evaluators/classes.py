"""Agreement of samples with the classes that they were conditioned on."""

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.core.collectives import base_key, example_keys, in_batches
from gan_jax.core.state import Players
from gan_jax.errors import UserError
from gan_jax.evaluation.evaluators.base import Context, Evaluator, check_count, labels_of, some
from gan_jax.metrics.neighbours import nearest

__all__ = ["agreement"]


def agreement(context: Context, *, samples: int = 1000, references: int = 10_000, split: str = "test") -> Evaluator:
    """Returns the evaluator of the share of samples whose nearest training example has the sample's class.

    At most `references` training examples are compared, always the same random ones. Samples cycle through the training
    examples' classes. `test` is the same share for as many real examples of the split, random ones, and says how
    reliable the measure is. Raises UserError if the model is not class-conditional, examples have no labels, a class
    has no reference, or a number is not a whole number of at least 1.
    """
    for name, value in (("samples", samples), ("references", references)):
        check_count(f"{name} of classes.agreement", value)
    context.check_predicts("sample")
    if "label" not in context.sampled:
        raise UserError("classes.agreement needs a class-conditional model, but config.samplers has no label")
    train, test = context.load(context.trained_on), context.load(split)
    label, test_label = labels_of(train), labels_of(test)
    rows, test_rows = some(np.arange(len(label)), references), some(np.arange(len(test_label)), samples)
    classes = jnp.asarray(_classes(label, rows))
    context.dry_run(context.predict["sample"], example_keys(base_key(0), 2), {"label": jnp.arange(2)})
    reference, reference_label = jnp.asarray(train.x[rows]), jnp.asarray(label[rows])
    predict_class = jax.jit(lambda x: reference_label[nearest(x, reference)])
    real = (in_batches(predict_class, np.asarray(test.x[test_rows])) == test_label[test_rows]).mean()

    def measure(players: Players, key: jax.Array) -> dict[str, float]:
        target = classes[jnp.arange(samples) % len(classes)]

        def agrees(inputs: tuple[jax.Array, jax.Array]) -> jax.Array:
            keys, labels = inputs
            return predict_class(context.predict["sample"](players, keys, {"label": labels})) == labels

        return {"samples": float(in_batches(agrees, (example_keys(key, samples), target)).mean()), "test": float(real)}

    return Evaluator(("samples", "test"), measure)


def _classes(label: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Returns the sorted classes of training examples; raises UserError if the references lack one of them."""
    classes = np.unique(label)
    if len(missing := np.setdiff1d(classes, label[rows])):
        raise UserError(
            f"references of classes.agreement is {len(rows)}: these training examples have none of class {missing[0]}; "
            "use more"
        )
    return classes
