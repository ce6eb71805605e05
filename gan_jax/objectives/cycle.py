"""CycleGAN: two generators between two kinds of images, learnt without pairs, against a critic for each kind.

Zhu et al. 2017, arXiv:1703.10593. The two generators are one player, and so are the two critics.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TypeAlias

import jax

from gan_jax.core import diagnostics
from gan_jax.core.fields import Batch, stream
from gan_jax.core.networks import Networks
from gan_jax.core.objective import Aux, LossFn, Objective, Prediction, Start, Weights
from gan_jax.core.state import Player, Players, TrainState, Tree
from gan_jax.objectives import pool as pools
from gan_jax.objectives.forward import Forward
from gan_jax.objectives.game import CRITIC, GENERATOR, Model, own_carry
from gan_jax.objectives.players import init_critics, summed
from gan_jax.objectives.score_metrics import distance
from gan_jax.objectives.terms import critic as of_critic
from gan_jax.objectives.terms import generator as of_generator
from gan_jax.objectives.weighted import Terms, Weighted, first_carries, frozen, weights_of

__all__ = ["cycle_gan"]

THERE, BACK = "", "_back"
"""The directions, as the ends of their networks' names: from `source` to `x`, and from `x` to `source`."""
POOL = "pool"
Sides: TypeAlias = Mapping[str, Model]
"""A generator and its critic, by direction."""
CRITIC_TERMS: Terms = MappingProxyType({"least_squares": Weighted(of_critic.least_squares)})
GENERATOR_TERMS: Terms = MappingProxyType(
    {
        "least_squares": Weighted(of_generator.least_squares, 2.0),
        "cycle": Weighted(of_generator.cycle, 10.0),
        "identity": Weighted(of_generator.identity, 5.0),
    }
)
"""The weights of the authors' code, whose squares have no factor 1/2."""


def cycle_gan(
    *, networks: Networks, critic: Terms = CRITIC_TERMS, generator: Terms = GENERATOR_TERMS, pool: int = 50
) -> Objective:
    """Returns the game of `generator` (makes x from `source`) and `generator_back` (the reverse) against two critics.

    `critic` scores x, and `critic_back` scores sources. Generators get their input as the field `source`, critics as
    `x`. The batch has images of both kinds, of one size, which need not be pairs. Each term is the mean over both
    directions, where the paper has the sum. Critics see a pool of `pool` earlier fakes (`pool.py`); 0 is for none.

    The predictions are `translate`, `translate_back` and `round_trip`, a source there and back. Raises ValueError for a
    negative weight, a missing network, or images that differ in size.
    """
    roles = {name + end for name in (GENERATOR, CRITIC) for end in (THERE, BACK)}
    if {*networks} != roles:
        raise ValueError(f"the networks are {', '.join(networks)}: CycleGAN needs {', '.join(sorted(roles))}")
    if isinstance(pool, bool) or not isinstance(pool, int) or pool < 0:
        raise ValueError(f"pool is {pool!r}: it must be a number of fakes, or 0 for no pool")
    terms = {CRITIC: critic, GENERATOR: generator}
    weights = {name: weights_of(of, name) for name, of in terms.items()}
    sides = {end: Model(networks[GENERATOR + end], {CRITIC: networks[CRITIC + end]}, {}) for end in (THERE, BACK)}
    return Objective(
        init={CRITIC: _init_critics(sides, critic, pool), GENERATOR: _init_generators(sides, generator)},
        losses={
            CRITIC: _critic_loss(sides, critic, weights[CRITIC]),
            GENERATOR: _generator_loss(sides, generator, weights[GENERATOR]),
        },
        weights=weights,
        predictions=_predictions(sides),
        makes=networks[GENERATOR].output_range,
        frozen={name: frozen(of) for name, of in terms.items()},
    )


def _init_critics(sides: Sides, terms: Terms, size: int) -> Callable[[jax.Array, Batch], Start]:
    both = Model(sides[THERE].generator, {CRITIC + end: side.critics[CRITIC] for end, side in sides.items()}, {})
    init = init_critics(both, terms)

    def start(key: jax.Array, batch: Batch) -> Start:
        begun = init(key, batch)
        kept = {POOL + end: pools.empty(size, batch["x"]) for end in sides if size}
        return begun._replace(carry={**begun.carry, **kept})

    return start


def _init_generators(sides: Sides, terms: Terms) -> Callable[[jax.Array, Batch], Start]:
    def start(key: jax.Array, batch: Batch) -> Start:
        x, source = batch["x"].shape[1:], batch["source"].shape[1:]
        if x != source:
            raise ValueError(
                f"x is {x} and source {source}: CycleGAN needs images of one size and number of "
                "channels: set config.data.size and config.data.channels"
            )
        made = {GENERATOR + e: side.generator.init(stream(key, GENERATOR + e), batch) for e, side in sides.items()}
        params, stats = ({role: both[part] for role, both in made.items()} for part in (0, 1))
        return Start(params, stats, first_carries(terms, (THERE, BACK)))

    return start


