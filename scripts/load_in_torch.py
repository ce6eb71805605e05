"""Makes an exported DCGAN's pictures in PyTorch, from `model.safetensors` and `config.json` alone.

PyTorch is not among the project's dependencies, so run this in its own environment, from the folder above. JAX is not
needed there:

    python3 -m venv torch && torch/bin/pip install torch==2.13.0 numpy safetensors
    PYTHONPATH=. torch/bin/python scripts/load_in_torch.py MODEL z.npy x.npy

MODEL is a folder made by `--mode=export`, whose generator is `dcgan.Generator`. z.npy has latents [n, dim]; x.npy gets
images [n, h, w, c], float32 in the range of the generator's last activation, as `run.generator(z)` gives them.
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch  # pyrefly: ignore[missing-import]
from safetensors.torch import load_file
from torch.nn import functional  # pyrefly: ignore[missing-import]

from gan_jax.models import layout

ACTIVATIONS = {"leaky_relu": functional.leaky_relu, "relu": functional.relu, "tanh": torch.tanh}
ACTIVATIONS["sigmoid"] = torch.sigmoid


def generate(folder: Path, z: Any) -> Any:
    """Returns images [n, h, w, c] for z [n, dim], as tensors, with moving averages if the generator has them."""
    held = json.loads((folder / "config.json").read_text())
    block, shape = held["config"]["networks"]["generator"], tuple(held["data_spec"]["shape"])
    norm = block.get("norm", {"name": "BatchNorm"})["name"]
    if (block["name"], norm) != ("dcgan.Generator", "BatchNorm"):
        sys.exit(f"{folder}: its generator is {block['name']} with {norm}: it must be dcgan.Generator with BatchNorm")
    arrays = load_file(folder / "model.safetensors")
    parts = {name.split("/")[1] for name in arrays if name.startswith("generator/")}
    part = "ema" if "ema" in parts else "params"
    kept = "ema_stats" if "ema_stats" in parts else "stats"
    automatic = layout.upsampling(shape, block.get("width", 32))
    given = [block.get(name, layout.AUTO) for name in ("widths", "kernels", "strides", "paddings")]
    lists = layout.chosen(automatic, *given)
    epsilon = block.get("norm", {}).get("epsilon", 1e-5)
    x = z[:, :, None, None]
    for number, (stride, padding) in enumerate(zip(lists.strides, lists.paddings, strict=True)):
        if number > 0:
            names = f"generator/{part}/BatchNorm_{number - 1}", f"generator/{kept}/batch_stats/BatchNorm_{number - 1}"
            x = activation(block.get("activation"), "leaky_relu")(normalised(arrays, *names, x, epsilon))
        kernel = arrays[f"generator/{part}/ConvTranspose_{number}/kernel"]  # [kh, kw, in, out]
        x = functional.conv_transpose2d(x, kernel.permute(2, 3, 0, 1), stride=stride, padding=padding)
    return activation(block.get("last_activation"), "tanh")(x).permute(0, 2, 3, 1)


def normalised(arrays: dict[str, Any], own: str, kept: str, x: Any, epsilon: float) -> Any:
    """Returns x [n, c, h, w] after batch normalisation with running statistics; own, kept: the names of its arrays."""
    mean, var = arrays[f"{kept}/mean"], arrays[f"{kept}/var"]
    return functional.batch_norm(x, mean, var, arrays[f"{own}/scale"], arrays[f"{own}/bias"], eps=epsilon)


def activation(block: dict[str, Any] | None, otherwise: str) -> Any:
    """Returns the function of a block of the config, or of `otherwise` if there is no block, with DCGAN's slope."""
    values = block or ({"name": otherwise, "negative_slope": 0.2} if otherwise == "leaky_relu" else {"name": otherwise})
    arguments = {name: value for name, value in values.items() if name != "name"}
    return lambda x: ACTIVATIONS[values["name"]](x, **arguments)


def main() -> None:
    """Reads a model and latents, and writes the images."""
    if len(sys.argv) != 4:
        sys.exit("usage: python scripts/load_in_torch.py MODEL z.npy x.npy")
    folder, latents, out = map(Path, sys.argv[1:])
    np.save(out, generate(folder, torch.from_numpy(np.load(latents, allow_pickle=False))).numpy(), allow_pickle=False)


if __name__ == "__main__":
    main()
