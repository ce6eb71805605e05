"""Multi-scale structural similarity of images; between samples of one generator it measures their diversity."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax, random
from jax.typing import ArrayLike

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
SIGMA = 1.5
AT_ONCE = 1_000_000  # values of each side's images in memory at a time: 8 MB


def scales_that_fit(height: int, width: int, *, window: int = 11) -> int:
    """Returns the number of scales, at most 5, not smaller than the window: 2 for 28 x 28 pixels, 5 from 161 on."""
    fit, size = 0, min(height, width)
    while size >= window and fit < len(WEIGHTS):
        fit, size = fit + 1, -(-size // 2)
    return fit


def ms_ssim(a: ArrayLike, b: ArrayLike, *, peak: float, scales: int | None = None, window: int = 11) -> np.ndarray:
    """Computes the similarity of each image of a to that of b: [n, h, w, c], 0..`peak` -> float64 [n], 1 for equal.

    It is the product over scales of contrast and structure, and at the last scale also of luminance, each to its power
    (Wang, Simoncelli and Bovik 2003, eq. 7). Means use a Gaussian window of 11 pixels and sigma 1.5 where it lies whole
    within the image, with K1 = 0.01 and K2 = 0.03. Each scale halves the last by means of 2 x 2 pixels, and repeats
    edges of odd sizes. A negative mean counts as 0. Channels are averaged last.

    `scales` is the number of scales, by default as many as fit the window (`scales_that_fit`). With 5 the weights are
    the paper's, with fewer its first ones divided by their sum. Report it with the value, because values of different
    scales are not comparable. Raises ValueError if images differ in shape or are smaller than the scales need.
    """
    a, b = np.asarray(a), np.asarray(b)
    if a.ndim != 4 or a.shape != b.shape:
        raise ValueError(f"images have shapes {a.shape} and {b.shape}: both must be the same [n, h, w, c]")
    fit = scales_that_fit(*a.shape[1:3], window=window)
    size = f"{a.shape[1]} x {a.shape[2]}"
    if not fit:
        raise ValueError(f"images of {size} pixels are smaller than the window of {window}")
    if scales is not None and not 1 <= scales <= fit:
        raise ValueError(
            f"scales is {scales}: it must be from 1 to {fit} for images of {size} and a window of {window}"
        )
    with jax.enable_x64(True):  # variances are differences of large means
        return np.asarray(_ms_ssim(jnp.asarray(a), jnp.asarray(b), peak=peak, scales=scales or fit, window=window))


def pair_ms_ssim(
    images: ArrayLike, key: jax.Array, *, peak: float, pairs: int = 1000, scales: int | None = None, window: int = 11
) -> float:
    """Computes the mean `ms_ssim` of random pairs of different images [n, h, w, c]: the lower, the more diverse.

    Odena et al. 2017 (arXiv:1610.09585, section 4.2) measure diversity like this, within each class. Report the same
    for real images too. Pairs are sampled by `key`. Raises ValueError for fewer than 2 images or 1 pair, and as
    `ms_ssim` does.
    """
    images = np.asarray(images)
    n = len(images)
    if n < 2 or pairs < 1:
        raise ValueError(f"{pairs} pairs of {n} images: at least 1 pair and 2 images are needed")
    one_key, other_key = random.split(key)
    one = random.randint(one_key, (pairs,), 0, n)
    other = (one + random.randint(other_key, (pairs,), 1, n)) % n
    similar = ms_ssim(images[one], images[other], peak=peak, scales=scales, window=window)
    return float(similar.mean())


@partial(jax.jit, static_argnames=("peak", "scales", "window"))
def _ms_ssim(a: jax.Array, b: jax.Array, *, peak: float, scales: int, window: int) -> jax.Array:
    # All five weights keep the paper's rounding, a sum of 1.0001, as other implementations do.
    total = 1 if scales == len(WEIGHTS) else sum(WEIGHTS[:scales])
    weights = [weight / total for weight in WEIGHTS[:scales]]

    def of_pair(pair: tuple[jax.Array, jax.Array]) -> jax.Array:
        a, b = (image.astype(float) for image in pair)
        product = jnp.ones(a.shape[-1])
        for scale, weight in enumerate(weights):
            luminance, structure = _terms(a, b, peak, window)
            last = scale == scales - 1
            mean = (luminance * structure if last else structure).mean((0, 1))
            product *= jnp.maximum(mean, 0) ** weight
            if not last:
                a, b = _halved(a), _halved(b)
        return product.mean()

    return lax.map(of_pair, (a, b), batch_size=max(1, min(len(a), AT_ONCE // a[0].size)))


def _terms(a: jax.Array, b: jax.Array, peak: float, window: int) -> tuple[jax.Array, jax.Array]:
    """Returns luminance, and contrast times structure, at each window position: [h, w, c] -> [h', w', c] twice."""
    c1, c2 = (0.01 * peak) ** 2, (0.03 * peak) ** 2
    mean_a, mean_b = _windowed(a, window), _windowed(b, window)
    variances = _windowed(a * a + b * b, window) - mean_a**2 - mean_b**2
    covariance = _windowed(a * b, window) - mean_a * mean_b
    luminance = (2 * mean_a * mean_b + c1) / (mean_a**2 + mean_b**2 + c1)
    return luminance, (2 * covariance + c2) / (variances + c2)


def _windowed(x: jax.Array, window: int) -> jax.Array:
    """Returns the weighted means of windows: [h, w, c] -> [h - window + 1, w - window + 1, c]."""
    down, across = _gaussian(x.shape[0], window), _gaussian(x.shape[1], window)
    return jnp.einsum("ih,hwc,jw->ijc", down, x, across)


def _gaussian(size: int, window: int) -> np.ndarray:
    """Returns the window's weights at each of its positions, as rows: [size - window + 1, size]."""
    shape = np.exp(-np.square(np.arange(window) - (window - 1) / 2) / (2 * SIGMA**2))
    rows = [np.pad(shape / shape.sum(), (start, size - window - start)) for start in range(size - window + 1)]
    return np.array(rows)


def _halved(x: jax.Array) -> jax.Array:
    h, w, c = x.shape
    x = jnp.pad(x, ((0, h % 2), (0, w % 2), (0, 0)), mode="edge")
    return x.reshape((h + 1) // 2, 2, (w + 1) // 2, 2, c).mean((1, 3))
