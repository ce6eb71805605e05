"""Few labels: which examples keep theirs, that no other label is read, and the layers and the term that use them."""

import itertools
import json
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import ROOT, TINY, build_on
from flax import linen as nn
from jax import random
from PIL import Image

import gan_jax
from gan_jax import config as configs
from gan_jax import data, layers, main
from gan_jax.core.networks import Network, mixing_layers
from gan_jax.data import Dataset, feeds, few_labels
from gan_jax.data.few_labels import keep_labels
from gan_jax.data.source import Source
from gan_jax.data.spec import from_json, spec_of, to_json
from gan_jax.errors import UserError
from gan_jax.experiments import build, make_executor
from gan_jax.models import semi_supervised
from gan_jax.objectives.terms import critic
from gan_jax.training.preflight import check_step

pytestmark = pytest.mark.heavy

KEY = random.key(0)
N, CLASSES = 60, 3
SMALL = {"widths": (8, 6), "noise": (0.3, 0.5)}


def labelled(label=None):
    """Images each of a number of its own, of three classes."""
    x = np.arange(1, N + 1, dtype=np.uint8)[:, None, None, None] * np.ones((1, 2, 2, 1), np.uint8)
    label = np.arange(N, dtype=np.int32) % CLASSES if label is None else label
    return Dataset("numbers", "train", x, label, CLASSES)


def small(how="adversarial"):
    config = configs.load(f"{ROOT / 'configs' / 'mnist_few_labels.py'}:{how}")
    config.update({**TINY, "batch_size": 6})
    for network in config.networks.values():
        network.widths = (8, 6)
    return config.unlock()


def test_each_class_keeps_so_many_labels_and_the_rest_has_none():
    made = keep_labels(labelled(), 4, seed=1)
    assert (made.label, made.classes, made.unpaired) == (None, 0, ("labelled", "labelled_class"))
    np.testing.assert_array_equal(made.x, labelled().x)
    assert made.others["labelled_class"].sum(0).tolist() == [4.0] * CLASSES
    number = made.others["labelled"][:, 0, 0, 0] - 1
    np.testing.assert_array_equal(made.others["labelled_class"].argmax(1), number % CLASSES)
    assert len({*number.tolist()}) == 12
    kept = keep_labels(labelled(), 4, seed=1, unlabelled="drop")
    np.testing.assert_array_equal(kept.x, made.others["labelled"])
    assert (kept.classes, np.bincount(kept.label).tolist()) == (CLASSES, [4] * CLASSES)
    again, other = (keep_labels(labelled(), 4, seed=seed).others["labelled"] for seed in (1, 2))
    assert np.array_equal(again, made.others["labelled"])
    assert not np.array_equal(other, again)


def test_a_labelled_image_is_read_with_its_class_whatever_x_is_read_beside_it():
    made = keep_labels(labelled(), 4)
    for feed in (feeds.resident, feeds.host):
        opened = feed(made, lambda batch: batch, seeds=[3], shape=(1, 6), length=2)
        inputs = jax.tree.map(lambda a: jnp.asarray(a[0, 0]), opened.inputs(5, 2, (0, 1)))
        batch = opened.fetch({name: jnp.asarray(values) for name, values in opened.resident.items()}, inputs)
        assert {*batch} == {"x", "labelled", "labelled_class"}
        number = np.asarray(batch["labelled"])[..., 0, 0, 0].astype(int) - 1
        np.testing.assert_array_equal(batch["labelled_class"].argmax(-1), number % CLASSES)


