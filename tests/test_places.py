"""Places: ~, names that cannot be written, terminals that cannot print, files that cannot be made."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

from gan_jax import main as command
from gan_jax.errors import UserError
from gan_jax.runs.paths import check_name, check_writable, of_user
from gan_jax.sweeps import main as sweep_main
from scripts import report


def test_home_is_expanded(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert of_user("~/x.npz") == tmp_path / "x.npz"
    assert of_user("~root/x") == Path("~root/x").expanduser() != Path("~root/x")
    assert of_user("a/~/b") == Path("a/~/b")
    with pytest.raises(UserError, match="no home folder of that name"):
        of_user("~nobody_of_this_name/x")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--config=~/absent.py", "--workdir=X"],
        ["--workdir=~/run", "--mode=sample", "--out=x.npz"],
    ],
)
def test_flags_expand_home(arguments, monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert command.main(["gan_jax", *arguments]) == 2
    assert str(tmp_path) in capsys.readouterr().err


def test_scripts_expand_home(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert report.main(["~/runs"]) == 2
    assert sweep_main.main(["--sweep=~/s.py", "--dry_run"]) == 2
    assert sweep_main.main(["--status", "--workdir=~/runs"]) == 2
    assert sweep_main.main(["--status=~/runs"]) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 4
    assert all(str(tmp_path) in line for line in said)


@pytest.mark.parametrize(
    ("name", "message"),
    [("a\0b", "NUL"), ("run\udcff", "in UTF-8"), ("d/" * 1900, "choose a shorter one")],
)
def test_a_name_that_cannot_be_written_is_refused_first(name, message, monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=message):
        check_name(Path(name), "workdir")
    assert command.main(["gan_jax", f"--workdir={name}"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_encodings_of_the_file_system(monkeypatch):
    check_name(Path("ü"), "workdir")
    monkeypatch.setattr(os, "fsencode", lambda name: os.fspath(name).encode("latin-1"))
    with pytest.raises(UserError, match="set PYTHONUTF8=1"):
        check_name(Path("ü"), "workdir")
    with pytest.raises(UserError, match="set PYTHONUTF8=1"):
        check_name(Path("λ"), "workdir")


def test_what_cannot_be_made_is_found_first(tmp_path):
    check_writable(tmp_path / "new" / "folder" / "x.npz", "out")
    assert not list(tmp_path.iterdir())
    (tmp_path / "taken").mkdir()
    with pytest.raises(UserError, match="is a folder"):
        check_writable(tmp_path / "taken", "out")
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="is a file, not a folder"):
        check_writable(tmp_path / "file" / "x.npz", "out")
    with pytest.raises(OSError, match="too long"):
        check_writable(tmp_path / f"{'x' * 248}.npz", "out")  # the name itself would do, the draft's does not
    with pytest.raises(OSError, match=r"denied|not permitted|Read-only|No such"):
        check_writable(Path("/proc/x.npz"), "out")


@pytest.mark.parametrize(
    "environment", [{"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C"}, {"PYTHONIOENCODING": "latin-1"}]
)
def test_printing_never_fails(environment):
    code = (
        "import sys; from gan_jax.runs import terminal; terminal.escaped()\n"
        "for stream in (sys.stdout, sys.stderr): print('ü λ \\udcff \\U0001f600', file=stream)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env={**os.environ, **environment}, capture_output=True
    )
    assert done.returncode == 0, done.stderr
    assert b"\\udcff" in done.stdout
    assert b"\\udcff" in done.stderr


def test_main_prints_a_runs_folder_on_any_terminal(tmp_path):
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    given = [f"--workdir={tmp_path / 'λ'}", "--mode=sample", "--out=x.npz"]
    done = subprocess.run(
        [sys.executable, "-m", "gan_jax.main", *given], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert done.stderr.startswith("error: --workdir=")
