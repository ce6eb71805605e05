"""A sweep by the command: killed and started again it makes the table of one never disturbed, a failing cell or not."""

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
from conftest import ROOT
from ml_collections import ConfigDict

from gan_jax import config as configs
from gan_jax.errors import UserError
from gan_jax.reporting import images
from gan_jax.runs.directory import RunDirectory
from gan_jax.sweeps import ablation, local, slurm
from gan_jax.sweeps import folder as folders
from gan_jax.sweeps import main as sweep_main
from gan_jax.sweeps.plan import Program, expand, load, programs
from gan_jax.training import loop

pytestmark = pytest.mark.heavy

SWEEP = """
from gan_jax.config import load
from gan_jax.sweeps.cells import named
from gan_jax.sweeps.plan import CONFIGS, Curve, Metric, Seeds, Sweep

def get_sweep():
    cells = {
        "cannot be": {"objective.name": "adversarial.wasserstein_gp"},  # whose critic must not have batch norm
        "minimax": {"objective.name": "adversarial.minimax"},
        "non-saturating": {},
    }
    small = {
        "steps": 4, "batch_size": 8, "steps_per_call": 2, "log_every_steps": 1, "sample_every_steps": 4,
        "checkpoint_every_steps": 2, "evaluators": {}, "networks.generator.width": 4,
        "networks.critic.width": 4,
    }
    metrics = [Metric("critic/loss"), Metric("generator/loss", "lower")]
    curves = [Curve("critic/loss"), Curve("generator/gradient_norm", "critic/fake_probability")]
    base = load(CONFIGS / "digits_dcgan.py")
    return Sweep(base, named(cells), Seeds(2), small, metrics=metrics, curves=curves, baseline="minimax")
"""


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("sweeps") / "tiny.py"
    path.write_text(SWEEP)
    return path


@pytest.fixture(scope="module")
def undisturbed(file, tmp_path_factory):
    """The folder of the same runs, made in this process one after another."""
    folder = tmp_path_factory.mktemp("runs") / "undisturbed"
    sweep = load(file)
    cells = expand(sweep)
    every = programs(cells, sweep.seeds, Path(folders.CELLS))
    folders.claim(folder, file.stem, sweep, cells)
    folders.prepare(folder, every)
    for program in every[1:]:
        run_dir = RunDirectory(folder / program.folder)
        loop.run(run_dir.read_config(), run_dir)
    ablation.write(folder)
    return folder


def wait_for(condition, seconds=120.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_killed_and_started_again_it_makes_the_same_table(file, undisturbed, tmp_path, capsys):
    folder = tmp_path / "killed"
    arguments = [f"--sweep={file}", f"--workdir={folder}"]
    command = [sys.executable, str(ROOT / "scripts" / "sweep.py"), *arguments]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for(lambda: any(map(folders.is_locked, folder.glob("cells/minimax-*/seeds_0_to_1"))))
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert sweep_main.main([f"--status={folder}"]) == 0
    said = capsys.readouterr().out
    assert "failed at step 0: cells/cannot_be-" in said
    assert "1 failed" in said
    assert sweep_main.main(arguments) == 1
    captured = capsys.readouterr()
    files = ["ablation.md", "ablation.json", "ablation.csv", "ablation.tex", "cost.json", "ablation.html"]
    written = captured.out.split()
    assert written[: len(files)] == [str(folder / name) for name in files]
    assert all(path.endswith((".svg", ".pdf")) for path in written[len(files) :])
    assert "failed at step 0: cells/cannot_be-" in captured.err
    assert "which mixes the examples of a batch" in captured.err.splitlines()[-1]
    for name in ("ablation.md", "ablation.json"):
        assert (folder / name).read_bytes() == (undisturbed / name).read_bytes()
    assert "| cannot be | 2 | 2 not run | — | — |" in (folder / "ablation.md").read_text()
    assert sweep_main.main([f"--status={folder}"]) == 0
    assert "2 done, 0 running, 1 failed, 0 diverged, 0 waiting of 3 programs" in capsys.readouterr().out


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGUSR1, signal.SIGTERM, signal.SIGINT])
def test_a_signal_is_passed_on_to_what_runs_which_is_waited_for(number):
    process = Mock(poll=Mock(return_value=None))
    with pytest.raises(KeyboardInterrupt), local._ending_programs({0: local._Running(Mock(), process), 1: None}):
        os.kill(os.getpid(), number)
    assert [name for name, *_ in process.mock_calls] == ["poll", "terminate", "wait"]