def test_no_label_but_those_that_are_kept_is_read(monkeypatch):
    rows = few_labels.drawn(labelled().label, 4, 0)
    garbage = np.random.default_rng(5).integers(0, CLASSES, N).astype(np.int32)
    garbage[rows] = labelled().label[rows]
    monkeypatch.setattr(few_labels, "drawn", lambda *_: rows)
    states = []
    for label in (None, garbage):
        dataset = keep_labels(labelled(label), 4)
        experiment = build(small(), spec_of(dataset))
        run = make_executor(small(), experiment, dataset)
        states.append(run.run(run.put([experiment.init(experiment.keys.init)]), 0, 3)[0])
    for a, b in zip(*map(jax.tree.leaves, states), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"labels_per_class": 500}, r"labels_per_class is 500, but class \d has 1\d\d examples .*: use at most 1\d\d"),
        ({"labels_per_class": -1}, "labels_per_class is -1: it must be a whole number of at least 1"),
        ({"labels_per_class": True}, "labels_per_class is True"),
        ({"labels_per_class": 5, "label_seed": 0.5}, "label_seed is 0.5"),
        ({"labels_per_class": 5, "unlabelled": "dorp"}, "unlabelled is 'dorp': did you mean drop"),
        ({"label_seed": 3}, "set labels_per_class or unlabelled_folder too"),
    ],
)
def test_wrong_numbers_of_labels_are_refused(arguments, message):
    with pytest.raises(UserError, match=message):
        data.load("digits", "train", **arguments)


def test_data_without_labels_have_none_to_keep():
    with pytest.raises(UserError, match="labels_per_class needs labels, which split 'train' of numbers does not have"):
        keep_labels(labelled()._replace(label=None, classes=0), 1)


@pytest.fixture
def sorted_in_part(tmp_path):
    """A folder of two classes and of images that nobody sorted, for training and for tests: a number each."""
    for split, counts in (("train", {"cat": 3, "dog": 2, "any": 6}), ("test", {"cat": 1, "dog": 2})):
        for number, (name, count) in enumerate(counts.items()):
            for one in range(count):
                file = tmp_path / split / name / f"{one}.png"
                file.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(np.full((4, 4, 3), 20 * number + one, np.uint8)).save(file)
    return {"name": "folder", "path": str(tmp_path), "split": "train", "unlabelled_folder": "any"}


