"""The values of samples of known generators: equal to the metrics' own, with how they were measured."""

import json
import logging

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import build_on
from jax import random

from gan_jax import data, features
from gan_jax.core.state import Player
from gan_jax.data.base import Dataset
from gan_jax.errors import UserError
from gan_jax.evaluation import evaluate
from gan_jax.evaluation.evaluators import samples
from gan_jax.evaluation.evaluators.base import Context, Evaluator
from gan_jax.evaluation.evaluators.sample_metrics import MEASURES, Comparison, Side
from gan_jax.metrics.frechet import frechet_distance
from tests.pictures import lazy

pytestmark = pytest.mark.heavy

KEY = random.key(0)
SPLITS = {split: data.load("digits", split) for split in ("train", "test")}
FEW = ("frechet", "precision_recall", "mode_coverage")


@jax.jit
def images_of(players, keys, batch=None):
    """Returns training images, each chosen by its key among the indices that the player knows."""
    del batch
    known = players["generator"].params
    chosen = jax.vmap(lambda key: random.choice(key, known))(keys)
    return jnp.asarray(SPLITS["train"].x)[chosen]


def generator(known, ema=()):
    return {"generator": Player(jnp.asarray(known), (), (), ema)}


CONTEXT = Context({"sample": images_of}, SPLITS.__getitem__, lambda x: x, {})
HONEST = generator(np.arange(1437))
COLLAPSED = generator(np.full(1437, 3))


