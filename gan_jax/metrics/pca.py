"""Principal component analysis: what the best linear code of a size can do, known exactly."""

from typing import NamedTuple

import numpy as np


class PCA(NamedTuple):
    """The examples' `mean` [d], orthonormal `components` [k, d] from the largest variance down, and `variances` [k]."""

    mean: np.ndarray
    components: np.ndarray
    variances: np.ndarray

    def first(self, k: int) -> "PCA":
        """The first k components alone."""
        return PCA(self.mean, self.components[:k], self.variances[:k])

    def encode(self, x: np.ndarray) -> np.ndarray:
        """x [n, d] -> z [n, k]."""
        return (x - self.mean) @ self.components.T

    def decode(self, z: np.ndarray) -> np.ndarray:
        """z [n, k] -> x [n, d]."""
        return z @ self.components + self.mean


def fit(x: np.ndarray) -> PCA:
    """All components of examples [n, d], by the singular value decomposition of their covariance, in float64.

    Of all linear codes of k values, the first k have the least squared error on x (Eckart and Young 1936).
    """
    x = x.astype(np.float64)
    mean = x.mean(axis=0)
    x -= mean
    _, variances, components = np.linalg.svd(x.T @ x / len(x), hermitian=True)
    return PCA(mean, components, variances)


def rank(whole: PCA) -> int:
    """How many directions the examples vary in: components whose variance is more than rounding of the largest."""
    least = whole.variances.max() * len(whole.variances) * np.finfo(np.float64).eps
    return int((whole.variances > least).sum())


def principal_angles(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Angles between the spans of the rows of a [k, d] and of b [m, d], in degrees, the largest first: [min(k, m)].

    By sines for small angles and cosines for large ones, each where it is exact (Bjorck and Golub 1973). NaN where an
    array is not finite.
    """
    from scipy.linalg import subspace_angles  # half a second of import, at evaluations alone

    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        return np.full(min(len(a), len(b)), np.nan)
    return np.degrees(subspace_angles(np.asarray(a, np.float64).T, np.asarray(b, np.float64).T))
