"""The types of a game: an objective is a record of pure functions, as an Optax transformation is."""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import jax

from gan_jax.core.state import Players, Tree

Batch: TypeAlias = dict[str, jax.Array]
"""`x` [b, h, w, c] images or [b, d] points, float32; `label` [b] int32 where the data has labels; what `draw` adds."""


class Aux(NamedTuple):
    """What a loss returns beside its value: the moving player's new stats, and named scalars to log."""

    stats: Tree
    metrics: dict[str, jax.Array]


InitFn: TypeAlias = Callable[[jax.Array, jax.Array], tuple[Tree, Tree]]
LossFn: TypeAlias = Callable[[Tree, Players, Batch, jax.Array], tuple[jax.Array, Aux]]
PredictFn: TypeAlias = Callable[..., Any]
DrawFn: TypeAlias = Callable[[Batch, jax.Array], Batch]


def draw_nothing(batch: Batch, key: jax.Array) -> Batch:
    """The batch [b, ...] as it is: of moves that share nothing that is drawn."""
    del key
    return batch


class Objective(NamedTuple):
    """Who minimises what.

    init: by player, `(key, x [1, ...]) -> (params, stats)`.
    losses: by player, in the order of moves, `(params, players, batch, key) -> (scalar, Aux)`. `params` are the moving
        player's; everything else is read from `players` and so frozen by construction.
    predict: by use: `sample(players, keys [n]) -> x [n, ...]`,
        `interpolate(players, keys [n], t [m]) -> x [n, m, ...]`, `scores(players, x [n, ...]) -> [n]`, the critic's;
        of autoencoders `reconstruct(players, x) -> x`, `encode(players, x) -> z [n, dim]`, and without a law of z
        `walk(players, a [n, ...], b [n, ...], t [m]) -> x [n, m, ...]`, between the codes of examples.
    draw: `(batch, key) -> batch` with what a move draws that moves of other players may share, as a GAN's latents `z`.
        A rule of play calls it, for each move or once for several; a loss draws by itself what its batch lacks.
    makes: `() -> (low, high)`, between which the examples that it makes lie, infinite on a side without a bound, or
        None where that is not known.
    """

    init: dict[str, InitFn]
    losses: dict[str, LossFn]
    predict: dict[str, PredictFn]
    draw: DrawFn = draw_nothing
    makes: Callable[[], tuple[float, float] | None] = lambda: None
