"""One player, the variational autoencoder: encoder q(z | x) and decoder p(x | z) together; the prior p(z) is N(0, I).

It minimises `reconstruction + beta * kl`, the batch's means of -log p(x | z) at one z ~ q(z | x) and of
KL(q(z | x) || p(z)), in nats. At beta = 1 this is minus the evidence lower bound, eq. 10 of Kingma and Welling 2013
(arXiv:1312.6114); beta: Higgins et al. 2017.
"""

from functools import partial
from types import MappingProxyType
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import random
from jax.scipy.stats import norm

from gan_jax.core.collectives import base_key, example_keys
from gan_jax.core.fields import Batch, Sampler, Samplers, fill_each, streams
from gan_jax.core.networks import Network, Networks
from gan_jax.core.objective import (
    Aux,
    Objective,
    Outcome,
    Prediction,
    Start,
    Weight,
    Weights,
    total,
)
from gan_jax.core.state import Players, TrainState, Tree
from gan_jax.distributions import latents
from gan_jax.distributions.likelihoods import Likelihood
from gan_jax.losses import elbo

__all__ = ["vae"]

PLAYER = "autoencoder"
EDGE = 0.02  # the learned manifold is drawn from this quantile of the prior to its mirror image


def vae(
    *,
    networks: Networks,
    likelihood: Likelihood,
    limits: tuple[float, float] | None,
    samplers: Samplers = MappingProxyType({}),
    beta: Weight = 1.0,
) -> Objective:
    """Returns the VAE of `encoder(x, ...) -> mean, logvar [b, latents]` and `decoder(z [b, latents], ...) -> outputs`.

    Other fields that the networks take, such as `label`, come from the batch in training, and from `samplers` when
    samples are made (Sohn et al. 2015). The encoder's field `latents` is the size of z; `limits` is the range that x is
    scaled to. Samples and reconstructions are the likelihood's means, without its noise. With 2 latents and no other
    field, `interpolate` is the learned manifold: z at evenly spaced quantiles of the prior, from left to right and from
    bottom to top.

    Further predictions for a batch are `elbo`, `{"reconstruction": [n], "kl": [n]}`, and `log_weights`: log p(x, z) -
    log q(z | x) at the z that each key draws for the numbers `draws` [n, k] -> [n, k].

    Raises ValueError where beta is below 0, `limits` are not the likelihood's, the encoder has no field `latents`, or
    there is a sampler of z.
    """
    _check(networks, likelihood, limits, beta)
    if "z" in samplers:
        raise ValueError("z is drawn from the prior N(0, I): remove config.samplers.z")
    weights, dim = {"reconstruction": 1.0, "kl": beta}, networks["encoder"].module.latents
    model = _Model(networks["encoder"], networks["decoder"], likelihood, latents.normal(dim), samplers)

    def loss(params: Tree, state: TrainState, batch: Batch, key: jax.Array, numbers: Weights) -> tuple[jax.Array, Aux]:
        noise_key, key = random.split(key)
        keys = example_keys(noise_key, len(batch["x"]))
        terms, stats = model.terms(params, state.players[PLAYER].stats, keys, batch, train=True, key=key)
        outcomes = {name: Outcome(values) for name, values in terms.items()}
        value, metrics, carry = total(outcomes, {**weights, **numbers}, state.step)
        return value, Aux(stats, metrics, carry)

    return Objective(
        init={PLAYER: model.init},
        losses={PLAYER: loss},
        weights={PLAYER: weights},
        predictions=model.predictions(plane=dim == 2),
        samplers=samplers,
        prior={"z": model.latent},
        makes=partial(model.decoder.output_range, likelihood.mean),
    )


def _check(networks: Networks, likelihood: Likelihood, limits: tuple[float, float] | None, beta: Weight) -> None:
    if {*networks} != {"encoder", "decoder"}:
        raise ValueError(f"the networks are {', '.join(networks)}: a VAE needs encoder and decoder")
    if isinstance(beta, int | float) and not beta >= 0:
        raise ValueError(f"beta is {beta}: it must be at least 0")
    if likelihood.limits not in (None, limits):
        raise ValueError(f"config.data.range is {limits}: this likelihood needs {likelihood.limits}")
    encoder = networks["encoder"].module
    if not hasattr(encoder, "latents"):
        raise ValueError(
            f"{type(encoder).__name__} has no field `latents`: the encoder of a VAE returns a mean and a log-variance"
        )


