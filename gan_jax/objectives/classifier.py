"""One player, the classifier, which minimises the cross-entropy of its logits: -log p(label | x), in nats."""

import jax
import jax.numpy as jnp
import optax
from jax import lax, random

from gan_jax.core.collectives import example_keys
from gan_jax.core.fields import Batch
from gan_jax.core.networks import Networks
from gan_jax.core.objective import Aux, Objective, Outcome, Prediction, Start, Weights, total
from gan_jax.core.state import Players, TrainState, Tree

__all__ = ["cross_entropy"]

PLAYER = "classifier"


def cross_entropy(*, networks: Networks, classes: int, no_labels: str = "", shift: int = 0) -> Objective:
    """Returns the objective of `classifier(x [b, h, w, c]) -> features [b, dim], logits [b, classes]`, for `label` [b].

    In training each image is shifted by up to `shift` pixels along either axis (`shifted`). The prediction `classify`
    gives both outputs. `no_labels` says why the data have no labels, and is empty if they have them. Raises ValueError
    for data without labels, fewer than 2 classes, or a `shift` below 0.
    """
    if no_labels:
        raise ValueError(f"a classifier needs labels, {no_labels}")
    if classes < 2:
        raise ValueError(f"the data set has {classes} classes: a classifier needs labels of at least 2")
    if shift < 0:
        raise ValueError(f"shift is {shift}: it must be at least 0")
    if {*networks} != {PLAYER}:
        raise ValueError(f"the networks are {', '.join(networks)}: the only one must be `{PLAYER}`")
    network, weights = networks[PLAYER], {"cross_entropy": 1.0}

    def init(key: jax.Array, batch: Batch) -> Start:
        return Start(*network.init(key, batch), {})

    def loss(params: Tree, state: TrainState, batch: Batch, key: jax.Array, numbers: Weights) -> tuple[jax.Array, Aux]:
        shift_key, dropout_key = random.split(key)
        x, label = shifted(example_keys(shift_key, len(batch["x"])), batch["x"], most=shift), batch["label"]
        (_, logits), stats = network.apply(
            params, state.players[PLAYER].stats, {**batch, "x": x}, train=True, key=dropout_key
        )
        outcomes = {
            "cross_entropy": Outcome(
                optax.softmax_cross_entropy_with_integer_labels(logits, label),
                {"accuracy": (logits.argmax(-1) == label).mean()},
            )
        }
        value, metrics, carry = total(outcomes, {**weights, **numbers}, state.step)
        return value, Aux(stats, metrics, carry)

    def classify(players: Players, keys: jax.Array, batch: Batch) -> tuple[jax.Array, jax.Array]:
        del keys
        return network.apply(players[PLAYER].params, players[PLAYER].stats, batch, train=False)[0]

    return Objective({PLAYER: init}, {PLAYER: loss}, {PLAYER: weights}, {"classify": Prediction(classify)})


def shifted(keys: jax.Array, x: jax.Array, *, most: int) -> jax.Array:
    """Returns each image shifted by -most to most whole pixels along both axes, with repeated edges: [n], [n, h, w, c].

    All shifts are equally likely, and depend only on the example's own key.
    """
    if most == 0:
        return x
    padded = jnp.pad(x, ((0, 0), (most, most), (most, most), (0, 0)), mode="edge")

    def of_one(key: jax.Array, image: jax.Array) -> jax.Array:
        down, across = random.randint(key, (2,), 0, 2 * most + 1)
        return lax.dynamic_slice(image, (down, across, 0), x.shape[1:])

    return jax.vmap(of_one)(keys, padded)
