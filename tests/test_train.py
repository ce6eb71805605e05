"""A whole run, small: its folder, its exact resume, what it refuses, and what can be asked of it afterwards."""

import json
import shutil
from unittest.mock import Mock

import jax
import numpy as np
import pytest
from conftest import build_on
from PIL import Image
from tensorboard_events import scalars

from gan_jax import config as configs
from gan_jax.config import read_run
from gan_jax.errors import UserError
from gan_jax.evaluation import predict
from gan_jax.runs import checkpoints as checkpoint
from gan_jax.runs.directory import RunDirectory
from gan_jax.runs.rows import read_rows
from gan_jax.training import loop, records


def run(made, folder):
    run_dir = RunDirectory(folder)
    loop.run(made, run_dir)
    return run_dir


def state(made, run_dir, step):
    experiment = build_on(made, (8, 8, 1))
    checkpoints = checkpoint.Checkpoints(run_dir.checkpoints, made.keep_checkpoints)
    try:
        return checkpoints.restore(jax.eval_shape(experiment.init, experiment.keys.init), step)
    finally:
        checkpoints.close()


def without_seconds(run_dir):
    return [{k: v for k, v in row.items() if k != "seconds"} for row in read_rows(run_dir.metrics)]


def pixels(path):
    with Image.open(path) as image:
        return np.asarray(image)


@pytest.fixture(scope="module")
def whole(tiny, tmp_path_factory):
    """Six rounds of the digits DCGAN, never stopped."""
    made = tiny()
    return made, run(made, tmp_path_factory.mktemp("runs") / "whole")


def test_run_directory_holds_what_it_says(whole):
    _, run_dir = whole
    held = json.loads(run_dir.config.read_text())
    assert (held["format"], held["config"]["batch_size"]) == (2, 8)
    assert {"jax", "flax", "python"} <= set(held["versions"])
    assert held["devices"]
    rows = read_rows(run_dir.metrics)
    assert [row["step"] for row in rows] == [2, 4, 6]
    terms = {"critic/loss", "generator/loss", "critic/real_probability", "critic/fake_probability"}
    assert all({"step", "seconds", *terms} <= set(row) == set(rows[0]) for row in rows)
    assert all(np.isfinite(list(row.values())).all() for row in rows)
    pictures = sorted(path.name for path in run_dir.samples.iterdir())
    assert pictures == [
        "plane.png",
        "real.png",
        "step_00000000.png",
        "step_00000003.png",
        "step_00000006.png",
        "walks.png",
    ]
    assert {path.name for path in run_dir.checkpoints.iterdir()} == {"3", "6"}
    assert scalars(run_dir.folder)["generator/loss"] == pytest.approx([row["generator/loss"] for row in rows])


def test_samples_of_weights_that_stay_are_the_same_picture(tiny, tmp_path):
    still = tiny("mnist_gan", steps=3)
    still.data.name = "digits"
    still.players.generator.optimizer.learning_rate = 0.0
    run_dir = run(still, tmp_path / "run")
    assert run_dir.sample(3).read_bytes() == run_dir.sample(0).read_bytes()


def test_samples_change_with_the_weights(whole):
    _, run_dir = whole
    first, last = (pixels(run_dir.sample(step)) for step in (0, 6))
    assert first.shape == last.shape
    assert (first != last).any()


def test_resumed_run_is_the_same_to_the_bit(whole, tmp_path):
    made, run_dir = whole
    halfway = made.copy_and_resolve_references()
    halfway.update({"steps": 3, "steps_per_call": 2, "log_every_steps": 1})
    resumed = run(halfway, tmp_path / "run")
    run(made, RunDirectory(tmp_path / "run").folder)
    one, other = (jax.tree.leaves(state(made, p, 6)) for p in (run_dir, resumed))
    assert len(one) > 20
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a, b)
    assert without_seconds(resumed)[-1] == without_seconds(run_dir)[-1]
    assert resumed.sample(6).read_bytes() == run_dir.sample(6).read_bytes()
    assert [row["step"] for row in read_rows(resumed.metrics)] == [1, 2, 3, 4, 6]


