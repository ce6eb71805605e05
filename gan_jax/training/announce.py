"""Lines at the start of training, once all is checked: the devices, the data, the networks' parameters."""

from collections.abc import Mapping
from pathlib import Path

import jax

from gan_jax.core.state import Players
from gan_jax.data import Dataset
from gan_jax.runs.terminal import inform

NVIDIA = Path("/dev/nvidiactl")  # which the driver makes


def start(dataset: Dataset, counts: Mapping[str, int], held: str) -> None:
    """Says what JAX computes on, what is trained on and where it is held, and the parameters of each player."""
    devices = jax.devices()
    idle = ", while an NVIDIA GPU is idle, as this JAX has no CUDA: pip install -e '.[cuda]'" if _gpu_is_idle() else ""
    inform(f"device: {len(devices)} x {devices[0].device_kind} ({devices[0].platform}){idle}")
    fields = {"x": dataset.shape} | {name: values.shape[1:] for name, values in dataset.others.items()}
    shapes = ", ".join(f"{name} {'x'.join(map(str, shape)) or 'a number'}" for name, shape in fields.items())
    classes = f", {dataset.classes} classes" if dataset.classes else ""
    inform(f"data: {dataset.name} {dataset.split}: {len(dataset.x):,} examples, {shapes}{classes}")
    inform(f"data.hold={held}")
    inform("parameters: " + ", ".join(f"{name} {count:,}" for name, count in counts.items()))


def parameters(players: Players) -> dict[str, int]:
    """Returns how many parameters each player's networks have, of arrays or of their shapes alone."""
    return {name: sum(leaf.size for leaf in jax.tree.leaves(player.params)) for name, player in players.items()}


def _gpu_is_idle() -> bool:
    return jax.default_backend() == "cpu" and NVIDIA.exists()
