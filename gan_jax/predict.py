"""What a trained run can be asked for: samples, reconstructions, and walks between latents."""

from pathlib import Path

import jax
import numpy as np
from jax import random
from ml_collections import ConfigDict

from gan_jax import data, pictures
from gan_jax.batch import example_keys, in_batches
from gan_jax.checkpoint import Checkpoints
from gan_jax.errors import UserError, blamed_on
from gan_jax.experiment import Experiment, build
from gan_jax.files import atomically
from gan_jax.reconstructions import make_reconstructions
from gan_jax.run_directory import RunDirectory
from gan_jax.state import TrainState


def sample(place: RunDirectory, config: ConfigDict, num: int, seed: int, out: Path, *, step: int | None = None) -> None:
    """Writes an npz of `images` uint8 [num, h, w, c], or of `points` float32 [num, d], by a checkpoint (None: newest).

    The seed fixes them, whatever `num`. Samples by class, where there are, take the classes in turn: `labels` int32
    [num].
    """
    experiment, state = restore(place, config, step)
    _check_offers(experiment, "sample", config)
    keys = example_keys(random.key(seed), num)
    by_class = "sample_class" in experiment.predict
    told = {"labels": np.arange(num, dtype=np.int32) % experiment.classes} if by_class else {}
    make = experiment.predict["sample_class" if by_class else "sample"]
    made = in_batches(lambda inputs: make(state.players, *inputs), (keys, *told.values()))
    with atomically(out) as file:
        np.savez_compressed(file, allow_pickle=False, **{"images" if made.ndim == 4 else "points": made}, **told)


def reconstruct(
    place: RunDirectory,
    config: ConfigDict,
    seed: int,
    out: Path,
    *,
    step: int | None = None,
    split: str | None = None,
) -> None:
    """Writes an npz of a split (None: test) by a checkpoint: `images` and `reconstructions`, uint8 [n, h, w, c].

    And `latents` float32 [n, dim]; of a denoising objective also `noisy` uint8, the inputs, whose noise the seed fixes.
    """
    experiment, state = restore(place, config, step)
    _check_offers(experiment, "reconstruct", config)
    made = make_reconstructions(experiment, state.players, _shown(config, split), seed)
    with atomically(out) as file:
        np.savez_compressed(file, allow_pickle=False, **made)


def interpolate(
    place: RunDirectory,
    config: ConfigDict,
    seed: int,
    out: Path,
    *,
    step: int | None = None,
    split: str | None = None,
) -> None:
    """Writes a PNG of walks from one latent to another: a row of images each, or a line each among points.

    Autoencoders without a law of z walk between the codes of images of a split (None: test).
    """
    experiment, state = restore(place, config, step)
    if "interpolate" in experiment.predict and split is not None:
        raise UserError(f"--split={split}: {config.objective.name} walks between latents, not between examples")
    drawn = "interpolate" in experiment.predict
    real = (data.load(config.data.name, config.data.split) if drawn else _shown(config, split)).x
    pictures.walks(out, experiment, state.players, example_keys(random.key(seed), 10), real)


def _shown(config: ConfigDict, split: str | None) -> data.Dataset:
    """The examples that are shown to an autoencoder."""
    split = split or "test"
    with blamed_on(f"--split={split}"):
        return data.load(config.data.name, split)


def _check_offers(experiment: Experiment, use: str, config: ConfigDict) -> None:
    if use not in experiment.predict:
        others = ", ".join(sorted({"sample", "reconstruct"} & experiment.predict.keys()))
        raise UserError(f"--mode={use}: what {config.objective.name} trains does not {use}; it can {others}")


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
