"""Figures of points in the plane: samples over the data's density and over the critic's scores, and walks."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from gan_jax.runs.files import atomically

BINS, SURFACE = 200, 120  # cells along a side of the density, and of the critic's surface
LEVELS = 24  # of the surface: flat areas take a third of a smooth PNG's bytes, and a report has a dozen of them


def save_samples(
    path: Path, made: np.ndarray, real: np.ndarray, scores: Callable | None = None, *, what: str = "samples"
) -> None:
    """Writes a PNG of points `made` [n, 2] over the density of `real` [m, 2].

    `scores([k, 2]) -> [k]` is the critic; a second panel has the samples over its surface. The title gives the number
    of samples outside the frame of the data, and calls the samples `what`.
    """
    figure, axes = _figure(1 if scores is None else 2)
    frame = _frame(real)
    _density(axes[0], real, frame)
    axes[0].scatter(*made.T, s=3, c="tab:red", alpha=0.5, linewidths=0)
    outside = np.count_nonzero((np.abs(made - frame.mean(1)) > np.ptp(frame, axis=1) / 2).any(1))
    axes[0].set_title(f"{len(made):,} {what} over the data's density; {outside:,} lie outside", fontsize="medium")
    if scores is not None:
        x, y = np.linspace(frame[:, 0], frame[:, 1], SURFACE, axis=1)
        positions = np.stack(np.meshgrid(x, y), axis=-1).astype(np.float32)
        surface = np.asarray(scores(positions.reshape(-1, 2))).reshape(SURFACE, SURFACE)
        drawn = axes[1].contourf(x, y, surface, LEVELS, cmap="viridis")
        axes[1].scatter(*made.T, s=1, c="white", linewidths=0)
        axes[1].set_title("the critic's scores: higher is more real", fontsize="medium")
        figure.colorbar(drawn, ax=axes[1], shrink=0.8)
    _save(figure, axes, frame, path)


def save_walks(path: Path, walks: np.ndarray, real: np.ndarray) -> None:
    """Writes a PNG of walks [n, m, 2], each a line from its first to its last point, over the density of `real`."""
    figure, axes = _figure(1)
    frame = _frame(real)
    _density(axes[0], real, frame)
    for number, walk in enumerate(walks):
        axes[0].plot(*walk.T, ".-", color=f"C{number % 10}", linewidth=1, markersize=2)
        axes[0].plot(*walk[[0, -1]].T, "o", color=f"C{number % 10}", markersize=5)
    axes[0].set_title(f"{len(walks)} walks between latents, over the data's density", fontsize="medium")
    _save(figure, axes, frame, path)


def _frame(real: np.ndarray) -> np.ndarray:
    """Returns the limits [2, 2], (low, high) by axis, of a square around the data, a fifth wider than the data."""
    low, high = real.min(0), real.max(0)
    half = 0.6 * (high - low).max()
    return np.stack([(low + high) / 2 - half, (low + high) / 2 + half], axis=1)


def _figure(panels: int):
    from matplotlib.figure import Figure  # imports in a second; runs on images do not need it

    figure = Figure(figsize=(5 * panels, 5), dpi=100, layout="constrained")
    return figure, figure.subplots(1, panels, squeeze=False)[0]


def _density(axes, real: np.ndarray, frame: np.ndarray) -> None:
    from matplotlib.colors import PowerNorm

    counts, x, y = np.histogram2d(*real.T, bins=BINS, range=frame)
    axes.pcolormesh(x, y, counts.T, cmap="Blues", norm=PowerNorm(0.4), rasterized=True)


def _save(figure, axes, frame: np.ndarray, path: Path) -> None:
    for panel in axes:
        panel.set(xlim=frame[0], ylim=frame[1], aspect="equal")
    with atomically(path) as file:
        figure.savefig(file, format="png", metadata={"Software": None})
