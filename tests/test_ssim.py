"""Multi-scale structural similarity: against pytorch-msssim's, and an implementation in float64 by SciPy's filters."""

from pathlib import Path

import numpy as np
import pytest
from jax import random
from scipy.ndimage import correlate1d

from gan_jax.metrics.ssim import ms_ssim, pair_ms_ssim, scales_that_fit

FIXTURE = np.load(Path(__file__).parent / "fixtures" / "metrics.npz")
RNG = np.random.default_rng(0)
KEY = random.key(0)


def test_of_five_scales_is_pytorch_msssims():
    large = np.kron(FIXTURE["coarse"], np.ones((1, 16, 16, 1), np.uint8))
    assert scales_that_fit(*large.shape[1:3]) == 5
    np.testing.assert_allclose(ms_ssim(large[:-1], large[1:], peak=255), FIXTURE["ms_ssim"], rtol=2e-5, atol=1e-9)


@pytest.mark.parametrize(("shape", "scales", "window"), [((28, 28), 2, 11), ((23, 31), 2, 11), ((8, 8), 1, 7)])
def test_of_small_images_is_that_of_scipys_filters(shape, scales, window):
    a = RNG.uniform(size=(1, *shape, 1)).repeat(6, axis=0)
    b = a + np.linspace(0, 1, 6).reshape(6, 1, 1, 1) * RNG.normal(size=a[:1].shape)
    ours = np.asarray(ms_ssim(a, b, peak=1.0, window=window))
    expected = [reference(x[..., 0], y[..., 0], scales, window) for x, y in zip(a, b, strict=True)]
    np.testing.assert_allclose(ours, expected, rtol=1e-9)
    assert ours[0] == pytest.approx(1, rel=1e-12)
    assert (np.diff(ours) < 0).all()  # the more noise, the less alike


def reference(a, b, scales, window):
    """As `ms_ssim` in float64 of images [h, w] with peak 1, some other way."""
    reach = window // 2
    law = np.exp(-(np.arange(-reach, reach + 1) ** 2) / (2 * 1.5**2))

    def windowed(x):
        for axis in (0, 1):
            x = correlate1d(x, law / law.sum(), axis=axis)
        return x[reach:-reach, reach:-reach]

    weights = np.array([0.0448, 0.2856])[:scales]
    product = 1.0
    for scale in range(scales):
        mean_a, mean_b = windowed(a), windowed(b)
        var_a, var_b = windowed(a**2) - mean_a**2, windowed(b**2) - mean_b**2
        terms = (2 * (windowed(a * b) - mean_a * mean_b) + 0.03**2) / (var_a + var_b + 0.03**2)
        if scale == scales - 1:
            terms *= (2 * mean_a * mean_b + 0.01**2) / (mean_a**2 + mean_b**2 + 0.01**2)
        product *= max(terms.mean(), 0) ** (weights[scale] / weights.sum())
        padded_a, padded_b = (np.pad(x, [(0, n % 2) for n in x.shape], mode="edge") for x in (a, b))
        a, b = ((x[::2, ::2] + x[1::2, ::2] + x[::2, 1::2] + x[1::2, 1::2]) / 4 for x in (padded_a, padded_b))
    return product


def test_scales_are_as_many_as_fit():
    assert [scales_that_fit(s, 400) for s in (10, 11, 20, 21, 28, 64, 160, 161, 400)] == [0, 1, 1, 2, 2, 3, 4, 5, 5]


def test_pairs_are_of_different_images():
    images = RNG.integers(0, 256, (2, 12, 12, 1), dtype=np.uint8)
    (expected,) = ms_ssim(images[:1], images[1:], peak=255)
    np.testing.assert_allclose(pair_ms_ssim(images, KEY, peak=255, pairs=20), expected, rtol=1e-12)
    assert pair_ms_ssim(images[:1].repeat(5, axis=0), KEY, peak=255, pairs=20) == pytest.approx(1, rel=1e-12)
    several = RNG.integers(0, 256, (9, 12, 12, 1), dtype=np.uint8)
    drawn = [pair_ms_ssim(several, random.key(seed), peak=255, pairs=20) for seed in (0, 0, 1)]
    assert drawn[0] == drawn[1] != drawn[2]


@pytest.mark.parametrize(
    ("shape", "scales", "message"),
    [
        ((2, 8, 8, 1), None, "images of 8 x 8 pixels are smaller than the window of 11"),
        ((2, 28, 28, 1), 3, "scales is 3: it must be from 1 to 2 for images of 28 x 28"),
        ((2, 28, 28, 1), 0, "scales is 0: it must be from 1 to 2"),
        ((2, 28, 28), None, r"both must be the same \[n, h, w, c\]"),
    ],
)
def test_images_that_make_no_sense(shape, scales, message):
    with pytest.raises(ValueError, match=message):
        ms_ssim(np.zeros(shape), np.zeros(shape), peak=1.0, scales=scales)


def test_too_few_to_make_pairs():
    with pytest.raises(ValueError, match="1000 pairs of 1 images: at least 1 pair and 2 images"):
        pair_ms_ssim(np.zeros((1, 28, 28, 1)), KEY, peak=1.0)
    with pytest.raises(ValueError, match="0 pairs of 2 images"):
        pair_ms_ssim(np.zeros((2, 28, 28, 1)), KEY, peak=1.0, pairs=0)
