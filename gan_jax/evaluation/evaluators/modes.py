"""Coverage of the data's known modes by a generator."""

import jax
import jax.numpy as jnp

from gan_jax.core.collectives import example_keys, in_batches
from gan_jax.core.state import Players
from gan_jax.errors import UserError
from gan_jax.evaluation.evaluators.base import Context, Evaluator, check_count
from gan_jax.metrics import modes

__all__ = ["gaussians"]

AT_ONCE = 10_000  # points made at a time, which bounds the memory


def gaussians(context: Context, *, samples: int = 2500, split: str = "train") -> Evaluator:
    """Returns the evaluator of `found` modes, the share of `high_quality` points, and `reverse_kl` in nats.

    Definitions are in metrics/modes.py; `samples` points are made.

    Raises UserError if the data are not drawn from known Gaussians, the model makes no samples, or `samples` is not a
    whole number of at least 1.
    """
    mixture = context.load(split).mixture
    if mixture is None:
        raise UserError("modes.gaussians measures only data drawn from known Gaussians, such as ring and grid")
    context.check_predicts("sample")
    check_count("samples of modes.gaussians", samples)
    centres = jnp.asarray(mixture.centres)

    def measure(players: Players, key: jax.Array) -> dict[str, float]:
        points = in_batches(
            lambda keys: context.predict["sample"](players, keys, {}), example_keys(key, samples), min(samples, AT_ONCE)
        )
        counts = modes.counts(points, centres, std=mixture.std)
        return {
            "found": float(modes.found(counts)),
            "high_quality": float(counts.sum() / samples),
            "reverse_kl": float(modes.reverse_kl(counts)),
        }

    return Evaluator(("found", "high_quality", "reverse_kl"), measure)
