"""Trackers: what TensorBoard is sent, the other clients offline and for real, and what goes wrong with them."""

import importlib.util
import json
import os
import subprocess
import sys

import pytest
from tensorboard_events import summaries

from gan_jax.errors import UserError
from gan_jax.runs import trackers
from gan_jax.runs.logs import Log

VALUES = {"players.critic.ema": 0.5, "data.range": (-1, 1), "seed": 3}
SMALL = (
    *("--config.steps=4", "--config.batch_size=8", "--config.steps_per_call=2", "--config.log_every_steps=2"),
    *("--config.sample_every_steps=2", "--config.checkpoint_every_steps=2", "--config.evaluators=none"),
    *("--config.networks.generator={'name': 'mlp.Generator', 'widths': (8,)}",),
    *("--config.networks.critic={'name': 'mlp.Critic', 'widths': (8,)}",),
)
needs_clients = pytest.mark.skipif(
    not all(map(importlib.util.find_spec, ("wandb", "mlflow"))), reason="needs wandb and mlflow (or mlflow-skinny)"
)


def trained(folder, *flags, **environment):
    """A training in a process of its own, as clients are not made for pytest's warnings."""
    command = [sys.executable, "-m", "gan_jax.main", f"--workdir={folder / 'run'}", *SMALL, *flags]
    environment = os.environ | environment
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)


def test_tensorboard_has_numbers_pictures_and_hyperparameters(small_run):
    found = summaries(small_run("gan"))
    pictures = [value.image for value in found["samples"]]
    assert len(pictures) == 3  # at steps 0, 3 and 6
    assert all(image.encoded_image_string.startswith(b"\x89PNG") and image.width > 8 for image in pictures)
    assert found["critic/loss"][0].simple_value
    begun = found["_hparams_/session_start_info"][0].metadata.plugin_data.content
    assert b"players.critic.optimizer.learning_rate" in begun
    assert b"critic/loss" in found["_hparams_/experiment"][0].metadata.plugin_data.content


@needs_clients
def test_a_run_and_its_resumption_are_one_run_of_each_client(tmp_path):
    both = "--config.trackers=wandb,mlflow"
    environment = {"WANDB_MODE": "offline", "MLFLOW_TRACKING_URI": f"file://{tmp_path}/mlruns"}
    environment["MLFLOW_ALLOW_FILE_STORE"] = "true"  # the one store of mlflow-skinny alone
    for flags in ((both, "--config.steps=2"), (both,)):
        done = trained(tmp_path, *flags, **environment)
        assert done.returncode == 0, done.stderr[-2000:]
        assert "warning: config.trackers" not in done.stderr
    ids = json.loads((tmp_path / "run" / "trackers.json").read_text())
    assert [path.name for path in tmp_path.glob("wandb/offline-run-*/run-*.wandb")] == [f"run-{ids['wandb']}.wandb"] * 2
    (of_mlflow,) = tmp_path.glob(f"mlruns/*/{ids['mlflow']}")
    losses = (of_mlflow / "metrics" / "critic" / "loss").read_text().splitlines()
    assert [line.split()[2] for line in losses] == ["2", "4"]
    assert (of_mlflow / "params" / "seed").read_text() == "0"
    assert {path.name for path in of_mlflow.glob("artifacts/samples/*")} == {f"step_0000000{n}.png" for n in (0, 2, 4)}


@needs_clients
def test_a_server_that_cannot_be_reached_is_named_before_anything_is_written(tmp_path):
    done = trained(tmp_path, "--config.trackers=mlflow", MLFLOW_TRACKING_URI="http://127.0.0.1:9")
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("error: config.trackers: mlflow cannot be used: ")
    assert not (tmp_path / "run").exists()


def test_without_a_clients_mention_none_is_imported():
    code = "import sys, gan_jax.training.loop; sys.exit(bool({'wandb', 'mlflow'} & {*sys.modules}))"
    assert subprocess.run([sys.executable, "-c", code], timeout=120).returncode == 0


def test_a_client_that_is_not_installed_or_not_known_is_named(monkeypatch):
    monkeypatch.setattr(trackers.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"config\.trackers: wandb is not installed: pip install wandb"):
        trackers.check("wandb")
    with pytest.raises(UserError, match=r"config\.trackers is 'wandbb': did you mean wandb\?"):
        trackers.check("wandbb")
    with pytest.raises(UserError, match=r"config\.trackers: there is no module 'nothing_here'"):
        trackers.check("nothing_here:Tracker")


class Failing:
    """A tracker of one's own that breaks at the second row."""

    rows, run_id = 0, "mine"

    def __init__(self, folder, values, run_id):
        self.given = folder, values, run_id

    def write(self, step, values):
        """Fails at the second row."""
        Failing.rows += 1
        if Failing.rows == 2:
            raise ConnectionError("the server is gone")

    def close(self):
        """Does nothing."""


def test_a_tracker_that_fails_is_left_out_and_the_log_goes_on(tmp_path, capsys):
    log = Log(tmp_path / "metrics.jsonl", 0, trackers="test_trackers:Failing", values=VALUES)
    for step in (1, 2, 3):
        log.write(step, {"critic/loss": 0.5})
    log.close()
    said = capsys.readouterr().err
    assert said.count("warning") == 1
    assert "test_trackers:Failing: the server is gone: nothing more is sent to it in this run" in said
    assert len((tmp_path / "metrics.jsonl").read_text().splitlines()) == 3
    assert json.loads((tmp_path / "trackers.json").read_text()) == {"test_trackers:Failing": "mine"}


def test_damaged_ids_are_named(tmp_path):
    (tmp_path / "trackers.json").write_text("{")
    with pytest.raises(UserError, match=r"trackers\.json is damaged: delete it"):
        trackers.Trackers(tmp_path, 0, "test_trackers:Failing", VALUES)
