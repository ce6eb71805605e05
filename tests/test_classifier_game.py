"""The game of one classifier: what its moves do, how its images are shifted, and how it is judged."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from conftest import ROOT, build_on
from jax import random

from gan_jax import config as configs
from gan_jax.core import steps
from gan_jax.core.networks import Network
from gan_jax.core.state import Player, TrainState
from gan_jax.data.base import Dataset
from gan_jax.errors import UserError
from gan_jax.evaluation.evaluators import classifier as evaluators
from gan_jax.evaluation.evaluators.base import Context
from gan_jax.models.classifier import Classifier
from gan_jax.objectives import classifier as game

pytestmark = pytest.mark.heavy

KEY = random.key(0)
MODULE = Classifier(classes=3, dim=5, widths=(4, 6), kernels=(3, 4), strides=(1, 2), paddings=(1, 1), dropout=0.25)
NETWORKS = {"classifier": Network(MODULE)}
LABEL = jnp.arange(24) % 3
X = random.uniform(KEY, (24, 8, 8, 1)).at[:, 2:5, 2:5, 0].add(LABEL[:, None, None] - 1.0)
BATCHES = {"x": X[None], "label": LABEL[None]}
FILES = sorted((ROOT / "configs" / "features").glob("*.py"))


@pytest.fixture(scope="module")
def played():
    """The objective, the state before and after 40 rounds, the first and the last metrics; compiled once."""
    objective = game.cross_entropy(networks=NETWORKS, classes=3, shift=1)
    updates = {"classifier": steps.Update(lambda numbers: optax.adam(0.02))}
    first = objective.init["classifier"](KEY, {"x": X[:1]})
    before = TrainState(jnp.int32(0), {"classifier": steps.start(first, updates["classifier"])})
    step, numbers = jax.jit(steps.alternating(objective, updates)), steps.default_hyperparams(objective, updates)
    state, first = step(before, BATCHES, KEY, numbers)
    for _ in range(39):
        state, last = step(state, BATCHES, KEY, numbers)
    assert step._cache_size() == 1
    return objective, before, state, first, last


def classify(objective, state, x):
    return objective.predictions["classify"].fn(state.players, random.split(KEY, len(x)), {"x": x})


def test_it_learns_its_labels(played):
    objective, _, state, first, last = played
    assert {"classifier/loss", "classifier/accuracy"} <= set(last)
    assert first["classifier/loss"] > 0.8
    assert last["classifier/loss"] < 0.4
    assert last["classifier/accuracy"] > 0.85
    _, logits = classify(objective, state, X)
    assert (logits.argmax(1) == LABEL).mean() > 0.85


def test_statistics_move_in_training_and_rest_in_predictions(played):
    objective, _, state, *_ = played
    mean = state.players["classifier"].stats["batch_stats"]["BatchNorm_1"]["mean"]
    assert jnp.abs(mean).max() > 0.01
    features, logits = classify(objective, state, X)
    one_features, one_logits = classify(objective, state, X[5:6])
    np.testing.assert_allclose(one_features, features[5:6], atol=1e-5)
    np.testing.assert_allclose(one_logits, logits[5:6], atol=1e-5)


def test_logits_are_linear_in_features_which_dropout_thins_in_training_alone(played):
    _, _, state, *_ = played
    player = state.players["classifier"]
    features, logits = NETWORKS["classifier"].apply(player.params, player.stats, {"x": X}, train=False)[0]
    assert (features.shape, logits.shape, features.dtype) == ((24, 5), (24, 3), jnp.float32)
    assert features.min() >= 0
    last = player.params["Dense_1"]
    np.testing.assert_allclose(features @ last["kernel"] + last["bias"], logits, atol=1e-5)
    (features, logits), _ = NETWORKS["classifier"].apply(player.params, player.stats, {"x": X}, train=True, key=KEY)
    assert jnp.abs(features @ last["kernel"] + last["bias"] - logits).max() > 0.1


def test_loss_is_the_cross_entropy_of_the_logits():
    plain = Classifier(classes=3, dim=5, widths=(4,), kernels=(3,), strides=(2,), paddings=(1,), dropout=0.0)
    network = Network(plain)
    objective = game.cross_entropy(networks={"classifier": network}, classes=3)
    first = objective.init["classifier"](KEY, {"x": X[:1]})
    state = TrainState(jnp.int32(0), {"classifier": Player(first.params, first.stats, ())})
    batch, weights = {"x": X, "label": LABEL}, objective.weights["classifier"]
    loss, _ = objective.losses["classifier"](first.params, state, batch, KEY, weights)
    (_, logits), _ = network.apply(first.params, first.stats, batch, train=True)
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    np.testing.assert_allclose(loss, -np.log(p[np.arange(24), LABEL]).mean(), rtol=1e-5)


def test_images_are_shifted_every_way_by_their_own_keys():
    image = np.arange(16, dtype=np.float32).reshape(4, 4, 1)
    keys = random.split(KEY, 400)
    moved = np.asarray(game.shifted(keys, jnp.broadcast_to(image, (400, 4, 4, 1)), most=1))
    padded = np.pad(image, ((1, 1), (1, 1), (0, 0)), mode="edge")
    ways = [padded[i : i + 4, j : j + 4] for i in range(3) for j in range(3)]
    counts = [(moved == way).all((1, 2, 3)).sum() for way in ways]
    assert sum(counts) == 400
    assert min(counts) > 20
    np.testing.assert_array_equal(game.shifted(keys[7:9], jnp.broadcast_to(image, (2, 4, 4, 1)), most=1), moved[7:9])
    assert game.shifted(keys, image, most=0) is image


def test_accuracy_is_the_share_of_right_answers():
    label = np.array([0, 1, 2, 0, 1], np.int32)
    dataset = Dataset("five", "test", label[:, None].astype(np.float32), label, 3)

    def classify(players, keys, batch):  # right but for class 2, which it takes for class 0
        return batch["x"], jax.nn.one_hot(batch["x"][:, 0].astype(int) % 2, 3) * players

    context = Context({"classify": classify}, lambda split: dataset, lambda batch: batch, jnp.float32(1))
    assert evaluators.accuracy(context).measure(jnp.float32(1), KEY) == {"accuracy": pytest.approx(0.8)}
    with pytest.raises(UserError, match="needs 'classify', which the objective does not provide"):
        evaluators.accuracy(context._replace(predict={}))
    with pytest.raises(UserError, match="needs labels, which split 'test' of five does not have"):
        evaluators.accuracy(context._replace(load=lambda split: dataset._replace(label=None)))


def test_what_makes_no_sense_is_refused():
    with pytest.raises(ValueError, match="the data set has 0 classes"):
        game.cross_entropy(networks=NETWORKS, classes=0)
    with pytest.raises(ValueError, match="shift is -1"):
        game.cross_entropy(networks=NETWORKS, classes=3, shift=-1)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_configs_build_and_say_what_they_made(file):
    config = configs.load(file)
    side = 8 if config.data.name == "digits" else 28
    experiment = build_on(config, (side, side, 1), 10)
    state = jax.eval_shape(experiment.init, KEY)
    x = jax.ShapeDtypeStruct((2, side, side, 1), jnp.float32)
    keys = random.split(KEY, 2)
    features, logits = jax.eval_shape(experiment.predict["classify"], state.players, keys, {"x": x})
    assert (features.shape, logits.shape) == ((2, 64), (2, 10))
    assert config.sample_every_steps == 0
    with pytest.raises(UserError, match="this model needs labels"):
        build_on(config, (side, side, 1), 0)
