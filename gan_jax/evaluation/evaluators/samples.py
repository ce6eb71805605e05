"""Samples compared with real examples: made once, described by one feature network, measured by several metrics."""

import hashlib
import logging
import math
from collections.abc import Iterable
from functools import cache
from typing import Any
from urllib.parse import quote

import jax
import jax.numpy as jnp
import numpy as np
from jax import random

from gan_jax import features as networks
from gan_jax.core.collectives import base_key, example_keys, in_batches
from gan_jax.core.fields import Batch
from gan_jax.core.state import Players
from gan_jax.data import folder, parts
from gan_jax.data.base import Dataset
from gan_jax.data.examples import Lazy
from gan_jax.data.source import fingerprint
from gan_jax.errors import UserError, suggestions
from gan_jax.evaluation.evaluators.base import Context, Evaluator, check_count, some
from gan_jax.evaluation.evaluators.sample_metrics import MEASURES, Comparison, Side, check, measured, names, of_features
from gan_jax.features import Network
from gan_jax.runs import cache as kept

__all__ = ["distribution"]

OVERLAP = (
    "evaluator samples.distribution: split %r shares examples with data.split=%r, so memorised samples get good "
    "values: train on one part, such as config.data.split=train[:90%%], and evaluate on another, such as "
    "split='train[90%%:]'"
)
LEAST = 10  # samples: enough for every metric, where the split has as many examples
_REVISION = 4  # of the values made here; a new number makes all older ones in the cache stale


def distribution(
    context: Context,
    *,
    features: str = "classifier",
    metrics: tuple[str, ...] = ("frechet", "precision_recall", "density_coverage"),
    samples: int = 10_000,
    split: str = "test",
    seeds: int = 3,
    weights: str = "",
) -> Evaluator:
    """Returns the evaluator of `metrics` (sample_metrics.py) of `samples` samples and as many examples of the split.

    A value is the mean over `seeds` sets of samples. `/std` is its standard deviation over them. `/floor` is the value
    for as many training examples in place of samples: samples as good as the data would reach it. There is no floor if
    the training set has too few examples besides those that are compared, and none for `nearest_neighbours`, whose
    values are distances to the training examples. If the split has fewer examples than `samples`, only as many samples
    are made. Class-conditional models make samples of the compared examples' classes. `features` is the 'classifier' of
    the data set, 'alexnet', 'vgg16', 'pixels' for none, 'inception' from the file `weights`, or a network's name
    (features.choose). Metrics that need a classifier are left out if the data set has none. The evaluator also says how
    values were measured. The features of the split and of the training examples, and the floors, are computed once and
    kept in the cache.

    Raises UserError if the model makes no samples, an argument is wrong, or a metric does not suit the data.
    """
    _check(context, features, weights, metrics, samples, seeds)
    compared, train = context.load(split), context.load(context.trained_on)
    rows = some(np.arange(len(compared.x)), samples)
    real = _of(compared, rows)
    floor = _floor(context, split, rows, train)
    network = networks.choose(features, real, weights)
    metrics = of_features(metrics) if features == "classifier" and not network.classes else metrics
    check(metrics, network, real, train)
    about = {"n_real": len(real.x), "n_fake": len(real.x), "seeds": seeds, "split": split, "resize": network.resize}
    about |= {"features": network.name, "sha256": network.sha256}
    reference = cache(lambda: _Reference(real, train, floor, network, metrics))

    def of_one(players: Players, key: jax.Array) -> dict[str, float]:
        sample_key, key = random.split(key)
        x = in_batches(lambda part: context.predict["sample"](players, *part), _inputs(context, real, sample_key))
        return reference().measure(metrics, Side(x, *network.describe(x)), key)

    def measure(players: Players, key: jax.Array) -> dict[str, Any]:
        values = [of_one(players, random.fold_in(key, number)) for number in range(seeds)]
        ema = any(player.ema != () for name, player in players.items() if name != "critic")  # which makes no samples
        return _spread(values, reference().floors()) | about | {"ema": ema}

    given = names(metrics, network.name, real.shape)
    floors = () if floor is None else names(_with_floors(metrics), network.name, real.shape)
    spreads = (f"{name}/std" for name in given if seeds > 1)
    return Evaluator((*given, *spreads, *(f"{name}/floor" for name in floors)), measure)


