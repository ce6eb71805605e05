"""The Python interface: the same arrays as the command line, gradients, records, and one line for what is wrong."""

import json
import logging
import shutil
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import ROOT

import gan_jax
from gan_jax import data
from gan_jax.core.state import averaged
from gan_jax.errors import UserError
from gan_jax.main import main

pytestmark = pytest.mark.heavy

TEST = data.load("digits", "test")


@pytest.fixture(scope="module")
def gan(small_run):
    return gan_jax.load(small_run("gan"))


@pytest.fixture(scope="module")
def cvae(small_run):
    return gan_jax.load(small_run("cvae"))


def written(folder, mode, out, *flags):
    assert main(["gan_jax", f"--workdir={folder}", f"--mode={mode}", f"--out={out}", *flags]) == 0
    return np.load(out)


def test_importing_it_takes_no_time_and_names_are_listed():
    code = "import gan_jax, sys; print(sorted({'jax', 'numpy'} & {*sys.modules})); print(gan_jax.__all__ == sorted("
    code += "{*dir(gan_jax)} & {*gan_jax.__all__}), callable(gan_jax.experiment), gan_jax.data.load.__name__)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\nTrue True load\n"
    with pytest.raises(AttributeError, match="no attribute 'lod'"):
        gan_jax.lod  # noqa: B018


@pytest.mark.parametrize("name", ["gan", "cvae"])
def test_samples_are_those_of_the_command_line(name, small_run, tmp_path):
    run = gan_jax.load(small_run(name))
    made = written(run.folder, "sample", tmp_path / "s.npz", "--num=9", "--sample_seed=3")
    np.testing.assert_array_equal(run.sample(9, seed=3), made["images"])
    np.testing.assert_array_equal(run.sample(600, seed=3)[:9], made["images"])
    assert (run.sample(9) != made["images"]).any()


def test_a_run_is_read_without_a_warning(small_run, caplog):
    with caplog.at_level(logging.WARNING):
        assert gan_jax.load(str(small_run("gan")), step=3).step == 3
    assert caplog.records == []


def test_classes_and_truncation_of_samples(cvae):
    sevens = cvae.sample(4, label=7)
    np.testing.assert_array_equal(cvae.sample(4, label="7"), sevens)
    mixed = cvae.sample(4, label=[1, 7, 7, 2])
    np.testing.assert_array_equal(mixed[1:3], sevens[1:3])
    np.testing.assert_array_equal(cvae.sample(12)[[0, 10]], [cvae.sample(1, label=0)[0], cvae.sample(11, label=0)[10]])
    np.testing.assert_array_equal(cvae.sample(4, label=7, truncation=50.0), sevens)
    near, middle = cvae.sample(4, label=7, truncation=1e-3), cvae.generator(jnp.zeros((1, 3)), label=7)
    pixels = np.round(255 * np.asarray(middle))
    assert np.abs(near.astype(float) - pixels).max() <= 1
    assert (sevens != near).any()


def test_the_generator_has_gradients_and_makes_what_samples_are_made_of(gan, cvae):
    z = jnp.full((2, 20), 0.1)
    x = gan.generator(z)
    assert (x.shape, x.dtype) == ((2, 8, 8, 1), jnp.float32)
    gradient = jax.jit(jax.grad(lambda z: jnp.square(gan.generator(z) - 0.3).mean()))(z)
    assert gradient.shape == z.shape
    assert (gradient != 0).any()
    players = averaged(gan.players)
    np.testing.assert_array_equal(
        gan.params["generator"]["Dense_0"]["bias"], players["generator"].params["Dense_0"]["bias"]
    )
    assert gan.players["generator"].params["Dense_0"]["bias"].sum() != gan.params["generator"]["Dense_0"]["bias"].sum()
    drawn = cvae.generator(label=[3, 4])  # z is drawn, by the seed
    np.testing.assert_array_equal(np.round(255 * np.asarray(drawn)), cvae.sample(2, label=[3, 4]))
    one = cvae.generator(jnp.ones((2, 3)), label=4)
    np.testing.assert_array_equal(one, cvae.generator(np.ones((2, 3)), label=[4, 4]))


def test_labels_may_be_of_any_whole_type(cvae):
    z = np.zeros((2, 3), np.float32)
    made = [cvae.generator(z, label=np.array([7, 3], kind)) for kind in (np.uint8, np.int64)]
    np.testing.assert_array_equal(*made)


def test_pixels_and_floats_are_scored_alike(gan):
    floats = gan.experiment.scale({"x": jnp.asarray(TEST.x[:3])})["x"]
    np.testing.assert_allclose(gan.critic(TEST.x[:3]), gan.critic(floats), rtol=1e-6)
    assert gan.critic(floats).shape == (3,)


