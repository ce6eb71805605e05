"""One player, the autoencoder: encoder z = f(x) and decoder g(z) together, which minimise the mean of |x - g(f(x))|^2.

The squared error is the mean over an example's values, in the data's range, so that the loss is the error per pixel.
"""

import math
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import flax.linen as nn
import jax
from jax import random

from gan_jax import losses
from gan_jax.core import networks
from gan_jax.core.collectives import example_keys
from gan_jax.core.objective import Aux, Batch, Objective
from gan_jax.core.state import Players, Tree
from gan_jax.distributions.noise import Noise

__all__ = ["denoising", "overcomplete", "tied", "undercomplete"]

PLAYER = "autoencoder"


class Weights(NamedTuple):
    """Which weights the decoder has: `own(params) -> params` are those that are stored of its first ones.

    whole: `(encoder params, own) -> params`, all that the decoder is applied with.
    """

    own: Callable[[Tree], Tree]
    whole: Callable[[Tree, Tree], Tree]


UNTIED = Weights(own=lambda params: params, whole=lambda encoder, own: own)
TIED = Weights(own=networks.biases, whole=networks.transposed)


def overcomplete(*, encoder: nn.Module, decoder: nn.Module) -> Objective:
    """The game of `encoder(x) -> z [b, latents]` and `decoder(z) -> x [b, ...]`, whatever the size of z."""
    return _game(_Model(encoder, decoder))


def undercomplete(*, encoder: nn.Module, decoder: nn.Module) -> Objective:
    """`overcomplete`, but for fewer latents than x has values: else it may copy and need learn nothing.

    With one linear layer each, its optimum spans the space of PCA (Baldi and Hornik 1989).
    """
    return _game(_Model(encoder, decoder, most=_fewer))


def tied(*, encoder: nn.Module, decoder: nn.Module) -> Objective:
    """`undercomplete`, of fully connected networks, the decoder's kernels being the encoder's transposed.

    Linear ones are z = U^T x and U z. Biases are each network's own (Vincent et al. 2010, section 2.1).
    """
    return _game(_Model(encoder, decoder, TIED, most=_fewer))


def denoising(*, encoder: nn.Module, decoder: nn.Module, noise: Noise) -> Objective:
    """`overcomplete`, shown noisy examples in training and asked for the clean ones (Vincent et al. 2008).

    Noise is added in training only: what is reconstructed later is taken to be noisy already. predict has also
    `corrupt(players, keys [n], x [n, ...]) -> x [n, ...]`, which makes such examples.
    """
    game = _game(_Model(encoder, decoder), noise)
    return game._replace(predict={**game.predict, "corrupt": lambda players, keys, x: noise(keys, x)})


def _any(latents: int, values: int) -> None:
    """Takes any size of z."""


def _fewer(latents: int, values: int) -> None:
    if latents >= values:
        raise ValueError(
            f"{latents} latents for examples of {values} values can copy: this objective needs fewer; "
            "autoencoder.denoising and autoencoder.overcomplete take as many"
        )


class _Model(NamedTuple):
    encoder: nn.Module
    decoder: nn.Module
    weights: Weights = UNTIED
    most: Callable[[int, int], None] = _any

    def init(self, key: jax.Array, x: jax.Array) -> tuple[Tree, Tree]:
        """The first (params, stats) by part; ValueError where the networks do not fit the data or each other."""
        encoder_key, decoder_key = random.split(key)
        encoder, encoder_stats = networks.init(self.encoder, encoder_key, x)
        z = networks.apply(self.encoder, encoder, encoder_stats, x, train=False)[0]
        self.most(z.shape[-1], math.prod(x.shape[1:]))
        decoder, decoder_stats = networks.init(self.decoder, decoder_key, z)
        params = {"encoder": encoder, "decoder": self.weights.own(decoder)}
        stats = {"encoder": encoder_stats, "decoder": decoder_stats}
        made, _ = self.decode(params, stats, z, train=False)
        if made.shape != x.shape:
            raise ValueError(f"the decoder makes {made.shape[1:]}, the data set's examples are {x.shape[1:]}")
        return params, stats

    def encode(
        self, params: Tree, stats: Tree, x: jax.Array, *, train: bool, key: jax.Array | None = None
    ) -> tuple[jax.Array, Tree]:
        """z [b, latents] and the encoder's new stats."""
        return networks.apply(self.encoder, params["encoder"], stats["encoder"], x, train=train, key=key)

    def decode(
        self, params: Tree, stats: Tree, z: jax.Array, *, train: bool, key: jax.Array | None = None
    ) -> tuple[jax.Array, Tree]:
        """x [b, ...] and the decoder's new stats."""
        whole = self.weights.whole(params["encoder"], params["decoder"])
        return networks.apply(self.decoder, whole, stats["decoder"], z, train=train, key=key)


def _game(model: _Model, noise: Noise = lambda keys, x: x) -> Objective:
    """The one player's loss on inputs with this noise, and what it predicts."""

    def move(params: Tree, players: Players, batch: Batch, key: jax.Array) -> tuple[jax.Array, Aux]:
        noise_key, encoder_key, decoder_key = random.split(key, 3)
        x, stats = batch["x"], players[PLAYER].stats
        inputs = noise(example_keys(noise_key, len(x)), x)
        z, encoder = model.encode(params, stats, inputs, train=True, key=encoder_key)
        recon, decoder = model.decode(params, stats, z, train=True, key=decoder_key)
        return losses.squared_error(recon, x).mean(), Aux({"encoder": encoder, "decoder": decoder}, {})

    def encode(players: Players, x: jax.Array) -> jax.Array:
        return model.encode(players[PLAYER].params, players[PLAYER].stats, x, train=False)[0]

    def decode(players: Players, z: jax.Array) -> jax.Array:
        return model.decode(players[PLAYER].params, players[PLAYER].stats, z, train=False)[0]

    def reconstruct(players: Players, x: jax.Array) -> jax.Array:
        return decode(players, encode(players, x))

    def walk(players: Players, a: jax.Array, b: jax.Array, t: jax.Array) -> jax.Array:
        ends = encode(players, a)[:, None], encode(players, b)[:, None]
        z = (1 - t[:, None]) * ends[0] + t[:, None] * ends[1]
        return jax.vmap(partial(decode, players))(z)

    return Objective(
        init={PLAYER: model.init},
        losses={PLAYER: move},
        predict={"reconstruct": reconstruct, "encode": encode, "decode": decode, "walk": walk},
        makes=partial(networks.output_range, model.decoder),
    )
