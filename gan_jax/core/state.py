"""The state that a run carries from step to step: arrays only, so that a checkpoint is the state alone."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, TypeAlias

import jax

Tree: TypeAlias = Any
Carry: TypeAlias = dict[str, Any]
"""The memory of a player's loss terms from update to update, by name: arrays, the same on every device."""


class Player(NamedTuple):
    """Parameters that one optimizer trains, and the state that belongs to them.

    Attributes:
        params: what the optimizer moves.
        stats: the running statistics of its networks.
        opt_state: the optimizer's state.
        ema: the exponential moving average of `params`, or () if there is none.
        carry: what its loss terms remember.
        ema_stats: the running statistics of its networks with the parameters `ema`, or () without `ema` or batch norm.
    """

    params: Tree
    stats: Tree
    opt_state: Tree
    ema: Tree = ()
    carry: Tree = ()
    ema_stats: Tree = ()

    def averaged(self) -> "Player":
        """Returns the player with its moving average as its parameters, if it has one."""
        if self.ema == ():
            return self
        return self._replace(params=self.ema, stats=self.stats if self.ema_stats == () else self.ema_stats)


Players: TypeAlias = dict[str, Player]


class TrainState(NamedTuple):
    """The steps trained so far (int32 []), and the players by name."""

    step: jax.Array
    players: Players


class Place(NamedTuple):
    """A network's parameters and statistics, by player and by a key in its trees; None for its whole trees."""

    player: str
    key: str | None


def places(players: Mapping[str, Player], roles: Iterable[str]) -> dict[str, Place]:
    """Returns the places of networks that players own, by role: a key of a player's trees, or a player of that name."""
    found = {}
    for role in roles:
        owners = [name for name, player in players.items() if isinstance(player.params, dict) and role in player.params]
        if owners:
            found[role] = Place(owners[0], role)
        elif role in players:
            found[role] = Place(role, None)
    return found


def averaged(players: Mapping[str, Player]) -> Players:
    """Returns the players with their moving averages as parameters, if they have them."""
    return {name: player.averaged() for name, player in players.items()}


def size(players: Players) -> int:
    """Returns the size of the players' arrays in bytes. The leaves may be shapes instead of arrays."""
    return sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(players))