def _critic_loss(sides: Sides, terms: Terms, weights: Weights) -> LossFn:
    def loss(params: Tree, state: TrainState, batch: Batch, key: jax.Array, numbers: Weights) -> tuple[jax.Array, Aux]:
        rival, player = state.players[GENERATOR], state.players[CRITIC]._replace(params=params)
        forwards, stats, kept = {}, {}, {}
        for end, side in sides.items():
            seen, own, its_key = _seen(batch, end), _of(player, CRITIC + end), stream(key, f"way{end}")
            fake, _ = side.generate(*_of(rival, GENERATOR + end)[:2], seen, its_key)
            if POOL + end in player.carry:
                fake, kept[POOL + end] = pools.exchange(stream(its_key, POOL), fake, player.carry[POOL + end])
            view, stats[CRITIC + end] = side.look(CRITIC, own, state.step, seen, fake, its_key, learns=True)
            shared = {"batch": seen, "fake": fake, "step": state.step, "params": own.params}
            forwards[CRITIC + end] = Forward(**view, **shared, carry=own_carry(player.carry, CRITIC + end))
        value, metrics, carry = summed(CRITIC, terms, {**weights, **numbers}, forwards)
        for end in sides:
            scores = forwards[CRITIC + end].real_scores, forwards[CRITIC + end].fake_scores
            metrics |= {name + end: metric for name, metric in distance(*scores).items()}
        return value, Aux(stats, metrics, {**player.carry, **carry, **kept})

    return loss


def _generator_loss(sides: Sides, terms: Terms, weights: Weights) -> LossFn:
    def loss(params: Tree, state: TrainState, batch: Batch, key: jax.Array, numbers: Weights) -> tuple[jax.Array, Aux]:
        rival, player = state.players[CRITIC], state.players[GENERATOR]._replace(params=params)
        keys = {end: stream(key, f"way{end}") for end in sides}
        functions = {
            end: side.generator_functions(*_of(player, GENERATOR + end)[:2], _seen(batch, end), keys[end])
            for end, side in sides.items()
        }
        forwards, stats, metrics = {}, {}, {}
        for end, side in sides.items():
            seen, other = _seen(batch, end), BACK if end == THERE else THERE
            fake, stats[GENERATOR + end] = side.generate(*_of(player, GENERATOR + end)[:2], seen, keys[end])
            critic = _of(rival, CRITIC + end)
            view, _ = side.look(CRITIC, critic, state.step, seen, fake, keys[end], learns=False)
            shared = {"batch": seen, "fake": fake, "step": state.step, "params": params}
            ways = {**functions[end], "back": functions[other]["translate"]}
            carry = own_carry(player.carry, CRITIC + end)
            forwards[CRITIC + end] = Forward(**view, **shared, **ways, carry=carry)
            metrics |= {name + end: of for name, of in diagnostics.batch_diversity(seen["x"], fake).items()}
        value, of_terms, carry = summed(GENERATOR, terms, {**weights, **numbers}, forwards)
        return value, Aux(stats, metrics | of_terms, {**player.carry, **carry})

    return loss


def _seen(batch: Batch, end: str) -> Batch:
    """Returns the batch for one direction: `x` is what its generator should make, and `source` is its input."""
    return batch if end == THERE else {**batch, "x": batch["source"], "source": batch["x"]}


def _of(player: Player, role: str) -> Player:
    """Returns the player with the parameters and statistics of one network alone."""
    return player._replace(params=player.params[role], stats=player.stats[role])


def _predictions(sides: Sides) -> dict[str, Prediction]:
    def along(end: str, players: Players, keys: jax.Array, source: jax.Array) -> jax.Array:
        own = {GENERATOR: _of(players[GENERATOR], GENERATOR + end)}
        return sides[end].sample(own, keys, {"source": source})

    def there(players: Players, keys: jax.Array, batch: Batch) -> jax.Array:
        return along(THERE, players, keys, batch["source"])

    def back(players: Players, keys: jax.Array, batch: Batch) -> jax.Array:
        return along(BACK, players, keys, batch["x"])

    def round_trip(players: Players, keys: jax.Array, batch: Batch) -> jax.Array:
        return along(BACK, players, keys, there(players, keys, batch))

    return {
        "translate": Prediction(there, makes="x"),
        "translate_back": Prediction(back, makes="source"),
        "round_trip": Prediction(round_trip, makes="source"),
    }
