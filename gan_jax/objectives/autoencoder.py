"""One player, the autoencoder: encoder z = f(x) and decoder g(z) together, which minimise the mean of |x - g(f(x))|^2.

The squared error is the mean over an example's values, in the data's range, so that the loss is the error per pixel.
Other terms (`terms/autoencoder.py`) may replace it or be added to it, such as {"reconstruction": 1.0, "lpips": 0.1}.
"""

import math
from collections.abc import Callable
from types import MappingProxyType
from typing import NamedTuple

import jax
from jax import random

from gan_jax.core.collectives import example_keys
from gan_jax.core.fields import Batch
from gan_jax.core.networks import Network, Networks
from gan_jax.core.objective import Aux, LossFn, Objective, Prediction, Start, Weights, total
from gan_jax.core.state import Players, TrainState, Tree
from gan_jax.core.tied import biases, transposed
from gan_jax.distributions.noise import Noise
from gan_jax.objectives.forward import Reconstruction
from gan_jax.objectives.terms import autoencoder as of_autoencoder
from gan_jax.objectives.weighted import Terms, Weighted, first_carries, frozen, outcomes, weights_of

__all__ = ["denoising", "overcomplete", "tied", "undercomplete"]

PLAYER = "autoencoder"
ROLES = ("encoder", "decoder")
SQUARED_ERROR: Terms = MappingProxyType({"reconstruction": Weighted(of_autoencoder.reconstruction)})


class Tying(NamedTuple):
    """The split of the decoder's parameters into its own and those that follow from the encoder's.

    Attributes:
        own: `params -> params`, the part of the decoder's initial parameters that is stored.
        whole: `(encoder params, own) -> params`, the parameters that the decoder is applied with.
    """

    own: Callable[[Tree], Tree]
    whole: Callable[[Tree, Tree], Tree]


UNTIED = Tying(own=lambda params: params, whole=lambda encoder, own: own)
TIED = Tying(own=biases, whole=transposed)


def overcomplete(*, networks: Networks, autoencoder: Terms = SQUARED_ERROR) -> Objective:
    """Returns the objective of `encoder(x) -> z [b, latents]` and `decoder(z) -> x [b, ...]`, for any size of z."""
    return _objective(_model(networks), autoencoder)


def undercomplete(*, networks: Networks, autoencoder: Terms = SQUARED_ERROR) -> Objective:
    """Returns `overcomplete` for fewer latents than x has values. With as many it could copy x and learn nothing.

    With one linear layer each, its optimum spans the space of PCA (Baldi and Hornik 1989).
    """
    return _objective(_model(networks, check=_fewer), autoencoder)


def tied(*, networks: Networks, autoencoder: Terms = SQUARED_ERROR) -> Objective:
    """Returns `undercomplete` of fully connected networks whose decoder has the encoder's kernels, transposed.

    Linear networks are z = U^T x and U z. Each network has its own biases (Vincent et al. 2010, section 2.1).
    """
    return _objective(_model(networks, TIED, check=_fewer), autoencoder)


def denoising(*, networks: Networks, noise: Noise, autoencoder: Terms = SQUARED_ERROR) -> Objective:
    """Returns `overcomplete`, trained to reconstruct clean examples from noisy ones (Vincent et al. 2008).

    Noise is added in training only: the inputs of later reconstructions are taken to be noisy already. A further
    prediction, `corrupt`, makes noisy examples.
    """
    objective = _objective(_model(networks), autoencoder, noise)
    corrupt = Prediction(lambda players, keys, batch: noise(keys, batch["x"]))
    return objective._replace(predictions={**objective.predictions, "corrupt": corrupt})


def _any(latents: int, values: int) -> None:
    """Accepts any size of z."""


def _fewer(latents: int, values: int) -> None:
    if latents >= values:
        raise ValueError(
            f"{latents} latents can copy examples of {values} values: this objective needs fewer; use "
            "autoencoder.denoising or autoencoder.overcomplete for as many"
        )


