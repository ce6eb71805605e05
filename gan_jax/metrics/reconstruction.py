"""Errors of reconstructions."""

import numpy as np


def reconstruction_error(x: np.ndarray, recon: np.ndarray) -> np.ndarray:
    """Returns each example's mean squared error per value, float64 [n], in units of x squared; both [n, ...]."""
    return np.square(np.asarray(x, np.float64) - recon).reshape(len(x), -1).mean(axis=1)


def psnr(error: np.ndarray, *, peak: float = 1.0) -> np.ndarray:
    """Computes the peak signal-to-noise ratio 10 log10(peak^2 / error) in decibels, [n] for mean squared errors [n].

    It is inf for an error of 0. peak: the largest value minus the smallest that the data can have.
    """
    with np.errstate(divide="ignore"):
        return 10 * np.log10(peak**2 / np.asarray(error))
