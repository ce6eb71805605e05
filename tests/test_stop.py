"""Being asked to stop: what is under way is finished and saved, whatever it is; a second time it ends at once."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from unittest.mock import Mock

import pytest
from conftest import ROOT, TINY

from gan_jax.errors import UserError
from gan_jax.main import main
from gan_jax.runs.directory import RunDirectory
from gan_jax.runs.rows import read_rows
from gan_jax.training import loop
from gan_jax.training.records import Record
from gan_jax.training.stop import SIGNALS, Stop, Stopped
from scripts.chaos import takes_signals

pytestmark = pytest.mark.heavy

SMALL = [f"--config.{field}={value}" for field, value in TINY.items()]


def ask(number=signal.SIGTERM):
    os.kill(os.getpid(), number)
    time.sleep(0)  # the interpreter's turn to call the handler


def test_a_signal_ends_what_can_be_broken_off_at_once_and_the_rest_where_it_asks():
    before = signal.getsignal(signal.SIGTERM)
    done = []

    def work():
        with Stop().listening() as stop, stop.deferred():
            ask()
            done.append("went on")
            with stop.interruptible():
                done.append("not reached")

    def work_that_can_wait():
        with Stop().listening() as stop, stop.deferred(), stop.interruptible():
            ask(signal.SIGINT)
            done.append("not reached")

    with pytest.raises(Stopped, match=r"stopped by SIGTERM: "):
        work()
    assert signal.getsignal(signal.SIGTERM) is before
    with pytest.raises(Stopped) as stopped:
        work_that_can_wait()
    assert (done, stopped.value.status) == (["went on"], 130)


def test_one_of_several_processes_goes_on_until_all_agree_to_stop():
    told, done = [], []

    def agreed(number):
        told.append(number)
        return number if len(told) == 2 else 0

    def work():
        with Stop().listening() as stop:
            stop.synchronize(agreed)
            ask()
            with stop.deferred(), stop.interruptible():
                done.append("went on")
            stop.check()
            done.append("not reached")

    with pytest.raises(Stopped, match="stopped by SIGTERM"):
        work()
    assert (told, done) == ([signal.SIGTERM] * 2, ["went on"])


@pytest.mark.parametrize(("number", "training", "other"), [(n, 130 if n == 2 else 0, 128 + n) for n in SIGNALS])
def test_statuses(number, training, other):
    assert (Stopped(number).status, Stopped(number, good=False).status) == (training, other)


def test_a_signal_that_whoever_starts_the_process_ignores_stays_ignored():
    code = (
        "import os, signal; from gan_jax.training.stop import Stop\n"
        "stop = Stop(); stop.take()\n"
        "with stop.listening(), stop.deferred():\n"
        "    os.kill(os.getpid(), signal.SIGHUP); print(stop.is_requested, flush=True)\n"
        "with stop.listening(): os.kill(os.getpid(), signal.SIGUSR1)"
    )
    command = ["nohup", sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "False\n")
    assert "Stopped: stopped by SIGUSR1" in done.stderr


def test_a_signal_that_comes_twice_by_itself_is_no_hurry(monkeypatch):
    stop, killed = Stop(), Mock()
    monkeypatch.setattr(os, "kill", killed)
    for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGTERM, signal.SIGHUP, signal.SIGXCPU, signal.SIGXCPU):
        stop._take(number, None)
    with pytest.raises(Stopped, match="SIGHUP"):
        stop.check()
    assert not killed.called
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + 1)
    with monkeypatch.context() as patches:
        patches.setattr(signal, "signal", Mock())
        stop._take(signal.SIGTERM, None)
    killed.assert_called_once_with(os.getpid(), signal.SIGTERM)


def test_what_has_nothing_to_save_leaves_and_what_has_something_raises():
    left, stop = [], Stop()
    stop.end_process = left.append
    stop._take(signal.SIGHUP, None)  # before it listens
    assert left == []
    with stop.listening():
        assert [str(stopped) for stopped in left] == ["stopped by SIGHUP: " + str(Stopped(1)).partition(": ")[2]]
    stop = Stop()
    stop.end_process = left.append
    with stop.listening(training=False), stop.deferred(), pytest.raises(Stopped), stop.nothing_to_save():
        ask(signal.SIGUSR1)
    assert (left[1].status, str(left[1])) == (128 + signal.SIGUSR1, "stopped by SIGUSR1: the command was not finished")
    with pytest.raises(Stopped), stop.deferred(), stop.interruptible():
        ask(signal.SIGUSR1)
    assert len(left) == 2


@pytest.mark.filterwarnings("default::pytest.PytestUnraisableExceptionWarning")
def test_a_stop_that_is_dropped_or_turned_into_an_error_on_its_way_still_comes(capsys):
    class Dropping:
        def __del__(self):
            ask()

    def dropped():
        del [Dropping()][0]

    def turned():
        try:
            ask()
        except Stopped as stopped:
            raise ImportError("numpy cannot be imported") from stopped

    for work in (dropped, turned):
        with pytest.raises(Stopped), Stop().listening() as stop, stop.deferred(), stop.interruptible():
            work()
    with pytest.raises(ImportError), Stop().listening() as stop, stop.deferred(), stop.interruptible():
        raise ImportError("of its own")
    assert capsys.readouterr().err == ""


def test_a_second_signal_ends_the_process_at_once():
    code = (
        "import os, signal; from gan_jax.training.stop import Stop\n"
        "with Stop().listening() as stop, stop.deferred():\n"
        "    os.kill(os.getpid(), signal.SIGINT); print('on', flush=True); os.kill(os.getpid(), signal.SIGTERM)\n"
        "    print('not reached')"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (-signal.SIGTERM, "on\n")


@pytest.fixture(scope="module")
def whole(tiny, tmp_path_factory):
    """Six rounds, never stopped."""
    run_dir = RunDirectory(tmp_path_factory.mktemp("runs") / "whole")
    loop.run(tiny(), run_dir)
    return run_dir


def results(run_dir):
    """What a run leaves: its rows but for their seconds, and its pictures."""
    rows = [{name: value for name, value in row.items() if name != "seconds"} for row in read_rows(run_dir.metrics)]
    return rows, {path.name: path.read_bytes() for path in run_dir.samples.iterdir()}


@pytest.mark.parametrize(("moment", "reached"), [("in a call", 2), ("in a picture", 3), ("before a picture", 3)])
def test_a_run_that_is_stopped_is_saved_there_and_goes_on_to_the_same_end(
    tiny, whole, tmp_path, monkeypatch, moment, reached
):
    """The boundary at step 3 is not kept waiting for its picture, which is made when the run goes on."""
    run_dir, stop = RunDirectory(tmp_path / "run"), Stop()
    calls = []

    def stopping(original, time):
        def asked(*arguments):
            calls.append(arguments)
            if len(calls) == time:
                stop._take(signal.SIGTERM, None)
            return original(*arguments)

        return asked

    def executor(*arguments, make=loop.make_executor):
        made = make(*arguments)
        return made._replace(run=stopping(made.run, 1))

    patched, name, asked = {
        "in a call": (loop, "make_executor", executor),
        "in a picture": (Record, "show_samples", stopping(Record.show_samples, 2)),
        "before a picture": (loop._Loop, "record", stopping(loop._Loop.record, 2)),
    }[moment]
    with monkeypatch.context() as patches:
        patches.setattr(patched, name, asked)
        with pytest.raises(Stopped, match=rf"SIGTERM: step {reached} of 6 is saved; the same command resumes"):
            loop.run(tiny(steps_per_call=2), run_dir, stop)
    assert not (moment == "in a picture" and run_dir.sample(3).exists())
    loop.run(tiny(), run_dir)
    assert results(run_dir) == results(whole)


def test_a_run_without_checkpoints_says_that_nothing_is_saved(tiny, tmp_path, monkeypatch):
    stop = Stop()
    monkeypatch.setattr(loop._Loop, "record", lambda *_: stop._take(signal.SIGINT, None))
    with pytest.raises(Stopped, match=r"SIGINT: step 3 of 6 is not saved: config.checkpoint_every_steps is 0"):
        loop.run(tiny(checkpoint_every_steps=0), RunDirectory(tmp_path / "run"), stop)


def test_a_save_that_fails_while_stopping_is_not_said_to_be_saved(tiny, tmp_path, monkeypatch):
    stop, failed = Stop(), Mock(side_effect=UserError("cannot write a checkpoint"))
    monkeypatch.setattr(loop._Loop, "record", lambda *_: stop._take(signal.SIGTERM, None))
    monkeypatch.setattr(loop._Loop, "save", failed)
    with pytest.raises(UserError, match="cannot write a checkpoint"):
        loop.run(tiny(checkpoint_every_steps=6), RunDirectory(tmp_path / "run"), stop)


def started(folder, *arguments, **how):
    command = [sys.executable, "-m", "gan_jax.main", f"--workdir={folder}", *SMALL, *arguments]
    how = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **how}
    return subprocess.Popen(command, cwd=ROOT, text=True, **how)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGUSR1])
def test_the_command_ends_within_seconds_and_says_so(tmp_path, number):
    folder = tmp_path / "run"
    with started(folder, "--config.steps=1000000") as process:
        while process.poll() is None and not (folder / "checkpoints" / "3").exists():
            time.sleep(0.02)
        asked = time.monotonic()
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130 if number == signal.SIGINT else 0, "")
    assert time.monotonic() - asked < 10
    told = re.fullmatch(rf"stopped by {number.name}: step (\d+) of 1000000 is saved; .*", err.splitlines()[-1])
    assert (folder / "checkpoints" / told[1]).is_dir()
    assert not (folder / ".lock").exists()


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc to see which signals are taken")
@pytest.mark.parametrize(("number", "seconds"), [(signal.SIGINT, 0), (signal.SIGTERM, 0.2), (signal.SIGHUP, 1.5)])
def test_the_command_can_be_stopped_as_soon_as_it_has_started(tmp_path, number, seconds):
    folder = tmp_path / "run"
    with started(folder) as process:
        while not takes_signals(process.pid):
            time.sleep(0.001)
        time.sleep(seconds)
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130 if number == signal.SIGINT else 0, "")
    assert err == f"stopped by {number.name}: there was nothing to save\n"
    assert not list(folder.glob(".*"))


@pytest.mark.parametrize("mode", ["evaluate", "sample"])
def test_the_other_modes_do_not_end_well_where_they_are_not_done(tmp_path, mode):
    main_file = ROOT / "gan_jax" / "main.py"
    code = (
        f"import os, runpy, sys; sys.argv = ['main', '--workdir={tmp_path}', '--mode={mode}', '--out=x.npz']\n"
        "from pathlib import Path; from gan_jax.runs.directory import RunDirectory\n"
        "from gan_jax.runs.files import atomically\n"
        "def read(self):\n"
        "    with atomically(Path(self.folder) / 'file'): os.kill(os.getpid(), 15)\n"
        "RunDirectory.read_config = read\n"
        f"runpy.run_path({str(main_file)!r}, run_name='__main__')"
    )
    arguments = code if mode == "sample" else code.replace(", '--out=x.npz'", "")
    done = subprocess.run([sys.executable, "-c", arguments], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (
        143,
        "",
        "stopped by SIGTERM: the command was not finished\n",
    )
    assert list(tmp_path.iterdir()) == []


def test_interrupting_another_mode_is_one_line(monkeypatch, capsys):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("gan_jax.command.modes.run", interrupted)
    assert main(["gan_jax", "--workdir=X", "--mode=evaluate"]) == 130
    assert capsys.readouterr().err == "error: interrupted\n"
