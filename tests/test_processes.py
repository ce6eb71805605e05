"""Several processes play one run: the rounds of one process, one who writes, and no waiting for one who is gone."""

import os
import signal
import socket
import subprocess
import sys
import time
from unittest.mock import Mock

import jax
import numpy as np
import pytest
from conftest import ROOT, build_on

from gan_jax import config
from gan_jax.errors import UserError
from gan_jax.main import main
from gan_jax.parallel import processes
from gan_jax.runs.checkpoints import Checkpoints
from gan_jax.runs.directory import RunDirectory
from gan_jax.runs.rows import read_rows

pytestmark = pytest.mark.heavy

FIELDS = {
    "steps": 20,
    "batch_size": 8,
    "steps_per_call": 2,
    "log_every_steps": 2,
    "sample_every_steps": 20,
    "checkpoint_every_steps": 10,
    "networks.generator.widths": "(8,4)",
    "networks.critic.widths": "(4,8)",
}
# A process that sends itself a signal before it trains the steps after a step.
MAIN = """
import os, sys
from gan_jax import main
from gan_jax.training import loop
make = loop.make_executor
def interrupted(*arguments):
    executor = make(*arguments)
    def run(state, step, steps):
        if step == {step}:
            os.kill(os.getpid(), {number})
        return executor.run(state, step, steps)
    return executor._replace(run=run)
loop.make_executor = interrupted
sys.exit(main.main(sys.argv))
"""


