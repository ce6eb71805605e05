"""Makes tests/fixtures/torch_conv_transpose.npz and torch_modulated.npz: reference convolutions of PyTorch.

PyTorch is not among the project's dependencies, so run this in its own environment:

    python3 -m venv /tmp/torch && /tmp/torch/bin/pip install torch==2.13.0 numpy
    /tmp/torch/bin/python scripts/make_torch_fixtures.py

For each case NAME (`conv_...` or `conv_transpose_...`) the file holds its stride and padding and three float32 arrays
in PyTorch's own layouts, images as [n, c, h, w]:

    NAME/geometry, NAME/input, NAME/weight (conv: [out, in, kh, kw]; conv_transpose: [in, out, kh, kw]), NAME/output

In the second file each convolution is modulated, with a kernel for each example: see `modulated`.
"""

from pathlib import Path

import numpy as np
import torch  # pyrefly: ignore[missing-import]

FIXTURE = Path(__file__).parent.parent / "tests" / "fixtures" / "torch_conv_transpose.npz"
MODULATED = FIXTURE.with_name("torch_modulated.npz")

# ((kernel height, width), stride, padding, (image height, width)): DCGAN's geometries first, then odd ones.
CONV_TRANSPOSE = [
    ((4, 4), 1, 0, (1, 1)),
    ((3, 3), 2, 1, (4, 4)),
    ((4, 4), 2, 1, (4, 5)),
    ((5, 5), 3, 2, (3, 4)),
    ((2, 2), 2, 0, (3, 3)),
    ((3, 5), 2, 1, (3, 2)),
    ((1, 1), 3, 0, (3, 2)),
    ((6, 3), 3, 1, (2, 3)),
]
CONV = [
    ((4, 4), 1, 0, (4, 4)),
    ((3, 3), 2, 1, (7, 7)),
    ((4, 4), 2, 1, (8, 10)),
    ((5, 5), 3, 2, (7, 9)),
    ((2, 2), 2, 0, (5, 7)),
    ((3, 5), 2, 1, (6, 7)),
    ((1, 1), 3, 0, (7, 5)),
    ((6, 3), 3, 1, (9, 8)),
]
BATCH, INPUTS, OUTPUTS = 2, 3, 4


def case(name: str, kernel: tuple[int, int], stride: int, padding: int, size: tuple[int, int]) -> dict[str, np.ndarray]:
    """The arrays of one case, named `name_KHxKW_sS_pP/...`."""
    transposed = name == "conv_transpose"
    channels = (INPUTS, OUTPUTS) if transposed else (OUTPUTS, INPUTS)
    function = torch.nn.functional.conv_transpose2d if transposed else torch.nn.functional.conv2d
    inputs = torch.randn(BATCH, INPUTS, *size)
    weight = torch.randn(*channels, *kernel)
    output = function(inputs, weight, stride=stride, padding=padding)
    key = f"{name}_{kernel[0]}x{kernel[1]}_s{stride}_p{padding}"
    return {
        f"{key}/geometry": np.array([stride, padding]),
        f"{key}/input": inputs.numpy(),
        f"{key}/weight": weight.numpy(),
        f"{key}/output": output.numpy(),
    }


def modulated(name: str, kernel: int, *, demodulate: bool, up: bool) -> dict[str, np.ndarray]:
    """The arrays of one case: input [n, c, h, w], weight [o, c, kh, kw], style [n, c] and output, by equations 1 and 3.

    Karras et al. 2020, arXiv:1912.04958. Each example is convolved with its own kernel, as groups of one convolution.
    Up is a transposed convolution of stride 2, then [1, 3, 3, 1] / 4 along rows and columns.
    """
    functional = torch.nn.functional
    inputs, style = torch.randn(BATCH, INPUTS, 4, 6), 1 + torch.randn(BATCH, INPUTS)
    weight = torch.randn(OUTPUTS, INPUTS, kernel, kernel)
    own = weight * style[:, None, :, None, None]
    if demodulate:
        own = own / (own.square().sum((2, 3, 4), keepdim=True) + 1e-8).sqrt()
    grouped = inputs.reshape(1, -1, *inputs.shape[2:])
    if up:
        kernels = own.transpose(1, 2).reshape(BATCH * INPUTS, OUTPUTS, kernel, kernel)
        made = functional.conv_transpose2d(grouped, kernels, stride=2, groups=BATCH)
        taps = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 4
        made = functional.conv2d(made.transpose(0, 1), torch.outer(taps, taps)[None, None], padding=1)
    else:
        made = functional.conv2d(grouped, own.flatten(0, 1), padding=kernel // 2, groups=BATCH)
    arrays = {
        "input": inputs,
        "weight": weight,
        "style": style,
        "output": made.reshape(BATCH, OUTPUTS, *made.shape[2:]),
    }
    return {f"{name}/{part}": array.numpy() for part, array in arrays.items()}


def main() -> None:
    """Writes the files, with a fixed seed, so that the same PyTorch makes the same bytes."""
    torch.manual_seed(0)
    arrays: dict[str, np.ndarray] = {}
    for name, cases in (("conv_transpose", CONV_TRANSPOSE), ("conv", CONV)):
        for kernel, stride, padding, size in cases:
            arrays |= case(name, kernel, stride, padding, size)
    write(FIXTURE, arrays)
    arrays = modulated("plain", 3, demodulate=True, up=False) | modulated("up", 3, demodulate=True, up=True)
    write(MODULATED, arrays | modulated("to_image", 1, demodulate=False, up=False))


def write(file: Path, arrays: dict[str, np.ndarray]) -> None:
    """Writes a file, and prints what it holds."""
    arrays["torch_version"] = np.array(torch.__version__)
    file.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(file, allow_pickle=False, **arrays)
    print(f"{file}: {len(arrays)} arrays, {file.stat().st_size / 1000:.1f} kB, torch {torch.__version__}")


if __name__ == "__main__":
    main()
