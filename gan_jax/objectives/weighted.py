"""Weighted terms of a loss: their initial memory, their outcomes, and terms that are computed lazily."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from gan_jax.core.fields import stream
from gan_jax.core.messages import named
from gan_jax.core.objective import Frozen, Outcome, Weight, Weights
from gan_jax.core.state import Carry, Tree
from gan_jax.objectives.forward import Forward, Remembering, Term


class Weighted(NamedTuple):
    """A term and its weight in its player's loss: a number, or a schedule of the step."""

    term: Term
    weight: Weight = 1.0


Terms: TypeAlias = Mapping[str, Weighted]


def weights_of(terms: Terms, player: str) -> Weights:
    """Returns the weights of a player's terms, by name. Raises ValueError for a number below 0."""
    for name, each in terms.items():
        if isinstance(each.weight, int | float) and each.weight < 0:
            raise ValueError(f"{player}.{name} is {each.weight}: a weight must be at least 0")
    return {name: each.weight for name, each in terms.items()}


def function(term: Term) -> Any:
    """Returns the function of a term, without the arguments that a config has set."""
    return term.func if isinstance(term, partial) else term


def frozen(terms: Terms) -> dict[str, Tree]:
    """Returns the params of the frozen networks that terms use, by name."""
    return {name: params for each in terms.values() for name, params in _frozen(each.term).items()}


def _frozen(term: Term) -> Mapping[str, Tree]:
    bound = term.keywords.values() if isinstance(term, partial) else ()
    given = {value.name: value.params for value in bound if isinstance(value, Frozen)}
    return {**getattr(function(term), "frozen", {}), **given}


def first_carry(term: Term) -> Carry:
    """Returns what a term remembers before the first update."""
    return getattr(function(term), "first", {})


def first_carries(terms: Terms, ends: Sequence[str] = ("",)) -> dict[str, jax.Array]:
    """Returns what terms remember before the first update, by name, once for each ending of the names."""
    first = {name: value for each in terms.values() for name, value in first_carry(each.term).items()}
    return arrays({name + end: value for end in ends for name, value in first.items()})


def arrays(first: Mapping[str, Any]) -> dict[str, jax.Array]:
    """Returns arrays with NumPy's types, because the weak types of Python's numbers make the step compile twice."""
    return {
        name: jnp.asarray(np.asarray(value, np.float32 if isinstance(value, float) else None))
        for name, value in first.items()
    }


def outcomes(player: str, terms: Terms, forward: Any) -> dict[str, Outcome]:
    """Returns each term's outcome. Each has its own random stream, and errors name the term as in the config."""
    made = {}
    for name, each in terms.items():
        with named(f"config.objective.{player}.{name}"):
            made[name] = each.term(forward._replace(key=stream(forward.key, name)))
    return made


def lazily(term: Term, *, every: int, after: int = 0) -> Term:
    """Returns a term that is computed every `every`-th step, multiplied by `every`, and is 0 at all other steps.

    This is StyleGAN2's lazy regularisation (Karras et al. 2020, arXiv:1912.04958, section 3.1). The term is also 0 at
    the first `after` steps. Where it is 0 it costs nothing and its metrics are 0, so log only at multiples of `every`
    steps. If the term is lazy already, both numbers are replaced. Raises ValueError for `every` below 1 or `after`
    below 0.
    """
    term, *_ = eager(term)
    if isinstance(after, bool) or not isinstance(after, int) or after < 0:
        raise ValueError(f"after is {after}: it must be a whole number of steps, at least 0")
    if isinstance(every, bool) or not isinstance(every, int) or every < 1:
        raise ValueError(f"every is {every}: it must be a whole number of steps, at least 1")

    def run(forward: Forward) -> Outcome:
        def now() -> Outcome:
            outcome = term(forward)
            return Outcome(every * outcome.values, dict(outcome.metrics), dict(outcome.carry))

        shapes = jax.eval_shape(now)

        def skipped() -> Outcome:
            zeros = jax.tree.map(lambda a: jnp.zeros(a.shape, a.dtype), shapes)
            return zeros._replace(carry={name: forward.carry[name] for name in shapes.carry})

        # Steps count from 0, 1 ... and rows are logged after a step, when a multiple of `every` steps is done.
        return lax.cond(((forward.step + 1) % every == 0) & (forward.step >= after), now, skipped)

    if every == 1 and after == 0:
        return term
    return Remembering(run, first_carry(term), _frozen(term), (term, every, after))


def eager(term: Term) -> tuple[Term, int, int]:
    """Returns the term as computed at each step, and its `every` and `after`, which are 1 and 0 unless it is lazy."""
    return getattr(term, "lazy", None) or (term, 1, 0)