def test_pixels_and_floats_are_walked_between_alike(small_run):
    run = gan_jax.load(small_run("ae"))
    floats = run.experiment.scale({"x": jnp.asarray(TEST.x[:3])})["x"]
    walks = run.interpolate(4, between=TEST.x[:3])
    np.testing.assert_array_equal(run.interpolate(4, between=floats), walks)
    np.testing.assert_array_equal(run.interpolate(4, between=np.asarray(floats, np.float64)), walks)


def test_codes_reconstructions_and_walks_are_those_of_the_command_line(small_run, tmp_path):
    run = gan_jax.load(small_run("ae"))
    made = written(run.folder, "reconstruct", tmp_path / "r.npz")
    np.testing.assert_allclose(run.encode(TEST.x[:4]), made["latents"][:4], atol=1e-5)
    np.testing.assert_array_equal(run.reconstruct(TEST.x[:4]), made["reconstructions"][:4])
    assert run.interpolate(3, length=4, between=TEST.x[:9]).shape == (3, 4, 8, 8, 1)
    assert run.interpolate(2).shape == (2, 10, 8, 8, 1)
    assert run.generator(run.encode(TEST.x[:4])).shape == (4, 8, 8, 1)


@pytest.mark.parametrize("name", ["gan", "ae"])
def test_figure_is_the_one_of_training(name, small_run):
    from PIL import Image

    run = gan_jax.load(small_run(name), step=6)
    with Image.open(run.folder / "samples" / "step_00000006.png") as picture:
        np.testing.assert_array_equal(np.asarray(run.figure()), np.asarray(picture))


