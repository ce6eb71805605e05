"""Lost terminals: what cannot be said costs neither the run nor its exit status, and no file takes its place."""

import io
import os
import subprocess
import sys
from types import SimpleNamespace
from unittest.mock import Mock

import pytest
from conftest import ROOT

from gan_jax import data
from gan_jax.evaluation import evaluate
from gan_jax.main import main
from gan_jax.runs import terminal
from gan_jax.runs.directory import RunDirectory
from gan_jax.runs.logs import Progress
from gan_jax.training import announce, loop

pytestmark = pytest.mark.heavy

CODE = """
import os, sys
from gan_jax import data
from gan_jax.main import main
from gan_jax.runs import terminal
{before}
terminal.guard()
print("lost" * 9000); print("said", file=sys.stderr); terminal.say("said"); terminal.tell("told")
assert os.open(os.devnull, os.O_RDONLY) > 2
terminal.settle()
"""


def failing(error, *, seen=False):
    """A terminal, or a file, that is no more."""
    stream = io.StringIO()
    stream.write = stream.flush = Mock(side_effect=error)
    stream.isatty = Mock(return_value=seen)
    return stream


LOST = [None, *(failing(error) for error in (BrokenPipeError(), OSError(28, "full"), ValueError("closed")))]


@pytest.mark.parametrize("stream", LOST)
def test_nothing_fails_that_is_said(stream, monkeypatch):
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setattr(sys, "stdout", stream)
    terminal.say("a line")
    terminal.tell("a line")
    progress = Progress(10, 0, every_seconds=0)
    for step in (5, 10):
        progress.show(step, {"critic/loss": 0.5})
        terminal.say_above_bar("an alarm")
    progress.close()
    terminal.settle()


def test_training_says_what_it_trains_on_with_what_and_how_long_it_compiles(tiny, tmp_path, capsys):
    loop.run(tiny(), RunDirectory(tmp_path / "run"))
    lines = capsys.readouterr().err.splitlines()
    beginnings = [line.partition(" ")[0] for line in lines[:6]]
    assert beginnings == ["device:", "data:", "data.hold=device:", "parameters:", "compiling", "compiled"]
    assert lines[1] == "data: digits train: 1,437 examples, x 8x8x1, 10 classes"
    assert lines[3].startswith("parameters: critic ")


def test_quiet_leaves_results_warnings_and_errors(tmp_path, capsys):
    small = ["--config.steps=2", "--config.steps_per_call=1", "--config.evaluators=none"]
    assert main(["main", f"--workdir={tmp_path / 'run'}", "--quiet", *small]) == 0
    said = capsys.readouterr()
    assert said.out == f"{tmp_path / 'run' / 'report.html'}\n"
    assert said.err == ""
    assert main(["main", f"--workdir={tmp_path / 'run'}", "--quiet", "--num=3"]) == 2
    assert capsys.readouterr().err.startswith("error: --mode=train does not use --num")
    assert terminal.wants_progress()


@pytest.mark.parametrize(("here", "backend", "said"), [(True, "cpu", 1), (False, "cpu", 0), (True, "gpu", 0)])
def test_an_idle_gpu_is_named(here, backend, said, tmp_path, monkeypatch, capsys):
    (tmp_path / "nvidiactl").touch()
    monkeypatch.setattr(announce, "NVIDIA", tmp_path / ("nvidiactl" if here else "none"))
    monkeypatch.setattr("jax.default_backend", lambda: backend)
    announce.start(data.load("digits", "train"), {}, "")
    assert capsys.readouterr().err.count("pip install -e '.[cuda]'") == said


def test_a_run_goes_on_without_its_terminal(tiny, tmp_path, monkeypatch):
    run_dir = RunDirectory(tmp_path / "run")
    loop.run(tiny(steps=3), run_dir)
    monkeypatch.setattr(sys, "stderr", failing(OSError(5, "Input/output error"), seen=True))
    loop.run(tiny(), run_dir)
    assert (run_dir.checkpoints / "6").is_dir()


@pytest.mark.parametrize(
    ("how", "before", "said"),
    [
        (">&- 2>&- <&-", "", ""),
        ("2>&-", "", "lost"),
        (">/dev/full", "", "said\nsaid\nwarning: standard output could not be written: No space left on device\n"),
        ("2>/dev/full", "", "lost"),
        (">/dev/full 2>/dev/full", "", ""),
        ("2>&1 | true", "import time; time.sleep(0.3)", ""),
    ],
)
def test_a_process_ends_well_without_its_terminal(how, before, said):
    command = f"\"{sys.executable}\" -c '{CODE.format(before=before)}' {how}; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0
    assert (done.stdout + done.stderr)[:200].startswith(said)
    assert bool(said) == bool(done.stdout + done.stderr)


def test_an_encoding_that_lacks_a_letter_is_no_failure():
    code = "from gan_jax.runs import terminal; terminal.guard(); print(chr(0x6570)); terminal.settle()"
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "\\u6570\n")


@pytest.mark.parametrize(("seen", "said"), [(True, "evaluating likelihood (1 of 1)\n"), (False, "")])
def test_an_evaluation_names_what_is_at_work_on_a_terminal(seen, said, monkeypatch, capsys):
    monkeypatch.setattr(evaluate, "is_seen", lambda: seen)
    experiment = SimpleNamespace(keys=SimpleNamespace(evaluate=None))
    evaluators = {"likelihood": SimpleNamespace(measure=lambda players, key: {"nll": 1.5})}
    assert evaluate.measure(evaluators, experiment, {}) == {"likelihood/nll": 1.5}
    assert capsys.readouterr().err == said
