"""Lines printed when training starts, after all checks: the devices, the data, the networks' parameters."""

from collections.abc import Mapping
from pathlib import Path

import jax

from gan_jax.core.state import Players
from gan_jax.data import Dataset
from gan_jax.runs.terminal import inform

NVIDIA = Path("/dev/nvidiactl")  # made by the driver


def start(dataset: Dataset, counts: Mapping[str, int], held: str) -> None:
    """Prints JAX's devices, the data set and where it is held, and each player's number of parameters."""
    devices = jax.devices()
    idle = "; an NVIDIA GPU is idle, because this JAX has no CUDA: pip install -e '.[cuda]'" if _gpu_is_idle() else ""
    inform(f"device: {len(devices)} x {devices[0].device_kind} ({devices[0].platform}){idle}")
    fields = {"x": dataset.shape} | {name: values.shape[1:] for name, values in dataset.others.items()}
    shapes = ", ".join(f"{name} {'x'.join(map(str, shape)) or 'a number'}" for name, shape in fields.items())
    classes = f", {dataset.classes} classes" if dataset.classes else ""
    inform(f"data: {dataset.name} {dataset.split}: {len(dataset.x):,} examples, {shapes}{classes}")
    inform(f"data.hold={held}")
    inform("parameters: " + ", ".join(f"{name} {count:,}" for name, count in counts.items()))


def parameters(players: Players) -> dict[str, int]:
    """Returns each player's number of parameters. Leaves may be arrays, or only their shapes."""
    return {name: sum(leaf.size for leaf in jax.tree.leaves(player.params)) for name, player in players.items()}


def _gpu_is_idle() -> bool:
    return jax.default_backend() == "cpu" and NVIDIA.exists()
