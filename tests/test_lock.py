"""The lock of a run's folder: one process at a time, the second told who the first is, none left behind by a kill."""

import errno
import os
import signal
import socket
import subprocess
import sys
from unittest.mock import Mock

import pytest
from conftest import ROOT

from gan_jax.errors import UserError
from gan_jax.runs import lock
from gan_jax.runs.directory import RunDirectory
from gan_jax.runs.lock import locked
from gan_jax.training import loop

HOLD = "import sys, time; from pathlib import Path; from gan_jax.runs.lock import locked\n"
HOLD += "with locked(Path(sys.argv[1])): print(flush=True); time.sleep(60)"


@pytest.fixture
def holder(tmp_path):
    """Another process, which holds the lock of tmp_path / 'run'."""
    command = [sys.executable, "-c", HOLD, str(tmp_path / "run")]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        yield process
        process.kill()


def test_the_second_is_refused_and_told_who_the_first_is(holder, tmp_path):
    named = f"run is in use by process {holder.pid} on {socket.gethostname()}: wait for it"
    with pytest.raises(UserError, match=named), locked(tmp_path / "run"):
        pass
    assert (tmp_path / "run" / lock.NAME).exists()


def test_a_killed_holders_lock_is_taken_over(holder, tmp_path):
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert f"process {holder.pid} " in (tmp_path / "run" / lock.NAME).read_text()
    with locked(tmp_path / "run"):
        assert f"process {os.getpid()} " in (tmp_path / "run" / lock.NAME).read_text()
    assert not list((tmp_path / "run").iterdir())


def test_a_file_deleted_between_opening_and_locking_is_no_lock(tmp_path, monkeypatch):
    path, flock, calls = tmp_path / lock.NAME, lock.fcntl.flock, []

    def deleted_first(*arguments):
        if not calls:
            path.unlink()
        calls.append(arguments)
        flock(*arguments)

    monkeypatch.setattr(lock.fcntl, "flock", deleted_first)
    with locked(tmp_path):
        assert path.exists()
    assert len(calls) == 2


def test_a_file_system_without_locks_is_said_not_refused(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(lock.fcntl, "flock", Mock(side_effect=OSError(errno.ENOTSUP, "Operation not supported")))
    with locked(tmp_path):
        pass
    assert capsys.readouterr().err.startswith(f"warning: {tmp_path} cannot be locked (Operation not supported)")


@pytest.mark.parametrize("seeds", [1, 2])
def test_a_run_holds_its_folders(tiny, tmp_path, monkeypatch, seeds):
    run_dir, seen = RunDirectory(tmp_path / "run"), []
    monkeypatch.setattr(loop, "_train", lambda *_, **__: seen.extend(tmp_path.rglob(lock.NAME)))
    monkeypatch.setattr(loop.report, "write", lambda _: None)
    loop.run(tiny(seeds=seeds), run_dir)
    assert len(seen) == {1: 1, 2: 3}[seeds]
    assert not list(tmp_path.rglob(lock.NAME))
    with locked(run_dir.by_seed(tiny(seeds=seeds))[-1][1].folder), pytest.raises(UserError, match="in use by process"):
        loop.run(tiny(seeds=seeds), run_dir)
    assert not list(tmp_path.rglob(lock.NAME))


def test_a_folder_left_in_its_first_moment_is_no_other_run(tiny, tmp_path):
    run_dir = RunDirectory(tmp_path)
    (tmp_path / lock.NAME).write_text("process 1 on earth\n")
    (tmp_path / ".config.json.1.tmp").write_text('{"con')
    run_dir.check(tiny())
    (tmp_path / "nohup.out").write_text("mine")
    run_dir.check(tiny())
    (tmp_path / "metrics.jsonl").write_text("")
    with pytest.raises(UserError, match=r"holds metrics\.jsonl but no run"):
        run_dir.check(tiny())