def started(folder, devices, *arguments, act=None, **fields):
    """The command in a process of its own; `act` is (which signal it sends itself, before the rounds after which)."""
    code = ["-m", "gan_jax.main"] if act is None else ["-c", MAIN.format(number=int(act[0]), step=act[1])]
    overrides = [f"--config.{field}={value}" for field, value in {**FIELDS, **fields}.items()]
    command = [sys.executable, *code, f"--workdir={folder}", *arguments, *overrides]
    return subprocess.Popen(
        command,
        cwd=ROOT,
        env=os.environ | {"JAX_NUM_CPU_DEVICES": str(devices)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(*children):
    """(exit status, stdout, stderr) of each; when the last has ended the others end within a minute, as all must."""
    try:
        said = [child.communicate(timeout=240 if child is children[-1] else 60) for child in reversed(children)][::-1]
    finally:
        for child in children:
            child.kill()
            child.communicate()  # nothing of it is left open for other tests to trip over
    return [(child.returncode, *streams) for child, streams in zip(children, said, strict=True)]


def pair(folder, *, acts=(None, None), others=(), **fields):
    """Two processes of two devices; the second one is given another folder, which must stay as it is."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    who = [f"--coordinator=127.0.0.1:{port}", "--processes=2"]
    places = folder, folder.with_name("nowhere")
    return ended(
        *(
            started(run_dir, 2, *who, f"--process={number}", *(others if number else ()), act=act, **fields)
            for number, (run_dir, act) in enumerate(zip(places, acts, strict=True))
        )
    )


def players(folder):
    """The last checkpoint's arrays."""
    experiment = build_on(config.load(folder / "config.json"), (8, 8, 1))
    checkpoints = Checkpoints(folder / "checkpoints", None)
    try:
        return jax.tree.leaves(checkpoints.restore(jax.eval_shape(experiment.init, experiment.keys.init), 20))
    finally:
        checkpoints.close()


def rows(folder):
    found = read_rows(RunDirectory(folder).metrics)
    return [{name: value for name, value in row.items() if name != "seconds"} for row in found]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The folder of a run that two processes have played."""
    folder = tmp_path_factory.mktemp("runs") / "pair"
    first, second = pair(folder)
    assert (first[0], second[0]) == (0, 0), first[2] + second[2]
    assert first[1].splitlines()[-1] == str(folder / "report.html")  # after Gloo's own words
    assert "report.html" not in second[1]
    assert "step 20/20" in first[2]
    assert "20/20" not in second[2]
    assert not folder.with_name("nowhere").exists()
    return folder


def test_two_processes_play_the_rounds_of_one(whole, tmp_path):
    ((status, _, said),) = ended(started(tmp_path / "run", 4))
    assert status == 0, said
    one, other = rows(tmp_path / "run"), rows(whole)
    assert [row["step"] for row in one] == [*range(2, 22, 2)]
    for a, b in zip(one, other, strict=True):
        assert a == pytest.approx(b, rel=1e-3, abs=1e-5)
    for a, b in zip(players(tmp_path / "run"), players(whole), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5)


@pytest.mark.long
def test_a_run_stopped_in_one_process_and_killed_in_each_goes_on_to_the_same_end(whole, tmp_path):
    folder = tmp_path / "run"
    for status, _, said in pair(folder, acts=(None, (signal.SIGTERM, 4))):
        assert status == 0
        assert said.splitlines()[-1].startswith("stopped by SIGTERM: step 6 of 20 is saved")
    assert sorted(path.name for path in (folder / "checkpoints").iterdir()) == ["6"]
    first, second = pair(folder, acts=(None, (signal.SIGKILL, 14)))
    assert (first[0], second[0]) == (1, -signal.SIGKILL)
    assert "error: another process of this run has ended" in first[2].splitlines()[-1]
    first, second = pair(folder, acts=((signal.SIGKILL, 16), None))
    assert first[0] == -signal.SIGKILL
    assert second[0] not in (0, 2)
    assert "resuming" in first[2]
    assert [status for status, *_ in pair(folder)] == [0, 0]
    assert rows(folder) == rows(whole)
    pictures = [RunDirectory(run_dir).sample(20).read_bytes() for run_dir in (folder, whole)]
    assert pictures[0] == pictures[1]
    for a, b in zip(players(folder), players(whole), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_process_that_waits_for_others_can_be_stopped(tmp_path, number, status):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    child = started(tmp_path / "run", 1, f"--coordinator=127.0.0.1:{port}", "--processes=2", "--process=0")
    assert child.stderr.readline() == "waiting for the other processes of this run\n"
    time.sleep(0.5)
    child.send_signal(number)
    assert ended(child) == [(status, "", f"stopped by {number.name}: there was nothing to save\n")]


def test_what_the_first_process_refuses_all_refuse(whole):
    (status, _, said), (other_status, _, other_said) = pair(whole, batch_size=16)
    assert (status, other_status) == (2, 2)
    assert said.splitlines()[-1] == other_said.splitlines()[-1]
    assert "holds another run (batch_size: 8 -> 16)" in said


def test_processes_of_other_configs_are_told_apart(tmp_path):
    for status, _, said in pair(tmp_path / "run", others=["--config.seed=1"]):
        assert status == 2
        assert (
            "error: config, data and JAX's settings differ between process 0 and 1: start all processes with the same"
            in said
        )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--coordinator=127.0.0.1:1234"], "--coordinator, --processes and --process must be given together, or none"),
        (["--coordinator=127.0.0.1:1234", "--processes=2", "--process=2"], "--processes=2 it must be from 0 to 1"),
        (["--coordinator=1234", "--processes=2", "--process=0"], "--coordinator=1234: it must be HOST:PORT"),
        (["--coordinator=a.invalid:1", "--processes=2", "--process=0"], "cannot resolve the host a.invalid"),
        (["--mode=sample", "--out=s.npz", "--processes=2"], "--mode=sample does not use --processes"),
        (["--processes=0"], "processes"),
    ],
)
def test_processes_that_cannot_be_are_refused(arguments, message, tmp_path, capsys):
    assert main(["gan_jax", f"--workdir={tmp_path / 'run'}", *arguments]) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("environment", "called"),
    [
        ({}, None),
        ({"SLURM_JOB_ID": "7", "SLURM_NTASKS": "4"}, None),  # in a job, but not in a step of srun
        ({"SLURM_PROCID": "0", "SLURM_STEP_NUM_TASKS": "1"}, None),
        ({"SLURM_PROCID": "1", "SLURM_STEP_NUM_TASKS": "4"}, {"num_processes": 4}),
        ({"TPU_ML_PLATFORM": "JAX"}, {}),
    ],
)
def test_a_cluster_is_found_where_there_is_one_and_nothing_waits_elsewhere(environment, called, monkeypatch):
    initialize = Mock()
    monkeypatch.setattr(jax.distributed, "initialize", initialize)
    for name in ("SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "TPU_ML_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert processes.join(None, None, None) is False  # as the mock joins nothing
    given = [
        {name: value for name, value in call.kwargs.items() if name == "num_processes"}
        for call in initialize.mock_calls
    ]
    assert given == ([] if called is None else [called])


@pytest.mark.parametrize(
    ("coordinator", "bound"),
    [
        ("127.0.0.1:1234", "127.0.0.1:1234"),
        ("[::1]:1234", "[::1]:1234"),
        ("node1:1234", "10.0.0.7:1234"),
        ("this:1234", None),  # a machine that knows itself by its loopback alone
    ],
)
def test_the_first_process_listens_at_the_one_address_that_it_is_called_by(coordinator, bound, monkeypatch):
    known = {"node1": "10.0.0.7", "this": "127.0.1.1"}
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, port: [(0, 0, 0, "", (known.get(host, host), port))])
    initialize = Mock()
    monkeypatch.setattr(jax.distributed, "initialize", initialize)
    processes.join(coordinator, 2, 0)
    assert initialize.call_args.kwargs["coordinator_bind_address"] == bound


def test_a_machine_with_tpus_that_is_no_part_of_a_pod_is_alone(monkeypatch):
    monkeypatch.setenv("TPU_ML_PLATFORM", "JAX")
    monkeypatch.setattr(jax.distributed, "initialize", Mock(side_effect=ValueError("coordinator_address")))
    assert processes.join(None, None, None) is False


def test_one_process_does_what_the_first_one_does():
    done = []
    processes.on_main(lambda: done.append(1))
    assert done == [1]
    with pytest.raises(UserError, match="no"):
        processes.on_main(Mock(side_effect=UserError("no")))
    assert processes.broadcast_from_main(lambda: "made", None) == "made"
    assert (processes.largest(15), processes.is_main()) == (15, True)
