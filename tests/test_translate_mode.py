"""Translations by the command line: of a split, and of a user's own pictures; tiles without seams; and wrong input."""

from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar

import jax
import numpy as np
import pytest
from conftest import ROOT, TINY
from flax import linen as nn
from jax import random
from PIL import Image

import gan_jax
from gan_jax.core.networks import Network
from gan_jax.errors import UserError
from gan_jax.evaluation import tiles
from gan_jax.evaluation.predict import check_offers, load_split, restore, run_data
from gan_jax.evaluation.shown import examples_shown
from gan_jax.main import main
from gan_jax.models.super_resolution import SRResNet
from gan_jax.reporting import images
from gan_jax.runs.directory import RunDirectory

pytestmark = pytest.mark.heavy

RANDOM = np.random.default_rng(0)
KEY = random.key(0)


def picture(path, h, w, channels=3):
    """A smooth picture, written to a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    small = RANDOM.integers(0, 256, (4, 4, channels), dtype=np.uint8)
    Image.fromarray(small[..., 0] if channels == 1 else small).resize((w, h), Image.Resampling.BICUBIC).save(path)
    return path


def read(path):
    """The pixels of a picture."""
    with Image.open(path) as image:
        return np.asarray(image)


def call(capsys, *arguments):
    """(exit status, stdout, stderr) of a command line."""
    status = main(["gan_jax", *map(str, arguments)])
    return status, *capsys.readouterr()


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A folder with two styles of the same pictures, 12 to train on and 3 to test on."""
    folder = tmp_path_factory.mktemp("data")
    for style in ("noto", "twemoji"):
        for split, n in (("train", 12), ("test", 3)):
            for i in range(n):
                picture(folder / style / split / f"{i}.png", 24, 24)
    return folder


def trained(config, folder, data, *overrides):
    tiny = {**TINY, "steps": 2, "steps_per_call": 2, "checkpoint_every_steps": 2, "sample_every_steps": 0}
    fields = [f"--config.{name}={value}" for name, value in {**tiny, "evaluators": "none"}.items()]
    arguments = [f"--config={ROOT / 'configs'}/{config}", f"--workdir={folder}", f"--config.data.path={data}"]
    assert main(["gan_jax", *arguments, *fields, *overrides]) == 0
    return folder


@pytest.fixture(scope="module")
def enlarger(tmp_path_factory, data):
    """A run of super-resolution by 2, trained a little."""
    small = [f"--config.networks.generator.{field}" for field in ("width=4", "blocks=1")]
    more = ("--config.data.size=24", "--config.augment.crop.size=(16,16)", "--config.data.split=train", *small)
    return trained("photos_srresnet.py:2", tmp_path_factory.mktemp("runs") / "large", data / "noto", *more)


@pytest.fixture(scope="module")
def filler(tmp_path_factory, data):
    """A run of inpainting at 16x16, trained a little."""
    more = ("--config.data.size=16", "--config.networks.generator.width=2")
    return trained("emoji_inpainting.py:l1", tmp_path_factory.mktemp("runs") / "holes", data, *more)


@pytest.fixture(scope="module")
def painter(tmp_path_factory, data):
    """A run of translation of one style to the other at 16x16, trained a little; with a picture."""
    more = ("--config.data.size=16", "--config.networks.generator.width=2", "--config.sample_every_steps=2")
    more += ("--config.evaluators={'pairs': {'name': 'translation.pairs', 'metrics': ('l1',), 'every_steps': 2}}",)
    return trained("emoji_l1.py", tmp_path_factory.mktemp("runs") / "styles", data, *more)


@pytest.fixture(scope="module")
def cycler(tmp_path_factory, data):
    """A run of CycleGAN on both styles at 16x16, trained a little."""
    small = [f"--config.networks.generator{end}.{field}" for end in ("", "_back") for field in ("width=2", "blocks=1")]
    small += [f"--config.networks.critic{end}.{field}" for end in ("", "_back") for field in ("width=2", "downs=1")]
    return trained(
        "emoji_cyclegan.py", tmp_path_factory.mktemp("runs") / "cycle", data, "--config.data.size=16", *small
    )


