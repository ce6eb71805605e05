"""Metrics that compare samples with real examples: functions of a `Comparison`, by name in `MEASURES`.

Values that use features have the network's name, as in `frechet/mnist-v1`, because they depend on it.
"""

import logging
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple

import jax
import numpy as np

from gan_jax.data.base import Dataset
from gan_jax.errors import UserError
from gan_jax.features import Network
from gan_jax.metrics.classifier import classifier_score
from gan_jax.metrics.frechet import frechet_distance, rank
from gan_jax.metrics.kernel_distance import kernel_distance
from gan_jax.metrics.manifolds import DensityCoverage, PrecisionRecall, density_coverage, precision_recall, without_ball
from gan_jax.metrics.modes import mode_coverage
from gan_jax.metrics.neighbours import NearestNeighbours, nearest_neighbours
from gan_jax.metrics.sliced import sliced_wasserstein
from gan_jax.metrics.ssim import pair_ms_ssim, scales_that_fit

PRECISION_K, DENSITY_K = 3, 5  # the papers' k-th nearest neighbour, which an example needs besides itself
SCORE_SPLITS = 10


class Side(NamedTuple):
    """Examples as arrays.

    Attributes:
        x: the examples [n, ...] as the data set has them.
        features: their features [n, d].
        logits: [n, classes], with 0 classes if the network has none.
    """

    x: np.ndarray
    features: np.ndarray
    logits: np.ndarray


class Comparison(NamedTuple):
    """Samples, and the real examples that they are compared with.

    Attributes:
        real: the real examples.
        fake: the samples.
        train: features [m, d] of the training examples, if a metric needs them.
        network: the name of the network that made the features.
        key: for metrics with random parts.
    """

    real: Side
    fake: Side
    train: np.ndarray
    network: str
    key: jax.Array


def _frechet(c: Comparison) -> tuple[float]:
    real, fake = c.real.features, c.fake.features
    count, dim = fake.shape
    if count <= dim:
        logging.warning(
            "frechet/%s: %d samples span %d of %d dimensions, so the value is too large: use many more samples",
            c.network,
            count,
            rank(fake),
            dim,
        )
    return (frechet_distance(real, fake),)


def _kernel_distance(c: Comparison) -> tuple[float]:
    size = min(1000, len(c.real.features), len(c.fake.features))
    return (kernel_distance(c.real.features, c.fake.features, c.key, size=size).mean,)


def _precision_recall(c: Comparison) -> PrecisionRecall:
    _check_balls(f"precision/{c.network}", c.real, "real examples", k=PRECISION_K)
    _check_balls(f"recall/{c.network}", c.fake, "samples", k=PRECISION_K)
    return precision_recall(c.real.features, c.fake.features, k=PRECISION_K)


def _density_coverage(c: Comparison) -> DensityCoverage:
    _check_balls(f"density/{c.network} and coverage/{c.network}", c.real, "real examples", k=DENSITY_K)
    return density_coverage(c.real.features, c.fake.features, k=DENSITY_K)


def _check_balls(values: str, side: Side, which: str, *, k: int) -> None:
    """Warns if examples have so many duplicates that nothing counts as near them."""
    if lost := without_ball(side.features, k=k):
        logging.warning(
            "%s: %d of %d %s have their %d nearest neighbours at distance 0, and nothing, not even a copy, counts as "
            "near those, which lowers the values: remove duplicates from the data (duplicate samples mean collapse), "
            "or use frechet and kernel_distance, which duplicates do not affect in this way",
            values,
            lost,
            len(side.features),
            which,
            k,
        )


def _classifier_score(c: Comparison) -> tuple[float]:
    # In a random order, because a set that is sorted by class would have one class in each part.
    order = np.random.default_rng(0).permutation(len(c.fake.logits))
    return (classifier_score(c.fake.logits[order], splits=SCORE_SPLITS).mean,)


def _mode_coverage(c: Comparison) -> tuple[float, float]:
    modes = mode_coverage(c.fake.logits.argmax(1), modes=c.fake.logits.shape[1])
    return modes.found, modes.reverse_kl


def _sliced_wasserstein(c: Comparison) -> tuple[float]:
    return (sliced_wasserstein(c.real.features, c.fake.features, c.key),)


