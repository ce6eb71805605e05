"""The command line: its modes end to end, and one line, no traceback, exit status 1 or 2 for all that is wrong."""

import io
import json
import subprocess
import sys
from unittest.mock import Mock

import jax
import numpy as np
import orbax.checkpoint as ocp
import pytest
from conftest import ROOT, TINY

from gan_jax.main import main
from gan_jax.training import loop

SMALL = [f"--config.{field}={value}" for field, value in TINY.items()]


def call(capsys, *arguments):
    """(exit status, stdout, stderr) of a command line, in this process."""
    status = main(["gan_jax", *map(str, arguments)])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def refused(capsys, *arguments):
    """The one line of a command line that is refused."""
    status, out, err = call(capsys, *arguments)
    assert status in (1, 2)
    assert out == ""
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    return err


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run made by the command, in a process of its own, as a user would."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    command = [sys.executable, "-m", "gan_jax.main", f"--workdir={folder}", *SMALL]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{folder / 'report.html'}\n"
    assert "step 6/6" in done.stderr
    return folder


def test_sample(trained, tmp_path, capsys):
    out = tmp_path / "s.npz"
    status, said, _ = call(capsys, f"--workdir={trained}", "--mode=sample", "--num=7", f"--out={out}")
    assert (status, said) == (0, f"{out}\n")
    assert np.load(out)["images"].shape == (7, 8, 8, 1)


def test_a_file_is_made_where_its_name_cannot_be_printed(trained, tmp_path, monkeypatch):
    out, closed = tmp_path / "s.npz", io.StringIO()
    closed.close()
    monkeypatch.setattr(sys, "stdout", closed)
    assert main(["gan_jax", f"--workdir={trained}", "--mode=sample", "--num=7", f"--out={out}"]) == 0
    assert len(np.load(out)["images"]) == 7


def test_an_error_of_the_system_names_its_place(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "run", Mock(side_effect=OSError(5, "Input/output error")))
    said = refused(capsys, f"--workdir={tmp_path / 'run'}", *SMALL)
    assert said.startswith("error: Input/output error: in ")
    assert "line" in said


def test_sample_takes_the_runs_own_config_when_it_is_given(trained, tmp_path, capsys):
    given = [f"--config={ROOT / 'configs/digits_dcgan.py'}", *SMALL]
    status, *_ = call(capsys, *given, f"--workdir={trained}", "--mode=sample", f"--out={tmp_path / 's.npz'}")
    assert status == 0
    other = refused(
        capsys, *given, "--config.seed=3", f"--workdir={trained}", "--mode=sample", f"--out={tmp_path / 's.npz'}"
    )
    assert "another run (seed: 0 -> 3)" in other


def test_interpolate(trained, tmp_path, capsys):
    out = tmp_path / "walks.png"
    assert call(capsys, f"--workdir={trained}", "--mode=interpolate", f"--out={out}")[0] == 0
    assert out.read_bytes().startswith(b"\x89PNG")


def test_data_of_a_config_and_of_a_run(trained, tmp_path, capsys):
    out = tmp_path / "batch.png"
    status, said, _ = call(
        capsys, "--mode=data", f"--out={out}", "--num=5", "--config.augment.f={'name': 'vertical_flip'}"
    )
    *facts, last = said.splitlines()
    assert (status, last) == (0, str(out))
    assert len(facts) <= 20
    assert facts[:3] == ["digits train: 1,437 examples (trained on)", "digits test: 360 examples", "x: 8x8x1 uint8"]
    assert facts[3].startswith("label: 10 classes: 0 143, 1 146")
    assert "97.7 kB on each device" in facts[4]
    assert facts[5] == "shown: 5 of the 64 examples of step 0"
    assert out.read_bytes().startswith(b"\x89PNG")
    status, said, _ = call(capsys, f"--workdir={trained}", "--mode=data", f"--out={out}", "--step=3")
    assert (status, "shown: 8 of the 8 examples of step 3" in said) == (0, True)


def test_the_folder_of_several_seeds_names_those_that_can_be_asked(trained, tmp_path, capsys):
    held = json.loads((trained / "config.json").read_text())
    held["config"]["seeds"] = 2
    (tmp_path / "config.json").write_text(json.dumps(held))
    message = refused(capsys, f"--workdir={tmp_path}", "--mode=sample", f"--out={tmp_path / 's.npz'}")
    assert f"holds 2 runs: choose one, such as --workdir={tmp_path / 'seed_0'}" in message