def translate(capsys, run, out, *arguments, status=0):
    """The mode's lines on stderr, without those of the training of a run that is made for this test."""
    capsys.readouterr()
    found, _, err = call(capsys, f"--workdir={run}", "--mode=translate", f"--out={out}", *arguments)
    assert found == status, err
    if status:
        assert err.count("\n") == 1, err
    return err


@pytest.mark.parametrize("factor", [2, 3])
def test_tiles_have_no_seams(factor):
    module = SRResNet(factor=factor, width=4, blocks=2)
    network, x = Network(module), np.asarray(random.uniform(KEY, (1, 41, 57, 3)))
    params, stats = network.init(KEY, {"source": x})
    params = jax.tree.map(lambda a: 10 * a, params)  # He's values without the tenth: each layer matters
    shapes = []

    def make(source):
        shapes.append(source.shape)
        return network.apply(params, stats, {"source": source}, train=False)[0]

    whole = make(x)[0]
    made = tiles.enlarged(make, x[0], factor, reach=module.reach, side=24)
    np.testing.assert_allclose(made, whole, atol=1e-5)
    assert {*shapes[1:]} == {(1, 24, 24, 3)}
    near = tiles.enlarged(make, x[0], factor, reach=1, side=24)
    assert np.abs(near - whole).max() > 1e-3  # the reach is needed


def test_spans_cover_a_side_once():
    for length, side, reach in ((100, 24, 5), (24, 24, 5), (25, 24, 5), (7, 24, 5), (50, 24, 0)):
        spans = tiles.spans(length, side, reach)
        assert [first for _, first, _ in spans] == [0, *(end for _, _, end in spans[:-1])]
        assert spans[-1][2] == length
        for start, first, end in spans:
            assert first >= start + reach or first == 0
            assert end <= start + side - reach or end == length
    with pytest.raises(ValueError, match="larger than twice the reach"):
        tiles.spans(100, 10, 5)


def test_a_split_is_translated_to_a_file_or_a_folder(enlarger, filler, painter, data, tmp_path, capsys):
    shapes = {enlarger: (8, 16), filler: (16, 16), painter: (16, 16)}
    for run, (source, target) in shapes.items():
        translate(capsys, run, tmp_path / "t.npz")
        made = dict(np.load(tmp_path / "t.npz"))
        names = {"images", "translations", "targets"} | ({"masks"} if run == filler else set())
        assert {*made} == names
        n = len(made["images"])
        assert made["images"].shape == (n, source, source, 3)
        assert made["translations"].shape == made["targets"].shape == (n, target, target, 3)
        assert {values.dtype for values in made.values()} == {np.dtype(np.uint8)}
        if run == filler:
            translate(capsys, run, f"{tmp_path}/t.v2/")
            for i, translation in enumerate(made["translations"]):
                np.testing.assert_array_equal(read(tmp_path / "t.v2" / f"{i:05d}.png"), translation)
            assert {*np.unique(made["masks"])} == {0, 255}
            outside = np.broadcast_to(made["masks"] == 0, made["targets"].shape)
            np.testing.assert_array_equal(made["translations"][outside], made["targets"][outside])


class Doubling(nn.Module):
    """A generator of one's own, which takes a known value and says how far it sees."""

    shape: tuple[int, ...]
    reach: ClassVar[int] = 1

    @nn.compact
    def __call__(self, source, *, train):
        x = nn.Conv(self.shape[-1], (3, 3))(source)
        return x.repeat(2, 1).repeat(2, 2)