def _ms_ssim(c: Comparison) -> tuple[float]:
    scales = scales_that_fit(*c.fake.x.shape[1:3])
    return (pair_ms_ssim(c.fake.x, c.key, peak=255.0, scales=scales),)


def _nearest_neighbours(c: Comparison) -> NearestNeighbours:
    return nearest_neighbours(c.fake.features, c.train, c.real.features)


class Measure(NamedTuple):
    """A metric.

    Attributes:
        names: the names of its values.
        of: returns the values, in the order of their names.
        least: the least number of examples that it needs on either side.
    """

    names: tuple[str, ...]
    of: Callable[[Comparison], tuple[float, ...]]
    least: int


MEASURES: Mapping[str, Measure] = MappingProxyType(
    {
        "frechet": Measure(("frechet",), _frechet, least=2),
        "kernel_distance": Measure(("kernel_distance",), _kernel_distance, least=2),
        "precision_recall": Measure(PrecisionRecall._fields, _precision_recall, least=PRECISION_K + 1),
        "density_coverage": Measure(DensityCoverage._fields, _density_coverage, least=DENSITY_K + 1),
        "classifier_score": Measure(("classifier_score",), _classifier_score, least=SCORE_SPLITS),
        "mode_coverage": Measure(("modes_found", "modes_reverse_kl"), _mode_coverage, least=1),
        "sliced_wasserstein": Measure(("sliced_wasserstein",), _sliced_wasserstein, least=2),
        "ms_ssim": Measure(("ms_ssim",), _ms_ssim, least=2),
        "nearest_neighbours": Measure(
            tuple(f"nearest_{name}" for name in NearestNeighbours._fields), _nearest_neighbours, least=1
        ),
    }
)
OF_LOGITS = frozenset({"classifier_score", "mode_coverage"})


def of_features(metrics: tuple[str, ...]) -> tuple[str, ...]:
    """Returns the metrics that need no classifier, and warns about others. Raises UserError if none is left."""
    left_out = ", ".join(sorted(OF_LOGITS & {*metrics}))
    if not (kept := tuple(metric for metric in metrics if metric not in OF_LOGITS)):
        raise UserError(f"{left_out}: a classifier is needed, but the data set has none: use other metrics")
    if left_out:
        logging.warning("%s: left out, because the data set has no classifier", left_out)
    return kept


def names(metrics: Iterable[str], network: str, shape: tuple[int, ...]) -> list[str]:
    """Returns the names of all values of these metrics, by a network's name, for examples of this shape."""
    return [
        f"{name}/{scales_that_fit(*shape[:2])}-scales" if metric == "ms_ssim" else f"{name}/{network}"
        for metric in metrics
        for name in MEASURES[metric].names
    ]


def measured(metrics: Iterable[str], comparison: Comparison) -> dict[str, float]:
    """Returns all values of these metrics, by `names`."""
    values = [value for metric in metrics for value in MEASURES[metric].of(comparison)]
    return dict(zip(names(metrics, comparison.network, comparison.real.x.shape[1:]), values, strict=True))


def check(metrics: tuple[str, ...], network: Network, *datasets: Dataset) -> None:
    """Raises UserError if these metrics cannot be computed from such examples, or from the network's outputs.

    datasets: the real examples, and the training examples, from which the floors are computed.
    """
    real = datasets[0]
    shape, classes = real.shape, network.classes
    if "ms_ssim" in metrics and (len(shape) != 3 or not scales_that_fit(*shape[:2])):
        raise UserError(f"ms_ssim needs images of at least 11 x 11 pixels, not examples of shape {shape}: leave it out")
    if not classes and (needy := sorted(OF_LOGITS & {*metrics})):
        raise UserError(f"{' and '.join(needy)} need a classifier, which {network.name} is not: leave them out")
    if "mode_coverage" in metrics and real.classes not in (0, classes):
        raise UserError(
            f"mode_coverage: {network.name} knows {classes} classes, but {real.name} has {real.classes}: leave it out"
        )
    for dataset in datasets:
        n = len(dataset.x)
        if needy := [
            f"{metric} (at least {MEASURES[metric].least})" for metric in metrics if n < MEASURES[metric].least
        ]:
            raise UserError(
                f"split {dataset.split!r} of {dataset.name} has {n} example{'s' if n > 1 else ''}, too few for "
                f"{', '.join(needy)}: leave them out, or use another split"
            )