def test_rows_after_the_checkpoint_are_dropped_on_resume(whole, tmp_path):
    made, run_dir = whole
    shutil.copytree(run_dir.folder, tmp_path / "run")
    again = RunDirectory(tmp_path / "run")
    shutil.rmtree(again.checkpoints / "6")
    with again.metrics.open("a") as file:
        file.write('{"step": 8, "sec')  # torn by a kill
    run(made, again.folder)
    assert without_seconds(again) == without_seconds(run_dir)


@pytest.fixture(scope="module")
def pair(tiny, tmp_path_factory):
    """The runs of seeds 0 and 1, side by side."""
    made = tiny(seeds=2)
    return made, run(made, tmp_path_factory.mktemp("runs") / "pair")


def test_each_seed_has_a_run_directory_as_if_it_had_run_alone(whole, pair):
    _, alone = whole
    (config, first), (_, second) = pair[1].by_seed(pair[0])
    assert (first.folder.name, second.folder.name) == ("seed_0", "seed_1")
    assert {path.name for path in pair[1].folder.iterdir()} == {"config.json", "seed_0", "seed_1"}
    first.check_holds(whole[0])  # the config of a run alone
    for row, other in zip(without_seconds(first), without_seconds(alone), strict=True):
        assert row == pytest.approx(other, rel=1e-3)
    assert without_seconds(first) != without_seconds(second)
    np.testing.assert_allclose(pixels(first.sample(0)), pixels(alone.sample(0)), atol=1)
    for path in (first.report, second.report, second.sample(6), second.checkpoints / "6"):
        assert path.exists()
    assert sorted(read_run(first.config)["config"].items()) == sorted(configs.to_json(config).items())


def test_seeds_resume_from_the_newest_checkpoint_that_all_have(pair, tmp_path):
    made, run_dir = pair
    shutil.copytree(run_dir.folder, tmp_path / "run")
    again = RunDirectory(tmp_path / "run")
    runs = [(one, other) for (_, one), (_, other) in zip(again.by_seed(made), run_dir.by_seed(made), strict=True)]
    shutil.rmtree(runs[1][0].checkpoints / "6")
    run(made, again.folder)
    for one, other in runs:
        assert without_seconds(one) == without_seconds(other)
        assert one.sample(6).read_bytes() == other.sample(6).read_bytes()
        for a, b in zip(*(jax.tree.leaves(state(made, p, 6)) for p in (one, other)), strict=True):
            np.testing.assert_array_equal(a, b)


