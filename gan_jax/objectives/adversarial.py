"""Two players: a generator that makes fakes, and a critic (discriminator) that tells them from real examples."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple, TypeAlias

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import random

from gan_jax import losses
from gan_jax.core import diagnostics, networks
from gan_jax.core.collectives import example_keys
from gan_jax.core.objective import Aux, Batch, LossFn, Objective, PredictFn
from gan_jax.core.state import Players, Tree
from gan_jax.distributions import labels as conditions
from gan_jax.distributions.labels import Condition, Given
from gan_jax.distributions.latents import Latent
from gan_jax.losses import penalties
from gan_jax.losses.penalties import Penalty

__all__ = [
    "minimax",
    "non_saturating",
    "non_saturating_r1",
    "wasserstein",
    "wasserstein_gp",
    "wasserstein_gp_of_probabilities",
]

CriticLoss: TypeAlias = Callable[[jax.Array, jax.Array], jax.Array]
"""Real and fake scores [b] -> [b]."""
GeneratorLoss: TypeAlias = Callable[[jax.Array], jax.Array]
"""Fake scores [b] -> [b]."""
Watch: TypeAlias = Callable[[jax.Array, jax.Array], dict[str, jax.Array]]
"""Real and fake scores [b] -> scalars to log."""


def adversarial(
    *,
    generator: nn.Module,
    critic: nn.Module,
    latent: Latent,
    condition: Condition = conditions.NOTHING,
    critic_loss: CriticLoss,
    generator_loss: GeneratorLoss,
    watch: Watch,
    squash: Callable[[jax.Array], jax.Array],
    penalty: Penalty | None,
    penalty_weight: float = 10.0,
) -> Objective:
    """The game of `critic_loss(real_scores [b], fake_scores [b]) -> [b]` and `generator_loss(fake_scores [b]) -> [b]`.

    `generator(z [b, dim], *given) -> x [b, ...]` and `critic(x [b, ...], *given) -> scores [b]`, what is given by the
    condition; losses see `squash(scores)`. The critic moves first; its loss has `penalty_weight` times the penalty's
    mean added, and it logs `watch(real_scores, fake_scores)`. Under a condition `predict["sample"]` draws what is given
    for each key, and `predict["sample_class"](players, keys [n], labels [n])` is told.

    Raises ValueError for a weight below 0 and, in `init`, for a penalised critic with batch statistics.
    """
    if not isinstance(penalty_weight, jax.Array) and penalty_weight < 0:  # a traced one is as it was when it was built
        raise ValueError(f"penalty_weight is {penalty_weight}: it must be at least 0")
    model = _Model(generator, critic, latent, condition, squash)

    return Objective(
        init={
            "critic": model.init_critic if penalty is None else model.init_penalised,
            "generator": model.init_generator,
        },
        losses={
            "critic": _critic_move(model, critic_loss, watch, penalty, penalty_weight),
            "generator": _generator_move(model, generator_loss),
        },
        predict=model.predict(),
        draw=model.draw,
        makes=partial(networks.output_range, generator),
    )


class _Model(NamedTuple):
    """The two networks, and what both are given: `given` are arrays [n], none without a condition."""

    generator: nn.Module
    critic: nn.Module
    latent: Latent
    condition: Condition
    squash: Callable[[jax.Array], jax.Array]

    def init_critic(self, key: jax.Array, x: jax.Array) -> tuple[Tree, Tree]:
        """The critic's first (params, stats)."""
        return networks.init(self.critic, key, x, *self.condition.draw(key[None]))

    def init_penalised(self, key: jax.Array, x: jax.Array) -> tuple[Tree, Tree]:
        """The same of a critic whose slopes are penalised."""
        params, stats = self.init_critic(key, x)
        if networks.has_batch_statistics(stats):
            raise ValueError(
                "the critic has batch statistics, under which a gradient penalty has no per-example gradients: "
                "take another networks.critic.norm, such as InstanceNorm or NoNorm"
            )
        return params, stats

    def init_generator(self, key: jax.Array, x: jax.Array) -> tuple[Tree, Tree]:
        """The generator's first (params, stats)."""
        del x
        return networks.init(self.generator, key, self.latent.draw(key[None]), *self.condition.draw(key[None]))

    def draw(self, batch: Batch, key: jax.Array) -> Batch:
        """The batch with latents `z` [b, dim], unless it has them: of the same latents the same fakes are made."""
        if "z" in batch:
            return batch
        return {**batch, "z": self.latent.draw(example_keys(random.fold_in(key, 0), len(batch["x"])))}

    def generate(self, params: Tree, stats: Tree, batch: Batch) -> tuple[jax.Array, Tree]:
        """Fakes in training, one for each of the batch's latents, and the generator's new stats."""
        given = self.condition.read(batch)
        return networks.apply(self.generator, params, stats, batch["z"], *given, train=True)

    def score(self, params: Tree, stats: Tree, x: jax.Array, given: Given, key: jax.Array) -> tuple[jax.Array, Tree]:
        """What the losses see of the critic's scores in training, and its new stats."""
        scores, stats = networks.apply(self.critic, params, stats, x, *given, train=True, key=key)
        return self.squash(scores), stats

    def predict(self) -> dict[str, PredictFn]:
        """What trained players can be asked for, by use."""
        uses = {"sample": self.sample, "interpolate": self.interpolate, "scores": self.scores}
        return uses if self.condition is conditions.NOTHING else {**uses, "sample_class": self.sample_class}

    def sample(self, players: Players, keys: jax.Array) -> jax.Array:
        """A fake for each key, which draws what is given too."""
        return self.show(players, self.latent.draw(keys), *self.condition.draw(keys))

    def sample_class(self, players: Players, keys: jax.Array, labels: jax.Array) -> jax.Array:
        """A fake of these classes for each key."""
        return self.show(players, self.latent.draw(keys), labels)

    def interpolate(self, players: Players, keys: jax.Array, t: jax.Array) -> jax.Array:
        """A walk for each key, under what is given at its start."""
        ends = jax.vmap(lambda key: random.split(key))(keys)
        z = self.latent.walk(self.latent.draw(ends[:, 0]), self.latent.draw(ends[:, 1]), t)
        given = [jnp.repeat(values[:, None], len(t), axis=1) for values in self.condition.draw(keys)]
        return jax.vmap(partial(self.show, players))(z, *given)

    def show(self, players: Players, z: jax.Array, *given: jax.Array) -> jax.Array:
        """The trained generator's fakes at z."""
        player = players["generator"]
        return networks.apply(self.generator, player.params, player.stats, z, *given, train=False)[0]

    def scores(self, players: Players, x: jax.Array, *given: jax.Array) -> jax.Array:
        """The trained critic's raw scores."""
        player = players["critic"]
        return networks.apply(self.critic, player.params, player.stats, x, *given, train=False)[0]


