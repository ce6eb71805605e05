"""Feature networks: the weights in the repository are those that were published, and describe images as stated."""

import shutil

import jax
import numpy as np
import pytest

from gan_jax import data, features
from gan_jax.data.base import Dataset
from gan_jax.errors import UserError
from gan_jax.features import weights

pytestmark = pytest.mark.heavy

NAMES = sorted(weights.sums())


@pytest.fixture(scope="module")
def network():
    return features.load("digits-v1")


@pytest.fixture
def folder(tmp_path):
    """A copy of the digits' weights and their sum."""
    for name in ("digits-v1.npz", weights.SUMS):
        shutil.copy(weights.FOLDER / name, tmp_path)
    return tmp_path


def test_every_file_has_its_sum_and_every_sum_its_file():
    assert {path.stem for path in weights.FOLDER.glob("*.npz")} == {*NAMES} >= {*features.OF_DATA.values()}


@pytest.mark.parametrize("name", NAMES)
def test_published_weights_are_small_and_tell_their_accuracy(name):
    stored = weights.read(name)
    assert (weights.FOLDER / f"{name}.npz").stat().st_size < 1_000_000
    least = {"digits": 0.97, "mnist": 0.993, "fashion_mnist": 0.91}[stored.about["data"]]
    assert stored.about["test_accuracy"] >= least
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves((stored.params, stored.stats)))


def test_accuracy_on_the_digits_is_as_stated(network):
    test = data.load("digits", "test")
    found, logits = network.describe(test.x)
    assert (network.dim, network.classes, network.shape) == (64, 10, (8, 8, 1))
    assert (found.shape, found.dtype, logits.shape) == ((360, 64), np.float32, (360, 10))
    about = weights.read("digits-v1").about
    assert (logits.argmax(1) == test.label).mean() == pytest.approx(about["test_accuracy"], abs=1 / 360)
    alone, _ = network.describe(test.x[7:8])
    np.testing.assert_allclose(alone, found[7:8], atol=1e-4)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "digits-v1"])
def test_accuracy_on_prepared_data_is_near_that_stated(name, tfds_dir):
    about = weights.read(name).about
    if not (tfds_dir / about["data"]).is_dir():
        pytest.skip(f"needs {about['data']} in {tfds_dir}")
    test = data.load(about["data"], "test")
    _, logits = features.load(name).describe(test.x[:1000])
    assert abs((logits.argmax(1) == test.label[:1000]).mean() - about["test_accuracy"]) < 0.02


def test_altered_weights_are_refused(folder):
    path = folder / "digits-v1.npz"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(
        UserError, match=r"digits-v1\.npz was altered: its SHA-256 is .* restore it from the repository"
    ):
        features.load("digits-v1", folder=folder)
    path.unlink()
    with pytest.raises(UserError, match="cannot be read"):
        features.load("digits-v1", folder=folder)
    with pytest.raises(UserError, match=r"no weights for a network 'digits-v2'.* did you mean digits-v1"):
        features.load("digits-v2", folder=folder)


def test_weights_written_are_read_again_and_never_replaced(folder):
    params, stats = {"a": {"kernel": np.arange(6.0).reshape(2, 3) / 8}}, {"batch_stats": {"n": {"mean": np.ones(2)}}}
    path = weights.write("x-v1", params, stats, {"data": "x"}, folder)
    first, read = path.read_bytes(), weights.read("x-v1", folder)
    jax.tree.map(np.testing.assert_array_equal, (read.params, read.stats), (params, stats))
    assert read.about == {"data": "x"}
    weights.write("x-v1", params, stats, {"data": "x"}, folder)
    assert path.read_bytes() == first
    assert {*weights.sums(folder)} == {*NAMES, "x-v1"}
    with pytest.raises(UserError, match="holds other weights"):
        weights.write("x-v1", params, stats, {"data": "y"}, folder)
    with pytest.raises(UserError, match="use smaller widths"):
        weights.write("big-v1", {"a": np.zeros(600_000)}, {}, {}, folder)
    assert not (folder / "big-v1.npz").exists()


