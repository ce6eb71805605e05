"""The Fréchet distance between two sets of features, from their means and covariances, in float64."""

from typing import NamedTuple

import numpy as np
from jax.typing import ArrayLike

from gan_jax.metrics import features as table


class Moments(NamedTuple):
    """The moments of examples x [n, d], in float64.

    Attributes:
        count: the number n of examples.
        mean: their mean [d].
        scatter: the sum of (x - mean)(x - mean)^T, [d, d].
    """

    count: int
    mean: np.ndarray
    scatter: np.ndarray


def moments(features: ArrayLike) -> Moments:
    """Returns the moments of features [n, d]. Raises ValueError as `features.check` does."""
    x = table.check(features)
    mean = x.mean(axis=0)
    x -= mean
    return Moments(len(x), mean, x.T @ x)


def merge(a: Moments, b: Moments) -> Moments:
    """Returns the moments of the union of two sets of examples (Chan, Golub and LeVeque 1979).

    So a set of any size can be measured batch by batch: `functools.reduce(merge, map(moments, batches))`. Raises
    ValueError if the dimensions differ.
    """
    if a.mean.shape != b.mean.shape:
        raise ValueError(f"moments of {len(a.mean)} and of {len(b.mean)} dimensions cannot be merged")
    count, apart = a.count + b.count, b.mean - a.mean
    scatter = a.scatter + b.scatter + np.outer(apart, apart) * (a.count * b.count / count)
    return Moments(count, a.mean + apart * (b.count / count), scatter)


def rank(features: ArrayLike | Moments) -> int:
    """Returns the rank of the covariance: at most count - 1, and below d if it is singular.

    The Fréchet distance of a singular covariance is finite but says little: too few examples make it far too large.
    """
    root = _mean_and_root(features)[1]
    values = np.linalg.eigvalsh(root.T @ root)
    return int((values > values[-1:] * max(root.shape) * np.finfo(np.float64).eps).sum())


def frechet_distance(real: ArrayLike | Moments, fake: ArrayLike | Moments) -> float:
    """Computes |m1 - m2|^2 + Tr(C1 + C2 - 2 (C1 C2)^(1/2)) of features [n, d], [m, d] or their moments.

    It is in units of features squared.

    m and C are the means and covariances (divided by n - 1). It is the squared 2-Wasserstein distance of the Gaussians
    with these moments (Dowson and Landau 1982; Heusel et al. 2017, arXiv:1706.08500, eq. 6). On InceptionV3's features
    it is the FID. For the same distributions it falls with n, so only values of equal n are comparable.

    It equals the formula with scipy's sqrtm within 1e-9 of the traces. The trace of the root is computed as the sum of
    the singular values of R1^T R2 with C = R R^T, which is as exact for singular covariances, such as those with n <= d
    (see `rank`). Features with n <= d are such a root themselves, so that no matrix of [d, d] is made. Raises
    ValueError as `features.check` does, and if the dimensions differ.
    """
    (mean, one), (fake_mean, other) = _mean_and_root(real), _mean_and_root(fake)
    if mean.shape != fake_mean.shape:
        raise ValueError(f"real features have {len(mean)} dimensions and fake ones {len(fake_mean)}")
    shared = np.linalg.svd(one.T @ other, compute_uv=False).sum()
    distance = np.square(mean - fake_mean).sum() + np.square(one).sum() + np.square(other).sum() - 2 * shared
    return max(float(distance), 0.0)  # below 0 only by rounding


def _mean_and_root(features: ArrayLike | Moments) -> tuple[np.ndarray, np.ndarray]:
    """Returns the mean [d] and R with R R^T the covariance: [d, n] for features with n <= d, otherwise [d, rank]."""
    if isinstance(features, Moments):
        return features.mean, _root(features)
    x = table.check(features)
    if len(x) > x.shape[1]:
        made = moments(x)
        return made.mean, _root(made)
    mean = x.mean(axis=0)
    return mean, (x - mean).T / np.sqrt(len(x) - 1)


def _root(moments: Moments) -> np.ndarray:
    """Returns R [d, rank] with R R^T the covariance, without eigenvalues that are rounding errors."""
    values, vectors = np.linalg.eigh(moments.scatter / (moments.count - 1))
    real = values > values[-1] * len(values) * np.finfo(np.float64).eps
    return vectors[:, real] * np.sqrt(values[real])
