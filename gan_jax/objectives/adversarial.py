"""Two players: a generator that makes fakes, and a critic (discriminator) that tells them from real examples.

Their losses are weighted terms by name (`terms/critic.py`, `terms/generator.py`). The games of the literature are
presets of `adversarial`: each names its terms, their weights, and the metrics of scores that make sense for them.
"""

from collections.abc import Callable
from functools import partial
from types import MappingProxyType
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from gan_jax.core import diagnostics
from gan_jax.core.fields import Batch, Samplers, fill_each, stream, streams
from gan_jax.core.networks import Network, Networks, mixing_layers
from gan_jax.core.objective import (
    Aux,
    LossFn,
    Objective,
    Prediction,
    Start,
    Weights,
    check_weights,
    total,
)
from gan_jax.core.state import Players, TrainState, Tree
from gan_jax.objectives.forward import Forward, Terms, Weighted, first_carry
from gan_jax.objectives.score_metrics import ScoreMetrics, distance, probabilities
from gan_jax.objectives.terms import critic as of_critic
from gan_jax.objectives.terms import generator as of_generator

__all__ = [
    "adversarial",
    "hinge",
    "least_squares",
    "minimax",
    "non_saturating",
    "non_saturating_r1",
    "wasserstein",
    "wasserstein_gp",
]


def adversarial(
    *,
    networks: Networks,
    samplers: Samplers = MappingProxyType({}),
    critic: Terms,
    generator: Terms,
    score_metrics: ScoreMetrics = distance,
) -> Objective:
    """Returns the game of the networks `generator` and `critic`, by these terms of the two players' losses.

    The generator makes `x` [b, ...] of the fields that its arguments are named after, such as `z` and `label`, or a
    `source` that the data have. The critic gives raw scores [b, ...] of `x`, and of what other fields it takes. The
    critic is updated first; it logs `score_metrics(real_scores, fake_scores)`.

    Where samplers give all that the generator takes, there are the predictions `sample` and `interpolate`; where it
    takes fields of the data, there is `translate`, of their examples.

    Raises ValueError for a negative weight, or where a network is missing.
    """
    if {*networks} != {"generator", "critic"}:
        raise ValueError(f"the networks are {', '.join(networks)}: the game is of `generator` and `critic`")
    terms = {"critic": critic, "generator": generator}
    weights = {name: {term: each.weight for term, each in of.items()} for name, of in terms.items()}
    for name, of in weights.items():
        check_weights(of, name)
    model = _Model(networks["generator"], networks["critic"], samplers)
    return Objective(
        init={name: _init(networks[name], terms[name]) for name in terms},
        losses={
            "critic": _critic_loss(model, critic, weights["critic"], score_metrics),
            "generator": _generator_loss(model, generator, weights["generator"]),
        },
        weights=weights,
        predictions=model.predictions(),
        samplers=samplers,
        makes=networks["generator"].output_range,
    )


class _Model(NamedTuple):
    """The two networks, and samplers of the fields that a batch may lack."""

    generator: Network
    critic: Network
    samplers: Samplers

    def generate(self, params: Tree, stats: Tree, batch: Batch, key: jax.Array) -> tuple[jax.Array, Tree]:
        """Returns fakes in training, one for each example of the batch, and the generator's new stats."""
        return self.generator.apply(params, stats, batch, train=True, key=stream(key, "generator"))

    def score(self, params: Tree, stats: Tree, batch: Batch, x: jax.Array, key: jax.Array) -> tuple[jax.Array, Tree]:
        """Returns the critic's scores of x in training, given the batch's other fields, and its new stats."""
        return self.critic.apply(params, stats, {**batch, "x": x}, train=True, key=key)

    def predictions(self) -> dict[str, Prediction]:
        """Returns what trained players can be asked for, by use."""
        scores = {"scores": Prediction(self.scores)}
        if not {*self.generator.fields} <= {*self.samplers}:
            return {"translate": Prediction(self.sample, makes="x"), **scores}
        return {
            "sample": Prediction(self.sample, makes="x"),
            "interpolate": Prediction(self.interpolate, makes="x"),
            **scores,
        }

    def sample(self, players: Players, keys: jax.Array, batch: Batch) -> jax.Array:
        """Returns a fake for each key [n], given the fields of the batch; samplers draw the others."""
        player = players["generator"]
        filled = fill_each(self.samplers, batch, keys)
        return self.generator.apply(player.params, player.stats, filled, train=False)[0]

    def interpolate(self, players: Players, keys: jax.Array, batch: Batch) -> jax.Array:
        """Returns fakes [n, m, ...] along a walk for each key, at `t` [n, m]: 0 at its start and 1 at its end.

        Fields that can be walked are; the others stay what they are at the start.
        """
        t = batch["t"]
        given = {name: value for name, value in batch.items() if name != "t"}
        start, end = (fill_each(self.samplers, given, streams(keys, name)) for name in ("start", "end"))

        def along(name: str) -> jax.Array:
            sampler = self.samplers.get(name)
            if name in given or sampler is None or sampler.walk is None:
                return jnp.repeat(start[name][:, None], t.shape[1], axis=1)
            return sampler.walk(start[name], end[name], t[0])

        walks = {name: along(name) for name in start}
        return jax.vmap(lambda fields: self.sample(players, keys, fields), in_axes=1, out_axes=1)(walks)

    def scores(self, players: Players, keys: jax.Array, batch: Batch) -> jax.Array:
        """Returns the trained critic's raw scores of the batch's `x`."""
        del keys
        player = players["critic"]
        return self.critic.apply(player.params, player.stats, batch, train=False)[0]


