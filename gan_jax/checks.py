"""What of an experiment can be known to fail before anything is compiled or written."""

import math
from typing import Any

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from gan_jax.errors import UserError, blamed_on
from gan_jax.experiment import MOST_BYTES, Experiment
from gan_jax.state import TrainState, size


def check_round(experiment: Experiment, config: ConfigDict, shape: tuple[int, ...]) -> list[str]:
    """Plays a round on shapes alone, so that what cannot be played is an error before anything is written.

    Returns the names of the metrics that a round gives, `player/term`.

    Raises UserError, also where a call's examples, their places or its runs are more than any machine holds.
    """
    batches = {"x": jax.ShapeDtypeStruct((experiment.batches, config.batch_size, *shape), jnp.float32)}
    if experiment.classes:
        batches["label"] = jax.ShapeDtypeStruct(batches["x"].shape[:2], jnp.int32)
    state = jax.eval_shape(experiment.init, experiment.keys.init)
    examples = 4 * experiment.batches * config.batch_size * config.seeds
    sizes = {
        "batch_size": examples * math.prod(shape),
        "rounds_per_call": examples * min(config.rounds_per_call, config.steps),
        "seeds": size(state.players) * config.seeds,
    }
    for field, taken in sizes.items():
        if taken > MOST_BYTES:
            raise UserError(f"config.{field} is {config[field]}: that takes {taken // 10**9:,} GB of memory, take less")
    with blamed_on("a round of this config cannot be played"):
        after, metrics = jax.eval_shape(experiment.train_step, state, batches, experiment.keys.play)
    if _kinds(state) != _kinds(after):
        raise UserError("a round changes the shapes or types of the players' arrays: see config.players' optimizers")
    return list(metrics)


def _kinds(state: TrainState) -> list[tuple[tuple[int, ...], Any]]:
    return [(leaf.shape, leaf.dtype) for leaf in jax.tree.leaves(state)]
