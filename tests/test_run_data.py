"""What a run keeps of its data and of JAX's settings: it is used without them, and never on others."""

import json
import shutil

import jax
import numpy as np
import pytest
from ml_collections import ConfigDict
from test_data import IMAGE, LABEL, one_line, png, prepare

from gan_jax.data.source import Source, fingerprint
from gan_jax.data.spec import from_json, spec_of, to_json
from gan_jax.errors import UserError
from gan_jax.evaluation import evaluate, predict
from gan_jax.experiments import streams
from gan_jax.runs.directory import RunDirectory
from gan_jax.runs.jax_settings import settings
from gan_jax.training import loop

pytestmark = pytest.mark.heavy

SPLITS = ("train", "test")
PICTURES = [png((4, 5, 3), value) for value in range(0, 60, 3)]
LABELS = [number % 3 for number in range(20)]


@pytest.fixture(scope="module")
def world(tmp_path_factory, tiny):
    """(config, TFDS_DATA_DIR, run) of a small VAE trained on a prepared set of 4x5 images."""
    folder = tmp_path_factory.mktemp("world")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TFDS_DATA_DIR", str(folder / "tfds"))
        patch.setenv("GAN_JAX_CACHE", str(folder / "cache"))
        (folder / "tfds").mkdir()
        prepare(folder / "tfds", "tiny", PICTURES, LABELS, {**IMAGE, **LABEL}, splits=SPLITS)
        config = tiny("mnist_vae", steps=3)
        with config.unlocked():
            config.data.name = "tiny"
            config.networks.encoder.widths = config.networks.decoder.widths = (4,)
            config.evaluators = ConfigDict({"likelihood": {"name": "likelihood.likelihood", "samples": 2}})
        loop.run(config, RunDirectory(folder / "run"))
    return config, folder / "tfds", folder / "run"


@pytest.fixture
def run_dir(world, tmp_path, monkeypatch):
    """(config, TFDS_DATA_DIR, run): copies, which a test may change."""
    config, tfds, run = world
    for name, source in (("tfds", tfds), ("run", run)):
        shutil.copytree(source, tmp_path / name)  # a copied set: its files have other times
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    monkeypatch.setenv("GAN_JAX_CACHE", str(tmp_path / "cache"))
    return config.copy_and_resolve_references(), tmp_path / "tfds", RunDirectory(tmp_path / "run")


def longer(config, steps=6):
    with config.unlocked():
        config.steps = steps
    return config


def other_pictures(tfds, version):
    prepare(tfds, "tiny", PICTURES[::-1], LABELS, {**IMAGE, **LABEL}, version=version, splits=SPLITS)


def test_a_run_keeps_what_its_data_are(run_dir):
    _, _, run = run_dir
    stored = json.loads(run.config.read_text())
    spec = stored["data_spec"]
    assert (spec["kind"], spec["shape"], spec["dtype"], spec["range"]) == ("images", [4, 5, 3], "uint8", [0, 255])
    assert (spec["classes"], spec["absent"], spec["version"]) == (7, [3, 4, 5, 6], "1.0.0")
    assert spec["splits"] == list(SPLITS)
    assert set(spec["fingerprints"]) == {"train", "test"}
    assert stored["jax_settings"] == settings()
    found = spec_of(Source({"name": "tiny"}).load("train"))
    assert from_json(run.data_spec()) == found
    assert from_json(json.loads(json.dumps(to_json(found)))) == found


def test_a_run_is_sampled_without_its_data_and_evaluated_not(run_dir, tmp_path, monkeypatch):
    config, _, run = run_dir
    predict.sample(run, config, 5, 0, tmp_path / "with.npz")
    monkeypatch.setenv("TFDS_DATA_DIR", "/nowhere")
    predict.sample(run, config, 5, 0, tmp_path / "without.npz")
    with np.load(tmp_path / "with.npz") as a, np.load(tmp_path / "without.npz") as b:
        assert b["images"].shape == (5, 4, 5, 3)
        np.testing.assert_array_equal(a["images"], b["images"])
    predict.interpolate(run, config, 0, tmp_path / "walks.png")
    with pytest.raises(UserError, match=r"no data set 'tiny'.*/nowhere"):
        evaluate.run(run, config, None)


def test_points_are_walked_among_without_their_data(tiny, tmp_path, monkeypatch, caplog):
    config = tiny("ring_gan", steps=2, sample_every_steps=0)
    run = RunDirectory(tmp_path / "run")
    loop.run(config, run)

    def gone(name, split, **_):
        raise UserError(f"{name} is gone")

    monkeypatch.setattr("gan_jax.data.load", gone)
    predict.sample(run, config, 3, 0, tmp_path / "points.npz")
    predict.interpolate(run, config, 0, tmp_path / "walks.png")
    assert "ring is gone" in caplog.text


