"""The files of samples: every kind holds the same pixels, is the same bytes each time, and is whole or not there."""

import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

import gan_jax
from gan_jax.core.state import averaged
from gan_jax.evaluation import outputs, samples
from gan_jax.main import main
from gan_jax.reporting import animations, images

pytestmark = pytest.mark.heavy


@pytest.fixture(scope="module")
def cvae(small_run):
    return gan_jax.load(small_run("cvae"))


def sampled(folder, out, *flags):
    return main(["gan_jax", f"--workdir={folder}", "--mode=sample", f"--out={out}", *flags])


def pixels(path):
    with Image.open(path) as picture:
        return np.asarray(picture)


def test_every_kind_of_file_holds_the_same_samples(cvae, tmp_path, capsys):
    flags = ("--num=23", "--sample_seed=5", "--truncation=0.7")
    for name in ("s.npz", "s.npy", "folder/", "s.png"):
        assert sampled(cvae.folder, f"{tmp_path}/{name}", *flags) == 0
    said = capsys.readouterr().out.splitlines()
    assert said == [str(tmp_path / name) for name in ("s.npz", "s.npy", "s_labels.npy", "folder", "s.png")]
    expected, labels = cvae.sample(23, seed=5, truncation=0.7), np.arange(23) % 10
    with np.load(tmp_path / "s.npz") as archive:
        np.testing.assert_array_equal(archive["images"], expected)
        np.testing.assert_array_equal(archive["labels"], labels)
    np.testing.assert_array_equal(np.load(tmp_path / "s.npy"), expected)
    np.testing.assert_array_equal(np.load(tmp_path / "s_labels.npy"), labels)
    for number, label in enumerate(labels):
        np.testing.assert_array_equal(pixels(tmp_path / f"folder/{label}/{number:06d}.png"), expected[number, ..., 0])
    assert len([*(tmp_path / "folder").rglob("*.png")]) == 23
    np.testing.assert_array_equal(pixels(tmp_path / "s.png"), images.grid(expected, 10)[..., 0])


@pytest.mark.parametrize("name", ["s.npz", "s.png", "s.gif"])
def test_the_same_seed_gives_the_same_bytes(name, cvae, tmp_path):
    made = []
    for folder in ("a", "b"):
        assert sampled(cvae.folder, tmp_path / folder / name, "--num=4", "--class=7") == 0
        made.append((tmp_path / folder / name).read_bytes())
    assert made[0] == made[1]


@pytest.mark.parametrize("name", ["gan", "cvae"])
def test_a_plane_is_of_four_samples_or_of_two_latents_and_each_class(name, small_run):
    """To one unit of a pixel: a walk ends at its end but for rounding."""
    run = gan_jax.load(small_run(name))
    made = samples.Samples(run.experiment, averaged(run.players), seed=3)
    sprite = made.plane(10).astype(int).reshape(10, 10, 8, 8, 1)
    if name == "gan":
        corners, drawn = sprite[[0, -1, 0, -1], [0, 0, -1, -1]], made.whole(4)["images"]
    else:  # down the first and the last column
        corners = np.concatenate([sprite[:, 0], sprite[:, -1]])
        z = made._drawn(0)["z"]
        drawn = np.round(
            255 * np.asarray(run.generator(z[jnp.array([0, 2])].repeat(10, axis=0), label=[*range(10)] * 2))
        )
    assert np.abs(corners - drawn.astype(int)).max() <= 1
    assert np.abs(sprite[0, 0] - sprite[0, -1]).max() > 1
    assert np.abs(sprite[0, 0] - sprite[-1, 0]).max() > 1


def test_animations_begin_with_the_grid_and_come_back(cvae, tmp_path):
    grid = images.grid(cvae.sample(4, label=7), 8)
    for mode, out in (("sample", tmp_path / "s.gif"), ("interpolate", tmp_path / "i.gif")):
        flags = ("--num=4", "--class=7") if mode == "sample" else ()
        assert main(["gan_jax", f"--workdir={cvae.folder}", f"--mode={mode}", f"--out={out}", *flags]) == 0
        with Image.open(out) as film:
            assert film.n_frames == 2 * animations.STEPS - 2
            first = np.asarray(film.convert("L"))
            film.seek(animations.STEPS - 1)
            turn = np.asarray(film.convert("L"))
        assert (first != turn).any()
        if mode == "sample":
            np.testing.assert_array_equal(first, grid[..., 0])
            second = gan_jax.load(cvae.folder).sample(2, label=7)[1]
            np.testing.assert_array_equal(turn[2:58, 2:58], images.enlarged(second[None], 56)[0, ..., 0])