@pytest.mark.parametrize(
    "generator",
    [
        {"name": "super_resolution.SRResNet", "factor": 2, "width": 4, "blocks": 1, "remat": "Conv"},
        {"name": f"{__name__}:Doubling"},
    ],
    ids=lambda block: block["name"].rpartition(":")[2],
)
def test_generators_that_train_enlarge_pictures_too(generator, data, tmp_path, capsys):
    small = ("--config.data.size=24", "--config.augment.crop.size=(16,16)", "--config.data.split=train")
    more = f"--config.networks={ ({'generator': generator}) }"
    run = trained("photos_srresnet.py:2", tmp_path / "run", data / "noto", *small, more)
    translate(capsys, run, tmp_path / "o.png", f"--input={picture(tmp_path / 'photo.png', 70, 90)}")
    assert read(tmp_path / "o.png").shape == (140, 180, 3)


def test_pictures_of_any_size_are_enlarged(enlarger, tmp_path, capsys):
    large = picture(tmp_path / "in" / "large.png", 30, 200)
    picture(tmp_path / "in" / "test" / "grey.jpg", 1, 5, channels=1)
    translate(capsys, enlarger, tmp_path / "out", f"--input={tmp_path / 'in'}")
    assert read(tmp_path / "out" / "test" / "grey.png").shape == (2, 10, 3)
    translate(capsys, enlarger, tmp_path / "one.png", f"--input={large}")
    made = read(tmp_path / "one.png")
    np.testing.assert_array_equal(read(tmp_path / "out" / "large.png"), made)
    run_dir = RunDirectory(enlarger)
    experiment, state = restore(run_dir, run_dir.read_config())
    source = experiment.scale({"x": read(large)[None]})["x"]
    whole = experiment.predict["translate"](state.players, random.split(KEY, 1), {"source": source})
    assert np.abs(made.astype(int) - np.asarray(whole)[0]).max() <= 1  # the rounding of equal floats
    translate(capsys, enlarger, tmp_path / "one.npz", f"--input={large}")
    assert np.load(tmp_path / "one.npz")["translations"].shape == (1, 60, 400, 3)
    err = translate(capsys, enlarger, tmp_path / "two.npz", f"--input={tmp_path / 'in'}", status=2)
    assert "pictures have different sizes" in err
    assert "use --out=FOLDER" in err


def test_other_runs_fit_pictures_as_their_data(painter, data, tmp_path, capsys, caplog):
    given = data / "twemoji" / "test"
    translate(capsys, painter, tmp_path / "t.npz")
    translate(capsys, painter, tmp_path / "own.npz", f"--input={given}")
    whole, own = (np.load(tmp_path / f"{name}.npz") for name in ("t", "own"))
    assert {*own} == {"images", "translations"}
    np.testing.assert_array_equal(own["images"], whole["images"])
    assert np.abs(own["translations"].astype(int) - whole["translations"]).max() <= 1
    translate(capsys, painter, tmp_path / "s.png", f"--input={picture(tmp_path / 'small.png', 5, 9)}")
    assert "small.png is 5x9: it is enlarged to 16x16" in caplog.text


def test_a_run_that_leads_both_ways_translates_back(cycler, data, tmp_path, capsys):
    """By the other generator, whose inputs are the first one's targets."""
    for name, flags in (("there", []), ("back", ["--back"]), ("own", ["--back", f"--input={data / 'noto' / 'test'}"])):
        translate(capsys, cycler, tmp_path / f"{name}.npz", *flags)
    there, back, own = (np.load(tmp_path / f"{name}.npz") for name in ("there", "back", "own"))
    np.testing.assert_array_equal(back["images"], there["targets"])
    np.testing.assert_array_equal(back["targets"], there["images"])
    np.testing.assert_array_equal(own["images"], back["images"])
    run_dir = RunDirectory(cycler)
    experiment, state = restore(run_dir, run_dir.read_config())
    x = experiment.scale({"x": there["targets"]})
    made = experiment.predict["translate_back"](state.players, random.split(KEY, 3), x)
    assert np.abs(np.asarray(made).astype(int) - back["translations"]).max() <= 1
    assert (back["translations"] != there["translations"]).any()


