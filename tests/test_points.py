"""Points in the plane, from the data that are drawn to the pictures and files of a run; and stacked digits."""

import numpy as np
import pytest
from conftest import build_on
from jax import random
from PIL import Image

from gan_jax import data
from gan_jax.data import stacked_mnist, tfds
from gan_jax.data.base import Dataset
from gan_jax.errors import UserError
from gan_jax.evaluation import predict
from gan_jax.reporting import figures, points
from gan_jax.runs.directory import RunDirectory
from gan_jax.runs.rows import read_rows
from gan_jax.training import loop

pytestmark = pytest.mark.heavy

SETS = {"ring": (8, 0.01), "grid": (25, 0.05)}


def pixels(path):
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB")).astype(int)


@pytest.mark.parametrize("name", SETS)
def test_mixtures_are_as_in_the_paper(name):
    modes, std = SETS[name]
    train_set, test_set = data.load(name, "train"), data.load(name, "test")
    assert (train_set.x.shape, train_set.x.dtype, train_set.classes) == ((100_000, 2), np.float32, modes)
    assert (test_set.x.shape, test_set.label.dtype) == ((10_000, 2), np.int32)
    share = np.bincount(train_set.label, minlength=modes) / 100_000
    np.testing.assert_allclose(share, 1 / modes, atol=4 * np.sqrt(1 / modes / 100_000))
    residual = train_set.x - train_set.mixture.centres[train_set.label]
    np.testing.assert_allclose(residual.std(0), std, rtol=0.02)
    np.testing.assert_allclose(residual.mean(0), 0, atol=0.02 * std)
    assert abs(np.corrcoef(residual.T)[0, 1]) < 0.02
    assert train_set.mixture.std == std


@pytest.mark.parametrize("name", SETS)
def test_centres_are_as_far_apart_as_they_should_be(name):
    centres = data.load(name, "test").mixture.centres
    distances = np.linalg.norm(centres[:, None] - centres, axis=-1) + 99 * np.eye(len(centres))
    nearest = {"ring": 2 * np.sin(np.pi / 8), "grid": 2.0}[name]
    np.testing.assert_allclose(distances.min(1), nearest, rtol=1e-6)
    np.testing.assert_allclose(centres.mean(0), 0, atol=1e-6)
    extent = {"ring": 1.0, "grid": 4.0}[name]
    assert np.abs(centres).max() == pytest.approx(extent)


@pytest.mark.parametrize("name", SETS)
def test_splits_are_drawn_once_and_for_all(name):
    first, again, test_set = data.load(name, "train"), data.load(name, "train"), data.load(name, "test")
    np.testing.assert_array_equal(first.x, again.x)
    seen = {point.tobytes() for point in first.x}
    assert sum(point.tobytes() in seen for point in test_set.x) < 10
    with pytest.raises(UserError, match=f"{name} has no split 'tests'; did you mean test"):
        data.load(name, "tests")


def test_the_ring_is_these_points():
    """Guards the generator against a change that would make every figure of the past one of other data."""
    np.testing.assert_allclose(data.load("ring", "train").x[:2], RING_STARTS, atol=1e-6)


RING_STARTS = [[-0.01107466, 0.992591], [-0.6905388, 0.71143794]]


@pytest.fixture
def digits(monkeypatch):
    """Twenty images in the place of MNIST, each of one grey level, ten a label."""
    x = np.arange(20, dtype=np.uint8)[:, None, None, None] * np.ones((1, 28, 28, 1), np.uint8)
    fake = Dataset("mnist", "train", x, np.arange(20, dtype=np.int32) % 10, 10)
    monkeypatch.setattr(tfds, "read", lambda name, split: fake)
    monkeypatch.setattr(stacked_mnist, "SIZES", {"train": 500, "test": 300})


def test_stacked_digits_bear_the_label_of_their_channels(digits):
    stacked = data.load("stacked_mnist", "train")
    assert (stacked.x.shape, stacked.x.dtype, stacked.classes) == ((500, 28, 28, 3), np.uint8, 1000)
    assert stacked.label.dtype == np.int32
    levels = stacked.x[:, 0, 0].astype(int)
    assert (stacked.x == stacked.x[:, :1, :1]).all()
    np.testing.assert_array_equal(stacked.label, levels % 10 @ [100, 10, 1])
    assert len(np.unique(stacked.label)) > 350  # of 500 draws from 1,000, 394 on average
    np.testing.assert_array_equal(stacked.x, data.load("stacked_mnist", "train").x)
    assert (data.load("stacked_mnist", "test").label != stacked.label[:300]).any()
    with pytest.raises(UserError, match="stacked_mnist has no split 'valid'"):
        data.load("stacked_mnist", "valid")


