"""Optimizers of players: an Optax optimizer, with gradients clipped before it and weights after it."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax


def chain(
    optimizer: optax.GradientTransformation, *, clip_gradients: float = 0.0, clip_weights: float = 0.0
) -> optax.GradientTransformation:
    """Returns the optimizer between two clippings: of gradients before it, and of weights after it.

    Gradients are scaled to a global norm of at most `clip_gradients`, weights cut to +-`clip_weights`; 0 disables
    either. Raises ValueError for a negative bound.
    """
    for name, bound in (("clip_gradients", clip_gradients), ("clip_weights", clip_weights)):
        if bound < 0:
            raise ValueError(f"{name} is {bound}: it must be above 0, or 0 to disable it")
    before = [optax.clip_by_global_norm(clip_gradients)] if clip_gradients else []
    after = [clip_params(clip_weights)] if clip_weights else []
    return optax.chain(*before, optimizer, *after)


class Scheduled(NamedTuple):
    """The state of `scheduled`: the updates so far, int32 [], and the optimizer's own state."""

    count: jax.Array
    inner: optax.OptState


def scheduled(
    optimizer: Callable[[Mapping[str, Any]], optax.GradientTransformation], numbers: Mapping[str, Callable[[Any], Any]]
) -> optax.GradientTransformation:
    """Returns an optimizer whose numbers, by name, follow schedules. Each update builds it with `numbers -> optimizer`.

    Unlike `optax.inject_hyperparams` it keeps no numbers in its state, so its other numbers stay arguments of the step.
    """

    def at(count: Any) -> optax.GradientTransformation:
        return optimizer({name: number(count) for name, number in numbers.items()})

    def init(params: optax.Params) -> Scheduled:
        return Scheduled(jnp.int32(0), at(0).init(params))

    def update(
        updates: optax.Updates, state: Scheduled, params: optax.Params | None = None
    ) -> tuple[optax.Updates, Scheduled]:
        updates, inner = at(state.count).update(updates, state.inner, params)
        return updates, Scheduled(jnp.asarray(optax.safe_increment(state.count)), inner)

    at(0)  # so that wrong numbers raise an error now
    return optax.GradientTransformation(init, update)  # pyrefly: ignore[bad-argument-type]


def clip_params(bound: float) -> optax.GradientTransformation:
    """Cuts updates so that weights end in [-bound, bound] (Arjovsky et al. 2017, arXiv:1701.07875, algorithm 1)."""

    def update(updates: optax.Updates, params: optax.Params | None) -> optax.Updates:
        return jax.tree.map(lambda u, p: jnp.clip(p + u, -bound, bound) - p, updates, params)

    return optax.stateless(update)