def test_film_of_training(cvae, tmp_path):
    assert sampled(cvae.folder, tmp_path / "f.gif", "--step=all") == 0
    with Image.open(tmp_path / "f.gif") as film:
        assert (film.n_frames, film.info["duration"]) == (3, 200)
        film.seek(2)
        assert film.info["duration"] == animations.LAST
        last = np.asarray(film.convert("L"))
    np.testing.assert_array_equal(last, pixels(cvae.folder / "samples" / "step_00000006.png"))


@pytest.mark.skipif(animations._ffmpeg() is None, reason="needs ffmpeg")
def test_mp4_files(tmp_path):
    frames = [np.full((9, 7, 3), shade, np.uint8) for shade in (0, 128, 255)]
    for name in ("a.mp4", "b.mp4"):
        animations.save(tmp_path / name, frames)
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()
    assert b"ftyp" in (tmp_path / "a.mp4").read_bytes()[:16]


def test_samples_are_made_in_parts(cvae):
    made = samples.Samples(cvae.experiment, cvae.players, seed=1)
    parts = made.parts(1200)
    sizes = [(len(part["images"]), part["labels"][0]) for part in parts]
    assert sizes == [(500, 0), (500, 0), (200, 0)]
    np.testing.assert_array_equal(made.whole(1200)["images"][1100:1103], [*made.parts(1103)][-1]["images"][100:])


@pytest.mark.parametrize(
    ("name", "flags", "message"),
    [
        ("gan", ("--out=s.npz", "--class=3"), "class 3: this model is not class-conditional"),
        ("cvae", ("--out=s.npz", "--class=12"), "class 12: no training example has this class; did you mean"),
        (
            "gan",
            ("--out=s.npz", "--truncation=0.7"),
            "truncation 0.7: it needs normal latents (config.samplers.NAME.name='latents.normal'), but z are",
        ),
        (
            "gan",
            ("--out=s.txt",),
            "or --out=FILE.png or --out=FILE.gif or --out=FILE.mp4 or --out=FOLDER, not s.txt",
        ),
        ("gan", ("--out=s.png", "--num=5000"), "--num=5000: a picture has at most 4,096 samples"),
        ("gan", ("--out=full/",), "--out=full is a folder with files: give a new or empty one"),
        ("gan", ("--out=full/x",), ""),
        ("gan", ("--out=.",), "--out=. is a folder with files"),
        ("gan", ("--out=s.npz", "--step=all"), "--step=all needs --out=FILE.gif or FILE.mp4, not s.npz"),
        ("gan", ("--out=s.gif", "--step=all", "--num=3"), "pictures saved during training: leave out --num"),
        ("gan", ("--out=s.npz", "--step=4"), "holds no checkpoint 4"),
        ("ae", ("--out=s.npz",), "--mode=sample: models trained with autoencoder.undercomplete cannot sample"),
    ],
)
def test_what_is_wrong_leaves_nothing(name, flags, message, small_run, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    status = sampled(small_run(name), *[flag.removeprefix("--out=") for flag in flags])
    if message:
        assert (status, message in capsys.readouterr().err) == (2, True)
        assert sorted(path.name for path in tmp_path.rglob("*")) == ["file", "full"]
    else:
        assert sorted(path.name for path in tmp_path.rglob("*.png"))[-1] == "000063.png"


def test_a_folder_may_be_a_link_to_an_empty_one_but_not_where_one_is(small_run, tmp_path, monkeypatch, capsys):
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to("empty")
    monkeypatch.chdir(tmp_path / "empty")
    assert sampled(small_run("gan"), ".") == 2
    assert "--out=. is a volume or the current folder" in capsys.readouterr().err
    monkeypatch.chdir(tmp_path)
    assert sampled(small_run("gan"), "link", "--num=2") == 0
    assert len([*(tmp_path / "empty").glob("*.png")]) == 2


def test_mp4_without_a_program_is_refused_before_anything_is_made(cvae, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(animations, "_ffmpeg", lambda: None)
    assert sampled(cvae.folder, tmp_path / "s.mp4") == 2
    assert "MP4 files need the program ffmpeg: pip install imageio-ffmpeg, or use .gif" in capsys.readouterr().err


def test_a_folder_that_cannot_be_finished_is_not_there(cvae, tmp_path, monkeypatch):
    monkeypatch.setattr(outputs, "_folders", lambda samples, part: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        outputs.write(tmp_path / "folder", samples.Samples(cvae.experiment, cvae.players), 3, lambda: np.zeros(0))
    assert not [*tmp_path.iterdir()]
