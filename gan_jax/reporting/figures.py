"""Figures of a run: its samples, reconstructions or translations, and its walks, for images and for points."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jax import random

from gan_jax.core.collectives import base_key
from gan_jax.core.state import Players
from gan_jax.data.base import Dataset
from gan_jax.errors import UserError
from gan_jax.experiments import Experiment
from gan_jax.reporting import images, points
from gan_jax.reporting.reconstructions import make_reconstructions, make_translations

SAMPLES, COLUMNS, POINTS, MAX_CLASSES, PAIRS = 64, 8, 2500, 10, 32
SMALLEST = 56  # pixels of a side, in grids
NEAREST = "nearest pair"
"""A field for figures only: no field of the data has a space in its name."""
SHOWN = {
    "mask": "hole",
    "source": "source",
    "translations": "translation",
    "round_trips": "there and back",
    "targets": "truth",
    NEAREST: "truth of the nearest training pair",
    "images": "image",
    "noisy": "noisy",
    "reconstructions": "reconstruction",
}
"""Columns of figures of examples, in this order, with their captions."""


def samples(path: Path, experiment: Experiment, players: Players, real: np.ndarray) -> None:
    """Writes a PNG of samples, always from the same latents: a grid of images, or points over the data's density.

    For class-conditional models the grid has a column for each class that has examples.

    real: the data set's examples, uint8 [n, h, w, c] or float32 [n, 2]. Raises UserError if they are neither images
    nor points in the plane.
    """
    sample, key = experiment.predict["sample"], experiment.keys.sample
    if real.ndim == 4:
        columns = min(len(experiment.present), MAX_CLASSES) or COLUMNS
        n = SAMPLES // COLUMNS * columns
        batch = {"label": jnp.tile(experiment.in_turn(columns), n // columns)} if experiment.present else {}
        images.save_png(path, images.grid(np.asarray(sample(players, random.split(key, n), batch)), columns))
        return
    check_plane(real)
    surface = None
    if "scores" in experiment.predict and not experiment.present:  # with classes there would be one surface for each
        surface = partial(_scores, experiment, players)
    points.save_samples(path, np.asarray(sample(players, random.split(key, POINTS), {})), real, surface)


def real(path: Path, dataset: Dataset) -> None:
    """Writes a PNG of a data set's first images, as many as there are samples."""
    images.save_png(path, images.grid(np.asarray(dataset.x[:SAMPLES]), COLUMNS))


def examples(path: Path, experiment: Experiment, players: Players, dataset: Dataset) -> None:
    """Writes a PNG grid of reconstructions or translations of a data set's first images, next to their inputs."""
    few = dataset.first(PAIRS)
    if "translate" in experiment.predict:
        made = make_translations(experiment, players, few, seed=0)
    else:
        made = make_reconstructions(experiment, players, few, seed=0)
    panel(path, {words: made[name] for name, words in SHOWN.items() if name in made})


def panel(path: Path, columns: Mapping[str, np.ndarray]) -> None:
    """Writes a PNG grid with the columns' images uint8 [n, h, w, c] side by side for each example.

    Smaller images are enlarged to the size of the largest, and grey ones become RGB if others are. The columns' names
    are stored in the file.
    """
    cells = np.stack(_alike([*columns.values()]), axis=1)
    grid = images.grid(cells.reshape(-1, *cells.shape[2:]), COLUMNS // 2 * len(columns))
    images.save_png(path, grid, columns=[*columns])


def batch(path: Path, fields: Mapping[str, np.ndarray], captions: Sequence[str], real: np.ndarray) -> None:
    """Writes a PNG of examples: images of several fields side by side with captions below, or points over the data.

    fields: `x` and others by name; those that are images are shown. captions: one for each example, or none. real: all
    examples of the data. Raises UserError if x is neither images nor points in the plane.
    """
    x = fields["x"]
    if x.ndim != 4:
        check_plane(real)
        points.save_samples(path, x, real, what="examples")
        return
    columns = _alike([x, *(values for name, values in fields.items() if name != "x" and values.ndim == 4)])
    cells = np.concatenate([images.enlarged(column, SMALLEST) for column in columns], axis=2)
    shown = images.captioned(cells, captions) if len(captions) else cells
    images.save_png(path, images.grid(shown, max(1, COLUMNS // len(columns))))


def walks(path: Path, experiment: Experiment, players: Players, keys: jax.Array, real: np.ndarray) -> None:
    """Writes a PNG with a walk for each key: a row of images, or a line over the points of the data.

    keys [k]; real: the data set's examples, uint8 [n, h, w, c] or float32 [n, 2], as `make_walks` takes them. Raises
    UserError if they are neither images nor points in the plane.
    """
    if real.ndim == 4:
        made = make_walks(experiment, players, keys, real, images.ALONG)
        images.save_png(path, images.grid(made.reshape(-1, *made.shape[2:]), made.shape[1]))
        return
    check_plane(real)
    points.save_walks(path, make_walks(experiment, players, keys, real, 200), real)


def make_walks(experiment: Experiment, players: Players, keys: jax.Array, real: np.ndarray, length: int) -> np.ndarray:
    """Returns a walk of `length` points for each key [k]: uint8 images [k, length, h, w, c], or points.

    If latents are not sampled, a walk goes from the code of one of the examples `real` [n, ...] to that of another.
    They are pixels as uint8, or floats as networks take them. Raises UserError if there are fewer than two.
    """
    predict, batch = experiment.predict, {}
    if "interpolate" not in predict:
        if len(real) < 2:
            raise UserError(f"walks go from one example to another: at least 2 are needed, not {len(real)}")
        pairs = jax.vmap(lambda key: random.choice(key, len(real), (2,), replace=False))(keys)
        ends = [jnp.asarray(real[np.asarray(side)]) for side in pairs.T]
        ends = [experiment.scale({"x": x})["x"] if x.dtype == jnp.uint8 else x for x in ends]
        batch = dict(zip("ab", ends, strict=True))
    walk = predict["interpolate" if "interpolate" in predict else "walk"]
    t = jnp.tile(jnp.linspace(0.0, 1.0, length), (len(keys), 1))
    return np.asarray(walk(players, keys, {**batch, "t": t}))


def _scores(experiment: Experiment, players: Players, x: np.ndarray) -> jax.Array:
    """Returns the critic's scores [n] of points [n, 2]."""
    return experiment.predict["scores"](players, random.split(base_key(0), len(x)), {"x": jnp.asarray(x)})


def _alike(columns: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Returns all columns' images with the same size and number of channels, the largest among them."""
    height, width, channels = (max(column.shape[axis] for column in columns) for axis in (1, 2, 3))

    def resized(column: np.ndarray) -> np.ndarray:
        rows, across = (np.arange(n) * own // n for n, own in zip((height, width), column.shape[1:3], strict=True))
        column = column[:, rows][:, :, across]
        return column if column.shape[3] == channels else np.repeat(column[..., :1], channels, axis=3)

    return [resized(column) for column in columns]


def check_plane(real: np.ndarray) -> None:
    """Raises UserError if examples [n, ...] are not points in the plane."""
    if real.shape[1:] != (2,):
        raise UserError(
            f"examples of shape {real.shape[1:]} cannot be drawn: figures show images or points in the plane; "
            "set config.sample_every_steps to 0"
        )
