"""Optimizers of players: an Optax optimizer, with gradients clipped before it and weights after it."""

import jax
import jax.numpy as jnp
import optax


def chain(
    optimizer: optax.GradientTransformation, *, clip_gradients: float = 0.0, clip_weights: float = 0.0
) -> optax.GradientTransformation:
    """Returns the optimizer between two clippings: of gradients before it, and of weights after it.

    Gradients are scaled to a global norm of at most `clip_gradients`, weights cut to +-`clip_weights`; 0 is for
    none. Raises ValueError for a negative bound.
    """
    for name, bound in (("clip_gradients", clip_gradients), ("clip_weights", clip_weights)):
        if bound < 0:
            raise ValueError(f"{name} is {bound}: it must be above 0, or 0 for none")
    before = [optax.clip_by_global_norm(clip_gradients)] if clip_gradients else []
    after = [clip_params(clip_weights)] if clip_weights else []
    return optax.chain(*before, optimizer, *after)


def clip_params(bound: float) -> optax.GradientTransformation:
    """Cuts updates so that weights end in [-bound, bound] (Arjovsky et al. 2017, arXiv:1701.07875, algorithm 1)."""

    def update(updates: optax.Updates, params: optax.Params | None) -> optax.Updates:
        return jax.tree.map(lambda u, p: jnp.clip(p + u, -bound, bound) - p, updates, params)

    return optax.stateless(update)
