"""Two players: a generator that makes fakes, and a critic (discriminator) that tells them from real examples."""

from collections.abc import Callable
from functools import partial

import flax.linen as nn
import jax
from jax import random

from gan_jax import losses, networks
from gan_jax.batch import example_keys
from gan_jax.latents import Latent
from gan_jax.objectives.base import Aux, Batch, Objective
from gan_jax.state import Players, Tree

__all__ = ["minimax", "non_saturating"]


def adversarial(
    *,
    generator: nn.Module,
    critic: nn.Module,
    latent: Latent,
    critic_loss: Callable[[jax.Array, jax.Array], jax.Array],
    generator_loss: Callable[[jax.Array], jax.Array],
) -> Objective:
    """The game of `critic_loss(real_scores [b], fake_scores [b]) -> [b]` and `generator_loss(fake_scores [b]) -> [b]`.

    `generator(z [b, dim]) -> x [b, ...]` and `critic(x [b, ...]) -> scores [b]`. The critic moves first.
    """

    def generate(params: Tree, stats: Tree, keys: jax.Array) -> tuple[jax.Array, Tree]:
        return networks.apply(generator, params, stats, latent.draw(keys), train=True)

    def critic_move(params: Tree, players: Players, batch: Batch, key: jax.Array) -> tuple[jax.Array, Aux]:
        z_key, real_key, fake_key = random.split(key, 3)
        rival, real = players["generator"], batch["x"]
        # In training mode, as the generator is when it moves; its new running statistics are its own affair.
        fake, _ = generate(rival.params, rival.stats, example_keys(z_key, len(real)))
        stats = players["critic"].stats
        real_scores, stats = networks.apply(critic, params, stats, real, train=True, key=real_key)
        fake_scores, stats = networks.apply(critic, params, stats, fake, train=True, key=fake_key)
        metrics = {
            "real_probability": jax.nn.sigmoid(real_scores).mean(),
            "fake_probability": jax.nn.sigmoid(fake_scores).mean(),
        }
        return critic_loss(real_scores, fake_scores).mean(), Aux(stats, metrics)

    def generator_move(params: Tree, players: Players, batch: Batch, key: jax.Array) -> tuple[jax.Array, Aux]:
        z_key, fake_key = random.split(key)
        fake, stats = generate(params, players["generator"].stats, example_keys(z_key, len(batch["x"])))
        rival = players["critic"]
        fake_scores, _ = networks.apply(critic, rival.params, rival.stats, fake, train=True, key=fake_key)
        return generator_loss(fake_scores).mean(), Aux(stats, {})

    def show(players: Players, z: jax.Array) -> jax.Array:
        player = players["generator"]
        return networks.apply(generator, player.params, player.stats, z, train=False)[0]

    def sample(players: Players, keys: jax.Array) -> jax.Array:
        return show(players, latent.draw(keys))

    def interpolate(players: Players, keys: jax.Array, t: jax.Array) -> jax.Array:
        ends = jax.vmap(lambda key: random.split(key))(keys)
        z = latent.walk(latent.draw(ends[:, 0]), latent.draw(ends[:, 1]), t)
        return jax.vmap(partial(show, players))(z)

    return Objective(
        init={
            "critic": lambda key, x: networks.init(critic, key, x),
            "generator": lambda key, x: networks.init(generator, key, latent.draw(key[None])),
        },
        losses={"critic": critic_move, "generator": generator_move},
        predict={"sample": sample, "interpolate": interpolate},
    )


minimax = partial(adversarial, critic_loss=losses.critic_bce, generator_loss=losses.generator_minimax)
"""min over G, max over D of E log D(x) + E log(1 - D(G(z))), played as it stands: the generator's side saturates."""

non_saturating = partial(adversarial, critic_loss=losses.critic_bce, generator_loss=losses.generator_non_saturating)
"""The same critic against a generator that minimises -log D(G(z)): binary cross-entropy with flipped labels."""
