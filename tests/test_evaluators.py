"""The contract of every evaluator: whatever it needs is checked when it is made, and it gives the numbers it names."""

import importlib
import pkgutil
from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import build_on
from jax import random

from gan_jax import data
from gan_jax.core.networks import Network
from gan_jax.core.state import Player
from gan_jax.data.base import Dataset, Mixture
from gan_jax.distributions import noise
from gan_jax.errors import UserError
from gan_jax.evaluation import evaluate, evaluators
from gan_jax.evaluation.evaluators import perceptual, reconstruction, samples
from gan_jax.evaluation.evaluators.base import Context, Evaluator
from gan_jax.evaluation.evaluators.sample_metrics import MEASURES
from gan_jax.runs.directory import RunDirectory
from gan_jax.runs.rows import best_step, write_evaluation
from gan_jax.training import loop
from tests.pictures import lazy

pytestmark = pytest.mark.heavy

SHAPE, LATENTS, CLASSES = (12, 12, 1), 2, 3
FILES = [
    importlib.import_module(f"{evaluators.__name__}.{info.name}") for info in pkgutil.iter_modules(evaluators.__path__)
]
EVERY = {
    f"{file.__name__.rpartition('.')[2]}.{name}": getattr(file, name)
    for file in FILES
    for name in getattr(file, "__all__", ())
}
MADE = {**EVERY, "reconstruction.noisy": partial(reconstruction.noisy, noise=partial(noise.gaussian, level=0.1))}
MADE["perceptual.lpips"] = partial(perceptual.lpips, network="tiny")
MADE["samples.distribution"] = partial(samples.distribution, features="pixels")
MADE |= {
    f"{metric}, {features}": partial(samples.distribution, metrics=(metric,), features=features)
    for metric in MEASURES
    for features in ("pixels", "small-v1")
}


TRANSLATE = {"super_resolution.benchmark", "translation.pairs"}
"""Those of models that translate: test_translation_evaluators.py."""
NOT_OF_PIXELS = {"classifier_score, pixels", "mode_coverage, pixels"}


class ByLabel(nn.Module):
    """A network that is told the class."""

    def __call__(self, x, label, *, train):
        return x


def images(keys):
    return jax.vmap(lambda key: random.randint(key, SHAPE, 0, 256).astype(jnp.uint8))(keys)


def terms(keys):
    return {"reconstruction": jnp.ones(len(keys)), "kl": jnp.ones(len(keys))}


PREDICT = {
    "sample": lambda players, keys, batch: images(keys),
    "classify": lambda players, keys, batch: (batch["x"], jnp.zeros((len(keys), CLASSES))),
    "encode": lambda players, keys, batch: batch["x"].reshape(len(keys), -1) @ players["one"].params.T,
    "decode": lambda players, keys, batch: (batch["z"] @ players["one"].params).reshape(-1, *SHAPE),
    "reconstruct": lambda players, keys, batch: images(keys),
    "elbo": lambda players, keys, batch: terms(keys),
    "log_weights": lambda players, keys, batch: jnp.zeros(batch["draws"].shape),
}
PLAYERS = {"one": Player(random.normal(random.key(1), (LATENTS, 144)), (), ())}


def small(n, split):
    """A data set of n images; with 3 of every class too few of some."""
    x = np.random.default_rng(n).integers(256, size=(n, *SHAPE)).astype(np.uint8)
    mixture = Mixture(np.zeros((1, *SHAPE), np.float32), 1.0)
    return Dataset("small", split, x, np.arange(n, dtype=np.int32) % CLASSES, CLASSES, mixture)


def context(n_train, n_test, held=lambda dataset: dataset):
    sets = {"train": held(small(n_train, "train")), "test": held(small(n_test, "test"))}
    return Context(PREDICT, sets.__getitem__, scale, PLAYERS, sampled=frozenset({"z", "label"}))


def scale(batch):
    return {**batch, "x": batch["x"] / 255.0}


@pytest.fixture(autouse=True)
def network(monkeypatch, tmp_path, tiny_lpips):
    """A network of 4 features and 3 classes under the name small-v1, and a cache of each test's own."""
    monkeypatch.setenv("GAN_JAX_CACHE", str(tmp_path / "cache"))

    def describe(x):
        flat = np.asarray(x).reshape(len(x), -1)[:, :4].astype(np.float32)
        return flat, flat[:, :CLASSES]

    found = data_network(describe)
    monkeypatch.setattr(samples.networks, "load", lambda name: found)


def data_network(describe):
    return samples.Network("small-v1", "", SHAPE, 4, CLASSES, "none", describe)