@pytest.fixture(scope="module", autouse=True)
def own_cache(tmp_path_factory):
    """A cache of this file's own, which is empty at first."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("cache")
        patch.setenv("GAN_JAX_CACHE", str(folder))
        yield folder / "data"


@pytest.fixture(scope="module")
def measured(own_cache):
    """The rows of an honest generator and of one that makes one image."""
    measure = samples.distribution(CONTEXT, metrics=FEW, seeds=2).measure
    return measure(HONEST, KEY), measure(COLLAPSED, KEY)


def test_an_honest_generator_is_near_the_floor_and_a_collapsed_one_far_from_it(measured):
    honest, collapsed = measured
    floor = honest["frechet/digits-v1/floor"]
    assert collapsed["frechet/digits-v1/floor"] == floor > 0
    assert honest["frechet/digits-v1"] < 2 * floor
    assert collapsed["frechet/digits-v1"] > 10 * floor
    assert honest["modes_found/digits-v1"] == 10
    assert collapsed["modes_found/digits-v1"] == 1
    assert collapsed["modes_reverse_kl/digits-v1"] == pytest.approx(np.log(10))
    assert honest["recall/digits-v1"] > 0.5
    assert collapsed["recall/digits-v1"] == 0
    assert collapsed["frechet/digits-v1/std"] == pytest.approx(0, abs=1e-6)


def test_samples_have_the_classes_of_the_compared_examples():
    """A generator that is right for each class is at the floor, also where one class is rare."""
    label = np.repeat(np.arange(2, dtype=np.int32), (900, 100))
    x = (100 + 100 * label[:, None] + np.random.default_rng(0).normal(0, 5, (1000, 8))).astype(np.float32)
    dataset = Dataset("rare", "test", x, label, 2)

    def sample(players, keys, batch):
        noise = jax.vmap(lambda key: random.normal(key, (8,)))(keys)
        return 100.0 + 100 * batch["label"][:, None] + 5 * noise

    made = Context({"sample": sample}, lambda split: dataset, lambda x: x, {}, sampled=frozenset({"z", "label"}))
    row = samples.distribution(made, features="pixels", metrics=("frechet",)).measure({}, KEY)
    assert row["frechet/pixels"] < 100  # it is several thousand with as many samples of each class


def test_the_score_of_a_sure_classifier_is_high_for_a_sorted_set():
    logits = 20 * np.eye(10).repeat(20, axis=0)
    side = Side(np.zeros((200, 1)), np.zeros((200, 1)), logits)
    (value,) = MEASURES["classifier_score"].of(Comparison(side, side, side.features, "x", KEY))
    assert value > 7  # 1 if each part has one class


def test_floors_are_of_other_examples_and_of_as_many():
    def row(samples_=360, split="test", train=SPLITS["train"], metrics=("frechet", "nearest_neighbours")):
        context = CONTEXT._replace(load={"train": train, "test": SPLITS["test"]}.__getitem__)
        made = samples.distribution(context, metrics=metrics, samples=samples_, split=split, seeds=1)
        values = made.measure(HONEST, KEY)
        assert {*made.names} <= {*values}
        return values

    assert row(split="train")["frechet/digits-v1/floor"] > 0.5  # of the same examples it would be 0
    assert [name for name in row(split="train") if name.endswith("/floor")] == ["frechet/digits-v1/floor"]
    for few in ({"samples_": 1437, "split": "train"}, {"train": SPLITS["train"].first(50)}):
        assert not [name for name in row(**few) if name.endswith("/floor")]


def test_test_images_of_a_folder_without_test_are_known_to_be_training_images(caplog):
    made = SPLITS["train"]._replace(name="folder", splits=("train",))
    context = CONTEXT._replace(load={"train": made, "test": made.first(360)}.__getitem__)
    assert not [name for name in samples.distribution(context, seeds=1).names if name.endswith("/floor")]
    assert "shares examples with data.split='train'" in caplog.text


def test_values_are_the_metrics_own_over_sets_of_samples(measured):
    network = features.load("digits-v1")
    real, _ = network.describe(SPLITS["test"].x)
    values = []
    for number in range(2):
        sample_key, _ = random.split(random.fold_in(KEY, number))
        keys = jax.vmap(random.fold_in, (None, 0))(sample_key, jnp.arange(360))
        values.append(frechet_distance(real, network.describe(np.asarray(images_of(HONEST, keys)))[0]))
    row = measured[0]
    assert row["frechet/digits-v1"] == pytest.approx(np.mean(values), rel=1e-4)
    assert row["frechet/digits-v1/std"] == pytest.approx(np.std(values, ddof=1), rel=1e-2)


def test_the_row_says_how_it_was_measured(measured):
    row = measured[0]
    sha256 = features.load("digits-v1").sha256
    how = {"n_real": 360, "n_fake": 360, "seeds": 2, "split": "test", "resize": "none", "ema": False}
    assert row.items() >= {**how, "features": "digits-v1", "sha256": sha256}.items()
    measure = samples.distribution(CONTEXT, metrics=("mode_coverage",), samples=40, seeds=1, split="train").measure
    assert measure(HONEST | {"critic": Player((), (), (), 1)}, KEY)["ema"] is False
    row = measure(generator(np.arange(9), ema=1), KEY)
    assert row.items() >= {"n_real": 40, "n_fake": 40, "seeds": 1, "split": "train", "ema": True}.items()
    assert not [name for name in row if name.endswith("/std")]
    json.dumps(row)


def test_the_real_side_is_described_once_and_kept(measured, own_cache, monkeypatch):
    described = []
    network = features.load("digits-v1")

    def counting(x):
        described.append(len(x))
        return network.describe(x)

    monkeypatch.setattr(features, "load", lambda name: network._replace(describe=counting))
    row = samples.distribution(CONTEXT, metrics=FEW, seeds=1).measure(HONEST, KEY)
    assert described == [360]
    assert row["frechet/digits-v1/floor"] == measured[0]["frechet/digits-v1/floor"]
    for path in own_cache.glob("features-digits-test-*"):
        path.unlink()
    samples.distribution(CONTEXT, metrics=FEW, seeds=1).measure(HONEST, KEY)
    assert described == [360, 360, 360]
    assert len([*own_cache.glob("features-digits-test-360-digits-v1-*")]) == 1


def test_all_metrics_measure_pixels_and_points():
    plain = tuple(name for name in MEASURES if name not in ("classifier_score", "mode_coverage"))
    points = Dataset("ring", "train", np.random.default_rng(0).normal(size=(50, 2)).astype(np.float32), None, 0)
    context = Context(
        {"sample": lambda players, keys, batch: random.normal(KEY, (len(keys), 2))}, lambda split: points, None, {}
    )
    of_points = tuple(name for name in plain if name != "ms_ssim")
    row = samples.distribution(context, features="pixels", metrics=of_points, seeds=1).measure({}, KEY)
    assert all(np.isfinite(value) for value in row.values() if not isinstance(value, str))
    assert {"frechet/pixels", "density/pixels", "nearest_closer/pixels", "sliced_wasserstein/pixels"} <= {*row}
    large = np.random.default_rng(0).integers(256, size=(8, 12, 12, 1)).astype(np.uint8)
    context = Context(
        {"sample": lambda players, keys, batch: large[: len(keys)]}, lambda s: Dataset("a", s, large, None, 0), None, {}
    )
    row = samples.distribution(context, features="pixels", metrics=("ms_ssim",), seeds=1).measure({}, KEY)
    assert 0 < row["ms_ssim/1-scales"] < 0.5


def test_of_a_streamed_training_set_floors_decode_what_they_measure_alone():
    sets = {"train": lazy(SPLITS["train"]), "test": SPLITS["test"].first(20)}
    context = Context({"sample": images_of}, sets.__getitem__, lambda batch: batch, {})
    samples.distribution(context, features="pixels", metrics=("sliced_wasserstein",), seeds=1).measure(HONEST, KEY)
    assert len(sets["train"].x.examples.seen) == 20


@pytest.mark.parametrize(("split", "trained_on", "warned"), [("train", "train", True), ("test", "train", False)])
def test_a_split_that_is_trained_on_is_warned_of(split, trained_on, warned, caplog):
    context = CONTEXT._replace(trained_on=trained_on)
    samples.distribution(context, features="pixels", metrics=("nearest_neighbours",), samples=20, split=split)
    assert ("split 'train' shares examples with data.split='train'" in caplog.text) == warned


def test_metrics_of_classes_are_left_out_where_there_is_no_classifier(caplog):
    others = {split: dataset._replace(name="others") for split, dataset in SPLITS.items()}
    context = CONTEXT._replace(load=others.__getitem__)
    made = samples.distribution(context, metrics=FEW, samples=20, seeds=1)
    assert {"frechet/pixels", "precision/pixels"} <= {*made.names}
    assert not [name for name in made.names if name.startswith("modes")]
    assert "mode_coverage: left out" in caplog.text
    with pytest.raises(UserError, match="mode_coverage: a classifier is needed"):
        samples.distribution(context, metrics=("mode_coverage",))


def test_duplicates_that_make_balls_empty_are_warned_of_with_their_number(caplog):
    repeated = SPLITS["test"]._replace(x=SPLITS["test"].x[:20].repeat(6, axis=0), label=None)
    context = CONTEXT._replace(load={"train": SPLITS["train"], "test": repeated}.__getitem__)
    with caplog.at_level(logging.WARNING):
        samples.distribution(context, metrics=("precision_recall", "density_coverage"), seeds=1).measure(HONEST, KEY)
    said = "{}: 120 of 120 real examples have their {} nearest neighbours at distance 0"
    assert said.format("precision/digits-v1", 3) in caplog.text
    assert said.format("density/digits-v1 and coverage/digits-v1", 5) in caplog.text
    assert "recall/digits-v1:" not in caplog.text
    assert "remove duplicates from the data" in caplog.text
    caplog.clear()
    samples.distribution(CONTEXT, metrics=("precision_recall", "density_coverage"), seeds=1).measure(COLLAPSED, KEY)
    assert "recall/digits-v1: 360 of 360 samples have their 3 nearest neighbours at distance 0" in caplog.text
    assert "real examples" not in caplog.text


def test_too_few_samples_are_warned_of_with_their_rank(caplog):
    with caplog.at_level(logging.WARNING):
        samples.distribution(CONTEXT, metrics=("frechet",), samples=30, seeds=1).measure(HONEST, KEY)
    assert "frechet/digits-v1: 30 samples span 29 of 64 dimensions, so the value is too large" in caplog.text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"metrics": ("frechet", "recal")}, "there is no 'recal'; .*precision_recall"),
        ({"samples": 9}, "samples of samples.distribution is 9: it must be a whole number from 10 to"),
        ({"seeds": 0}, "seeds of samples.distribution is 0: it must be a whole number from 1 to"),
        ({"features": "pixels", "metrics": ("classifier_score",)}, "classifier_score need a classifier"),
        ({"metrics": ("ms_ssim",)}, r"ms_ssim needs images of at least 11 x 11 pixels, not .* \(8, 8, 1\)"),
        ({"metrics": ("mode_coverage",), "split": "relabelled"}, "digits-v1 knows 10 classes, but digits has 7"),
        ({"features": "mnist-v9"}, "no weights for a network 'mnist-v9'"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_made(arguments, message):
    splits = {**SPLITS, "relabelled": SPLITS["test"]._replace(classes=7)}
    with pytest.raises(UserError, match=message):
        samples.distribution(CONTEXT._replace(load=splits.__getitem__), **arguments)


def test_a_model_without_samples_is_refused():
    with pytest.raises(UserError, match="needs 'sample', which the objective does not provide"):
        samples.distribution(CONTEXT._replace(predict={}))


def test_a_config_measures_its_run_and_says_what_cannot_be_measured(tiny):
    config = tiny().copy_and_resolve_references().unlock()
    config.evaluators = {"judged": {"name": "samples.distribution", "metrics": ("frechet",), "samples": 80, "seeds": 1}}
    experiment = build_on(config, (8, 8, 1), 10)
    players = experiment.init(KEY).players
    row = evaluate.measure(evaluate.make(config, experiment), experiment, players)
    assert row["judged/frechet/digits-v1"] > row["judged/frechet/digits-v1/floor"] > 0
    assert row["judged/features"] == "digits-v1"
    assert row["judged/n_fake"] == 80

    def broken(players, key):
        raise ValueError("fake features have NaN")

    with pytest.raises(UserError, match=r"config\.evaluators\.judged: fake features have NaN"):
        evaluate.measure({"judged": Evaluator((), broken)}, experiment, players)
