"""What a run looks like: its samples or reconstructions, and its walks, as the kind of its data asks."""

from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jax import random

from gan_jax.core.state import Players
from gan_jax.data.base import Dataset
from gan_jax.errors import UserError
from gan_jax.evaluation.reconstructions import make_reconstructions
from gan_jax.experiment import Experiment
from gan_jax.reporting import images, points

SAMPLES, COLUMNS, POINTS, MOST_CLASSES, PAIRS = 64, 8, 2500, 10, 32


def samples(path: Path, experiment: Experiment, players: Players, real: np.ndarray) -> None:
    """Writes a PNG of samples, from the same latents every time: a grid of images, or points over those of the data.

    Samples by class, where there are, have a column of the grid for each class that has examples.

    `real` are the data set's examples; UserError where they are neither images nor in the plane.
    """
    sample, key = experiment.predict["sample"], experiment.keys.sample
    if "sample_class" in experiment.predict and real.ndim == 4:
        columns = min(len(experiment.present), MOST_CLASSES)
        labels = jnp.asarray(np.tile(experiment.in_turn(columns), SAMPLES // COLUMNS))
        made = experiment.predict["sample_class"](players, random.split(key, len(labels)), labels)
        images.save_png(path, images.grid(np.asarray(made), columns))
        return
    if real.ndim == 4:
        made = np.asarray(sample(players, random.split(key, SAMPLES)))
        images.save_png(path, images.grid(made, COLUMNS))
        return
    _check_plane(real)
    scores = None if "sample_class" in experiment.predict else experiment.predict.get("scores")  # a surface a class
    surface = None if scores is None else partial(scores, players)
    points.save_samples(path, np.asarray(sample(players, random.split(key, POINTS))), real, surface)


def reconstructions(path: Path, experiment: Experiment, players: Players, dataset: Dataset) -> None:
    """Writes a PNG grid of a data set's first images, each beside its reconstruction; noisy inputs between the two."""
    few = dataset._replace(x=dataset.x[:PAIRS], label=None if dataset.label is None else dataset.label[:PAIRS])
    made = make_reconstructions(experiment, players, few, seed=0)
    shown = [made[name] for name in ("images", "noisy", "reconstructions") if name in made]
    cells = np.stack(shown, axis=1).reshape(-1, *few.shape)
    images.save_png(path, images.grid(cells, COLUMNS // 2 * len(shown)))


def walks(path: Path, experiment: Experiment, players: Players, keys: jax.Array, real: np.ndarray) -> None:
    """Writes a PNG of a walk for each key: a row of images each, or a line each over the points of the data.

    `real` are the data set's examples; UserError where they are neither images nor in the plane. Where there is no law
    of z to walk by, walks are between the codes of two of the examples.
    """
    if "interpolate" in experiment.predict:
        walk = partial(experiment.predict["interpolate"], players, keys)
    else:
        pairs = jax.vmap(lambda key: random.choice(key, len(real), (2,), replace=False))(keys)
        ends = (experiment.scale(jnp.asarray(real)[side]) for side in pairs.T)
        walk = partial(experiment.predict["walk"], players, *ends)
    if real.ndim == 4:
        steps = np.asarray(walk(jnp.linspace(0.0, 1.0, 10)))
        images.save_png(path, images.grid(steps.reshape(-1, *steps.shape[2:]), steps.shape[1]))
        return
    _check_plane(real)
    points.save_walks(path, np.asarray(walk(jnp.linspace(0.0, 1.0, 200))), real)


def _check_plane(real: np.ndarray) -> None:
    if real.shape[1:] != (2,):
        raise UserError(
            f"examples of shape {real.shape[1:]} cannot be drawn: pictures are of images and of points in the plane; "
            "set config.sample_every_steps to 0"
        )