@pytest.mark.parametrize("name", sorted(MADE.keys() - {"modes.gaussians", *TRANSLATE}))  # of points: test_modes.py
@pytest.mark.parametrize("sizes", [(1, 1), (3, 3), (5, 3), (5, 5), (4, 200), (20, 20)], ids=str)
@pytest.mark.filterwarnings("ignore:invalid value encountered", "ignore:divide by zero encountered")
def test_an_evaluator_is_refused_when_it_is_made_or_gives_the_numbers_it_names(name, sizes):
    try:
        evaluator = MADE[name](context(*sizes))
    except UserError:
        if sizes == (20, 20) and name not in NOT_OF_PIXELS:
            raise
        return
    row = evaluator.measure(PLAYERS, random.key(0))
    assert {value for value in row if isinstance(row[value], float)} == {*evaluator.names}


@pytest.mark.parametrize("name", sorted(MADE.keys() - {"modes.gaussians", *TRANSLATE, *NOT_OF_PIXELS}))
def test_an_evaluator_measures_what_is_decoded_when_it_is_read(name):
    values = [MADE[name](context(20, 20, held)).measure(PLAYERS, random.key(0)) for held in (lazy, lambda made: made)]
    assert values[0] == values[1]


def test_too_few_examples_are_named_for_the_split_and_for_training():
    for sizes, split in (((200, 3), "test"), ((3, 200), "train")):
        with pytest.raises(UserError) as error:
            samples.distribution(context(*sizes), features="pixels")
        assert str(error.value) == (
            f"split '{split}' of small has 3 examples, too few for precision_recall (at least 4), "
            "density_coverage (at least 6): leave them out, or use another split"
        )


@pytest.mark.parametrize("make", [reconstruction.beside_pca, reconstruction.subspace])
def test_components_are_as_many_as_the_examples_vary_in(make):
    with pytest.raises(
        UserError, match="2 latents, but the 2 examples of split 'train' have only 1 principal components"
    ):
        make(context(2, 20))
    make(context(3, 20))


def test_reconstructions_are_of_images_and_of_their_shape():
    points = Dataset("ring", "test", np.zeros((9, 2), np.float32), None, 0)
    with pytest.raises(UserError, match=r"measures images, but ring has examples of shape \(2,\)"):
        reconstruction.clean(context(9, 9)._replace(load=lambda split: points))
    narrow = {**PREDICT, "decode": lambda players, keys, batch: batch["z"][:, None, None]}
    with pytest.raises(
        UserError, match=r"the model makes outputs of shape \(1, 1, 2\) from examples of shape \(12, 12, 1\)"
    ):
        reconstruction.clean(context(9, 9)._replace(predict=narrow))


def test_a_model_that_needs_labels_is_not_measured_without():
    network = Network(ByLabel())
    of_labels = {**PREDICT, "elbo": lambda players, keys, batch: (network.inputs(batch), terms(keys))[1]}
    bare = small(5, "test")._replace(label=None)
    likelihood = EVERY["likelihood.likelihood"]
    with pytest.raises(UserError, match="ByLabel takes label, which the batch does not have: it has x"):
        likelihood(context(5, 5)._replace(predict=of_labels, load=lambda split: bare), samples=2)
    likelihood(context(5, 5)._replace(load=lambda split: bare), samples=2)


def test_weights_are_not_ignored():
    with pytest.raises(UserError, match=r"weights is 'a.npz', but features 'pixels' have their own"):
        samples.distribution(context(20, 20), features="pixels", weights="a.npz")


FRECHET = {"name": "samples.distribution", "features": "pixels", "metrics": ("frechet",), "samples": 20, "seeds": 1}


def config_of(tiny, specs, **values):
    made = tiny(**values).unlock()
    made.evaluators = specs
    return made


def test_a_run_is_refused_before_anything_is_written(tiny, tmp_path, monkeypatch):
    digits = {split: data.load("digits", split) for split in ("train", "test")}
    digits["test"] = digits["test"]._replace(x=digits["test"].x[:3], label=digits["test"].label[:3])
    monkeypatch.setattr(data, "load", lambda name, split, **arguments: digits[split])
    run_dir = RunDirectory(tmp_path / "run")
    with pytest.raises(UserError, match=r"config.evaluators.a: split 'test' of digits has 3 examples, too few"):
        loop.run(config_of(tiny, {"a": {**FRECHET, "metrics": ("precision_recall",)}}), run_dir)
    assert not run_dir.folder.exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"x": np.zeros((9, 8, 9, 1), np.uint8)},
            r"split 'test' of digits has examples uint8 \(8, 9, 1\) of 10 classes",
        ),
        ({"x": np.zeros((9, 8, 8, 1), np.float32)}, "float32"),
        ({"classes": 4}, "of 4 classes, but split 'train' has uint8 .* of 10"),
        ({"x": np.zeros((0, 8, 8, 1), np.uint8)}, "has no examples"),
    ],
)
def test_splits_must_be_alike(tiny, change, message):
    def load(split):
        return data.load("digits", split)._replace(**change if split == "test" else {})

    made = config_of(tiny, {"a": FRECHET})
    with pytest.raises(UserError, match=message):
        evaluate.make(made, build_on(made, (8, 8, 1), 10), load)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"keep_best": "min a/frechet/digits-v1"}, "gives 'a/frechet/digits-v1'; did you mean a/frechet/pixels"),
        ({"keep_best": "min a/frechets"}, "did you mean a/frechet/pixels"),
        ({"keep_best": "min a"}, "no evaluator of this config gives 'a'"),
        ({"keep_best": "max a/features"}, "no evaluator of this config gives 'a/features'"),
        ({"keep_best": "min never/frechet/pixels"}, "is never measured: set config.evaluators.never.every_steps"),
        ({"evaluate_every_steps": 0}, "is never measured"),
        ({"checkpoint_every_steps": 0}, "checkpoints are never saved"),
        ({"checkpoint_every_steps": 2}, "is measured every 3 steps, but checkpoints are saved every 2 steps"),
    ],
)
def test_what_can_never_be_best_is_refused_before_anything_is_written(tiny, tmp_path, values, message):
    values = {"keep_best": "min a/frechet/pixels", "evaluate_every_steps": 3, **values}
    made = config_of(tiny, {"a": FRECHET, "never": {**FRECHET, "every_steps": 0}}, **values)
    run_dir = RunDirectory(tmp_path / "run")
    with pytest.raises(UserError, match=r"config\.keep_best: .*") as error:
        loop.run(made, run_dir)
    assert message in str(error.value)
    assert not run_dir.folder.exists()