def _init(network: Network, terms: Terms) -> Callable[[jax.Array, Batch], Start]:
    def init(key: jax.Array, batch: Batch) -> Start:
        carry = {name: jnp.asarray(v) for each in terms.values() for name, v in first_carry(each.term).items()}
        return Start(*network.init(key, batch), carry)

    return init


def _critic_loss(model: _Model, terms: Terms, weights: Weights, score_metrics: ScoreMetrics) -> LossFn:
    def loss(params: Tree, state: TrainState, batch: Batch, key: jax.Array, numbers: Weights) -> tuple[jax.Array, Aux]:
        rival, player = state.players["generator"], state.players["critic"]
        # The generator is in training mode, as when it is updated itself; only then do its new statistics count.
        fake, _ = model.generate(rival.params, rival.stats, batch, key)
        # Running statistics see both batches of an update: those of the fakes start from those after the real ones.
        real_scores, stats = model.score(params, player.stats, batch, batch["x"], stream(key, "real"))
        fake_scores, stats = model.score(params, stats, batch, fake, stream(key, "fake"))

        def score(x: jax.Array) -> jax.Array:
            return model.score(params, stats, batch, x, stream(key, "score"))[0]

        forward = Forward(
            batch=batch,
            fake=fake,
            real_scores=real_scores,
            fake_scores=fake_scores,
            score=score,
            mixing=lambda: mixing_layers(model.critic, batch),
            key=key,
            step=state.step,
            params=params,
            carry=player.carry,
        )
        value, metrics, carry = _sum(terms, {**weights, **numbers}, forward)
        return value, Aux(stats, {**metrics, **score_metrics(real_scores, fake_scores)}, carry)

    return loss


def _generator_loss(model: _Model, terms: Terms, weights: Weights) -> LossFn:
    def loss(params: Tree, state: TrainState, batch: Batch, key: jax.Array, numbers: Weights) -> tuple[jax.Array, Aux]:
        rival, player = state.players["critic"], state.players["generator"]
        fake, stats = model.generate(params, player.stats, batch, key)

        def score(x: jax.Array, name: str = "score") -> jax.Array:
            return model.score(rival.params, rival.stats, batch, x, stream(key, name))[0]

        forward = Forward(
            batch=batch,
            fake=fake,
            real_scores=score(batch["x"], "real"),  # the compiler drops it where no term looks at it
            fake_scores=score(fake, "fake"),
            score=score,
            mixing=lambda: mixing_layers(model.critic, batch),
            key=key,
            step=state.step,
            params=params,
            carry=player.carry,
        )
        value, metrics, carry = _sum(terms, {**weights, **numbers}, forward)
        return value, Aux(stats, {**metrics, **diagnostics.batch_diversity(batch["x"], fake)}, carry)

    return loss


def _sum(terms: Terms, weights: Weights, forward: Forward) -> tuple[jax.Array, dict[str, jax.Array], Any]:
    """Returns `total` of the terms, each with a random stream and the carry of its own names."""
    outcomes = {name: each.term(forward._replace(key=stream(forward.key, name))) for name, each in terms.items()}
    value, metrics, carry = total(outcomes, weights, forward.step)
    return value, metrics, {**forward.carry, **carry}


def _terms(player: Any, **weights: float) -> dict[str, Weighted]:
    return {name: Weighted(getattr(player, name), weight) for name, weight in weights.items()}


_of_logits = partial(adversarial, score_metrics=probabilities)

minimax = partial(_of_logits, critic=_terms(of_critic, bce=1.0), generator=_terms(of_generator, minimax=1.0))
"""min over G, max over D of E log D(x) + E log(1 - D(G(z))), played as it stands: the generator's side saturates."""

non_saturating = partial(
    _of_logits, critic=_terms(of_critic, bce=1.0), generator=_terms(of_generator, non_saturating=1.0)
)
"""The same critic against a generator that minimises -log D(G(z)): binary cross-entropy with flipped labels."""

non_saturating_r1 = partial(
    _of_logits, critic=_terms(of_critic, bce=1.0, r1=10.0), generator=_terms(of_generator, non_saturating=1.0)
)
"""The same with the critic's gradients at real examples drawn to 0: Mescheder et al. 2018, arXiv:1801.04406."""

wasserstein = partial(
    adversarial, critic=_terms(of_critic, wasserstein=1.0), generator=_terms(of_generator, wasserstein=1.0)
)
"""min over G, max over f of E f(x) - E f(G(z)): the critic's player must bound f's gradients, by `clip_weights`.

Arjovsky, Chintala and Bottou 2017, arXiv:1701.07875, algorithm 1. `critic/distance` estimates the distance, up to the
gradient norm that the clipped weights allow."""

wasserstein_gp = partial(
    adversarial,
    critic=_terms(of_critic, wasserstein=1.0, gradient_penalty=10.0),
    generator=_terms(of_generator, wasserstein=1.0),
)
"""The same with gradient norms drawn to 1 by a penalty: Gulrajani et al. 2017, arXiv:1704.00028, algorithm 1."""

hinge = partial(adversarial, critic=_terms(of_critic, hinge=1.0), generator=_terms(of_generator, hinge=1.0))
"""The hinge loss of scores around 0: Lim and Ye 2017, arXiv:1705.02894; Miyato et al. 2018, arXiv:1802.05957."""

least_squares = partial(
    adversarial, critic=_terms(of_critic, least_squares=1.0), generator=_terms(of_generator, least_squares=1.0)
)
"""LSGAN: scores drawn to 1 and 0 by their squared distances. Mao et al. 2017, arXiv:1611.04076."""