class _Reference:
    """The real side of every comparison. It is made when it is first needed, because its features take time."""

    def __init__(
        self, real: Dataset, train: Dataset, floor: np.ndarray | None, network: Network, metrics: tuple[str, ...]
    ):
        self.network, self.metrics, self.split = network, metrics, real.split
        self.train, self.content = train, (_content(real), _content(train))
        self.floor = None if floor is None else _of(train, floor)
        self.real = _side(real, network)
        whole = "nearest_neighbours" in metrics
        self.features = _side(self.train, network).features if whole else np.zeros((0, network.dim))

    def measure(self, metrics: tuple[str, ...], fake: Side, key: jax.Array) -> dict[str, float]:
        """Returns the value of every one of the metrics for one set of samples."""
        return measured(metrics, Comparison(self.real, fake, self.features, self.network.name, key))

    def floors(self) -> dict[str, float]:
        """Returns the value of every metric that has a floor, for training examples instead of samples."""
        if (floor := self.floor) is None:
            return {}

        def make() -> dict[str, np.ndarray]:
            values = self.measure(_with_floors(self.metrics), _side(floor, self.network), base_key(0))
            return {"names": np.array(list(values)), "values": np.array(list(values.values()))}

        settings = self.train.name, self.train.split, self.split, len(self.real.x), self.network.name, self.metrics
        made_of = _REVISION, self.network.sha256, *self.content
        stored = kept.arrays(f"floors-{_digest(settings)}-{_digest(made_of)}", make)
        return dict(zip(stored["names"].tolist(), stored["values"].tolist(), strict=True))


def _check(context: Context, features: str, weights: str, metrics: tuple[str, ...], samples: int, seeds: int) -> None:
    if weights and features != "inception":
        raise UserError(
            f"weights is {weights!r}, but features {features!r} have their own weights: only 'inception' takes a file"
        )
    for name in metrics:
        if name not in MEASURES:
            raise UserError(f"metrics of samples.distribution: there is no {name!r}; {suggestions(name, MEASURES)}")
    for name, value, least in (("samples", samples, LEAST), ("seeds", seeds, 1)):
        check_count(f"{name} of samples.distribution", value, least)
    context.check_predicts("sample")


def _floor(context: Context, split: str, rows: np.ndarray, train: Dataset) -> np.ndarray | None:
    """Returns rows of training examples: as many as the `rows` of the split, and other ones; None if there are too few.

    Warns if the split shares examples with the training set. Which ones is known only if they are the same split.
    """
    left = np.arange(len(train.x))
    read, trained_on = (folder.actual(one, train) for one in (split, context.trained_on))
    if parts.overlap(read, trained_on):
        logging.warning(OVERLAP, split, context.trained_on)
        left = np.setdiff1d(left, rows) if read == trained_on else left[:0]
    return some(left, len(rows)) if len(left) >= len(rows) else None


def _inputs(context: Context, real: Dataset, key: jax.Array) -> tuple[jax.Array, Batch]:
    """Returns the keys [n] of as many samples as there are compared examples, and the fields that samples are made of.

    If samples have labels, these are int32 [n], those of the examples in a random order.
    """
    n = len(real.x)
    keys = example_keys(key, n)
    if "label" not in context.sampled or real.label is None:
        return keys, {}
    return keys, {"label": random.permutation(random.fold_in(key, n), jnp.asarray(real.label))}


def _with_floors(metrics: tuple[str, ...]) -> tuple[str, ...]:
    """Returns the metrics that have a floor: a training example's nearest training example is itself."""
    return tuple(metric for metric in metrics if metric != "nearest_neighbours")


def _of(dataset: Dataset, rows: np.ndarray) -> Dataset:
    """Returns these examples of a data set, decoded."""
    if len(rows) == len(dataset.x):
        return dataset._replace(x=np.asarray(dataset.x))
    label = None if dataset.label is None else dataset.label[rows]
    return dataset._replace(x=np.asarray(dataset.x[rows]), label=label, others={}, content="", limits=None)


def _side(dataset: Dataset, network: Network) -> Side:
    """Returns real examples with their features, from the cache if it has them."""
    if not network.sha256:  # pixels, which are as fast to make as to read
        return Side(dataset.x, *network.describe(dataset.x))

    def make() -> dict[str, np.ndarray]:
        return dict(zip(("features", "logits"), network.describe(dataset.x), strict=True))

    content = f"{quote(dataset.name, safe='')}-{quote(dataset.split, safe='')[:100]}-{len(dataset.x)}"
    made_of = _REVISION, network.sha256, _content(dataset)
    stored = kept.arrays(f"features-{content}-{network.name}-{_digest(made_of)}", make)
    return Side(dataset.x, stored["features"], stored["logits"])


def _content(dataset: Dataset) -> str:
    """Returns a digest of examples; if they are decoded when read, one of their files, as memory may not suffice."""
    if isinstance(x := dataset.x, Lazy):
        return f"{x.examples.key} {x.indices} {x.shape}"
    return fingerprint(dataset)


def _digest(parts: Iterable[object]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(repr(part).encode())
    return digest.hexdigest()[:16]


def _spread(values: list[dict[str, float]], floors: dict[str, float]) -> dict[str, Any]:
    """Returns the mean of each value over sets of samples, its standard deviation if several, and its floor if any."""
    row: dict[str, Any] = {}
    for name in values[0]:
        each = [of_one[name] for of_one in values]
        row[name] = math.fsum(each) / len(each)
        if len(each) > 1:
            row[f"{name}/std"] = float(np.std(each, ddof=1))
        if name in floors:
            row[f"{name}/floor"] = floors[name]
    return row