def test_pictures_show_the_nearest_training_pair_and_name_their_columns(painter, data):
    run = RunDirectory(painter)
    columns = "source, translation, truth, truth of the nearest training pair"
    file = run.sample(2)
    assert images.columns_of(file) == columns
    assert f"<figcaption>each example, from the left: {columns}</figcaption>" in run.report.read_text()
    config, load = run.read_config(), run_data(run, run.read_config()).load
    test, train = load("test"), load("train")
    shown = examples_shown(config, restore(run, config)[0], load)
    sources = [np.asarray(pairs.others["source"], float) for pairs in (test, train)]
    found = [np.square(source - sources[1]).sum((1, 2, 3)).argmin() for source in sources[0]]
    np.testing.assert_array_equal(shown.others["nearest pair"], np.asarray(train.x[:])[found])
    first = read(file)[2:66:4, 2 + 3 * 66]  # the left edge of the first row's fourth image, enlarged by 4
    np.testing.assert_array_equal(first, shown.others["nearest pair"][0, :, 0])


def test_pictures_show_the_nearest_of_observed_sources(tmp_path_factory, data):
    """Grey copies: the nearest training example is by its own."""
    more = ("--config.data.size=16", "--config.networks.generator.width=2", "--config.networks.critic.width=2")
    more += ("--config.networks.critic.downs=1",)
    more += ("--config.evaluators={'pairs': {'name': 'translation.pairs', 'metrics': ('l1',), 'every_steps': 2}}",)
    run = RunDirectory(trained("emoji_colouring.py", tmp_path_factory.mktemp("runs") / "grey", data, *more))
    config, load = run.read_config(), run_data(run, run.read_config()).load
    test, train = load("test"), load("train")
    shown = examples_shown(config, restore(run, config)[0], load)
    luma = np.array([0.299, 0.587, 0.114])
    greys = [np.asarray(examples.x[:], float) @ luma for examples in (test, train)]
    found = [np.square(grey - greys[1]).sum((1, 2)).argmin() for grey in greys[0]]
    np.testing.assert_array_equal(shown.others["nearest pair"], np.asarray(train.x[:])[found])


def test_pictures_show_the_evaluators_split(painter, caplog):
    run = RunDirectory(painter)
    config, load = run.read_config(), run_data(run, run.read_config()).load
    experiment = restore(run, config)[0]

    def shown(**judge):
        with config.unlocked():
            config.evaluators = {"pairs": {"name": "translation.pairs", **judge}} if judge else {}
        found = examples_shown(config, experiment, load)
        return found.split, {*found.others}

    assert shown(split="train[9:]") == ("train[9:]", {"source", "nearest pair"})
    assert shown(split="train[9:]", baselines=("source",)) == ("train[9:]", {"source"})
    assert shown() == ("test", {"source"})
    assert caplog.text == ""
    assert shown(split="validation") == ("train", {"source"})
    assert "pictures show training examples" in caplog.text


def test_the_split_that_judges_is_translated_where_none_is_given(painter):
    run = RunDirectory(painter)
    config = run.read_config()
    assert load_split(run, config, None).split == "test"
    with config.unlocked():
        config.evaluators = {"pairs": {"name": "translation.pairs", "split": "train[9:]"}}
    assert load_split(run, config, None).split == "train[9:]"
    assert load_split(run, config, "train[:3]").split == "train[:3]"


