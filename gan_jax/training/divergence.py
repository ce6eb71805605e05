"""Divergence: finds the first values that are not finite, and saves the last finite players."""

import math
from collections.abc import Callable
from typing import Any, TypeAlias

import jax
import numpy as np
from ml_collections import ConfigDict

from gan_jax.core.state import TrainState
from gan_jax.errors import Diverged
from gan_jax.runs.directory import RunDirectory
from gan_jax.runs.terminal import say

Runs: TypeAlias = list[tuple[ConfigDict, RunDirectory]]
STOPPING = ("/loss", "/gradient_norm")  # endings of the metrics that must be finite
ADVICE = "use a lower learning rate, or clip the gradients with players.NAME.clip_gradients"


def check_metrics(metrics: list[dict[str, np.ndarray]], step: int) -> None:
    """Raises Diverged for the first step in which a loss or a gradient norm of a run is not finite.

    metrics: for each run, arrays [steps] by name, of the steps after `step`.
    """
    candidates = []
    for number, values in enumerate(metrics):
        for name in (name for ending in STOPPING for name in values if name.endswith(ending)):
            broken = np.flatnonzero(~np.isfinite(values[name]))
            candidates += [(int(broken[0]), number, name)] if len(broken) else []
    if candidates:
        index, number, name = min(candidates, key=lambda each: each[:2])  # on a tie the first, which is a loss
        row = {term: float(value[index]) for term, value in metrics[number].items()}
        raise Diverged(step + index + 1, f"{name} is {row[name]}", row=row, number=number)


def check_players(state: TrainState, number: int) -> None:
    """Raises Diverged if a player of run `number` has values that are not finite. `state` holds NumPy arrays."""
    for name, player in state.players.items():
        for leaf in jax.tree.leaves(player):
            if not np.isfinite(leaf).all():
                what = f"{name}'s parameters, statistics or optimizer hold values that are not finite"
                raise Diverged(int(state.step), what, row={f"{name}/parameters": math.nan}, number=number)


def restore_last_finite(
    error: Diverged, train: Callable[[ConfigDict, Runs], Any], config: ConfigDict, runs: Runs
) -> Diverged:
    """Saves the last finite players. Returns the error with a message that says where they are.

    `train(config, runs)` resumes from the newest checkpoint and repeats the steps since then. The players are
    bit-identical to the first time, so training need not keep a copy of them.
    """
    saved, step = "", error.step
    while config.checkpoint_every_steps and not saved and step > 0:
        say(f"{error}; going back to save the players after step {step - 1}")
        try:
            train(_shortened(config, step - 1), [(_shortened(one, step - 1), run_dir) for one, run_dir in runs])
            saved = f"the players after step {step - 1}, the last finite ones, are saved in its checkpoints"
        except Diverged as earlier:  # the effect of a step on the players shows in the losses of the next
            step = earlier.step
    if not saved:
        why = (
            "the initial ones are not finite" if config.checkpoint_every_steps else "config.checkpoint_every_steps is 0"
        )
        saved = f"no players are saved, because {why}"
    _, run_dir = runs[error.number]
    what = f"{error.what} in {run_dir.folder}: {saved}"
    return Diverged(error.step, f"{what}; {ADVICE}", row=error.row, number=error.number)


def _shortened(config: ConfigDict, steps: int) -> ConfigDict:
    """Returns a copy of the config with this number of steps, which may be 0."""
    shorter = config.copy_and_resolve_references()
    shorter.steps = steps
    return shorter