def test_print_commands_are_those_left_as_json_lines(file, undisturbed, capsys):
    assert sweep_main.main([f"--sweep={file}", f"--workdir={undisturbed}", "--print_commands"]) == 0
    (line,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert (line["cell"], line["seeds"]) == ("cannot be", [0, 1])
    assert line["command"][1:3] == ["-m", "gan_jax.main"]
    workdir = Path(line["command"][-1].removeprefix("--workdir="))
    assert line["command"][-2] == f"--config={workdir / 'config.json'}"
    assert RunDirectory(workdir).read_config().seeds == 2


def test_dry_run_shows_the_plan_and_makes_nothing(file, tmp_path, capsys):
    arguments = [f"--sweep={file}", f"--workdir={tmp_path / 'run'}", "--dry_run", "--probe=0"]
    assert sweep_main.main(arguments) == 0
    said = capsys.readouterr().out
    assert "minimax  (minimax-" in said
    assert "3 cells with 2 seeds: 6 runs in 3 programs" in said
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("also", [["--dry_run"], []])
def test_a_metric_that_no_run_will_have_is_refused_before_any(file, tmp_path, also, capsys):
    (tmp_path / "typo.py").write_text(file.read_text().replace('Metric("critic/loss")', 'Metric("critic/los")'))
    assert sweep_main.main([f"--sweep={tmp_path / 'typo.py'}", f"--workdir={tmp_path / 'run'}", *also]) == 2
    said = capsys.readouterr().err
    assert said.startswith(
        "error: the sweep asks for 'critic/los', which none of its runs will have; did you mean critic/l"
    )
    assert said.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_two_phases_run_the_best_again_over_fresh_seeds(file, tmp_path, monkeypatch, capsys):
    (tmp_path / "search.py").write_text(
        SWEEP.replace("Seeds(2), small, metrics=metrics", "Seeds(1), small, metrics=metrics[:1]")
        .replace('baseline="minimax"', "finals=Finals(1, metrics[1], Seeds(2, first=7))")
        .replace("CONFIGS,", "CONFIGS, Finals,")
    )
    losses = {"minimax": -1.0, "non-saturating": 2.0}

    def play(folder, every, *, slots):
        for program in every:
            if program.cell in losses:
                pretend(folder / program.folder, program, losses[program.cell])
            else:
                folders.conclude(folder / program.folder, program.values, 2)

    monkeypatch.setattr(local, "run", play)
    folder = tmp_path / "run"
    assert sweep_main.main([f"--sweep={tmp_path / 'search.py'}", f"--workdir={folder}"]) == 1
    report = json.loads((folder / "ablation.json").read_text())
    assert [(cell["name"], [*cell["fates"]]) for cell in report["cells"]] == [("minimax", ["7", "8"])]
    assert [(cell["name"], cell["chosen"]) for cell in report["search"]["cells"]] == [
        ("minimax", True),
        ("non-saturating", False),
        ("cannot be", False),
    ]
    assert "## The preceding search" in (folder / "ablation.md").read_text()
    losses.clear()
    assert sweep_main.main([f"--sweep={tmp_path / 'search.py'}", f"--workdir={tmp_path / 'lost'}"]) == 2
    assert "no cell of the search has generator/loss for every seed" in capsys.readouterr().err


def pretend(run_dir, program: Program, loss):
    """What a program leaves that has played to its end, as far as a sweep looks at it."""
    steps = program.values["steps"]
    others = dict.fromkeys(("critic/loss", "critic/fake_probability", "generator/gradient_norm"), 1.0)
    for _, one in folders.runs(run_dir, program.values):
        (one.checkpoints / str(steps)).mkdir(parents=True)
        one.samples.mkdir()
        config = configs.of_seed(ConfigDict(program.values), 0)
        one.config.write_text(json.dumps({"format": configs.FORMAT, "config": configs.to_json(config)}))
        one.metrics.write_text(json.dumps({"step": steps, "seconds": 1.0, "generator/loss": loss, **others}) + "\n")
        images.save_png(one.sample(steps), np.zeros((8, 8, 1), np.uint8))


def test_programs_run_in_the_folder_of_the_command(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # a config's relative paths and own modules are there
    code = "import pathlib; pathlib.Path('here').touch()"
    monkeypatch.setattr(local, "command", lambda folder, program: [sys.executable, "-c", code])
    values = {"seed": 0, "seeds": 1, "steps": 1, "checkpoint_every_steps": 0, "sample_every_steps": 0}
    (tmp_path / "sweep" / "one").mkdir(parents=True)
    local.run(tmp_path / "sweep", [Program("one", Path("one"), values)])
    assert (tmp_path / "here").exists()


def test_the_installed_command_finds_modules_in_the_working_directory(tmp_path):
    (tmp_path / "nets.py").write_text("from gan_jax.models.dcgan import Critic\n")
    cells = SWEEP.replace('"non-saturating": {}', '"non-saturating": {"networks.critic.name": "nets:Critic"}')
    (tmp_path / "sweep.py").write_text(cells.replace('"cannot be"', "#"))
    code = "from gan_jax.sweeps.main import run; run()"  # -P: as for an installed command, no folder is added
    command = [sys.executable, "-P", "-c", code, "--sweep=sweep.py", "--workdir=out", "--print_commands"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert (done.returncode, done.stdout.count("\n")) == (0, 2), done.stderr


def test_slurm_is_named_where_it_is_not(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="there is no sbatch on this machine"):
        slurm.submit(tmp_path, [], slots=1, options=[])


def test_slurm_takes_folders_with_spaces_quotes_and_percent_signs(file, tmp_path, monkeypatch):
    folder, sbatch = tmp_path / "it's my 50% sweep", tmp_path / "bin" / "sbatch"
    sbatch.parent.mkdir()
    sbatch.write_text("#!/bin/sh\necho 7\n")
    sbatch.chmod(0o755)
    monkeypatch.setenv("PATH", f"{sbatch.parent}:{os.environ['PATH']}")
    sweep = load(file)
    due = programs(expand(sweep), sweep.seeds, Path(folders.CELLS))[:2]
    assert slurm.submit(folder, due, slots=1, options=["--comment=of a sweep"]) == "7"
    lines = (folder / "slurm" / "array.sh").read_text().splitlines()
    options = [shlex.split(line.removeprefix("#SBATCH")) for line in lines if line.startswith("#SBATCH")]
    escaped = str(folder).replace("%", "%%")
    assert [f"--output={escaped}/slurm/%a.log"] in options
    assert ["--comment=of a sweep"] in options
    assert f"cd {shlex.quote(str(Path.cwd()))}" in lines
    srun = next(i for i, line in enumerate(lines) if line.startswith("srun"))
    script = "\n".join(['srun() { echo "$1" "${!#}"; }', *lines[: srun + 1]])
    for number, program in enumerate(due):
        task = {**os.environ, "SLURM_ARRAY_TASK_ID": str(number)}
        done = subprocess.run(["bash", "-c", script], env=task, capture_output=True, text=True)
        printed = f"--output={escaped}/{program.folder}/log.txt --workdir={folder / program.folder}\n"
        assert (done.stdout, done.stderr) == (printed, "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "--sweep=FILE is missing"),
        (["--sweep=absent.py"], "there is no such Python file"),
        (["--sweep={}"], "--workdir=DIR is missing"),
        (["--status"], "--workdir=DIR is missing"),
        (["--status=absent"], "absent holds no sweep"),
    ],
)
def test_bad_input_is_one_line(arguments, message, file, capsys):
    assert sweep_main.main([argument.format(file) for argument in arguments]) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.startswith("error: ")
    assert said.count("\n") == 1
