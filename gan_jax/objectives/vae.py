"""One player, the variational autoencoder: encoder q(z | x) and decoder p(x | z) together; the prior p(z) is N(0, I).

It minimises `reconstruction + beta * kl`, the batch's means of -log p(x | z) at one z ~ q(z | x) and of
KL(q(z | x) || p(z)), in nats. At beta = 1 this is minus the evidence lower bound, eq. 10 of Kingma and Welling 2013
(arXiv:1312.6114); beta: Higgins et al. 2017.
"""

from functools import partial
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import random
from jax.scipy.stats import norm

from gan_jax import losses
from gan_jax.core import networks
from gan_jax.core.collectives import base_key, example_keys
from gan_jax.core.objective import Aux, Batch, Objective, PredictFn
from gan_jax.core.state import Players, Tree
from gan_jax.distributions import labels as conditions
from gan_jax.distributions import latents
from gan_jax.distributions.labels import Condition, Given
from gan_jax.distributions.likelihoods import Likelihood

__all__ = ["vae"]

PLAYER = "autoencoder"
EDGE = 0.02  # the learned manifold is drawn from this quantile of the prior to its mirror image


def vae(
    *,
    encoder: nn.Module,
    decoder: nn.Module,
    likelihood: Likelihood,
    limits: tuple[float, float] | None,
    condition: Condition = conditions.NOTHING,
    beta: float = 1.0,
) -> Objective:
    """The game of `encoder(x, *given) -> mean, logvar [b, latents]` and `decoder(z [b, latents], *given) -> outputs`.

    What is given of an example is the condition's affair (Sohn et al. 2015). The encoder's field `latents` is the size
    of z; `limits` is the range that x is scaled to. Samples leave the encoder out; they and reconstructions are the
    law's means, without its noise. With 2 latents and no condition `interpolate` is the learned manifold: z at even
    quantiles of the prior, from left to right and from bottom to top.

    predict has also `encode(players, x, *given) -> mean` and, where there is a condition,
    `sample_class(players, keys, labels)`. Of batches, as losses read them, it has
    `elbo(players, keys [b], batch) -> {"reconstruction": [b], "kl": [b]}` and
    `log_weights(players, keys [b], draws [k], batch) -> [b, k]`, log p(x, z) - log q(z | x) at each key's draws of z.

    Raises ValueError where beta is below 0, `limits` are not the likelihood's, or the encoder is no VAE's.
    """
    if not (isinstance(beta, jax.Array) or beta >= 0):  # a traced one is as it was when it was built
        raise ValueError(f"beta is {beta}: it must be at least 0")
    if likelihood.limits not in (None, limits):
        raise ValueError(f"config.data.range is {limits}: this likelihood needs {likelihood.limits}")
    size = getattr(encoder, "latents", None)
    if size is None:
        raise ValueError(f"{type(encoder).__name__} has no latents: a VAE's encoder gives a mean and a log-variance")
    model = _Model(encoder, decoder, likelihood, latents.normal(size), condition)

    def move(params: Tree, players: Players, batch: Batch, key: jax.Array) -> tuple[jax.Array, Aux]:
        noise_key, key = random.split(key)
        keys = example_keys(noise_key, len(batch["x"]))
        terms, stats = model.terms(params, players[PLAYER].stats, keys, batch, train=True, key=key)
        means = {name: values.mean() for name, values in terms.items()}
        return means["reconstruction"] + beta * means["kl"], Aux(stats, means)

    return Objective(
        init={PLAYER: model.init},
        losses={PLAYER: move},
        predict=_predict(model),
        makes=partial(networks.output_range, decoder, likelihood.mean),
    )


