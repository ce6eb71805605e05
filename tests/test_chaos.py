"""The chaos script, in its short form: a few kills, no difference; and every kind of difference is found."""

import random
import shutil
import sys

import pytest
from conftest import ROOT

from scripts import chaos, run_differences

pytestmark = pytest.mark.heavy

GAME = [f"--config={ROOT / 'configs' / 'mnist_gan.py'}", "--config.data.name=digits"]
SHORT = {**chaos.SMALL, "steps": 40}


@pytest.fixture(scope="module")
def survivors(tmp_path_factory):
    """The folder of a reference and of the runs that were killed, kept, and the differences found."""
    folder = tmp_path_factory.mktemp("chaos")
    fields = [f"--config.{field}={value}" for field, value in SHORT.items()]
    command = [sys.executable, "-m", "gan_jax.main", *GAME, *fields]
    trial = chaos.Chaos(command, folder, random.Random(97))
    return folder, trial.run(3), trial.hits


def test_runs_that_were_killed_end_as_one_that_was_not(survivors, capsys):
    _, differences, hits = survivors
    assert differences == []
    assert hits["kills"] == 3


def last_row_again(folder):
    path = folder / "metrics.jsonl"
    path.write_text(path.read_text() + path.read_text().splitlines()[-1] + "\n")


def another_picture(folder):
    shutil.copy(folder / "samples" / "step_00000000.png", folder / "samples" / "step_00000040.png")


def other_arrays(folder):
    shutil.rmtree(folder / "checkpoints" / "40")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (last_row_again, "metrics.jsonl: rows"),
        (another_picture, "step_00000040.png: pixels"),
        (lambda folder: (folder / ".report.html.1.tmp").write_text(""), ".report.html.1.tmp: only in one"),
        (lambda folder: (folder / "checkpoints" / "broken_20").mkdir(), "broken_20: damaged"),
        (other_arrays, ".players['critic'].params"),
    ],
)
def test_a_difference_is_found(survivors, tmp_path, change, said):
    reference = survivors[0] / "reference"
    other = shutil.copytree(reference, tmp_path / "run")
    assert run_differences.compare(reference, other) == []
    change(other)
    assert said in " ".join(run_differences.compare(reference, other))


@pytest.mark.parametrize(
    ("ending", "wrong"),
    [
        ("print('stopped by SIGTERM: step 5 of 9 is not saved', flush=True); os._exit(0)", None),
        ("os._exit(139)", "status 139 after SIGTERM"),
        ("print('Traceback', flush=True); os._exit(0)", "status 0 after SIGTERM, not with one line"),
        ("print('stopped by SIGTERM: step 5 of 9 is saved', flush=True); os._exit(0)", "and step 5 is not saved"),
    ],
)
def test_a_process_that_does_not_end_as_promised_fails(tmp_path, monkeypatch, ending, wrong):
    monkeypatch.setattr(chaos, "KINDS", ["SIGTERM"])
    monkeypatch.setattr(chaos, "OUTPUTS", [chaos.SEEN])
    (tmp_path / "reference" / "checkpoints" / "9").mkdir(parents=True)
    code = f"import os, signal\ndef end(*_): {ending}\nsignal.signal(15, end)\nwhile True: signal.pause()"
    trial = chaos.Chaos([sys.executable, "-c", code], tmp_path, random.Random(0))
    if wrong is None:
        assert not trial.one_life(tmp_path / "run", 0.1)
        return
    with pytest.raises(chaos.Failed, match=wrong):
        trial.one_life(tmp_path / "run", 0.1)


def test_a_process_that_fails_is_a_difference(tmp_path, capsys):
    assert chaos.main(["--kills=1", f"--workdir={tmp_path}", "--config=nothing.py"]) == 1
    assert "ended with status 2: error: --config=nothing.py" in capsys.readouterr().out
