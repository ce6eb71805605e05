"""The types of a game: an objective is a record of pure functions, like an Optax transformation."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
from jax import lax

from gan_jax.core.collectives import mean
from gan_jax.core.fields import Batch, Samplers
from gan_jax.core.state import Carry, Players, TrainState, Tree

Metrics: TypeAlias = dict[str, jax.Array]
Weight: TypeAlias = float | jax.Array | Callable[[jax.Array], Any]
"""A number, or a schedule: `step -> number`, as in Optax."""
Weights: TypeAlias = Mapping[str, Weight]
"""A player's weights by the names of its terms."""


class Outcome(NamedTuple):
    """The result of a loss term.

    Attributes:
        values: of any shape [b, ...]; the term's loss is their mean.
        metrics: other scalars to log, by name.
        carry: what the term remembers for the player's next update, by name.
    """

    values: jax.Array
    metrics: Mapping[str, jax.Array] = MappingProxyType({})
    carry: Mapping[str, Any] = MappingProxyType({})


class Frozen(NamedTuple):
    """A network that no player trains, for use in a loss term.

    Attributes:
        name: the network's name with its version.
        apply: a function of its params and of a term's arrays.
        params: its params. A term finds them in its carry under this name, because arrays that it holds itself would
            become constants of the compiled program.
    """

    name: str
    apply: Callable[..., Any]
    params: Tree


class Aux(NamedTuple):
    """The outputs of a loss besides its value: the player's new stats and carry, and named scalars to log."""

    stats: Tree
    metrics: Metrics
    carry: Carry


class Start(NamedTuple):
    """The first state of a player: its parameters, its running statistics, and what its terms remember."""

    params: Tree
    stats: Tree
    carry: Carry


InitFn: TypeAlias = Callable[[jax.Array, Batch], Start]
LossFn: TypeAlias = Callable[[Tree, TrainState, Batch, jax.Array, Weights], tuple[jax.Array, Aux]]


class Prediction(NamedTuple):
    """An output that trained players can give.

    Attributes:
        fn: `(players, keys [n], batch [n, ...]) -> values [n, ...]` or a tree of such arrays. The batch has the given
            fields; samplers fill in the rest.
        makes: the field whose range and kind the values have, as "x" for images; "" for other values.
    """

    fn: Callable[[Players, jax.Array, Batch], Any]
    makes: str = ""


Predictions: TypeAlias = Mapping[str, Prediction]
STEP_METRICS = "loss", "gradient_norm"
"""The metrics that a step logs for each player besides those of its terms."""


class Objective(NamedTuple):
    """The losses of all players.

    Attributes:
        init: by player, `(key, example batch [1, ...]) -> Start`.
        losses: by player in the order of updates, `(params, state, batch, key, weights) -> (scalar, Aux)`. `params` are
            the updated player's; everything else is read from `state` and so is frozen by construction.
        weights: by player, the weights of its terms.
        predictions: by use: `sample`, `interpolate`, `scores` (a critic's), `encode`, `decode`, `reconstruct`, ...
        samplers: draw the fields that a batch may lack. A step rule fills them in, for each update or once for several.
        prior: further samplers for making samples, besides `samplers`: those of a VAE's latents, which training does
            not draw from the prior.
        makes: returns the range (low, high) of the examples that it makes, infinite on a side without a bound; None if
            it is not known.
        frozen: by player, the params of the frozen networks that its terms use, by name.
    """

    init: Mapping[str, InitFn]
    losses: Mapping[str, LossFn]
    weights: Mapping[str, Weights]
    predictions: Predictions = MappingProxyType({})
    samplers: Samplers = MappingProxyType({})
    prior: Samplers = MappingProxyType({})
    makes: Callable[[], tuple[float, float] | None] = lambda: None
    frozen: Mapping[str, Mapping[str, Tree]] = MappingProxyType({})


def at(weight: Weight, step: jax.Array) -> Any:
    """Returns the value of a weight at a step, int32 []."""
    return weight(step) if callable(weight) else weight


def total(outcomes: Mapping[str, Outcome], weights: Weights, step: jax.Array) -> tuple[jax.Array, Metrics, Carry]:
    """Returns a player's loss float32 [], its metrics [] and its carry from the outcomes of its terms, by name.

    The loss is the sum over terms of weight * mean(values); a weight is a number, or a schedule of step, int32 [].
    Metrics are the terms' means before weighting, by the terms' names, and the metrics of the outcomes. Raises
    ValueError if two metrics, or two values that terms remember, have the same name.
    """
    loss, metrics, carry = jnp.float32(0), {}, {}
    for name, outcome in outcomes.items():
        value = outcome.values.mean()
        loss += at(weights[name], step) * value
        own = {name: value, **outcome.metrics}
        if twice := [*({*own} & {*metrics, *STEP_METRICS}), *({*outcome.carry} & {*carry})]:
            raise ValueError(
                f"the term {name} logs or stores {', '.join(sorted(twice))}, names that another term or the step "
                "itself already uses: rename the term, or remove one of two equal terms"
            )
        metrics |= own
        carry |= outcome.carry
    return loss, metrics, global_values(carry)


def global_values(carry: Carry) -> Carry:
    """Returns the carry without gradients, as means over the global batch, so that every device remembers the same."""
    return mean(lax.stop_gradient(carry))
