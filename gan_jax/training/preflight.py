"""What of an experiment can be known to fail before anything is compiled or written."""

import math
from typing import Any

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from gan_jax.core.state import TrainState, size
from gan_jax.data.spec import Spec
from gan_jax.errors import UserError, blamed_on
from gan_jax.experiment import MOST_BYTES, Experiment

SLACK = {True: 1e-3, False: 0.05}
"""By how much of the data's range it may miss the networks': of images that are scaled, and of points."""


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


def check_range(experiment: Experiment, config: ConfigDict, data: Spec) -> None:
    """Raises UserError where the examples that the networks can make and those of the data are of different ranges.

    Known of networks by their last activation alone, where they have one. Images are scaled to `config.data.range`;
    points are what they are, and a few of a Gaussian's may lie a little beyond a bound.
    """
    if (made := experiment.makes()) is None:
        return
    low, high = made
    scaled = len(data.shape) == 3
    first, last = config.data.range if scaled else data.range
    slack = SLACK[scaled] * (last - first)
    beyond = first < low - slack or last > high + slack
    idle = scaled and math.isfinite(high - low) and (low < first - slack or high > last + slack)
    if not beyond and not idle:
        return
    makes = f"the networks make values from {low:.3g} to {high:.3g}, as their last activation has it"
    if not scaled:
        raise UserError(
            f"config.networks: {makes}, and the points of {config.data.name} lie from {first:.3g} to {last:.3g}: take "
            "another last_activation, or networks that end without one, as pacgan.Generator"
        )
    fits = f"set it to ({low:g}, {high:g}), or " if math.isfinite(high - low) else ""
    raise UserError(
        f"config.data.range is ({first:g}, {last:g}), and {makes}: {fits}take a last_activation that fits it in "
        "config.networks"
    )


def _kinds(state: TrainState) -> list[tuple[tuple[int, ...], Any]]:
    return [(leaf.shape, leaf.dtype) for leaf in jax.tree.leaves(state)]
