"""One player, the classifier, which minimises the cross-entropy of its logits: -log p(label | x), in nats."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from jax import lax, random

from gan_jax.core import networks
from gan_jax.core.collectives import example_keys
from gan_jax.core.objective import Aux, Batch, Objective
from gan_jax.core.state import Players, Tree

__all__ = ["cross_entropy"]

PLAYER = "classifier"


def cross_entropy(*, classifier: nn.Module, classes: int, shift: int = 0) -> Objective:
    """The game of `classifier(x [b, h, w, c]) -> features [b, dim], logits [b, classes]`, on images of `label` [b].

    In training each image is moved by up to `shift` pixels along either axis (`shifted`). predict has
    `classify(players, x [n, h, w, c]) -> (features, logits)`. Raises ValueError where there are under 2 classes, or
    `shift` is below 0.
    """
    if classes < 2:
        raise ValueError(f"the data set has {classes} classes: a classifier needs labels of at least 2")
    if shift < 0:
        raise ValueError(f"shift is {shift}: it must be at least 0")

    def init(key: jax.Array, x: jax.Array) -> tuple[Tree, Tree]:
        return networks.init(classifier, key, x)

    def move(params: Tree, players: Players, batch: Batch, key: jax.Array) -> tuple[jax.Array, Aux]:
        shift_key, dropout_key = random.split(key)
        x, label = shifted(example_keys(shift_key, len(batch["x"])), batch["x"], most=shift), batch["label"]
        (_, logits), stats = networks.apply(classifier, params, players[PLAYER].stats, x, train=True, key=dropout_key)
        loss = optax.softmax_cross_entropy_with_integer_labels(logits, label).mean()
        return loss, Aux(stats, {"accuracy": (logits.argmax(-1) == label).mean()})

    def classify(players: Players, x: jax.Array) -> tuple[jax.Array, jax.Array]:
        return networks.apply(classifier, players[PLAYER].params, players[PLAYER].stats, x, train=False)[0]

    return Objective(init={PLAYER: init}, losses={PLAYER: move}, predict={"classify": classify})


def shifted(keys: jax.Array, x: jax.Array, *, most: int) -> jax.Array:
    """Each image moved by whole pixels, -most to most down and as many across, its edges repeated: [n], [n, h, w, c].

    Each move is as likely as another, and hangs on the example's own key alone.
    """
    if most == 0:
        return x
    padded = jnp.pad(x, ((0, 0), (most, most), (most, most), (0, 0)), mode="edge")

    def of_one(key: jax.Array, image: jax.Array) -> jax.Array:
        down, across = random.randint(key, (2,), 0, 2 * most + 1)
        return lax.dynamic_slice(image, (down, across, 0), x.shape[1:])

    return jax.vmap(of_one)(keys, padded)