def test_resuming_another_run_is_refused(trained, capsys):
    assert "another run (batch_size: 8 -> 16)" in refused(
        capsys, f"--workdir={trained}", *SMALL, "--config.batch_size=16"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "--workdir=DIR is missing"),
        (["--workdir="], "--workdir=DIR is missing"),
        (["--workdir=X", "--config="], "no such file"),
        (["--workdir=X", "--mode=smaple"], "smaple"),
        (["--workdir=X", "--config.networks.critic.kernels=(0,3)"], "kernel of 0x0"),
        (["--workdir=X", "--wrokdir=Y"], "unknown argument '--wrokdir=Y'"),
        (["--workdir=X", "--config=configs/absent.py"], "no such file"),
        (["--workdir=X", "--config=README.md"], "a config is a Python file"),
        (["--workdir=X", "--config.stpes=3"], "unknown config field 'stpes': did you mean steps"),
        (["--workdir=X", "--config.steps=many"], "steps"),
        (["--workdir=X", "--config.batch_size=1073741824"], "config.batch_size is 1073741824: this needs 279 GB"),
        (["--workdir=a\nb", "--mode=sample", "--out=f.npz"], r"--workdir=a\nb holds no run"),
        (["--workdir=X", "--config.data.name=diggits"], "there is no data set 'diggits'"),
        (["--workdir=X", "--config.data.split=trian"], "did you mean train"),
        (["--workdir=X", "--config.networks.critic.norm.name=BatchNrom"], "did you mean BatchNorm"),
        (["--workdir=X", "--mode=sample"], "needs --out=FILE.npz"),
        (["--workdir=X", "--mode=sample", "--out=f.npz", "--num=0"], "num"),
        (["--workdir=X", "--mode=sample", "--out=f.npz", "--num=10000000000000"], "num"),
        (["--workdir=X", "--mode=sample", "--out=f.npz", f"--sample_seed={2**70}"], "sample_seed"),
        (["--workdir=X", "--mode=sample", "--out=f.npz"], "holds no run"),
        (["--workdir=X", "--mode=interpolate", "--out=f.npz"], "needs --out=FILE.png"),
        (["--mode=data", "--out=f.npz"], "needs --out=FILE.png"),
        (
            ["--mode=data", "--out=f.png", "--step=best"],
            "shows the data of a step, not a checkpoint: give the step's number",
        ),
        (["--mode=data", "--out=f.png", "--step=9999999999"], "it must be at most 2,147,483,647"),
        (["--mode=data", "--out=f.png", "--sample_seed=3"], "--mode=data does not use --sample_seed"),
        (["--mode=data", "--workdir=X", "--out=f.png"], "holds no run"),
    ],
)
def test_bad_input_is_one_line(arguments, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "README.md").write_text("# no config")
    assert message in refused(capsys, *arguments)
    assert [path.name for path in tmp_path.iterdir()] == ["README.md"]


def test_data_set_that_is_not_there_ends_at_once(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "nowhere"))
    said = refused(capsys, f"--config={ROOT / 'configs/mnist_gan.py'}", f"--workdir={tmp_path / 'run'}")
    assert "'mnist'" in said
    assert str(tmp_path / "nowhere") in said
    assert "python scripts/prepare_data.py mnist" in said
    assert not (tmp_path / "run").exists()


def test_work_directory_that_cannot_be_made(capsys, tmp_path):
    (tmp_path / "file").write_text("")
    assert "file" in refused(capsys, f"--workdir={tmp_path / 'file' / 'run'}", *SMALL)


@pytest.mark.parametrize(
    ("failure", "message"),
    [
        (MemoryError("Unable to allocate 9 TiB"), "not enough memory (Unable to allocate 9 TiB)"),
        (jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory"), "not enough memory (RESOURCE_EXHAUSTED"),
    ],
)
def test_what_stops_a_run_from_outside_is_one_line(failure, message, capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "run", Mock(side_effect=failure))
    assert message in refused(capsys, f"--workdir={tmp_path / 'run'}", *SMALL)


def test_sampling_leaves_alone_what_a_training_run_is_writing(trained, tmp_path, capsys):
    draft = trained / "checkpoints" / "9.orbax-checkpoint-tmp"
    draft.mkdir()
    assert call(capsys, f"--workdir={trained}", "--mode=sample", f"--out={tmp_path / 's.npz'}")[0] == 0
    assert draft.is_dir()
    draft.rmdir()


def test_full_disk_is_one_line_and_leaves_no_half_checkpoint(capsys, tmp_path, monkeypatch):
    def fill(*arguments, **named):
        (tmp_path / "run" / "checkpoints" / "3.orbax-checkpoint-tmp").mkdir()
        raise ValueError('RESOURCE_EXHAUSTED: Error writing "x": No space left on device')

    monkeypatch.setattr(ocp.CheckpointManager, "save", fill)
    said = call(capsys, f"--workdir={tmp_path / 'run'}", *SMALL)
    assert said[0] == 2
    assert "no space left on device; the same command resumes" in said[2].splitlines()[-1]
    assert not list((tmp_path / "run" / "checkpoints").iterdir())


def test_trains_mnist_from_tfds(tfds_dir, capsys, tmp_path):
    out = tmp_path / "s.npz"
    config = f"--config={ROOT / 'configs/mnist_gan.py'}"
    assert call(capsys, config, f"--workdir={tmp_path / 'run'}", *SMALL)[0] == 0
    assert call(capsys, f"--workdir={tmp_path / 'run'}", "--mode=sample", f"--out={out}")[0] == 0
    assert np.load(out)["images"].shape == (64, 28, 28, 1)
