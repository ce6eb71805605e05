"""Makes tests/fixtures/metrics.npz: reference values of other implementations of the metrics, for a few arrays.

They are not among the project's dependencies, so run this in its own environment:

    python3 -m venv /tmp/metrics && /tmp/metrics/bin/pip install torch==2.13.0 torchvision==0.28.0 \
        torch-fidelity==0.4.0 pytorch-msssim==1.0.0 prdc==0.2 POT==0.9.7.post1 scikit-image==0.26.0 scikit-learn numpy
    /tmp/metrics/bin/python scripts/make_metric_fixtures.py

For each pair of feature sets NAME in `normal` (float64), `tied` (small integers, many at equal distances and some
twice) and `same` (the latter's real set against itself) the file holds

    NAME/real [n, d], NAME/fake [m, d], NAME/directions [d, k], of length 1
    NAME/prdc_K      precision, recall, density, coverage by prdc at K neighbours, K = 1, 3, 5
    NAME/frechet     torch-fidelity's, of float64
    NAME/mmd2        torch-fidelity's unbiased one, of the first m real and all m fake
    NAME/sliced_P    POT's along these directions, for powers P = 1, 2

and besides these

    logits [n, classes], classifier_score_S   torch-fidelity's mean and std over S splits, S = 1, 4, in order
    coarse uint8 [n, h, w, c], ms_ssim        pytorch-msssim's of each but the last to the next one, in float64, of the
                                              images whose every pixel is made 16 x 16: at odd sizes it differs
    holed uint8 [h, w, c], hole [h, w]        and `biharmonic`, scikit-image's filling of the hole, by channels
"""

import contextlib
import io
from pathlib import Path

import numpy as np
import ot  # pyrefly: ignore[missing-import]
import torch  # pyrefly: ignore[missing-import]
from prdc import compute_prdc  # pyrefly: ignore[missing-import]
from pytorch_msssim import ms_ssim  # pyrefly: ignore[missing-import]
from skimage.restoration import inpaint_biharmonic  # pyrefly: ignore[missing-import]
from torch_fidelity import metric_fid, metric_isc, metric_kid  # pyrefly: ignore[missing-import]

FIXTURE = Path(__file__).parent.parent / "tests" / "fixtures" / "metrics.npz"
DIRECTIONS = 20


def pairs(rng: np.random.Generator) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Real and fake features by name."""
    mixing = rng.normal(size=(6, 6))
    normal = rng.normal(size=(120, 6)) @ mixing + 5, rng.normal(size=(90, 6)) @ mixing * 0.8 + 5.4
    tied = rng.integers(0, 5, (80, 3)), rng.integers(1, 6, (60, 3))
    return {"normal": normal, "tied": tied, "same": (tied[0], tied[0])}


def judged(real: np.ndarray, fake: np.ndarray, directions: np.ndarray) -> dict[str, np.ndarray]:
    """Returns the reference values for features [n, d] and [m, d], n >= m."""
    real, fake = real.astype(np.float64), fake.astype(np.float64)
    found = {}
    for k in (1, 3, 5):
        with contextlib.redirect_stdout(io.StringIO()):
            values = compute_prdc(real, fake, nearest_k=k)
        found[f"prdc_{k}"] = np.array([values[name] for name in ("precision", "recall", "density", "coverage")])
    statistics = [metric_fid.fid_features_to_statistics(torch.from_numpy(x)) for x in (real, fake)]
    found["frechet"] = metric_fid.fid_statistics_to_metric(*statistics, False)["frechet_inception_distance"]
    kid = {"kid_kernel": "poly", "kid_kernel_poly_degree": 3, "kid_kernel_poly_gamma": None, "kid_kernel_poly_coef0": 1}
    found["mmd2"] = metric_kid.kernel_mmd(real[: len(fake)], fake, **kid)
    for p in (1, 2):
        found[f"sliced_{p}"] = ot.sliced_wasserstein_distance(real, fake, projections=directions, p=p)
    return found


def filled() -> dict[str, np.ndarray]:
    """Returns a smooth image, holes inside it and at its border, and their filling."""
    rng = np.random.default_rng(1)
    image = np.kron(rng.integers(0, 256, (3, 4, 3)), np.ones((6, 6, 1))).astype(np.uint8)
    hole = np.zeros(image.shape[:2], bool)
    hole[4:9, 5:13] = hole[10:15, 19:] = hole[:3, 15:18] = hole[16, 2] = True
    made = inpaint_biharmonic(image.astype(np.float64), hole, channel_axis=-1)
    return {"holed": image, "hole": hole, "biharmonic": made}


def main() -> None:
    """Writes the file, with a fixed seed."""
    rng = np.random.default_rng(0)
    arrays: dict[str, np.ndarray] = {}
    for name, (real, fake) in pairs(rng).items():
        directions = rng.normal(size=(real.shape[1], DIRECTIONS))
        directions /= np.linalg.norm(directions, axis=0)
        values = {"real": real, "fake": fake, "directions": directions, **judged(real, fake, directions)}
        arrays |= {f"{name}/{key}": np.asarray(value) for key, value in values.items()}
    arrays["logits"] = 3 * rng.normal(size=(50, 10))
    for splits in (1, 4):
        score = metric_isc.isc_features_to_metric(torch.from_numpy(arrays["logits"]), splits, shuffle=False)
        arrays[f"classifier_score_{splits}"] = np.array(list(score.values()))
    arrays["coarse"] = coarse = rng.integers(0, 256, (4, 11, 11, 3), dtype=np.uint8)
    coarse[1] = np.clip(coarse[0] + rng.normal(size=coarse[0].shape) * 20, 0, 255)  # so that not all are far apart
    large = torch.from_numpy(np.kron(coarse, np.ones((1, 16, 16, 1)))).permute(0, 3, 1, 2)
    arrays["ms_ssim"] = ms_ssim(large[:-1], large[1:], data_range=255, size_average=False).numpy()
    arrays |= filled()
    FIXTURE.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(FIXTURE, allow_pickle=False, **arrays)
    print(f"{FIXTURE}: {len(arrays)} arrays, {FIXTURE.stat().st_size / 1000:.1f} kB")


if __name__ == "__main__":
    main()
