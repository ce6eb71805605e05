"""The two players' initial states and their losses of weighted terms, for `adversarial`, `cycle` and `regression`."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp

from gan_jax.core import diagnostics
from gan_jax.core.fields import Batch, stream
from gan_jax.core.objective import Aux, LossFn, Outcome, Start, Weights, global_values, total
from gan_jax.core.state import TrainState, Tree
from gan_jax.objectives.forward import Forward
from gan_jax.objectives.game import CRITIC, GENERATOR, Model, own_carry, suffix
from gan_jax.objectives.score_metrics import ScoreMetrics
from gan_jax.objectives.weighted import Terms, arrays, first_carries, outcomes


def init_generator(model: Model, terms: Terms) -> Callable[[jax.Array, Batch], Start]:
    """Returns the function that makes the initial state of the generator's player."""
    return lambda key, batch: Start(*model.generator.init(key, batch), _first_of_each(model, terms))


def init_critics(model: Model, terms: Terms) -> Callable[[jax.Array, Batch], Start]:
    """Returns the same for the critics' player, whose terms have a memory for each critic."""

    def init(key: jax.Array, batch: Batch) -> Start:
        keys = {role: key if role == CRITIC else stream(key, role) for role in model.critics}
        made = {role: network.init(keys[role], model.inputs(role, batch)) for role, network in model.critics.items()}
        params, stats = (model.joined({role: both[part] for role, both in made.items()}) for part in (0, 1))
        augment = arrays(model.augment.first if model.augment else {})
        return Start(params, stats, {**_first_of_each(model, terms), **augment})

    return init


def _first_of_each(model: Model, terms: Terms) -> dict[str, jax.Array]:
    """Returns the terms' initial memory for each critic, or once if there is no critic."""
    return first_carries(terms, [suffix(role) for role in model.critics or (CRITIC,)])


def critic_loss(model: Model, terms: Terms, weights: Weights, score_metrics: ScoreMetrics) -> LossFn:
    """Returns the loss of the critics' player, which also logs the metrics of its scores."""

    def loss(params: Tree, state: TrainState, batch: Batch, key: jax.Array, numbers: Weights) -> tuple[jax.Array, Aux]:
        rival, player = state.players[GENERATOR], state.players[CRITIC]
        # The generator is in training mode, as in its own update, but its new statistics are dropped here.
        fake, _ = model.generate(rival.params, rival.stats, batch, key)
        own = player._replace(params=params)
        views = {role: model.look(role, own, state.step, batch, fake, key, learns=True) for role in model.critics}
        stats = model.joined({role: after for role, (_, after) in views.items()})
        shared = {"batch": batch, "fake": fake, "step": state.step, "params": params}
        forwards = {
            role: Forward(**part, **shared, carry=own_carry(player.carry, role)) for role, (part, _) in views.items()
        }
        value, metrics, carry = summed(CRITIC, terms, {**weights, **numbers}, forwards)
        for role, forward in forwards.items():
            of_scores = score_metrics(forward.real_scores, forward.fake_scores)
            metrics |= {name + suffix(role): metric for name, metric in of_scores.items()}
        if model.augment is not None:
            adapted = global_values(model.augment.adapt(player.carry, forwards[CRITIC].real_scores))
            metrics |= {"augment_p": model.augment.strength(player.carry, state.step)}
            carry |= adapted
        return value, Aux(stats, metrics, {**player.carry, **carry})

    return loss


def generator_loss(model: Model, terms: Terms, weights: Weights) -> LossFn:
    """Returns the generator's loss, which also logs how its batch compares with the real one."""

    def loss(params: Tree, state: TrainState, batch: Batch, key: jax.Array, numbers: Weights) -> tuple[jax.Array, Aux]:
        rival, player = state.players[CRITIC], state.players[GENERATOR]
        (fake, extras), stats = model.make(params, player.stats, batch, key)
        shared: dict[str, Any] = {"batch": batch, "fake": fake, "step": state.step, "params": params}
        shared |= {"extras": extras, **model.generator_functions(params, player.stats, batch, key)}
        views = {  # the compiler drops the real examples' part if no term uses it
            role: model.look(role, rival, state.step, batch, fake, key, learns=False)[0] for role in model.critics
        }
        forwards = {
            role: Forward(**view, **shared, carry=own_carry(player.carry, role)) for role, view in views.items()
        }
        value, metrics, carry = summed(GENERATOR, terms, {**weights, **numbers}, forwards)
        metrics |= diagnostics.batch_diversity(batch["x"], fake)
        return value, Aux(stats, metrics, {**player.carry, **carry})

    return loss


def summed(
    player: str, terms: Terms, weights: Weights, forwards: Mapping[str, Forward]
) -> tuple[jax.Array, dict[str, jax.Array], Any]:
    """Returns `total` of a player's terms. Each is the mean over critics, and has its own random stream."""
    by_role = {role: outcomes(player, terms, forward) for role, forward in forwards.items()}
    means = {name: _mean({role: made[name] for role, made in by_role.items()}) for name in terms}
    return total(means, weights, forwards[CRITIC].step)


def _mean(outcomes: Mapping[str, Outcome]) -> Outcome:
    """Returns the critics' outcomes as one: the mean of their means; metrics and carry by name and critic."""

    def by_name(part: str) -> dict[str, Any]:
        return {
            name + suffix(role): value for role, of in outcomes.items() for name, value in getattr(of, part).items()
        }

    return Outcome(jnp.stack([of.values.mean() for of in outcomes.values()]), by_name("metrics"), by_name("carry"))