def test_classes_without_examples_are_named(run_dir, caplog):
    config, _, run = run_dir
    with caplog.at_level("WARNING"):
        loop.run(longer(config), run)
    assert "split 'train' of tiny has no example of 4 of its classes, which are not sampled: 3, 4, 5, 6" in caplog.text


def test_a_newer_version_is_refused_with_both_and_the_old_one_can_be_named(run_dir):
    config, tfds, run = run_dir
    other_pictures(tfds, "1.0.1")
    both = r"version 1\.0\.0 of tiny, .* 1\.0\.1: set --config\.data\.name=tiny:1\.0\.0"
    before = run.config.read_bytes()
    for refused in (lambda: loop.run(longer(config), run), lambda: evaluate.run(run, config, None)):
        with pytest.raises(UserError, match=both) as info:
            refused()
        one_line(info)
    assert run.config.read_bytes() == before
    with config.unlocked():
        config.data.name = "tiny:1.0.0"
    run.check_holds(config)
    evaluate.run(run, config, None)
    loop.run(longer(config), run)
    with config.unlocked():
        config.data.name = "tiny"
    with pytest.raises(UserError, match=both):
        loop.run(longer(config), run)


def test_data_replaced_in_place_are_refused_with_both_and_the_same_ones_are_not(run_dir):
    config, tfds, run = run_dir
    evaluate.run(run, config, None)  # copied files, the same content
    shutil.rmtree(tfds / "tiny")
    other_pictures(tfds, "1.0.0")
    was = json.loads(run.config.read_text())["data_spec"]["fingerprints"]
    now = fingerprint(Source({"name": "tiny"}).load("train"))
    with pytest.raises(UserError, match=f"other data .*train: {was['train']} -> {now}"):
        loop.run(longer(config), run)
    with pytest.raises(UserError, match=f"other data .*: {was['train']} -> {now}"):
        evaluate.run(run, config, None)
    shutil.rmtree(tfds / "tiny")
    prepare(tfds, "tiny", PICTURES, LABELS, {**IMAGE, **LABEL}, splits=SPLITS)
    loop.run(longer(config), run)


def test_a_fingerprint_is_of_the_examples_and_labels():
    x = np.arange(24, dtype=np.uint8).reshape(2, 3, 4, 1)
    one = Source({"name": "digits"}).load("train")._replace(x=x, label=np.int32([0, 1]))
    others = [
        one._replace(x=x[::-1]),
        one._replace(x=x.reshape(2, 4, 3, 1)),
        one._replace(label=np.int32([1, 0])),
        one._replace(label=None),
    ]
    assert len({fingerprint(each) for each in (one, *others)}) == 5
    assert fingerprint(one._replace(name="other", x=np.asfortranarray(x))) == fingerprint(one)


def test_runs_of_before_go_on(run_dir):
    config, _, run = run_dir
    stored = json.loads(run.config.read_text())
    del stored["data_spec"], stored["jax_settings"]
    run.config.write_text(json.dumps(stored))
    evaluate.run(run, config, None)
    loop.run(longer(config), run)
    assert json.loads(run.config.read_text())["data_spec"]["version"] == "1.0.0"


@pytest.mark.parametrize(
    "spec",
    [
        1,
        "x",
        {"shape": 3},
        {"shape": [8, 8]},
        {"shape": [0, 8, 1]},
        {"shape": [8, 8, 1], "classes": -1},
        {"dtype": "x"},
    ],
)
def test_a_damaged_spec_is_one_line(spec, run_dir, tmp_path):
    config, _, run = run_dir
    stored = json.loads(run.config.read_text()) | {"data_spec": spec}
    run.config.write_text(json.dumps(stored))
    with pytest.raises(UserError, match=r"config\.json is damaged|no data set has a shape") as info:
        predict.sample(run, config, 2, 0, tmp_path / "s.npz")
    one_line(info)


@pytest.mark.parametrize(
    ("name", "value", "then"),
    [
        ("jax_threefry_partitionable", False, "JAX_THREEFRY_PARTITIONABLE=True"),
        ("jax_default_matmul_precision", "highest", "set no JAX_DEFAULT_MATMUL_PRECISION"),
        ("jax_random_seed_offset", 1, "JAX_RANDOM_SEED_OFFSET=0"),
        ("jax_enable_x64", True, "JAX_ENABLE_X64=0"),
    ],
)
def test_other_settings_of_jax_are_refused_with_both(name, value, then, run_dir, tmp_path):
    config, _, run = run_dir
    before = getattr(jax.config, name)
    jax.config.update(name, value)
    try:
        for act in (lambda: loop.run(longer(config), run), lambda: predict.restore(run, config)):
            with pytest.raises(UserError, match=then) as info:
                act()
            one_line(info)
    finally:
        jax.config.update(name, before)


def test_another_default_generator_changes_nothing():
    keys = streams(3)
    with jax.default_prng_impl("rbg"):
        others = streams(3)
    for key, other in zip(keys, others, strict=True):
        np.testing.assert_array_equal(jax.random.key_data(key), jax.random.key_data(other))