def _critic_move(
    model: _Model, critic_loss: CriticLoss, watch: Watch, penalty: Penalty | None, penalty_weight: float
) -> LossFn:
    def move(params: Tree, players: Players, batch: Batch, key: jax.Array) -> tuple[jax.Array, Aux]:
        real_key, fake_key, alpha_key, slope_key = (random.fold_in(key, n) for n in range(1, 5))  # 0: see `draw`
        batch = model.draw(batch, key)
        rival, real, given = players["generator"], batch["x"], model.condition.read(batch)
        # In training mode, as the generator is when it moves; its new running statistics are its own affair.
        fake, _ = model.generate(rival.params, rival.stats, batch)
        real_scores, stats = model.score(params, players["critic"].stats, real, given, real_key)
        fake_scores, stats = model.score(params, stats, fake, given, fake_key)
        loss, metrics = critic_loss(real_scores, fake_scores).mean(), watch(real_scores, fake_scores)
        if penalty is not None:
            alpha_keys = example_keys(alpha_key, len(real))
            values, slope = penalty(
                lambda x: model.score(params, stats, x, given, slope_key)[0], alpha_keys, real, fake
            )
            loss += penalty_weight * values.mean()
            metrics |= {"penalty": values.mean(), "slope": slope.mean(), "slope_max": diagnostics.largest(slope)}
        return loss, Aux(stats, metrics)

    return move


