"""What can be measured of samples beside real examples: each a function of one `Comparison`, named in `MEASURES`.

Values that are of features carry the network's name, as in `frechet/mnist-v1`, for others do not compare with them.
"""

import logging
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

import jax
import numpy as np

from gan_jax.data.base import Dataset
from gan_jax.errors import UserError
from gan_jax.features import Network
from gan_jax.metrics import frechet as moments
from gan_jax.metrics.classifier import classifier_score
from gan_jax.metrics.frechet import frechet_distance
from gan_jax.metrics.kernel_distance import kernel_distance
from gan_jax.metrics.manifolds import density_coverage, precision_recall
from gan_jax.metrics.modes import mode_coverage
from gan_jax.metrics.neighbours import nearest_neighbours
from gan_jax.metrics.sliced import sliced_wasserstein
from gan_jax.metrics.ssim import pair_ms_ssim, scales_that_fit


class Side(NamedTuple):
    """Examples x [n, ...] as the data set has them, features [n, d], and logits [n, classes], 0 classes without any."""

    x: np.ndarray
    features: np.ndarray
    logits: np.ndarray


class Comparison(NamedTuple):
    """The `real` side and the samples; `train`: features of the training examples; `network`: the features' name."""

    real: Side
    fake: Side
    train: np.ndarray
    network: str
    key: jax.Array


def _frechet(c: Comparison) -> dict[str, float]:
    real, fake = (moments.moments(side.features) for side in (c.real, c.fake))
    dim = len(fake.mean)
    if fake.count <= dim:
        logging.warning(
            "frechet/%s: %d samples span %d of %d dimensions, so the value is too large: take many more samples",
            c.network,
            fake.count,
            moments.rank(fake),
            dim,
        )
    return _of(c, frechet=frechet_distance(real, fake))


def _kernel_distance(c: Comparison) -> dict[str, float]:
    size = min(1000, len(c.real.features), len(c.fake.features))
    return _of(c, kernel_distance=kernel_distance(c.real.features, c.fake.features, c.key, size=size).mean)


def _precision_recall(c: Comparison) -> dict[str, float]:
    return _of(c, **precision_recall(c.real.features, c.fake.features)._asdict())


def _density_coverage(c: Comparison) -> dict[str, float]:
    return _of(c, **density_coverage(c.real.features, c.fake.features)._asdict())


def _classifier_score(c: Comparison) -> dict[str, float]:
    return _of(c, classifier_score=classifier_score(c.fake.logits).mean)


def _mode_coverage(c: Comparison) -> dict[str, float]:
    modes = mode_coverage(c.fake.logits.argmax(1), modes=c.fake.logits.shape[1])
    return _of(c, modes_found=modes.found, modes_reverse_kl=modes.reverse_kl)


def _sliced_wasserstein(c: Comparison) -> dict[str, float]:
    return _of(c, sliced_wasserstein=sliced_wasserstein(c.real.features, c.fake.features, c.key))


def _ms_ssim(c: Comparison) -> dict[str, float]:
    scales = scales_that_fit(*c.fake.x.shape[1:3])
    return {f"ms_ssim/{scales}-scales": pair_ms_ssim(c.fake.x, c.key, peak=255.0, scales=scales)}


def _nearest_neighbours(c: Comparison) -> dict[str, float]:
    values = nearest_neighbours(c.fake.features, c.train, c.real.features)
    return _of(c, **{f"nearest_{name}": value for name, value in values._asdict().items()})


def _of(c: Comparison, **values: float) -> dict[str, float]:
    return {f"{name}/{c.network}": value for name, value in values.items()}


MEASURES: Mapping[str, Callable[[Comparison], dict[str, float]]] = MappingProxyType(
    {
        "frechet": _frechet,
        "kernel_distance": _kernel_distance,
        "precision_recall": _precision_recall,
        "density_coverage": _density_coverage,
        "classifier_score": _classifier_score,
        "mode_coverage": _mode_coverage,
        "sliced_wasserstein": _sliced_wasserstein,
        "ms_ssim": _ms_ssim,
        "nearest_neighbours": _nearest_neighbours,
    }
)
OF_LOGITS = frozenset({"classifier_score", "mode_coverage"})


def check(metrics: tuple[str, ...], dataset: Dataset, network: Network) -> None:
    """Raises UserError where examples such as these, or what the network says of them, cannot be measured so."""
    shape, classes = dataset.shape, network.classes
    if "ms_ssim" in metrics and (len(shape) != 3 or not scales_that_fit(*shape[:2])):
        raise UserError(f"ms_ssim needs images of at least 11 x 11 pixels, not examples of shape {shape}: leave it out")
    if not classes and (needy := sorted(OF_LOGITS & {*metrics})):
        raise UserError(f"{' and '.join(needy)} need a classifier, which features 'pixels' are not: leave them out")
    if "mode_coverage" in metrics and dataset.classes not in (0, classes):
        raise UserError(
            f"mode_coverage: {network.name} knows {classes} classes, {dataset.name} has {dataset.classes}: leave it out"
        )
