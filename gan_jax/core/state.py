"""What a run carries from round to round: arrays only, so that a checkpoint is the state alone."""

from typing import Any, NamedTuple, TypeAlias

import jax

Tree: TypeAlias = Any


class Player(NamedTuple):
    """One player: what its optimizer moves, its networks' running statistics, and its optimizer's state.

    `ema` is the exponential moving average of `params` where it is asked for, () elsewhere.
    """

    params: Tree
    stats: Tree
    opt_state: Tree
    ema: Tree = ()


Players: TypeAlias = dict[str, Player]


class TrainState(NamedTuple):
    """The rounds played so far (int32 []) and the players by name."""

    step: jax.Array
    players: Players


def size(players: Players) -> int:
    """The bytes that players' arrays take, or would take where they are shapes alone."""
    return sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(players))
