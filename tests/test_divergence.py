"""Losses that are not finite end a run with exit status 3, and with its last finite players saved."""

import math
import shutil

import jax
import numpy as np
import pytest
from conftest import ROOT, TINY, build_on

from gan_jax import config as configs
from gan_jax.core.state import Player, TrainState
from gan_jax.errors import Diverged
from gan_jax.main import main
from gan_jax.runs import checkpoints as checkpoint
from gan_jax.runs.directory import RunDirectory
from gan_jax.runs.rows import read_rows
from gan_jax.training import divergence

# From step 5 on the critic moves so far that its scores, or first its parameters, overflow.
SCHEDULE = {"name": "polynomial_schedule", "init_value": 1e-3, "end_value": 1e27, "power": 1}
SCHEDULE |= {"transition_begin": 3, "transition_steps": 1}
SMALL = {**TINY, "steps": 20, "sample_every_steps": 0, "log_every_steps": 1}


@pytest.fixture(scope="module")
def exploding(tmp_path_factory):
    """A config file of a run that explodes in step 5."""
    path = tmp_path_factory.mktemp("configs") / "exploding.py"
    path.write_text(
        "from pathlib import Path\nfrom gan_jax import config\n\ndef get_config():\n"
        f"    made = config.load(Path({str(ROOT / 'configs' / 'mnist_gan.py')!r}))\n"
        f"    made.update({SMALL})\n    made.data.name = 'digits'\n    made.networks.critic.dropout = 0.0\n"
        f"    made.unlock().players.critic.optimizer = {{'name': 'adam', 'learning_rate': {SCHEDULE}}}\n"
        "    return made\n"
    )
    return path


@pytest.fixture(scope="module")
def ended(exploding, tmp_path_factory):
    """The folder that such a run leaves."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    assert main(["gan_jax", f"--config={exploding}", f"--workdir={folder}"]) == 3
    return folder


def test_jax_debug_nans_ends_it_no_other_way_and_is_named(exploding, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("JAX_DEBUG_NANS", "1")
    with jax.debug_nans(True):
        assert main(["gan_jax", f"--config={exploding}", f"--workdir={tmp_path / 'run'}"]) == 3
    said, err = capsys.readouterr()
    assert said == ""
    *_, last = err.splitlines()
    assert last.startswith("error: under JAX_DEBUG_NANS=1: step ")
    assert "the last finite ones, are saved" in last


def newest(folder):
    """The newest checkpoint's state."""
    experiment = build_on(configs.load(folder / "config.json"), (8, 8, 1))
    checkpoints = checkpoint.Checkpoints(RunDirectory(folder).checkpoints, None)
    try:
        return checkpoints.restore(jax.eval_shape(experiment.init, experiment.keys.init))
    finally:
        checkpoints.close()


def test_players_before_the_round_are_saved_to_the_bit(exploding, ended, tmp_path):
    state = newest(ended)
    assert int(state.step) == 4
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(state))
    assert main(["gan_jax", f"--config={exploding}", f"--workdir={tmp_path / 'twin'}", "--config.steps=4"]) == 0
    jax.tree.map(np.testing.assert_array_equal, state, newest(tmp_path / "twin"))
    rows = read_rows(RunDirectory(ended).metrics)
    assert [row["step"] for row in rows] == [1, 2, 3, 4, 5]
    assert [math.isfinite(sum(row.values())) for row in rows] == [True] * 4 + [False]
    page = RunDirectory(ended).report.read_text()
    assert "Not finite" in page
    assert "generator/loss" in page.partition("Not finite")[2].partition("</p>")[0]


def test_the_same_command_ends_the_same_way(exploding, ended, tmp_path, capsys):
    shutil.copytree(ended, tmp_path / "run")
    assert main(["gan_jax", f"--config={exploding}", f"--workdir={tmp_path / 'run'}"]) == 3
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith(f"error: step 5: generator/loss is nan in {tmp_path / 'run'}: the players after step 4")
    assert int(newest(tmp_path / "run").step) == 4


def test_run_whose_first_round_explodes_saves_where_it_started(exploding, tmp_path, capsys):
    at_once = ["--config.players.critic.optimizer.learning_rate.init_value=1e20"]
    assert main(["gan_jax", f"--config={exploding}", f"--workdir={tmp_path / 'run'}", *at_once]) == 3
    assert "the players after step 0, the last finite ones, are saved" in capsys.readouterr().err.splitlines()[-1]
    assert int(newest(tmp_path / "run").step) == 0


def metrics(**terms):
    return {name.replace("_", "/", 1): np.array(values) for name, values in terms.items()}


def test_the_first_step_of_any_run_counts_and_a_loss_before_other_terms():
    fine = metrics(critic_loss=[1.0, 2, 3], generator_gradient_norm=[1.0, 2, 3], critic_gap=[math.nan] * 3)
    divergence.check_metrics([fine, fine], 10)
    late = metrics(critic_loss=[1.0, 2, math.nan])
    early = metrics(generator_gradient_norm=[1.0, math.inf, 3], generator_loss=[1.0, math.nan, 3])
    with pytest.raises(Diverged, match=r"^step 12: generator/loss is nan$") as caught:
        divergence.check_metrics([late, early], 10)
    assert caught.value.number == 1
    assert caught.value.row["generator/gradient_norm"] == math.inf


@pytest.mark.parametrize("part", ["params", "stats", "opt_state"])
def test_players_that_are_not_finite_are_never_saved(part):
    player = Player(params=np.ones(3), stats={}, opt_state=(np.ones(2), np.int32(4)))
    state = TrainState(np.int32(7), {"critic": player, "generator": player})
    divergence.check_players(state, 0)
    broken = player._replace(**{part: {"x": np.array([1.0, -math.inf])}})
    with pytest.raises(Diverged, match="step 7: generator's parameters, statistics or optimizer hold values"):
        divergence.check_players(TrainState(np.int32(7), {"critic": player, "generator": broken}), 0)


def test_going_back_ends_where_the_first_players_are_not_finite(tiny, tmp_path):
    config, run_dir = tiny(), RunDirectory(tmp_path)
    gone = []

    def train(config, runs):
        gone.append(config.steps)
        raise Diverged(config.steps, "no better", row={})

    error = divergence.restore_last_finite(Diverged(2, "bad", row={}), train, config, [(config, run_dir)])
    assert gone == [1, 0]
    assert "no players are saved, because the initial ones are not finite" in str(error)


@pytest.mark.parametrize(
    ("every", "trained", "said"),
    [
        (5, [8, 6], "the players after step 6, the last finite ones"),
        (0, [], "no players are saved, because config.checkpoint_every_steps is 0"),
    ],
)
def test_going_back_goes_on_until_the_players_are_finite(tiny, tmp_path, every, trained, said):
    config, run_dir = tiny(checkpoint_every_steps=every), RunDirectory(tmp_path)
    gone = []

    def train(config, runs):
        gone.append(config.steps)
        assert [one.steps for one, _ in runs] == [config.steps]
        if config.steps > 6:
            raise Diverged(7, "no better", row={})

    failure = Diverged(9, "bad", row={"a/loss": math.nan})
    error = divergence.restore_last_finite(failure, train, config, [(config, run_dir)])
    assert gone == trained
    assert (error.step, f"bad in {tmp_path}: {said}" in str(error)) == (9, True)
