"""Makes tests/fixtures/torch_conv_transpose.npz: PyTorch's convolutions on tiny inputs, to be equal to.

PyTorch is not among the project's dependencies, so this runs in an environment of its own:

    python3 -m venv /tmp/torch && /tmp/torch/bin/pip install torch==2.13.0 numpy
    /tmp/torch/bin/python scripts/make_torch_fixtures.py

For each case NAME (`conv_...` or `conv_transpose_...`) the file holds its stride and padding and three float32 arrays
in PyTorch's own layouts, images as [n, c, h, w]:

    NAME/geometry, NAME/input, NAME/weight (conv: [out, in, kh, kw]; conv_transpose: [in, out, kh, kw]), NAME/output
"""

from pathlib import Path

import numpy as np
import torch  # pyrefly: ignore[missing-import]

FIXTURE = Path(__file__).parent.parent / "tests" / "fixtures" / "torch_conv_transpose.npz"

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


def main() -> None:
    """Writes the file; the seed is fixed, so that the same PyTorch makes the same bytes."""
    torch.manual_seed(0)
    arrays: dict[str, np.ndarray] = {}
    for name, cases in (("conv_transpose", CONV_TRANSPOSE), ("conv", CONV)):
        for kernel, stride, padding, size in cases:
            arrays |= case(name, kernel, stride, padding, size)
    arrays["torch_version"] = np.array(torch.__version__)
    FIXTURE.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(FIXTURE, allow_pickle=False, **arrays)
    print(f"{FIXTURE}: {len(arrays)} arrays, {FIXTURE.stat().st_size / 1000:.1f} kB, torch {torch.__version__}")


if __name__ == "__main__":
    main()
