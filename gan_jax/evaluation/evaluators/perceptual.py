"""LPIPS between a model's outputs for a split's examples and those examples."""

import jax
import numpy as np

from gan_jax.core.collectives import base_key, example_keys, in_batches
from gan_jax.core.fields import Batch
from gan_jax.core.state import Players
from gan_jax.errors import UserError
from gan_jax.evaluation.evaluators.base import Context, Evaluator, check_count
from gan_jax.features import lpips as networks

__all__ = ["lpips"]

USES = ("reconstruct", "translate")


def lpips(
    context: Context, *, network: str = "alexnet", examples: int = 1000, split: str = "test", target: str = "x"
) -> Evaluator:
    """Returns the evaluator of `lpips/NETWORK`: the mean distance of outputs for the split's first `examples`.

    The outputs are reconstructions or translations of the examples, rounded to uint8. Each is compared with its
    example's field `target`. `network` is 'alexnet' or 'vgg16' (features/lpips.py). `n` is the number of examples.

    Raises UserError if the model does neither, the examples are not images that the network takes, its weights are not
    installed, or `examples` is not a whole number of at least 1.
    """
    check_count("examples of perceptual.lpips", examples)
    if not (uses := [use for use in USES if use in context.predict]):
        raise UserError("perceptual.lpips measures models that reconstruct or translate, which this one does not")
    dataset = context.load(split).first(examples)
    if uses[0] == "translate" and "source" in dataset.unpaired:
        raise UserError(
            "perceptual.lpips compares translations with their own targets, but config.data.paired is False: use data "
            "whose files are pairs, with config.data.use_pairs=False, or leave this evaluator out"
        )
    fields = dataset.arrays
    if target not in fields or fields[target].dtype != np.uint8:
        raise UserError(f"target of perceptual.lpips is {target!r}: it must be an image field of the data")
    shape, n = fields[target].shape[1:], len(fields[target])
    measured = networks.between(network, shape)

    def made(players: Players, inputs: tuple[jax.Array, Batch]) -> jax.Array:
        keys, batch = inputs
        return context.predict[uses[0]](players, keys, context.scale(batch))

    keys = example_keys(base_key(0), n)
    if (found := context.dry_run(made, (keys[:1], {name: v[:1] for name, v in fields.items()})).shape[1:]) != shape:
        raise UserError(f"the model makes outputs of shape {found}, but {target!r} has shape {shape}")

    def measure(players: Players, key: jax.Array) -> dict[str, float]:
        inputs = example_keys(key, n), fields
        distances = in_batches(
            lambda some: measured.of(made(players, some), some[1][target]), inputs, networks.at_once(shape)
        )
        return {f"lpips/{measured.name}": float(distances.mean(dtype=np.float64)), "n": n}

    return Evaluator((f"lpips/{measured.name}",), measure)