class _Model(NamedTuple):
    """The two networks and the laws of what they tell of; parameters and statistics are by part."""

    encoder: nn.Module
    decoder: nn.Module
    likelihood: Likelihood
    latent: latents.Latent
    condition: Condition

    def init(self, key: jax.Array, x: jax.Array) -> tuple[Tree, Tree]:
        """The first (params, stats)."""
        encoder_key, decoder_key = random.split(key)
        given = self.condition.draw(key[None])
        params, stats = networks.init(self.encoder, encoder_key, x, *given)
        (z, _), _ = networks.apply(self.encoder, params, stats, x, *given, train=False)
        decoder_params, decoder_stats = networks.init(self.decoder, decoder_key, z, *given)
        params = {"encoder": params, "decoder": decoder_params, "likelihood": self.likelihood.init()}
        return params, {"encoder": stats, "decoder": decoder_stats}

    def terms(
        self, params: Tree, stats: Tree, keys: jax.Array, batch: Batch, *, train: bool, key: jax.Array
    ) -> tuple[dict[str, jax.Array], Tree]:
        """The bound's terms, [b] each, at one z for each of `keys`, and new stats; `key` feeds dropout."""
        x, draw, given = self._observed(keys, batch)
        encoder_key, decoder_key = random.split(key)

        def apply(part: str, module: nn.Module, value: jax.Array, key: jax.Array) -> tuple[Any, Tree]:
            return networks.apply(module, params[part], stats[part], value, *given, train=train, key=key)

        (mean, logvar), encoder_stats = apply("encoder", self.encoder, x, encoder_key)
        z = _shifted(mean, logvar, self.latent.draw(draw))
        outputs, decoder_stats = apply("decoder", self.decoder, z, decoder_key)
        terms = {
            "reconstruction": -self.likelihood.log_prob(params["likelihood"], outputs, x),
            "kl": losses.kl_to_standard_normal(mean, logvar),
        }
        return terms, {"encoder": encoder_stats, "decoder": decoder_stats}

    def elbo(self, players: Players, keys: jax.Array, batch: Batch) -> dict[str, jax.Array]:
        """The terms of a trained model, in which nothing is dropped."""
        player = players[PLAYER]
        return self.terms(player.params, player.stats, keys, batch, train=False, key=base_key(0))[0]

    def posterior(self, players: Players, x: jax.Array, *given: jax.Array) -> tuple[jax.Array, jax.Array]:
        """The trained encoder's mean and log-variance of z, [b, latents] each."""
        params, stats = players[PLAYER].params["encoder"], players[PLAYER].stats["encoder"]
        return networks.apply(self.encoder, params, stats, x, *given, train=False)[0]

    def outputs(self, players: Players, z: jax.Array, *given: jax.Array) -> jax.Array:
        """What the trained decoder says of x given z [b, latents]."""
        params, stats = players[PLAYER].params["decoder"], players[PLAYER].stats["decoder"]
        return networks.apply(self.decoder, params, stats, z, *given, train=False)[0]

    def log_weights(self, players: Players, keys: jax.Array, draws: jax.Array, batch: Batch) -> jax.Array:
        """log p(x, z) - log q(z | x) at the draws [k] of each key [b] -> [b, k] (Burda et al. 2015, eq. 7)."""
        x, draw, given = self._observed(keys, batch)
        mean, logvar = self.posterior(players, x, *given)
        law = players[PLAYER].params["likelihood"]

        def one(number: jax.Array) -> jax.Array:
            z = _shifted(mean, logvar, self.latent.draw(jax.vmap(random.fold_in, (0, None))(draw, number)))
            log_prior, log_posterior = losses.normal_log_prob(0.0, 0.0, z), losses.normal_log_prob(mean, logvar, z)
            return self.likelihood.log_prob(law, self.outputs(players, z, *given), x) + log_prior - log_posterior

        return jax.vmap(one, out_axes=1)(draws)

    def show(self, players: Players, z: jax.Array, *given: jax.Array) -> jax.Array:
        """The means of x given z [b, latents]."""
        return self.likelihood.mean(self.outputs(players, z, *given))

    def sample(self, players: Players, keys: jax.Array) -> jax.Array:
        """The means of x at one z of the prior for each key, which draws what is given too."""
        return self.show(players, self.latent.draw(keys), *self.condition.draw(keys))

    def sample_class(self, players: Players, keys: jax.Array, labels: jax.Array) -> jax.Array:
        """The same of these classes."""
        return self.show(players, self.latent.draw(keys), labels)

    def encode(self, players: Players, x: jax.Array, *given: jax.Array) -> jax.Array:
        """The posterior's means."""
        return self.posterior(players, x, *given)[0]

    def reconstruct(self, players: Players, x: jax.Array, *given: jax.Array) -> jax.Array:
        """The means of x at the posterior's means."""
        return self.show(players, self.encode(players, x, *given), *given)

    def interpolate(self, players: Players, keys: jax.Array, t: jax.Array) -> jax.Array:
        """The means of x along walks from one z of the prior to another; what is given stays."""
        starts, ends = (self.latent.draw(half) for half in _pairs(keys))
        given = [jnp.repeat(values[:, None], len(t), axis=1) for values in self.condition.draw(keys)]
        return jax.vmap(partial(self.show, players))(self.latent.walk(starts, ends, t), *given)

    def manifold(self, players: Players, keys: jax.Array, t: jax.Array) -> jax.Array:
        """The means of x over the plane of 2 latents, a row for each key (Kingma and Welling 2013, figure 4)."""
        across, up = (norm.ppf(EDGE + (1 - 2 * EDGE) * u) for u in (t, jnp.linspace(1.0, 0.0, len(keys))))
        return jax.vmap(partial(self.show, players))(jnp.stack(jnp.meshgrid(across, up), axis=-1))

    def _observed(self, keys: jax.Array, batch: Batch) -> tuple[jax.Array, jax.Array, Given]:
        """The examples that are modelled, the keys of their z, and what is given of them."""
        see, draw = _pairs(keys)
        return self.likelihood.observe(see, batch["x"]), draw, self.condition.read(batch)


def _predict(model: _Model) -> dict[str, PredictFn]:
    """What the model is asked for by name: more where it is conditional, another thing where z is of the plane."""
    offered = {
        "sample": model.sample,
        "interpolate": model.interpolate,
        "reconstruct": model.reconstruct,
        "encode": model.encode,
        "elbo": model.elbo,
        "log_weights": model.log_weights,
    }
    if model.condition is not conditions.NOTHING:
        return {**offered, "sample_class": model.sample_class}
    return {**offered, "interpolate": model.manifold} if model.latent.dim == 2 else offered


def _pairs(keys: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Two independent keys for each of `keys` [b]."""
    first, second = jax.vmap(random.split, out_axes=1)(keys)
    return first, second


def _shifted(mean: jax.Array, logvar: jax.Array, noise: jax.Array) -> jax.Array:
    """z ~ N(mean, exp(logvar)) by its noise from N(0, I): the way in which gradients pass (eq. 10)."""
    return mean + jnp.exp(0.5 * logvar) * noise