def test_channels_are_described_one_by_one(network):
    x = data.load("digits", "test").x
    pair = np.concatenate([x[:5], x[5:10]], axis=-1)
    stacked = features.by_channel(network, 2)
    found, logits = stacked.describe(pair)
    (left, left_logits), (right, right_logits) = network.describe(x[:5]), network.describe(x[5:10])
    assert (stacked.dim, stacked.classes, stacked.shape, logits.shape) == (128, 100, (8, 8, 2), (5, 100))
    np.testing.assert_allclose(found, np.concatenate([left, right], axis=1), atol=1e-4)
    np.testing.assert_array_equal(logits.argmax(1), 10 * left_logits.argmax(1) + right_logits.argmax(1))
    np.testing.assert_allclose(np.exp(logits).sum(1), 1, atol=1e-4)


def test_pixels_are_themselves():
    x = np.array([0, 255, 51, 102], np.uint8).reshape(2, 2, 1, 1)
    found, logits = features.pixels((2, 1, 1)).describe(x)
    np.testing.assert_allclose(found, [[0, 1], [0.2, 0.4]])
    assert logits.shape == (2, 0)
    points = np.array([[0.5, -3.0]], np.float32)
    np.testing.assert_array_equal(features.pixels((2,)).describe(points)[0], points)


def digits_like(shape=(8, 8, 1), classes=10, name="digits"):
    return Dataset(name, "test", np.zeros((4, *shape), np.uint8), None, classes)


def test_the_network_is_chosen_by_the_data():
    assert features.choose("classifier", digits_like()).name == "digits-v1"
    assert features.choose("digits-v1", digits_like(name="else:1.0.0")).name == "digits-v1"
    assert features.choose("pixels", digits_like(name="else")).name == "pixels"
    stacked = features.choose("digits-v1", digits_like((8, 8, 3), 1000))
    assert (stacked.classes, stacked.dim) == (1000, 192)


@pytest.mark.parametrize(
    ("kind", "dataset", "message"),
    [
        (
            "vgg16",
            digits_like(),
            r"vgg16-lpips-v1 takes images of at least 16 x 16 pixels and 1 or 3 channels, not .*8, 8",
        ),
        ("alexnet", digits_like((30, 64, 3)), r"alexnet-lpips-v1 takes images of at least 31 x 31"),
        ("vgg16", digits_like((64, 64, 4)), r"1 or 3 channels, not examples of shape \(64, 64, 4\)"),
        (
            "inception",
            digits_like(),
            r"inception needs a file of weights: download https://github\.com/.*pth, convert it with",
        ),
        ("inception", digits_like((2,)), "inception takes images of 1 or 3 channels"),
        ("digits-v1", digits_like((28, 28, 1)), r"takes images of \(8, 8, 1\), but those of digits are \(28, 28, 1\)"),
        ("digits-v1", digits_like((2,), 0, "ring"), "takes images of"),
    ],
)
def test_a_network_for_other_data_is_refused(kind, dataset, message):
    with pytest.raises(UserError, match=message):
        features.choose(kind, dataset)


@pytest.mark.parametrize(
    ("dataset", "why"),
    [
        (digits_like(name="else:1.0.0"), "data set 'else' has no classifier (only digits, mnist"),
        (
            digits_like((16, 16, 3), name="digits"),
            "digits-v1 takes images of (8, 8, 1), but those of digits are (16, 16, 3)",
        ),
    ],
)
def test_data_without_a_classifier_are_described_by_a_general_network_or_by_pixels(
    dataset, why, tiny_lpips, monkeypatch, caplog, tmp_path
):
    monkeypatch.setattr(features.lpips, "FALLBACKS", ("alexnet", "tiny"))
    assert features.choose("classifier", dataset).name == "tiny-lpips-v1"
    assert why in caplog.text
    assert "features are those of tiny-lpips-v1, as the values' names say" in caplog.text
    assert "pip install" not in caplog.text
    monkeypatch.setenv(features.lpips.VARIABLE, str(tmp_path))
    assert features.choose("classifier", dataset).name == "pixels"
    assert (
        "pixels, as the values' names say; features of tiny are better for images: install them with `pip install"
        in caplog.text
    )
    caplog.clear()
    assert features.choose("classifier", digits_like((2,), 0, "ring")).name == "pixels"
    assert "pip install" not in caplog.text


@pytest.mark.parametrize("x", [np.zeros((3, 8, 8)), np.zeros((3, 8, 8, 1)), np.zeros((0, 8, 8, 1), np.uint8)])
def test_what_is_no_image_is_refused(network, x):
    with pytest.raises(UserError, match=r"expected images uint8 \[n, 8, 8, 1\]"):
        network.describe(x)
