"""Makes tests/fixtures/torch_inception.npz: outputs of torch-fidelity's InceptionV3 for images, with random weights.

Its packages are not among the project's dependencies, so run this in its own environment:

    python3 -m venv /tmp/torch && /tmp/torch/bin/pip install torch==2.13.0 torchvision torch-fidelity==0.4.0
    /tmp/torch/bin/python scripts/make_torch_inception.py

The file holds `images` uint8 [2, 20, 33, 3], `features` float32 [2, 2048], `logits` [2, 1008], and the `names` and
`shapes` of the weights, as JSON. tests/test_inception.py draws the same weights from them, with the same `drawn`.
"""

import json
import tempfile
import zlib
from pathlib import Path
from unittest import mock

import numpy as np
import torch  # pyrefly: ignore[missing-import]

FIXTURE = Path(__file__).parent.parent / "tests" / "fixtures" / "torch_inception.npz"


def drawn(name: str, shape: list[int]) -> np.ndarray:
    """A weight for this name, such that values neither vanish nor grow from layer to layer."""
    random = np.random.default_rng(zlib.crc32(name.encode()))
    if name.endswith("running_var") or name.endswith("bn.weight"):
        return random.uniform(0.5, 1.5, shape).astype(np.float32)
    scale = (2 / np.prod(shape[1:])) ** 0.5 if len(shape) > 1 else 0.1
    return (random.standard_normal(shape) * scale).astype(np.float32)


def main() -> None:
    """Writes the fixture."""
    from torch_fidelity import feature_extractor_inceptionv3 as theirs  # pyrefly: ignore[missing-import]

    with (
        mock.patch.object(theirs.FeatureExtractorInceptionV3, "load_state_dict"),
        tempfile.NamedTemporaryFile() as empty,
    ):
        torch.save({}, empty.name)
        model = theirs.FeatureExtractorInceptionV3(
            "inception", ["2048", "logits_unbiased"], feature_extractor_weights_path=empty.name
        )
    shapes = {name: list(value.shape) for name, value in model.state_dict().items() if value.ndim}
    state = {name: torch.from_numpy(drawn(name, shape)) for name, shape in shapes.items()}
    torch.nn.Module.load_state_dict(model, state, strict=False)
    images = np.random.default_rng(0).integers(256, size=(2, 20, 33, 3)).astype(np.uint8)
    with torch.no_grad():
        features, logits = model(torch.from_numpy(images).permute(0, 3, 1, 2))
    arrays = {"images": images, "features": features.numpy(), "logits": logits.numpy()}
    np.savez_compressed(FIXTURE, allow_pickle=False, shapes=np.array(json.dumps(shapes)), **arrays)


if __name__ == "__main__":
    main()
