"""Values that are not finite: where they show first, and how the last finite players are saved."""

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
STOPPING = ("/loss", "/gradient_norm")  # endings of the terms without which no player can move on
ADVICE = "take a lower learning rate, or bound the gradients by players.NAME.clip_gradients"


def check_metrics(metrics: list[dict[str, np.ndarray]], step: int) -> None:
    """Raises Diverged for the first round in which a loss, or a gradient's norm, of a run is not finite.

    `metrics` are each run's, [rounds] by term, of the rounds after `step`.
    """
    found = []
    for number, values in enumerate(metrics):
        for name in (name for ending in STOPPING for name in values if name.endswith(ending)):
            broken = np.flatnonzero(~np.isfinite(values[name]))
            found += [(int(broken[0]), number, name)] if len(broken) else []
    if found:
        at, number, name = min(found, key=lambda each: each[:2])  # of one round's, the first named: a loss
        row = {term: float(value[at]) for term, value in metrics[number].items()}
        raise Diverged(step + at + 1, f"{name} is {row[name]}", row=row, number=number)


def check_players(state: TrainState, number: int) -> None:
    """Raises Diverged where a player of this run, given as NumPy arrays, has values that are not finite."""
    for name, player in state.players.items():
        for leaf in jax.tree.leaves(player):
            if not np.isfinite(leaf).all():
                what = f"{name}'s parameters, statistics or optimizer hold values that are not finite"
                raise Diverged(int(state.step), what, row={f"{name}/parameters": math.nan}, number=number)


def went_back(error: Diverged, play: Callable[[ConfigDict, Runs], Any], config: ConfigDict, runs: Runs) -> Diverged:
    """Saves the last players that are finite -> the error, which now says where they are.

    `play(config, runs)` goes on from the newest checkpoint, so that the rounds since then are played again; players
    come out the same to the bit, and no copy of them has to be kept while all goes well.
    """
    saved, step = "", error.step
    while config.checkpoint_every_steps and not saved and step > 0:
        say(f"{error}; going back to save the players after round {step - 1}")
        try:
            play(_shortened(config, step - 1), [(_shortened(one, step - 1), run_dir) for one, run_dir in runs])
            saved = f"the players after round {step - 1}, the last finite ones, are saved in its checkpoints"
        except Diverged as earlier:  # what a round does to players shows in the losses of the next
            step = earlier.step
    if not saved:
        why = "the first ones are not finite" if config.checkpoint_every_steps else "config.checkpoint_every_steps is 0"
        saved = f"{why}, no players are saved"
    _, run_dir = runs[error.number]
    what = f"{error.what} in {run_dir.folder}: {saved}"
    return Diverged(error.step, f"{what}; {ADVICE}", row=error.row, number=error.number)


def _shortened(config: ConfigDict, steps: int) -> ConfigDict:
    shorter = config.copy_and_resolve_references()
    shorter.steps = steps
    return shorter