def test_steps_and_the_best_one(small_run, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(small_run("gan"), folder)
    rows = [{"step": 3, "samples/frechet/mnist-v1": 1.0}, {"step": 6, "samples/frechet/mnist-v1": 2.0}]
    (folder / "evaluations.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    steps = {
        step: gan_jax.load(folder, step).step for step in (None, 3, 6, "min samples/frechet", "max samples/frechet")
    }
    assert steps == {None: 6, 3: 3, 6: 6, "min samples/frechet": 3, "max samples/frechet": 6}
    with pytest.raises(UserError, match=r"config\.keep_best is ''"):
        gan_jax.load(folder, "best").sample(1)
    held = json.loads((folder / "config.json").read_text())
    held["config"]["keep_best"] = "min samples/frechet"
    held["config"]["evaluators"] = {"samples": {"name": "samples.frechet"}}
    (folder / "config.json").write_text(json.dumps(held))
    assert gan_jax.load(folder, "best").step == 3


def test_training_returns_the_run_and_goes_on(small_run, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(small_run("ae"), folder)
    config = gan_jax.config.load(folder / "config.json")
    config.steps = 7
    assert gan_jax.train(config, str(folder)).step == 7
    config.batch_size = 0
    with pytest.raises(UserError, match="must be at least 1"):
        gan_jax.train(config, folder)


def test_an_experiment_trains_in_a_loop_of_ones_own(gan):
    made = gan_jax.experiment(gan.config)
    state = made.init(made.keys.init)
    batch = made.scale({"x": jnp.asarray(TEST.x[None, :8]), "label": jnp.asarray(TEST.label[None, :8])})
    state, metrics = jax.jit(made.train_step)(state, batch, made.keys.train, made.hyperparams)
    assert int(state.step) == 1
    assert np.isfinite(metrics["critic/loss"])
    fake = made.outputs["sample"](state.players, jax.random.split(jax.random.key(0), 2), {})
    assert fake.shape == (2, 8, 8, 1)


def test_records_are_data_frames(gan, tmp_path):
    pytest.importorskip("pandas", reason="needs pandas")
    metrics = gan.metrics()
    assert (metrics.index.name, [*metrics.index]) == ("step", [2, 4, 6])
    assert "critic/loss" in metrics
    assert len(gan.evaluations()) == 0
    frame = gan_jax.load_sweep(gan.folder.parent)
    assert (frame.fate[0], frame.seed[0], frame.folder[0]) == ("finished", 0, str(gan.folder))
    assert {"cell", "seconds", "critic/loss"} <= {*frame.columns}


def test_without_pandas_one_line_says_what_to_do(gan, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(
        UserError, match=r"need pandas \(pip install pandas\); without it gan_jax\.runs\.rows\.read_rows"
    ):
        gan.metrics()


def test_a_folder_of_several_seeds_has_a_run_for_each(small_run, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(small_run("gan"), folder / "seed_0")
    held = json.loads((folder / "seed_0" / "config.json").read_text())
    held["config"]["seeds"] = 2
    (folder / "config.json").write_text(json.dumps(held))
    run = gan_jax.load(folder)
    with pytest.raises(UserError, match=r"holds 2 runs: use one of run\.seeds"):
        run.sample(1)
    assert run.seeds[0].sample(2).shape == (2, 8, 8, 1)
    assert [one.folder.name for one in run.seeds] == ["seed_0", "seed_1"]


@pytest.mark.parametrize(
    ("name", "use", "message"),
    [
        ("gan", lambda run: gan_jax.load(run.folder.parent), "holds no run .no config.json."),
        ("gan", lambda run: gan_jax.load(run.folder, 4).sample(1), r"holds no checkpoint 4; there are: \[3, 6\]"),
        ("gan", lambda run: gan_jax.load(run.folder, "newest"), "step is 'newest': it must be a number, 'best'"),
        ("gan", lambda run: run.sample(1, label=3), "class 3: this model is not class-conditional"),
        ("gan", lambda run: run.sample(1, truncation=0.7), r"truncation 0\.7: it needs normal latents .* but z are"),
        ("gan", lambda run: run.sample(0), "n is 0: it must be a whole number of at least 1"),
        ("gan", lambda run: run.sample(4.0), r"n is 4\.0: it must be a whole number of at least 1"),
        (
            "gan",
            lambda run: run.critic(TEST.x[:2].astype(np.int64)),
            "x is int64: convert pixels from 0 to 255 to uint8",
        ),
        (
            "gan",
            lambda run: run.critic(TEST.x[:2].tolist()),
            r"x is int32: .* to uint8, or others to floats in \(-1\.0, 1\.0\)",
        ),
        ("ae", lambda run: run.encode(TEST.x[:2].astype(np.uint16)), "x is uint16: convert pixels"),
        ("ae", lambda run: run.reconstruct(TEST.x[:2].astype(np.int8)), "x is int8: convert pixels"),
        (
            "ae",
            lambda run: run.interpolate(between=TEST.x[:3].astype(int)),
            "run.interpolate: x is int64: convert pixels",
        ),
        ("ae", lambda run: run.reconstruct(np.zeros((2, 9, 7, 3))), r"run\.reconstruct of x \[2, 9, 7, 3\]: "),
        ("gan", lambda run: run.encode(TEST.x[:1]), "has no prediction 'encode'; there are: interpolate, sample"),
        ("cvae", lambda run: run.generator(label=[3, 10]), "label is 10: it must be a class from 0 to 9"),
        ("cvae", lambda run: run.generator(label=-1), "label is -1: it must be a class from 0 to 9"),
        ("gan", lambda run: run.generator(lable=3), "run.generator has no 'lable': there are: z"),
        ("gan", lambda run: run.generator(jnp.zeros((2, 5))), r"run\.sample of z \[2, 5\]: "),
        ("gan", lambda run: run.interpolate(between=TEST.x), "interpolates between latents, not between examples"),
        ("ae", lambda run: run.interpolate(between=TEST.x[:1]), "run.interpolate: .* at least 2 are needed, not 1"),
        ("ae", lambda run: run.interpolate(between=TEST.x[0]), "run.interpolate: "),
        ("ae", lambda run: run.interpolate(between=3.0), "run.interpolate: "),
        ("ae", lambda run: run.sample(1), "autoencoder.undercomplete has no prediction 'sample'"),
        ("ae", lambda run: run.critic(TEST.x[:1]), "has no prediction 'scores'"),
        ("cvae", lambda run: run.sample(1, label=12), "class 12: no training example has this class; .* 0, 1, 2"),
        ("cvae", lambda run: run.sample(1, label="cat"), "class cat: no training example has this class"),
        ("cvae", lambda run: run.sample(2, label=["a", "b"]), "label must be a class, by number .*: .* 'a'"),
        ("cvae", lambda run: run.sample(3, label=[1, 2]), r"label has shape \(2,\): it must be one class, or one for"),
        ("cvae", lambda run: run.sample(1, truncation=-1.0), "truncation -1: it must be above 0"),
        (
            "cvae",
            lambda run: run.generator(jnp.zeros((2, 3)), label=[1]),
            "different numbers of examples: z .2, 3., label",
        ),
    ],
)
def test_what_is_wrong_is_one_line(name, use, message, small_run):
    with pytest.raises(UserError, match=message) as raised:
        use(gan_jax.load(small_run(name)))
    assert "\n" not in str(raised.value)