def test_a_hole_of_ones_own_is_filled(filler, tmp_path, capsys):
    hole = np.zeros((32, 48), np.uint8)
    hole[8:16, 20:30] = 255
    photo = tmp_path / "photo.png"
    Image.fromarray(np.where(hole, hole, 60).astype(np.uint8)).save(photo)
    Image.fromarray(hole).save(tmp_path / "mask.png")
    translate(capsys, filler, tmp_path / "o.npz", f"--input={photo}", f"--mask={tmp_path / 'mask.png'}")
    made = {name: values[0] for name, values in np.load(tmp_path / "o.npz").items()}
    assert {*made} == {"images", "masks", "translations"}
    touched = np.zeros((16, 16), bool)  # of the middle 32 columns, halved
    touched[4:8, 6:11] = True
    near = np.zeros((16, 16), bool)
    near[3:9, 5:12] = True
    hole = made["masks"][..., 0] == 255
    assert hole[touched].all()
    assert not hole[~near].any()
    outside = np.broadcast_to(made["masks"] == 0, made["translations"].shape)
    np.testing.assert_array_equal(made["translations"][outside], made["images"][outside])
    np.testing.assert_array_equal(made["images"][outside], 60)  # nothing of what was in the hole


def test_masks_of_bytes_are_holes_in_python_too(filler):
    run, source = gan_jax.load(filler), RANDOM.integers(0, 256, (2, 16, 16, 3), dtype=np.uint8)
    hole = np.zeros((2, 16, 16, 1), np.uint8)
    hole[:, 4:9, 3:8] = 255
    made = run.generator(source=source, mask=hole)
    np.testing.assert_allclose(made, run.generator(source=source, mask=hole / np.float32(255)), atol=1e-6)
    valid = np.broadcast_to(hole == 0, source.shape)
    np.testing.assert_allclose(np.asarray(made)[valid], (source / 127.5 - 1)[valid], atol=1e-5)