def test_a_run_that_ends_in_its_last_pictures_makes_them_all_when_it_goes_on(whole, tmp_path, monkeypatch):
    made, run_dir = whole
    again = RunDirectory(tmp_path / "run")
    with monkeypatch.context() as broken:
        broken.setattr(records.figures, "walks", Mock(side_effect=KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            run(made, again.folder)
    run(made, again.folder)
    assert {path.name for path in again.samples.iterdir()} == {path.name for path in run_dir.samples.iterdir()}


def test_finished_run_is_left_as_it_is(whole, capsys):
    made, run_dir = whole
    before = run_dir.metrics.read_bytes(), sorted(run_dir.samples.iterdir())
    run(made, run_dir.folder)
    assert (run_dir.metrics.read_bytes(), sorted(run_dir.samples.iterdir())) == before
    assert "resuming" in capsys.readouterr().err


def test_fewer_rounds_than_were_played_are_refused_and_the_folder_stays(whole):
    made, run_dir = whole
    shorter = made.copy_and_resolve_references()
    shorter.steps = 3
    before = run_dir.config.read_bytes()
    with pytest.raises(UserError, match=r"holds 6 steps of this run, but config\.steps is 3"):
        run(shorter, run_dir.folder)
    assert run_dir.config.read_bytes() == before


def test_another_runs_folder_is_refused(whole):
    made, run_dir = whole
    other = made.copy_and_resolve_references()
    other.update({"seed": 5, "steps": 9})
    with pytest.raises(UserError, match=r"holds another run \(seed: 0 -> 5\)"):
        run(other, run_dir.folder)


def test_foreign_folder_is_refused_and_untouched(whole, tmp_path):
    (tmp_path / "letter.txt").write_text("dear")
    (tmp_path / "letters").mkdir()
    with pytest.raises(UserError, match="holds letters but no run"):
        run(whole[0], tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["letter.txt", "letters"]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"data": {"split": "tset"}}, "did you mean test"),
        ({"evaluators": {"a": {"name": "nothing.here"}}}, "gan_jax.evaluation.evaluators has no 'nothing.here'"),
    ],
)
def test_bad_config_leaves_no_folder(whole, tmp_path, values, message):
    bad = whole[0].copy_and_resolve_references().unlock()
    bad.update(values)
    with pytest.raises(UserError, match=message):
        run(bad, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_sample_is_fixed_by_its_seed_whatever_the_number(whole, tmp_path):
    made, run_dir = whole
    images = {}
    for name, num, seed in (("a", 5, 0), ("b", 3, 0), ("c", 5, 1)):
        predict.sample(run_dir, made, num, seed, tmp_path / f"{name}.npz")
        images[name] = np.load(tmp_path / f"{name}.npz")["images"]
    assert (images["a"].shape, images["a"].dtype) == ((5, 8, 8, 1), np.uint8)
    np.testing.assert_array_equal(images["a"][:3], images["b"])
    assert (images["a"] != images["c"]).any()


def test_interpolate_writes_a_grid(whole, tmp_path):
    made, run_dir = whole
    predict.interpolate(run_dir, made, 0, tmp_path / "walks.png")
    assert pixels(tmp_path / "walks.png").shape == (10 * (56 + 2) + 2,) * 2


def test_run_without_checkpoints_cannot_be_sampled(whole, tmp_path):
    bare = whole[0].copy_and_resolve_references()
    bare.update({"steps": 1, "checkpoint_every_steps": 0, "sample_every_steps": 0})
    run_dir = run(bare, tmp_path / "run")
    assert [row["step"] for row in read_rows(run_dir.metrics)] == [1]
    assert not run_dir.samples.exists()
    with pytest.raises(UserError, match="holds no checkpoint"):
        predict.sample(run_dir, bare, 2, 0, tmp_path / "x.npz")


def test_report_is_one_file_that_shows_the_run(whole):
    _, run_dir = whole
    page = run_dir.report.read_text()
    assert page.count("data:image/png;base64,") == 6  # three of samples, real examples, walks, a plane
    assert "critic/fake_probability" in page
    assert "networks.generator.width" in page
    assert 'src="http' not in page


def test_best_checkpoint_is_chosen_by_one_evaluator_and_reported_by_all(tiny, tmp_path):
    made = tiny(keep_checkpoints=1, keep_best="min chooses/frechet/pixels").unlock()
    judged = {"name": "samples.distribution", "features": "pixels", "metrics": ("frechet",), "samples": 70, "seeds": 1}
    made.evaluators = {
        "chooses": {**judged, "split": "train", "every_steps": 3},
        "reports": {**judged, "split": "test", "every_steps": 6},
    }
    run_dir = run(made, tmp_path / "run")
    first, last = read_rows(run_dir.evaluations)
    best = min(first, last, key=lambda row: row["chooses/frechet/pixels"])
    assert first["reports/split"] == last["reports/split"] == "test"
    page = run_dir.report.read_text()
    assert "last, step 6" in page
    assert f"best, step {best['step']}" in page
    assert f"{best['reports/frechet/pixels']:.6g}" in page
