"""What a trained run can be asked for: samples, and walks between latents."""

from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jax import random
from ml_collections import ConfigDict

from gan_jax import data, images
from gan_jax.batch import example_keys
from gan_jax.checkpoint import Checkpoints
from gan_jax.errors import UserError
from gan_jax.experiment import Experiment, build
from gan_jax.files import atomically
from gan_jax.run_directory import RunDirectory
from gan_jax.state import TrainState

AT_ONCE = 500


def sample(place: RunDirectory, config: ConfigDict, num: int, seed: int, out: Path) -> None:
    """Writes an npz of `images` uint8 [num, h, w, c] by the newest checkpoint; the seed fixes them, whatever `num`."""
    experiment, state = restore(place, config)
    keys = example_keys(random.key(seed), num)
    made = in_batches(lambda batch: experiment.predict["sample"](state.players, batch), keys)
    with atomically(out) as file:
        np.savez_compressed(file, images=made)


def interpolate(place: RunDirectory, config: ConfigDict, seed: int, out: Path) -> None:
    """Writes a PNG grid: each row walks from one latent to another."""
    experiment, state = restore(place, config)
    keys, t = example_keys(random.key(seed), 10), jnp.linspace(0.0, 1.0, 10)
    walks = np.asarray(experiment.predict["interpolate"](state.players, keys, t))
    images.save_png(out, images.grid(walks.reshape(-1, *walks.shape[2:]), len(t)))


def restore(place: RunDirectory, config: ConfigDict, step: int | None = None) -> tuple[Experiment, TrainState]:
    """A run's experiment, and its state as of a checkpoint (None: the newest), on the first device.

    Raises UserError where there is no such checkpoint.
    """
    if not place.checkpoints.is_dir():
        raise UserError(f"{place.folder} holds no checkpoint: train with checkpoint_every_steps above 0")
    dataset = data.load(config.data.name, config.data.split)
    experiment = build(config, dataset.shape, dataset.classes)
    checkpoints = Checkpoints(place.checkpoints, None)
    try:
        state = checkpoints.restore(jax.eval_shape(experiment.init, experiment.keys.init), step)
    finally:
        checkpoints.close()
    return experiment, jax.device_put(state)


def in_batches(make: Callable[[jax.Array], jax.Array], inputs: jax.Array) -> np.ndarray:
    """make(inputs [AT_ONCE, ...]) for all inputs [n, ...], at one size so that it is compiled once -> [n, ...]."""
    n = len(inputs)
    padded = inputs[jnp.arange(-(-n // AT_ONCE) * AT_ONCE) % n]
    parts = [make(padded[start : start + AT_ONCE]) for start in range(0, len(padded), AT_ONCE)]
    return np.concatenate([np.asarray(part) for part in parts])[:n]