@pytest.mark.parametrize("hold", ["auto", "stream"])
def test_a_folder_of_images_without_labels_is_no_class(sorted_in_part, hold):
    source = Source({**sorted_in_part, "hold": hold})
    made, test = source.load("train"), source.load("test")
    assert (made.label, made.class_names, len(made.x)) == (None, ("cat", "dog"), 11)
    assert np.sort(made.others["labelled"][:, 0, 0, 0]).tolist() == [0, 1, 2, 20, 21]
    np.testing.assert_array_equal(made.others["labelled_class"].argmax(1), made.others["labelled"][:, 0, 0, 0] // 20)
    assert (test.label.tolist(), test.classes) == ([0, 1, 1], 2)
    with pytest.raises(UserError, match="unlabelled_folder keeps labels for only 5 examples, in"):
        made.labels("a model of classes")


def test_of_a_folder_sorted_in_part_some_labels_may_be_kept_or_the_rest_dropped(sorted_in_part):
    some = Source({**sorted_in_part, "labels_per_class": 1}).load("train")
    assert (len(some.x), some.others["labelled_class"].sum(0).tolist()) == (11, [1.0, 1.0])
    dropped = Source({**sorted_in_part, "unlabelled": "drop"}).load("train")
    assert (len(dropped.x), dropped.label.tolist(), dropped.labelled) == (5, [0, 0, 0, 1, 1], None)
    parts = [Source({**sorted_in_part, "split": part}).load(part) for part in ("train[:60%]", "train[60%:]")]
    assert sum(len(part.others["labelled"]) for part in parts) == 5
    for wrong, message in (
        ({"labels_per_class": 3}, "class dog has 2 examples .*: use at most 2"),
        ({"unlabelled_folder": "ayn"}, "unlabelled_folder is 'ayn': no class sub-folder .*; did you mean any"),
        ({"labels": False}, "unlabelled_folder is 'any': no class sub-folder has this name; there are no classes"),
    ):
        with pytest.raises(UserError, match=message):
            Source({**sorted_in_part, **wrong}).load("train")


def test_a_run_learns_from_a_folder_that_is_sorted_in_part_and_classifies(sorted_in_part, tmp_path):
    config = configs.load(ROOT / "configs" / "cifar10_few_labels.py").unlock()
    config.data = {**sorted_in_part, "size": 16, "labels_per_class": 0, "range": config.data.range}
    config.update({**TINY, "batch_size": 4, "sample_every_steps": 0})
    for network in config.networks.values():
        network.width = 4
    run = gan_jax.train(config, tmp_path / "run")
    probabilities = run.classify(np.zeros((3, 16, 16, 3), np.uint8))
    assert (probabilities.shape, run.class_names) == ((3, 2), ("cat", "dog"))
    np.testing.assert_allclose(probabilities.sum(1), 1, rtol=1e-5)
    test = Source(config.data.to_dict()).load("test")
    right = run.classify(np.asarray(test.x[:])).argmax(1) == test.label
    np.testing.assert_allclose(run.evaluations()["test/accuracy"].iloc[-1], right.mean(), rtol=1e-6)


def test_only_what_is_trained_on_loses_labels_and_its_description_says_the_classes():
    source = Source({"name": "digits", "split": "train", "labels_per_class": 2, "label_seed": 1})
    train, test = source.load("train"), source.load("test")
    assert (train.label, len(train.others["labelled"]), test.classes) == (None, 20, 10)
    spec = from_json(to_json(spec_of(train)))
    assert (spec.classes, spec.known_classes) == (0, 10)
    with pytest.raises(UserError, match="labels_per_class keeps labels for only 20 examples, in"):
        train.labels("a model of classes")


def test_a_supervised_term_on_unlabelled_data_is_refused():
    experiment = build_on(small(), (8, 8, 1), 10)
    with pytest.raises(UserError, match=r"`supervised` needs labelled examples .* set config\.data\.labels_per_class"):
        check_step(experiment, small())
    config = small()
    config.networks.critic = {"name": "mlp.Critic", "widths": (4,)}
    others = {"labelled": (8, 8, 1), "labelled_class": (10,)}
    with pytest.raises(UserError, match="`supervised` needs a critic that gives class logits"):
        check_step(build_on(config, (8, 8, 1), 0, others), config)


@pytest.mark.parametrize(
    ("file", "message"),
    [
        (
            "mnist_cgan.py",
            r"config\.networks\.critic takes the labels of real examples, .* keeps labels for only 20 examples",
        ),
        (
            "mnist_cgan.py:auxiliary",
            r"config\.objective\.critic\.auxiliary needs the labels of real examples, which split",
        ),
        ("mnist_cvae.py", r"config\.networks\.encoder takes the labels of real examples, which split"),
        ("mnist_few_labels.py:supervised", r"a classifier needs labels, which split 'train' of digits does not have"),
    ],
)
def test_random_labels_never_stand_for_those_of_real_examples(file, message):
    config = configs.load(f"{ROOT / 'configs'}/{file}").unlock()
    with pytest.raises(UserError, match=message):
        check_step(build(config, spec_of(data.load("digits", "train", labels_per_class=2))), config)


@pytest.mark.parametrize("how", ["adversarial", "supervised"])
def test_a_run_on_few_labels_is_judged_by_all_labels_of_the_test_split(how, tmp_path, capsys):
    file = f"--config={ROOT / 'configs' / 'mnist_few_labels.py'}:{how}"
    fields = [f"--config.{name}={value}" for name, value in {**TINY, "sample_every_steps": 0}.items()]
    networks = ("critic", "generator") if how == "adversarial" else ("classifier",)
    widths = [f"--config.networks.{network}.widths=(8,)" for network in networks]
    more = ["--config.data.name=digits", "--config.data.labels_per_class=2", "--config.evaluate_every_steps=6"]
    assert main.main(["gan_jax", file, f"--workdir={tmp_path}", *fields, *widths, *more]) == 0
    rows = [json.loads(row) for row in (tmp_path / "evaluations.jsonl").read_text().splitlines()]
    test = data.load("digits", "test")
    right = gan_jax.load(tmp_path).classify(test.x).argmax(1) == test.label
    np.testing.assert_allclose(rows[-1]["test/accuracy"], right.mean(), rtol=1e-6)


def test_weight_norm_leaves_the_direction_and_trains_the_norm():
    kernel = random.normal(KEY, (3, 3, 4, 5))
    y, variables = layers.WeightNorm().init_with_output(KEY, kernel)
    np.testing.assert_allclose(jnp.square(y).sum((0, 1, 2)), 1, rtol=1e-5)
    scale = jnp.arange(1.0, 6)
    np.testing.assert_allclose(layers.WeightNorm().apply({"params": {"scale": scale}}, kernel), y * scale, rtol=1e-5)
    assert variables["params"]["scale"].shape == (5,)
    assert layers.WeightNorm(scale=False).init(KEY, kernel) == {}


def test_first_batch_norm_is_of_the_first_batch_ever_after():
    norm, first, second = layers.FirstBatchNorm(), 3 + 2 * random.normal(KEY, (64, 2, 4)), random.normal(KEY, (8, 2, 4))
    variables = norm.init(KEY, first, train=False)
    np.testing.assert_array_equal(norm.apply(variables, first, train=False), first)
    params, stats = {"params": variables["params"]}, {"first_batch": variables["first_batch"]}
    y, stats = norm.apply({**params, **stats}, first, train=True, mutable=["first_batch"])
    np.testing.assert_allclose(y.mean((0, 1)), 0, atol=1e-5)
    np.testing.assert_allclose(y.std((0, 1)), 1, rtol=1e-4)
    y, after = norm.apply({**params, **stats}, second, train=True, mutable=["first_batch"])
    assert all(jax.tree.leaves(jax.tree.map(np.array_equal, stats, after)))
    mean, deviation = first.mean((0, 1)), first.std((0, 1))
    np.testing.assert_allclose(y, (second - mean) / deviation, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(norm.apply({**params, **after}, second, train=False), y, rtol=1e-6)


def test_first_batch_norm_has_the_deviation_asked_for_and_leaves_constant_channels():
    """Values that are all equal in the first batch have no deviation to divide by: later ones are not made huge."""
    norm, first = layers.FirstBatchNorm(deviation=0.1), 3 + 2 * random.normal(KEY, (64, 4)).at[:, 1].set(0.7)
    variables = norm.init(KEY, first, train=False)
    y, stats = norm.apply(variables, first, train=True, mutable=["first_batch"])
    np.testing.assert_allclose(y.std(0), [0.1, 0, 0.1, 0.1], rtol=1e-4, atol=1e-5)
    later = norm.apply({**variables, **stats}, first + 0.1, train=False)
    np.testing.assert_allclose(later[:, 1], 0.1, rtol=1e-4)
    one = norm.apply(variables, first[:1], train=True, mutable=["first_batch"])[1]
    np.testing.assert_array_equal(one["first_batch"]["deviation"], 1.0)


def test_the_first_logits_are_of_the_authors_deviations():
    x = random.uniform(KEY, (32, 32, 32, 3))
    for module, deviation in (
        (semi_supervised.Classifier(10, **SMALL), 1.0),
        (semi_supervised.ConvClassifier(10, width=2), 0.1),
    ):
        rngs = {"params": KEY, "noise": KEY, "dropout": KEY}
        ((_, logits), _) = module.init_with_output(rngs, x, train=True)
        np.testing.assert_allclose(logits.std(0), deviation, rtol=1e-2)


def test_gaussian_noise_is_of_its_deviation_and_each_examples_own():
    x = jnp.ones((400, 50))
    y = layers.GaussianNoise(0.5).apply({}, x, train=True, rngs={"noise": KEY})
    assert float(y.std()) == pytest.approx(0.5, rel=0.02)
    assert float(y.mean()) == pytest.approx(1, abs=0.01)
    np.testing.assert_array_equal(layers.GaussianNoise(0.5).apply({}, x[:3], train=True, rngs={"noise": KEY}), y[:3])
    np.testing.assert_array_equal(layers.GaussianNoise(0.5).apply({}, x, train=False), x)
    with pytest.raises(ValueError, match="noise is -1"):
        layers.GaussianNoise(-1).apply({}, x, train=True, rngs={"noise": KEY})


@pytest.mark.parametrize(
    ("module", "of_classes"),
    [
        (semi_supervised.Critic(3, **SMALL), semi_supervised.Classifier(3, **SMALL)),
        (semi_supervised.ConvCritic(3, width=2), semi_supervised.ConvClassifier(3, width=2)),
    ],
)
def test_a_critics_score_is_the_log_of_the_summed_exponentials_of_its_classifiers_logits(module, of_classes):
    batch = {"x": random.normal(KEY, (5, 12, 12, 1))}
    params, stats = Network(module).init(KEY, batch)
    outputs, stats = Network(module).apply(params, stats, batch, train=True, key=KEY)
    assert all(leaf.any() for leaf in jax.tree.leaves(stats))
    outputs, _ = Network(module).apply(params, stats, batch, train=False)
    features, logits = Network(of_classes).apply(params, stats, batch, train=False)[0]
    np.testing.assert_array_equal(outputs["logits"], logits)
    np.testing.assert_allclose(outputs["scores"], np.log(np.exp(logits).sum(-1)), rtol=1e-4)
    probability = np.exp(logits).sum(-1) / (np.exp(logits).sum(-1) + 1)
    np.testing.assert_allclose(jax.nn.sigmoid(outputs["scores"]), probability, rtol=1e-4)
    seen = Network(module).features(params, stats, batch, train=False)
    np.testing.assert_array_equal(seen, features)
    assert mixing_layers(Network(module), batch) == ["FirstBatchNorm"]


def test_the_supervised_loss_is_the_cross_entropy_of_the_labelled_examples_alone():
    label, (x, labelled) = jnp.arange(8) % CLASSES, random.normal(KEY, (2, 8, CLASSES))
    batch = {"x": x, "labelled": labelled, "labelled_class": jax.nn.one_hot(label, CLASSES)}
    values, metrics, _ = critic.supervised(SimpleNamespace(batch=batch, logits=lambda x, like: 2 * x))
    exp = np.exp(2 * np.asarray(labelled))
    probability = exp[np.arange(8), label] / exp.sum(1)
    np.testing.assert_allclose(values, -np.log(probability), rtol=1e-4)
    np.testing.assert_allclose(metrics["labelled_accuracy"], (exp.argmax(1) == label).mean())


def called(module, shape):
    """In order: rates of dropout, deviations of noise, and the layers' output channels."""
    found = []

    def note(call, args, kwargs, context):
        names = {layers.Dropout: "rate", layers.GaussianNoise: "std", layers.Dense: "features", layers.Conv: "features"}
        if context.method_name == "__call__" and type(context.module) in names:
            found.append(getattr(context.module, names[type(context.module)]))
        return call(*args, **kwargs)

    with nn.intercept_methods(note):
        jax.eval_shape(lambda: Network(module).init(KEY, {"x": jnp.zeros((1, *shape))}))
    return found


def test_dropout_and_noise_are_before_the_authors_layers_and_of_their_strengths():
    of_images = [0.2, *[96] * 3, 0.5, *[192] * 3, 0.5, *[192] * 3, 10]
    assert called(semi_supervised.ConvClassifier(10), (32, 32, 3)) == of_images
    of_digits = [0.3, 1000, 0.5, 500, 0.5, 250, 0.5, 250, 0.5, 250, 0.5, 10]
    assert called(semi_supervised.Classifier(10), (28, 28, 1)) == of_digits


def test_authors_sizes_of_mnists_classifier():
    """Weights, biases and the norms of the last kernel: 784-1000-500-250-250-250-10."""
    sizes = (784, 1000, 500, 250, 250, 250, 10)
    params = jax.eval_shape(lambda: Network(semi_supervised.Critic(10)).init(KEY, {"x": jnp.zeros((1, 28, 28, 1))}))[0]
    expected = sum(a * b + b for a, b in itertools.pairwise(sizes)) + 10
    assert sum(leaf.size for leaf in jax.tree.leaves(params)) == expected


def test_authors_sizes_of_cifar10s_classifier():
    """Weights, biases and the norms of the last kernel: seven convolutions of 3x3, two of 1x1 and a dense layer.

    Salimans et al. 2016: 3-96-96-96-192-192-192-192 by 3x3, 192-192-192 by 1x1, and 192-10.
    """
    params = jax.eval_shape(lambda: Network(semi_supervised.ConvCritic(10)).init(KEY, {"x": jnp.zeros((1, 32, 32, 3))}))
    weights = 9 * (3 * 96 + 2 * 96 * 96 + 96 * 192 + 3 * 192 * 192) + 2 * 192 * 192 + 192 * 10
    expected = weights + 3 * 96 + 6 * 192 + 10 + 10
    assert sum(leaf.size for leaf in jax.tree.leaves(params[0])) == expected
