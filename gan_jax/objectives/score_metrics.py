"""Metrics of a critic's scores: real and fake scores [b, ...] in, scalars to log out."""

from collections.abc import Callable, Mapping
from typing import TypeAlias

import jax

from gan_jax.core import diagnostics

ScoreMetrics: TypeAlias = Callable[[jax.Array, jax.Array], Mapping[str, jax.Array]]
"""Real and fake scores [b, ...] -> scalars to log."""


def probabilities(real_scores: jax.Array, fake_scores: jax.Array) -> dict[str, jax.Array]:
    """Returns metrics, float32 [] each, of scores [b, ...] that are logits, where D is the sigmoid of a score.

    These are the means of D(x) and of D(G(z)), the accuracy of D at 0.5, and the gap between the scores' means.
    """
    return {
        "real_probability": jax.nn.sigmoid(real_scores).mean(),
        "fake_probability": jax.nn.sigmoid(fake_scores).mean(),
        "accuracy": diagnostics.accuracy(real_scores, fake_scores, 0.0),
        "gap": real_scores.mean() - fake_scores.mean(),
    }


def distance(real_scores: jax.Array, fake_scores: jax.Array) -> dict[str, jax.Array]:
    """Returns metrics, float32 [] each, of scores [b, ...] in which 0 has no meaning.

    These are the distance between the means of real and fake scores, and the accuracy at their midpoint.
    """
    return {
        "distance": real_scores.mean() - fake_scores.mean(),
        "accuracy": diagnostics.accuracy(real_scores, fake_scores, diagnostics.middle(real_scores, fake_scores)),
    }
