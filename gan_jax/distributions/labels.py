"""Conditions: what both networks are given of an example beside their main input, such as its class."""

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
from jax import random

__all__ = ["labels"]

Given: TypeAlias = tuple[jax.Array, ...]


class Condition(NamedTuple):
    """`read(batch) -> given`, arrays [b] of a batch's examples; `draw(keys [n]) -> given`, of examples to be made."""

    read: Callable[[dict[str, jax.Array]], Given]
    draw: Callable[[jax.Array], Given]


NOTHING = Condition(read=lambda batch: (), draw=lambda keys: ())


def labels(classes: int, present: tuple[int, ...] = ()) -> Condition:
    """The example's class, int32 in 0..classes - 1; of examples to be made, each class as likely as another.

    Of the classes only those in `present` are drawn, where it is given: of others nothing was seen in training.
    Raises ValueError where there are no classes.
    """
    if classes < 1:
        raise ValueError(f"labels of {classes} classes: the data set has no labels; take one that has")

    def draw(keys: jax.Array) -> Given:
        # Folded in, for z is drawn from these very keys.
        count = len(present) or classes
        drawn = jax.vmap(lambda key: random.randint(random.fold_in(key, 1), (), 0, count))(keys)
        return (drawn if count == classes else jnp.asarray(present, jnp.int32)[drawn],)

    return Condition(read=lambda batch: (batch["label"],), draw=draw)
