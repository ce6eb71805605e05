"""Predictions of a trained run: samples, reconstructions, and walks between latents."""

import logging
from pathlib import Path

import jax
import numpy as np
from ml_collections import ConfigDict

from gan_jax.core.collectives import base_key, example_keys
from gan_jax.core.state import TrainState
from gan_jax.data import Dataset
from gan_jax.data.source import Source
from gan_jax.data.spec import DataSpec, from_json, spec_of
from gan_jax.errors import UserError, one_line, reraise_as
from gan_jax.evaluation import outputs
from gan_jax.evaluation.samples import Samples, class_of
from gan_jax.evaluation.shown import judging_split
from gan_jax.experiments import Experiment, build
from gan_jax.reporting import animations, figures
from gan_jax.reporting.reconstructions import make_reconstructions
from gan_jax.runs import weights
from gan_jax.runs.checkpoints import Checkpoints
from gan_jax.runs.directory import RunDirectory
from gan_jax.runs.files import atomically
from gan_jax.runs.jax_settings import settings

WALKS = 10
NEEDS = {"interpolate": ("interpolate", "walk")}
"""The predictions of which a mode needs at least one. Other modes need the prediction of the same name."""


def sample(
    run_dir: RunDirectory,
    config: ConfigDict,
    num: int,
    seed: int,
    out: Path,
    *,
    step: int | None = None,
    label: str | None = None,
    truncation: float | None = None,
) -> list[Path]:
    """Writes samples from a checkpoint (None: newest), and returns the paths written: see `outputs.write`.

    The same seed gives the same samples for any `num` and file format. label: the name or number of a class;
    truncation: the bound of normal latents.
    """
    experiment, state = restore(run_dir, config, step)
    check_offers(experiment, "sample", config)
    chosen = None if label is None else class_of(experiment, label)
    samples = Samples(experiment, state.players, seed, chosen, truncation)
    samples.check()
    return outputs.write(out, samples, num, lambda: backdrop(run_dir, config))


def reconstruct(
    run_dir: RunDirectory,
    config: ConfigDict,
    seed: int,
    out: Path,
    *,
    step: int | None = None,
    split: str | None = None,
) -> None:
    """Writes an npz of a checkpoint's reconstructions of a split: `images` and `reconstructions`, uint8 [n, h, w, c].

    The default split is the one that the run is evaluated on. The npz also has `latents` float32 [n, dim], or codes
    int32 [n, h, w], and for a denoising objective its inputs `noisy`, uint8. The seed fixes the noise.
    """
    experiment, state = restore(run_dir, config, step)
    check_offers(experiment, "reconstruct", config)
    examples = experiment.view(load_split(run_dir, config, split))
    made = make_reconstructions(experiment, state.players, examples, seed)
    with atomically(out) as file:
        np.savez_compressed(file, allow_pickle=False, **made)


def interpolate(
    run_dir: RunDirectory,
    config: ConfigDict,
    seed: int,
    out: Path,
    *,
    step: int | None = None,
    split: str | None = None,
) -> None:
    """Writes walks from one latent to another: a PNG with a row of images for each, or a line among points.

    A .gif or .mp4 has a grid in which each image moves along its walk. Autoencoders without a distribution of z walk
    between the codes of a split's images (None: the split that the run is evaluated on).
    """
    experiment, state = restore(run_dir, config, step)
    check_offers(experiment, "interpolate", config)
    drawn = "interpolate" in experiment.predict
    if drawn and split is not None:
        raise UserError(
            f"--split={split}: {config.objective.name} walks between latents, not between examples: leave it out"
        )
    real = backdrop(run_dir, config) if drawn else experiment.view(load_split(run_dir, config, split)).x
    keys = example_keys(base_key(seed), WALKS)
    if out.suffix not in animations.SUFFIXES:
        figures.walks(out, experiment, state.players, keys, real)
        return
    if real.ndim != 4:
        raise UserError(f"--out={out}: animations show images, not points: use .png")
    walks = figures.make_walks(experiment, state.players, keys, real, animations.STEPS)
    animations.save(out, animations.there_and_back(walks.swapaxes(0, 1), WALKS // 2))


def backdrop(run_dir: RunDirectory, config: ConfigDict) -> np.ndarray:
    """Returns the points that samples and walks are drawn over; none for images.

    They are the training points, or the corners of their range.
    """
    spec = kept_spec(run_dir)
    if spec and len(spec.shape) == 3:
        return np.zeros((0, *spec.shape), spec.dtype)
    try:
        return run_data(run_dir, config).load(config.data.split).x
    except UserError as error:
        if not spec:
            raise
        logging.warning("points are drawn without the density of the data: %s", one_line(error))
        return np.array(spec.range, np.float32)[:, None].repeat(spec.shape[0], axis=1)


def load_split(run_dir: RunDirectory, config: ConfigDict, split: str | None) -> Dataset:
    """Returns a split (None: the one that the run is evaluated on) of the run's data set."""
    split = split or judging_split(config)
    with reraise_as(f"--split={split}"):
        return run_data(run_dir, config).load(split)


def check_offers(experiment: Experiment, use: str, config: ConfigDict) -> None:
    """Raises UserError if the run's objective does not provide this prediction."""
    if not experiment.predict.keys() & {*NEEDS.get(use, (use,))}:
        others = ", ".join(sorted({"sample", "reconstruct", "translate"} & experiment.predict.keys()))
        able = f"they can {others}" if others else "use --mode=evaluate or --mode=export"
        raise UserError(f"--mode={use}: models trained with {config.objective.name} cannot {use}; {able}")


def kept_spec(run_dir: RunDirectory) -> DataSpec | None:
    """Returns the description of its data that a run keeps, if any. Raises UserError if it is damaged."""
    if not (stored := run_dir.data_spec()):
        return None
    with reraise_as(f"{run_dir.config} is damaged"):
        return from_json(stored)


def run_data(run_dir: RunDirectory, config: ConfigDict) -> Source:
    """Returns the run's data set, which rejects a split that has changed since training."""
    return Source(config.data, lambda identity: run_dir.check_provenance({"data_spec": identity}))


def restore(run_dir: RunDirectory, config: ConfigDict, step: int | None = None) -> tuple[Experiment, TrainState]:
    """Returns a run's experiment, and its state at a checkpoint (None: the newest) on the first device.

    An exported model's state has no optimizers. The data are not needed, because their description is in the run's
    config.json. Raises UserError if there is no such checkpoint, or if JAX's settings are not the run's.
    """
    if not (run_dir.checkpoints.is_dir() or run_dir.is_exported):
        raise UserError(f"{run_dir.folder} holds no checkpoint: train with checkpoint_every_steps above 0")
    run_dir.check_provenance({"jax_settings": settings()})
    experiment = build(config, kept_spec(run_dir) or spec_of(run_data(run_dir, config).load(config.data.split)))
    template = jax.eval_shape(experiment.init, experiment.keys.init)
    if run_dir.is_exported:
        return experiment, jax.device_put(weights.read(run_dir.weights, template, step))
    checkpoints = Checkpoints(run_dir.checkpoints, None)
    try:
        state = checkpoints.restore(template, step)
    finally:
        checkpoints.close()
    return experiment, jax.device_put(state)