def test_stacked_digits_need_mnist(tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    with pytest.raises(UserError, match=r"prepare_data\.py mnist"):
        data.load("stacked_mnist", "train")


# A run on points.


@pytest.fixture(scope="module")
def whole(tiny, tmp_path_factory):
    """Six rounds of the ring's GAN, in small."""
    made = tiny("ring_gan", evaluate_every_steps=3)
    made.networks.generator.widths = (8, 8)
    made.networks.critic.widths = (8,)
    made.evaluators.modes.samples = 50
    run_dir = RunDirectory(tmp_path_factory.mktemp("runs") / "whole")
    loop.run(made, run_dir)
    return made, run_dir


def test_a_run_on_points_leaves_pictures_and_modes(whole):
    _, run_dir = whole
    assert sorted(path.name for path in run_dir.samples.iterdir()) == [f"step_{n:08d}.png" for n in (0, 3, 6)]
    assert pixels(run_dir.sample(6)).shape == (500, 1000, 3)  # the points, and the critic's surface
    rows = read_rows(run_dir.evaluations)
    assert [row["step"] for row in rows] == [3, 6]
    assert set(rows[0]) == {"step", "seed", "modes/found", "modes/high_quality", "modes/reverse_kl"}


def test_samples_are_points_fixed_by_their_seed(whole, tmp_path):
    made, run_dir = whole
    found = {}
    for name, num, seed in (("a", 5, 0), ("b", 3, 0), ("c", 5, 1)):
        predict.sample(run_dir, made, num, seed, tmp_path / f"{name}.npz")
        with np.load(tmp_path / f"{name}.npz") as stored:
            assert stored.files == ["points"]
            found[name] = stored["points"]
    assert (found["a"].shape, found["a"].dtype) == ((5, 2), np.float32)
    np.testing.assert_allclose(found["a"][:3], found["b"], atol=1e-6)
    assert (found["a"] != found["c"]).any()


def test_walks_among_points_are_drawn(whole, tmp_path):
    made, run_dir = whole
    predict.interpolate(run_dir, made, 0, tmp_path / "walks.png")
    assert pixels(tmp_path / "walks.png").shape == (500, 500, 3)


def test_scores_are_the_critics_one_a_point(whole):
    made, _ = whole
    experiment = build_on(made, (2,), 8)
    players = experiment.init(experiment.keys.init).players
    x, keys = random.normal(random.key(0), (7, 2)), random.split(random.key(0), 7)
    scores = experiment.predict["scores"](players, keys, {"x": x})
    assert scores.shape == (7,)
    np.testing.assert_allclose(experiment.predict["scores"](players, keys[2:4], {"x": x[2:4]}), scores[2:4], atol=1e-6)
    assert scores.std() > 0


def test_points_keep_their_place_whatever_the_range_of_images(whole):
    made = whole[0].copy_and_resolve_references()
    made.data.range = (0.0, 1.0)
    x = np.float32([[-4.0, 7.5]])
    np.testing.assert_array_equal(build_on(made, (2,), 8).scale({"x": x})["x"], x)


def test_pictures_show_where_the_points_are(tmp_path):
    """All samples at the data's upper right corner: the red is there, and nowhere else."""
    real = np.float32([[-1, -1], [1, 1], [-1, 1], [1, -1]])
    points.save_samples(tmp_path / "a.png", np.float32([[1, 1]] * 20), real)
    r, g, b = np.moveaxis(pixels(tmp_path / "a.png"), -1, 0)
    rows, columns = np.nonzero((r > g + 60) & (r > b + 60))
    assert len(rows) > 3
    assert (rows < 150).all()
    assert (columns > 350).all()


def test_pictures_show_where_the_critic_scores_high(tmp_path):
    """Scores that rise to the right: of viridis, which rises from blue to yellow, the right has more green."""
    real = np.float32([[-1, -1], [1, 1]])
    points.save_samples(tmp_path / "a.png", real, real, lambda x: x[:, 0])
    panel = pixels(tmp_path / "a.png")[200:300]
    assert panel[:, 850, 1].mean() > panel[:, 530, 1].mean() + 100


@pytest.mark.parametrize("value", [0.0, np.nan])
def test_pictures_stand_scores_without_a_surface(tmp_path, value):
    real = np.float32([[-1, -1], [1, 1]])
    points.save_samples(tmp_path / "a.png", np.full((5, 2), value), real, lambda x: np.full(len(x), value))
    assert pixels(tmp_path / "a.png").shape == (500, 1000, 3)


def test_pictures_refuse_what_is_no_plane(whole, tmp_path):
    made, _ = whole
    experiment = build_on(made, (2,), 8)
    with pytest.raises(UserError, match=r"examples of shape \(3,\) cannot be drawn"):
        figures.samples(tmp_path / "a.png", experiment, {}, np.zeros((4, 3), np.float32))
