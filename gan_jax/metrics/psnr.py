"""Peak signal-to-noise ratio, as used for super-resolution."""

import numpy as np
from numpy.typing import ArrayLike

LUMA = (65.481, 128.553, 24.966)
"""The weights of red, green and blue in 0..1 in the luma Y of ITU-R BT.601, which is 16..235."""

ROUNDING = 1 / 12
"""The mean squared error of rounding to whole grey levels."""


def psnr(a: ArrayLike, b: ArrayLike, *, mask: ArrayLike = 1.0, border: int = 0, luma: bool = False) -> np.ndarray:
    """Computes 10 log10(255^2 / mean squared difference) of each pair of images uint8 [n, h, w, c]: float64 [n], dB.

    Args:
        mask: 1 at the pixels that count, [n, h, w, 1]; all of them by default.
        border: pixels cut off on all sides; by convention the factor of super-resolution.
        luma: uses the luma Y of RGB images (MATLAB's rgb2ycbcr, unrounded) instead of all channels. Grey images are
            made RGB first.

    The mean squared difference counts as at least ROUNDING, so equal images have 58.9 dB, and means over images are
    finite: a small hole is often filled without error. Raises ValueError if the images differ in shape, or if no pixel
    is left.
    """
    a, b = np.asarray(a), np.asarray(b)
    if a.shape != b.shape or a.ndim != 4:
        raise ValueError(f"images have shapes {a.shape} and {b.shape}: both must be the same [n, h, w, c]")
    if not 0 <= 2 * border < min(a.shape[1:3]):
        size = f"{a.shape[1]}x{a.shape[2]}"
        raise ValueError(f"border is {border}: it must be at least 0 and leave at least one pixel of {size} images")
    inside = slice(border, -border or None)
    sides = [(to_luma(x) if luma else x.astype(np.float64))[:, inside, inside] for x in (a, b)]
    counted = np.broadcast_to(mask, (*a.shape[:3], 1))[:, inside, inside]
    if not counted.any((1, 2, 3)).all():
        raise ValueError("mask is 0 at all pixels of an image: at least one must count")
    squares = np.square(sides[0] - sides[1]) * counted
    error = squares.sum((1, 2, 3)) / (counted.sum((1, 2, 3)) * squares.shape[3])
    return decibels(error, peak=255.0)


def decibels(error: ArrayLike, *, peak: float) -> np.ndarray:
    """Computes 10 log10(peak^2 / error) of mean squared errors [n]: [n], in dB.

    Errors count as at least those of rounding to 256 levels (ROUNDING), so that an error of 0 has 58.9 dB.
    peak: the largest value minus the smallest that the data can have.
    """
    return 10 * np.log10(peak**2 / np.maximum(error, ROUNDING * (peak / 255) ** 2))


def to_luma(images: np.ndarray) -> np.ndarray:
    """Returns the luma Y, 16..235, of images uint8 [n, h, w, 1 or 3] as float64 [n, h, w, 1]."""
    rgb = np.broadcast_to(images, (*images.shape[:3], 3)).astype(np.float64) / 255
    return rgb @ np.array(LUMA)[:, None] + 16