class _Model(NamedTuple):
    encoder: Network
    decoder: Network
    tying: Tying
    check: Callable[[int, int], None]

    def init(self, key: jax.Array, batch: Batch) -> Start:
        """Returns the initial state. Raises ValueError if the networks do not fit the data or each other."""
        encoder_key, decoder_key = random.split(key)
        encoder, encoder_stats = self.encoder.init(encoder_key, batch)
        z = self.encoder.apply(encoder, encoder_stats, batch, train=False)[0]
        self.check(z.shape[-1], math.prod(batch["x"].shape[1:]))
        decoder, decoder_stats = self.decoder.init(decoder_key, {**batch, "z": z})
        params = {"encoder": encoder, "decoder": self.tying.own(decoder)}
        stats = {"encoder": encoder_stats, "decoder": decoder_stats}
        made, _ = self.decode(params, stats, {**batch, "z": z}, train=False)
        if made.shape != batch["x"].shape:
            raise ValueError(
                f"the decoder makes {made.shape[1:]}, but the data set's examples are {batch['x'].shape[1:]}"
            )
        return Start(params, stats, {})

    def encode(
        self, params: Tree, stats: Tree, batch: Batch, *, train: bool, key: jax.Array | None = None
    ) -> tuple[jax.Array, Tree]:
        """Returns z [b, latents] and the encoder's new stats."""
        return self.encoder.apply(params["encoder"], stats["encoder"], batch, train=train, key=key)

    def decode(
        self, params: Tree, stats: Tree, batch: Batch, *, train: bool, key: jax.Array | None = None
    ) -> tuple[jax.Array, Tree]:
        """Returns x [b, ...] and the decoder's new stats."""
        whole = self.tying.whole(params["encoder"], params["decoder"])
        return self.decoder.apply(whole, stats["decoder"], batch, train=train, key=key)


def _model(networks: Networks, tying: Tying = UNTIED, check: Callable[[int, int], None] = _any) -> _Model:
    if {*networks} != {*ROLES}:
        raise ValueError(f"the networks are {', '.join(networks)}: an autoencoder needs {' and '.join(ROLES)}")
    return _Model(networks["encoder"], networks["decoder"], tying, check)


def _loss(model: _Model, terms: Terms, weights: Weights, noise: Noise) -> LossFn:
    """Returns the loss of the one player: these terms, on inputs with this noise."""

    def loss(params: Tree, state: TrainState, batch: Batch, key: jax.Array, numbers: Weights) -> tuple[jax.Array, Aux]:
        noise_key, encoder_key, decoder_key = random.split(key, 3)
        x, stats, carry = batch["x"], state.players[PLAYER].stats, state.players[PLAYER].carry
        noisy = {**batch, "x": noise(example_keys(noise_key, len(x)), x)}
        z, encoder = model.encode(params, stats, noisy, train=True, key=encoder_key)
        recon, decoder = model.decode(params, stats, {**batch, "z": z}, train=True, key=decoder_key)
        forward = Reconstruction(batch=batch, recon=recon, key=key, step=state.step, carry=carry)
        made = outcomes(PLAYER, terms, forward)
        value, metrics, remembered = total(made, {**weights, **numbers}, state.step)
        return value, Aux({"encoder": encoder, "decoder": decoder}, metrics, {**carry, **remembered})

    return loss


def _objective(model: _Model, terms: Terms, noise: Noise = lambda keys, x: x) -> Objective:
    """Returns the objective of the one player with these terms, and its predictions."""
    weights = weights_of(terms, PLAYER)

    def init(key: jax.Array, batch: Batch) -> Start:
        return model.init(key, batch)._replace(carry=first_carries(terms))

    def encode(players: Players, keys: jax.Array, batch: Batch) -> jax.Array:
        return model.encode(players[PLAYER].params, players[PLAYER].stats, batch, train=False)[0]

    def decode(players: Players, keys: jax.Array, batch: Batch) -> jax.Array:
        return model.decode(players[PLAYER].params, players[PLAYER].stats, batch, train=False)[0]

    def reconstruct(players: Players, keys: jax.Array, batch: Batch) -> jax.Array:
        return decode(players, keys, {**batch, "z": encode(players, keys, batch)})

    def walk(players: Players, keys: jax.Array, batch: Batch) -> jax.Array:
        """Returns [n, m, ...]: decoded straight lines from the codes of `a` to those of `b`, at `t` [n, m]."""
        start, end = (encode(players, keys, {"x": batch[side]})[:, None] for side in ("a", "b"))
        t = batch["t"][..., None]
        return jax.vmap(lambda z: decode(players, keys, {"z": z}))((1 - t) * start + t * end)

    predictions = {
        "reconstruct": Prediction(reconstruct, makes="x"),
        "encode": Prediction(encode),
        "decode": Prediction(decode),
        "walk": Prediction(walk, makes="x"),
    }
    return Objective(
        {PLAYER: init},
        {PLAYER: _loss(model, terms, weights, noise)},
        {PLAYER: weights},
        predictions,
        makes=model.decoder.output_range,
        frozen={PLAYER: frozen(terms)},
    )
