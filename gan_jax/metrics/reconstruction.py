"""Errors of reconstructions."""

import numpy as np


def reconstruction_error(x: np.ndarray, recon: np.ndarray) -> np.ndarray:
    """Returns each example's mean squared error per value, float64 [n], in units of x squared; both [n, ...]."""
    return np.square(np.asarray(x, np.float64) - recon).reshape(len(x), -1).mean(axis=1)