@pytest.mark.parametrize(
    ("name", "splits", "chosen_on", "warned"),
    [
        ("folder", ("train",), "train[-5000:]", True),
        ("folder", ("train",), "train[80%:90%]", False),
        ("folder", ("train", "test"), "train[-5000:]", False),
        ("mnist", ("train", "test"), "train[-5000:]", False),
        ("mnist", ("train", "test"), "test", True),
    ],
)
def test_a_best_checkpoint_that_is_chosen_on_what_reports_on_it_is_warned_of(
    tiny, name, splits, chosen_on, warned, caplog
):
    specs = {"a": {**FRECHET, "split": chosen_on}, "b": FRECHET, "c": {"name": "reconstruction.subspace"}}
    made = config_of(tiny, specs, keep_best="min a/frechet")
    evaluate.warn_of_choice(made, lambda split: small(9, split)._replace(name=name, splits=splits))
    assert (
        ("chooses the best checkpoint by a on" in caplog.text) == ("shares examples with b (t" in caplog.text) == warned
    )
    caplog.clear()
    made.keep_best = ""
    evaluate.warn_of_choice(made, lambda split: small(9, split))
    assert not caplog.records


def test_a_training_warns_once_of_what_its_best_checkpoint_is_chosen_on(tiny, tmp_path, caplog):
    made = config_of(tiny, {"a": FRECHET, "b": {**FRECHET, "every_steps": 6}}, keep_best="min a/frechet")
    made.evaluate_every_steps = 3
    loop.run(made, RunDirectory(tmp_path / "run"))
    assert caplog.text.count("chooses the best checkpoint by a on test, which shares examples with b (test)") == 1


def test_names_of_evaluators_that_are_fields_of_a_row_or_hold_a_slash(tiny, tmp_path):
    run_dir = RunDirectory(tmp_path)
    write_evaluation(run_dir.evaluations, {"step": 3, "seed": 0, "a/frechet/pixels": 1.0})
    assert evaluate.done(run_dir, 3) == {"a"}
    made = config_of(tiny, {"a/b": FRECHET})
    with pytest.raises(UserError, match=r"config\.evaluators has 'a/b'"):
        evaluate.make(made, build_on(made, (8, 8, 1), 10))


def test_the_best_may_be_asked_for_without_the_networks_name(tiny, tmp_path):
    made = config_of(tiny, {"a": FRECHET}, keep_best="min a/frechet", evaluate_every_steps=3)
    evaluate.check_best(made, {"a": Evaluator(("frechet/pixels", "frechet/pixels/floor"), lambda players, key: {})})
    two = {"a": Evaluator(("lpips/alexnet-lpips-v1", "lpips/vgg16-lpips-v1"), lambda players, key: {})}
    made.keep_best = "min a/lpips"
    with pytest.raises(UserError, match=r"'a/lpips' is ambiguous: use a/lpips/alexnet-lpips-v1 or .*vgg16-lpips-v1"):
        evaluate.check_best(made, two)
    for step, value in ((3, 2.0), (6, 1.0), (9, 3.0)):
        row = {"step": step, "a/frechet/pixels": value, "a/frechet/pixels/floor": -value, "b/frechet/pixels": -value}
        write_evaluation(tmp_path / "rows", row)
    for rule, best in (("min a/frechet", 6), ("max a/frechet", 9), ("min a/frechet/pixels/floor", 9), ("min a", None)):
        assert best_step(tmp_path / "rows", rule, [3, 6, 9]) == best
    write_evaluation(tmp_path / "rows", {"step": 12, "a/frechet/digits-v1": 2.5})  # by another network since
    assert best_step(tmp_path / "rows", "min a/frechet", [3, 6, 9, 12]) == 12