def test_all_pictures_are_looked_at_before_the_first_is_translated(enlarger, filler, tmp_path, capsys):
    for name in ("a", "c", "e"):
        picture(tmp_path / "in" / f"{name}.png", 8, 8)
    (tmp_path / "in" / "b.png").write_text("no picture")
    (tmp_path / "in" / "d.png").write_bytes((tmp_path / "in" / "e.png").read_bytes()[:-30])
    err = translate(capsys, enlarger, tmp_path / "out", f"--input={tmp_path / 'in'}", status=2)
    assert "2 errors: " in err
    assert "b.png: it is not an image in a supported format: PNG" in err
    assert "d.png: " in err
    masked = (f"--input={tmp_path / 'sizes'}", f"--mask={tmp_path / 'mask.png'}")
    picture(tmp_path / "sizes" / "a.png", 8, 8)
    picture(tmp_path / "sizes" / "b.png", 8, 9)
    hole = np.zeros((8, 8), np.uint8)
    hole[:4] = 255
    Image.fromarray(hole).save(tmp_path / "mask.png")
    err = translate(capsys, filler, tmp_path / "out", *masked, status=2)
    assert "b.png: --mask=" in err
    assert "it is 8x8 but --input is 8x9" in err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("given", "out"),
    [
        (["--input=in"], "in"),
        (["--input=in"], "linked"),
        (["--input=linked"], "in/sub/.."),
        (["--input=in/p.png"], "in/p.png"),
        (["--input=in/p.png"], "linked/p.png"),
        (["--input=link.png"], "in/p.png"),
        (["--input=in/p.png"], "in"),
        (["--input=in/p.png", "--mask=mask.png"], "mask.png"),
        ([], "in"),
    ],
)
def test_no_file_of_ones_own_is_overwritten(given, out, tmp_path, monkeypatch, capsys, request):
    run = request.getfixturevalue("filler" if "--mask=mask.png" in given else "enlarger")
    monkeypatch.chdir(tmp_path)
    picture(tmp_path / "in" / "p.png", 8, 8)
    picture(tmp_path / "in" / "sub" / "q.png", 8, 8)
    picture(tmp_path / "mask.png", 8, 8)
    (tmp_path / "linked").symlink_to(tmp_path / "in")
    (tmp_path / "link.png").symlink_to(tmp_path / "in" / "p.png")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    monkeypatch.setattr("gan_jax.evaluation.translate.restore", lambda *arguments: pytest.fail("work was done first"))
    err = translate(capsys, run, out, *given, status=2)
    assert f"--out={Path(out)} {'would overwrite' if given else 'is a folder with files'}" in err
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    ("run", "arguments", "message"),
    [
        ("enlarger", ["--input={folder}/absent.png"], "absent.png: there is no such file or folder"),
        ("enlarger", ["--input={folder}/text.png"], "text.png: it is not an image in a supported format: PNG"),
        ("enlarger", ["--input={folder}/empty"], "empty: it has no images (files ending in"),
        ("enlarger", ["--input={folder}/photo.png", "--mask={folder}/photo.png"], "does not fill holes: leave it out"),
        ("filler", ["--input={folder}/photo.png"], "this run fills holes: also give --mask=FILE"),
        ("filler", ["--input={folder}/photo.png", "--mask={folder}/other.png"], "it is 8x9 but --input is 8x8"),
        ("filler", ["--input={folder}/photo.png", "--mask={folder}/black.png"], "covers none of the picture"),
        ("filler", ["--input={folder}/photo.png", "--mask={folder}/white.png"], "covers all of the picture"),
        ("filler", ["--input={folder}/wide.png", "--mask={folder}/edge.png"], "covers none of what the run sees"),
        (
            "filler",
            ["--input={folder}/photo.png", "--mask={folder}/text.png"],
            "text.png: it is not an image in a supported format: PNG",
        ),
        ("filler", ["--mask={folder}/photo.png"], "--mask marks the hole in --input"),
        ("painter", ["--input={folder}/photo.png", "--split=test"], "--split selects a split of the data set"),
        ("painter", ["--input="], "--input is empty"),
        (
            "painter",
            ["--input={folder}/photo.png", "--config.data.path={folder}"],
            "--mode=translate does not use this field",
        ),
        ("painter", [], "o.png is for one picture (--input)"),
        ("painter", ["--input={folder}/photo.png", "--back"], "--back: this run has only a generator from source to x"),
        ("painter", ["--input={folder}"], "is one picture, but --input="),
    ],
)
def test_wrong_input_is_named_in_one_line(run, arguments, message, tmp_path, capsys, request):
    for name, h, w in (("photo", 8, 8), ("other", 8, 9), ("wide", 8, 40)):
        picture(tmp_path / f"{name}.png", h, w)
    for name, value, w in (("black", 0, 8), ("white", 255, 8), ("edge", 0, 40)):
        mask = np.full((8, w), value, np.uint8)
        mask[:, :2] = 255 if name == "edge" else value
        Image.fromarray(mask).save(tmp_path / f"{name}.png")
    (tmp_path / "text.png").write_text("no picture")
    (tmp_path / "empty").mkdir()
    flags = [each.format(folder=tmp_path) for each in arguments]
    err = translate(capsys, request.getfixturevalue(run), tmp_path / "o.png", *flags, status=2)
    assert message in err


def test_what_makes_no_translations_says_so(tiny):
    other = SimpleNamespace(predict={"reconstruct": None})
    with pytest.raises(UserError, match="cannot translate; they can reconstruct"):
        check_offers(other, "translate", tiny("mnist_linear_ae"))  # pyrefly: ignore[bad-argument-type]
    for mode in ("sample", "interpolate"):
        with pytest.raises(UserError, match=f"cannot {mode}; use --mode=evaluate or --mode=export"):
            check_offers(SimpleNamespace(predict={"classify": None}), mode, tiny("mnist_linear_ae"))  # pyrefly: ignore[bad-argument-type]
    for name in ("walk", "interpolate"):
        check_offers(SimpleNamespace(predict={name: None}), "interpolate", tiny("mnist_linear_ae"))  # pyrefly: ignore[bad-argument-type]
