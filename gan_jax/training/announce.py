"""Lines at the start of training: the devices, the data, the networks' parameters."""

from pathlib import Path

import jax
from jax import random
from ml_collections import ConfigDict

from gan_jax.data import Dataset
from gan_jax.data.spec import DataSpec
from gan_jax.experiments import Experiment
from gan_jax.runs.terminal import inform

NVIDIA = Path("/dev/nvidiactl")  # which the driver makes


def device() -> None:
    """Says what JAX computes on, and where it leaves a GPU idle."""
    devices = jax.devices()
    idle = ", while an NVIDIA GPU is idle, as this JAX has no CUDA: pip install -e '.[cuda]'" if _gpu_is_idle() else ""
    inform(f"device: {len(devices)} x {devices[0].device_kind} ({devices[0].platform}){idle}")


def data(config: ConfigDict, dataset: Dataset, spec: DataSpec) -> None:
    """Says what the config trains on."""
    fields = {"x": spec.shape, **spec.others}
    shapes = ", ".join(f"{name} {'x'.join(map(str, shape)) or 'a number'}" for name, shape in fields.items())
    classes = f", {spec.classes} classes" if spec.classes else ""
    inform(f"data: {config.data.name} {dataset.split}: {len(dataset.x):,} examples, {shapes}{classes}")


def parameters(experiment: Experiment) -> dict[str, int]:
    """Returns how many parameters each player's networks have, and says so."""
    shapes = jax.eval_shape(experiment.init, random.key(0)).players
    counts = {name: sum(leaf.size for leaf in jax.tree.leaves(player.params)) for name, player in shapes.items()}
    inform("parameters: " + ", ".join(f"{name} {count:,}" for name, count in counts.items()))
    return counts


def _gpu_is_idle() -> bool:
    return jax.default_backend() == "cpu" and NVIDIA.exists()