def _generator_move(model: _Model, generator_loss: GeneratorLoss) -> LossFn:
    def move(params: Tree, players: Players, batch: Batch, key: jax.Array) -> tuple[jax.Array, Aux]:
        batch = model.draw(batch, key)
        given, rival = model.condition.read(batch), players["critic"]
        fake, stats = model.generate(params, players["generator"].stats, batch)
        fake_scores, _ = model.score(rival.params, rival.stats, fake, given, random.fold_in(key, 1))
        return generator_loss(fake_scores).mean(), Aux(stats, diagnostics.variety(batch["x"], fake))

    return move


def _probabilities(real_scores: jax.Array, fake_scores: jax.Array) -> dict[str, jax.Array]:
    return {
        "real_probability": jax.nn.sigmoid(real_scores).mean(),
        "fake_probability": jax.nn.sigmoid(fake_scores).mean(),
        "accuracy": diagnostics.accuracy(real_scores, fake_scores, 0.0),
        "gap": real_scores.mean() - fake_scores.mean(),
    }


def _distance(real_scores: jax.Array, fake_scores: jax.Array) -> dict[str, jax.Array]:
    return {
        "distance": real_scores.mean() - fake_scores.mean(),
        "accuracy": diagnostics.accuracy(real_scores, fake_scores, diagnostics.middle(real_scores, fake_scores)),
    }


_raw = partial(adversarial, squash=lambda scores: scores)
_entropy = partial(_raw, critic_loss=losses.critic_bce, watch=_probabilities)
_unpenalised = {"penalty": None, "penalty_weight": 0.0}

minimax = partial(_entropy, **_unpenalised, generator_loss=losses.generator_minimax)
"""min over G, max over D of E log D(x) + E log(1 - D(G(z))), played as it stands: the generator's side saturates."""

non_saturating = partial(_entropy, **_unpenalised, generator_loss=losses.generator_non_saturating)
"""The same critic against a generator that minimises -log D(G(z)): binary cross-entropy with flipped labels."""

non_saturating_r1 = partial(_entropy, generator_loss=losses.generator_non_saturating, penalty=penalties.r1)
"""The same with the critic's slopes at real examples drawn to 0: Mescheder et al. 2018, arXiv:1801.04406."""

_dual = {
    "critic_loss": losses.critic_wasserstein,
    "generator_loss": losses.generator_wasserstein,
    "watch": _distance,
}

wasserstein = partial(_raw, **_dual, **_unpenalised)
"""min over G, max over f of E f(x) - E f(G(z)): the critic's player has to keep f's slope in bounds, by `clip_weights`.

Arjovsky, Chintala and Bottou 2017, arXiv:1701.07875, algorithm 1. `critic/distance` is the estimate of the distance, up
to the slope that the clipped weights allow."""

wasserstein_gp = partial(_raw, **_dual, penalty=penalties.gradient_penalty)
"""The same with slopes drawn to 1 by a penalty, of weight 10 in the paper: Gulrajani et al. 2017, arXiv:1704.00028."""

wasserstein_gp_of_probabilities = partial(
    adversarial, **_dual, penalty=penalties.gradient_penalty, squash=jax.nn.sigmoid
)
"""Not Wasserstein's distance: its losses and penalty on a critic that ends in a sigmoid, a slip found in the wild, kept
for what it costs. Differences of probabilities are bounded by 1, however far apart the examples are."""
