"""How far reconstructions are from what they are of."""

import numpy as np


def reconstruction_error(x: np.ndarray, recon: np.ndarray) -> np.ndarray:
    """The mean squared error per value of each example, in float64: [n, ...] twice -> [n], in units of x squared."""
    return np.square(np.asarray(x, np.float64) - recon).reshape(len(x), -1).mean(axis=1)


def psnr(error: np.ndarray, *, peak: float = 1.0) -> np.ndarray:
    """The peak signal-to-noise ratio 10 log10(peak^2 / error) in decibels; of a mean squared error of 0 it is inf."""
    with np.errstate(divide="ignore"):
        return 10 * np.log10(peak**2 / np.asarray(error))