class _Model(NamedTuple):
    """The two networks and the distributions that they parametrise; parameters and statistics are by part."""

    encoder: Network
    decoder: Network
    likelihood: Likelihood
    latent: Sampler
    samplers: Samplers

    def init(self, key: jax.Array, batch: Batch) -> Start:
        """Returns the first parameters and statistics."""
        encoder_key, decoder_key = random.split(key)
        params, stats = self.encoder.init(encoder_key, batch)
        (z, _), _ = self.encoder.apply(params, stats, batch, train=False)
        decoder_params, decoder_stats = self.decoder.init(decoder_key, {**batch, "z": z})
        params = {"encoder": params, "decoder": decoder_params, "likelihood": self.likelihood.init()}
        return Start(params, {"encoder": stats, "decoder": decoder_stats}, {})

    def terms(
        self, params: Tree, stats: Tree, keys: jax.Array, batch: Batch, *, train: bool, key: jax.Array
    ) -> tuple[dict[str, jax.Array], Tree]:
        """Returns the bound's terms, [b] each, at one z for each of `keys`, and new stats; `key` is for dropout."""
        batch, draw = self._observed(keys, batch)
        encoder_key, decoder_key = random.split(key)
        (mean, logvar), encoder_stats = self.encoder.apply(
            params["encoder"], stats["encoder"], batch, train=train, key=encoder_key
        )
        z = _reparametrized(mean, logvar, self.latent.draw(draw, batch))
        outputs, decoder_stats = self.decoder.apply(
            params["decoder"], stats["decoder"], {**batch, "z": z}, train=train, key=decoder_key
        )
        terms = {
            "reconstruction": -self.likelihood.log_prob(params["likelihood"], outputs, batch["x"]),
            "kl": elbo.kl_to_standard_normal(mean, logvar),
        }
        return terms, {"encoder": encoder_stats, "decoder": decoder_stats}

    def predictions(self, *, plane: bool) -> dict[str, Prediction]:
        """Returns the predictions of a trained VAE. `plane`: z has 2 values, so that its whole plane can be shown."""
        walk = self.manifold if plane and not self.samplers else self.interpolate
        return {
            "sample": Prediction(self.sample, makes="x"),
            "interpolate": Prediction(walk, makes="x"),
            "reconstruct": Prediction(self.reconstruct, makes="x"),
            "encode": Prediction(self.encode),
            "elbo": Prediction(self.elbo),
            "log_weights": Prediction(self.log_weights),
        }

    def elbo(self, players: Players, keys: jax.Array, batch: Batch) -> dict[str, jax.Array]:
        """Returns the bound's terms for a trained model, without dropout."""
        player = players[PLAYER]
        return self.terms(player.params, player.stats, keys, batch, train=False, key=base_key(0))[0]

    def posterior(self, players: Players, batch: Batch) -> tuple[jax.Array, jax.Array]:
        """Returns the trained encoder's mean and log-variance of z, [b, latents] each."""
        params, stats = players[PLAYER].params["encoder"], players[PLAYER].stats["encoder"]
        return self.encoder.apply(params, stats, batch, train=False)[0]

    def outputs(self, players: Players, batch: Batch) -> jax.Array:
        """Returns the trained decoder's outputs at the batch's z [b, latents]."""
        params, stats = players[PLAYER].params["decoder"], players[PLAYER].stats["decoder"]
        return self.decoder.apply(params, stats, batch, train=False)[0]

    def log_weights(self, players: Players, keys: jax.Array, batch: Batch) -> jax.Array:
        """Returns log p(x, z) - log q(z | x) at the `draws` [n, k] of each key -> [n, k] (Burda et al. 2015, eq. 7)."""
        draws = batch["draws"]
        batch, draw = self._observed(keys, {name: value for name, value in batch.items() if name != "draws"})
        mean, logvar = self.posterior(players, batch)
        learned = players[PLAYER].params["likelihood"]

        def one(number: jax.Array) -> jax.Array:
            z = _reparametrized(mean, logvar, self.latent.draw(jax.vmap(random.fold_in)(draw, number), batch))
            log_prior, log_posterior = elbo.normal_log_prob(0.0, 0.0, z), elbo.normal_log_prob(mean, logvar, z)
            outputs = self.outputs(players, {**batch, "z": z})
            return self.likelihood.log_prob(learned, outputs, batch["x"]) + log_prior - log_posterior

        return jax.vmap(one, in_axes=1, out_axes=1)(draws)

    def show(self, players: Players, batch: Batch) -> jax.Array:
        """Returns the means of x given the batch's z [b, latents]."""
        return self.likelihood.mean(self.outputs(players, batch))

    def sample(self, players: Players, keys: jax.Array, batch: Batch) -> jax.Array:
        """Returns the means of x at one z of the prior for each key, given the batch's fields."""
        return self.show(players, fill_each({"z": self.latent, **self.samplers}, batch, keys))

    def encode(self, players: Players, keys: jax.Array, batch: Batch) -> jax.Array:
        """Returns the posterior's means [n, latents]."""
        del keys
        return self.posterior(players, batch)[0]

    def reconstruct(self, players: Players, keys: jax.Array, batch: Batch) -> jax.Array:
        """Returns the means of x at the posterior's means."""
        return self.show(players, {**batch, "z": self.encode(players, keys, batch)})

    def interpolate(self, players: Players, keys: jax.Array, batch: Batch) -> jax.Array:
        """Returns the means of x along a walk between two z of the prior, at `t` [n, m]; the other fields stay."""
        t = batch["t"]
        given = fill_each(self.samplers, {name: value for name, value in batch.items() if name != "t"}, keys)
        start, end = (self.latent.draw(streams(keys, name), given) for name in ("start", "end"))
        assert self.latent.walk is not None
        z = self.latent.walk(start, end, t[0])
        return jax.vmap(lambda z: self.show(players, {**given, "z": z}), in_axes=1, out_axes=1)(z)

    def manifold(self, players: Players, keys: jax.Array, batch: Batch) -> jax.Array:
        """Returns the means of x over the plane of 2 latents, one row per key (Kingma and Welling 2013, figure 4)."""
        t = batch["t"][0]
        across, up = (norm.ppf(EDGE + (1 - 2 * EDGE) * u) for u in (t, jnp.linspace(1.0, 0.0, len(keys))))
        return jax.vmap(lambda z: self.show(players, {"z": z}))(jnp.stack(jnp.meshgrid(across, up), axis=-1))

    def _observed(self, keys: jax.Array, batch: Batch) -> tuple[Batch, jax.Array]:
        """Returns the batch with the examples that are modelled, and the keys of their z."""
        see, draw = streams(keys, "observe"), streams(keys, "z")
        return {**batch, "x": self.likelihood.observe(see, batch["x"])}, draw


def _reparametrized(mean: jax.Array, logvar: jax.Array, noise: jax.Array) -> jax.Array:
    """Returns z ~ N(mean, exp(logvar)) from noise of N(0, I), through which gradients pass (eq. 10)."""
    return mean + jnp.exp(0.5 * logvar) * noise
