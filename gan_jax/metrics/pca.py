"""Principal component analysis: the best linear code of a given size, known exactly."""

from typing import NamedTuple

import numpy as np


class PCA(NamedTuple):
    """The examples' `mean` [d], orthonormal `components` [k, d] from the largest variance down, and `variances` [k]."""

    mean: np.ndarray
    components: np.ndarray
    variances: np.ndarray

    def first(self, k: int) -> "PCA":
        """Returns only the first k components."""
        return PCA(self.mean, self.components[:k], self.variances[:k])

    def encode(self, x: np.ndarray) -> np.ndarray:
        """Returns the codes z [n, k] of x [n, d]."""
        return (x - self.mean) @ self.components.T

    def decode(self, z: np.ndarray) -> np.ndarray:
        """Returns the reconstructions x [n, d] of z [n, k]."""
        return z @ self.components + self.mean


def fit(x: np.ndarray) -> PCA:
    """Returns all components of examples [n, d], by the singular value decomposition of their covariance, in float64.

    Of all linear codes of k values, the first k have the least squared error on x (Eckart and Young 1936).
    """
    x = x.astype(np.float64)
    mean = x.mean(axis=0)
    x -= mean
    _, variances, components = np.linalg.svd(x.T @ x / len(x), hermitian=True)
    return PCA(mean, components, variances)


def rank(whole: PCA) -> int:
    """Returns the rank: the number of components whose variance is above the rounding error of the largest."""
    least = whole.variances.max() * len(whole.variances) * np.finfo(np.float64).eps
    return int((whole.variances > least).sum())


def principal_angles(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Returns the angles [min(k, m)] between the spans of the rows of a [k, d] and b [m, d], in degrees, largest first.

    Small angles are computed from sines and large ones from cosines, where each is exact (Bjorck and Golub 1973). All
    are NaN if an array is not finite.
    """
    from scipy.linalg import subspace_angles  # half a second of import, only at evaluations

    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        return np.full(min(len(a), len(b)), np.nan)
    return np.degrees(subspace_angles(np.asarray(a, np.float64).T, np.asarray(b, np.float64).T))
