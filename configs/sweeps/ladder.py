"""Seven models on MNIST, from a linear autoencoder to WGAN-GP, each with an equal budget of images.

python scripts/sweep.py --sweep=configs/sweeps/ladder.py --workdir=runs/ladder

The configs are configs/mnist_*.py, shortened so that the player with the most updates is shown the same number of
images in each; falling learning rates are shortened with them. Autoencoders make no samples, and the others are not
measured by reconstructions, so their table entries are empty.
"""

from typing import Any

from configs.common import sample_metrics
from gan_jax.config import load
from gan_jax.sweeps.cells import Cell
from gan_jax.sweeps.plan import CONFIGS, Curve, Metric, Seeds, Sweep

IMAGES = 300_000  # 5 epochs
STEPS = ("linear_ae", "deep_ae", "vae", "gan", "dcgan", "wgan", "wgan_gp")
FALLING = ("linear_ae", "deep_ae")  # their learning rates end at 0
EVALUATED = 2  # times


def get_sweep() -> Sweep:
    """Seven configs; 3 seeds."""
    metrics = [
        Metric("samples/frechet/mnist-v1", "lower"),
        Metric("samples/precision/mnist-v1", "higher"),
        Metric("samples/recall/mnist-v1", "higher"),
        Metric("samples/density/mnist-v1", "higher"),
        Metric("samples/coverage/mnist-v1", "higher"),
        Metric("reconstruction/error", "lower"),
    ]
    return Sweep(
        load(CONFIGS / "mnist_dcgan.py"),
        [_cell(name) for name in STEPS],
        Seeds(3, at_once=1),
        metrics=metrics,
        curves=[Curve(metric.name) for metric in metrics],
        baseline="dcgan",
    )


def _cell(name: str) -> Cell:
    base = load(CONFIGS / f"mnist_{name}.py")
    batch = min(base.batch_size, 100)
    images = batch * max(player.updates_per_step for player in base.players.values())  # per step
    steps = IMAGES // (images * EVALUATED) * EVALUATED
    changed: dict[str, Any] = {"steps": steps, "batch_size": batch, "evaluators": _evaluators(name)}
    changed |= {"data.split": "train", "keep_best": ""}
    periods = ("sample_every_steps", "evaluate_every_steps", "checkpoint_every_steps")
    changed |= dict.fromkeys(periods, steps // EVALUATED)
    if name in FALLING:
        changed["players.autoencoder.optimizer.learning_rate.decay_steps"] = steps
    return Cell(name, changed, base)


def _evaluators(name: str) -> dict[str, Any]:
    """Returns evaluators of samples for a model that can make them, else of reconstructions."""
    if name.endswith("_ae"):
        return {"reconstruction": {"name": "reconstruction.clean"}}
    return {"samples": sample_metrics(seeds=1)}
