"""The bad input script, in its short form: every case ends as it should; and every kind of failure is found."""

import importlib
import os
import subprocess
import sys
from pathlib import Path

import jax
import pytest
from conftest import ROOT

from gan_jax import main
from gan_jax.training import loop
from scripts import bad_ends, bad_input
from scripts.bad_values import Case

pytestmark = pytest.mark.heavy

DIGITS = f"--config={ROOT / 'configs' / 'digits_dcgan.py'}"


def test_wrong_input_ends_in_one_line_or_in_a_valid_run(capsys):
    kinds = [f"--kind={kind}" for kind in ("command", "files", "command", "python", "json", "own", "flags", "ranges")]
    status = bad_input.main(["--cases=40", "--seed=8", "--trained=0.02", DIGITS, *kinds])
    said = capsys.readouterr().out
    assert (status, said.partition(":")[0]) == (0, "40 cases, 0 failures"), said


@pytest.mark.long
def test_three_thousand_cases_end_in_one_line_or_in_a_valid_run(capsys):
    status = bad_input.main(["--cases=3000"])
    said = capsys.readouterr().out
    assert (status, said.partition(":")[0]) == (0, "3000 cases, 0 failures"), said


def test_every_field_of_every_config_comes_in_turn(monkeypatch):
    files = bad_input.CONFIGS[:3]
    tried = []
    of_field = lambda rng, file, field: tried.append((file, field)) or Case("a case", [])  # noqa: E731
    monkeypatch.setattr(bad_input, "OF_FIELDS", {"command": of_field, "json": of_field})
    monkeypatch.setattr(bad_input, "OF_ANY", dict.fromkeys(bad_input.OF_ANY, lambda rng: Case("another", [])))
    plan, fields = bad_input.Plan(0, files, 0.0), bad_input.bad_values.fields(files)
    for number in range(6100):
        bad_input.make(plan, number)
    assert {*tried} == {*fields}
    assert tried[: len(fields)] == [*dict.fromkeys(tried)]
    assert len(tried) >= len(bad_input.bad_values.fields(bad_input.CONFIGS))
    assert {file for file, _ in bad_input.bad_values.fields(bad_input.CONFIGS)} == {*bad_input.CONFIGS}


def test_a_case_is_its_plan_and_number():
    for kind in bad_input.KINDS:
        plans = [bad_input.Plan(seed, bad_input.CONFIGS[:1], 0.5, (kind,)) for seed in (3, 3, 4)]
        one, same, other = ([bad_input.make(plan, number) for number in range(8)] for plan in plans)
        assert [case.arguments for case in one] == [case.arguments for case in same]
        assert [case.about for case in one] == [case.about for case in same]
        assert [case.about for case in one] != [case.about for case in other]


def test_every_kind_comes_in_the_cycle():
    assert {*bad_input.CYCLE} == {*bad_input.KINDS}


@pytest.mark.parametrize(
    ("case", "wrong"),
    [
        (Case("a case", [], right=("refused",)), "it was done, not refused"),
        (Case("a case", [], check=lambda folder, stderr: f"{folder.is_dir()} {stderr}"), "True step 2/2"),
        (Case("a case", [], right=("refused", "accepted")), ""),
        (Case("a case", [], right=("done",)), ""),
    ],
)
def test_an_end_that_is_not_the_right_one_is_a_failure(trial, monkeypatch, case, wrong, capfd):
    monkeypatch.setattr(main, "main", says("step 2/2\n", 0))
    found = bad_ends.Trial(trial.runs).outcome(case).wrong
    assert (wrong in found) if wrong else not found


def test_a_case_has_its_surroundings_for_a_time(trial, monkeypatch, capfd):
    seen = []

    def command(argv):
        seen.append(
            (os.environ["GAN_JAX_CACHE"], jax.config.jax_log_compiles, importlib.import_module("own_x").__file__)
        )
        return 0

    monkeypatch.setattr(main, "main", command)
    monkeypatch.delenv("GAN_JAX_CACHE", raising=False)

    def prepare(folder, runs):
        (folder / "own_x.py").write_text("")

    case = Case("a case", [], prepare, {"GAN_JAX_CACHE": "{folder}/c"}, settings={"jax_log_compiles": True})
    assert not bad_ends.Trial(trial.runs).outcome(case).wrong
    ((cache, is_set, file),) = seen
    assert (is_set, Path(cache).parent) == (True, Path(file).parent)
    assert ("GAN_JAX_CACHE" in os.environ, jax.config.jax_log_compiles, "own_x" in sys.modules) == (False, False, False)


def test_the_words_of_a_process_are_read_in_its_encoding(trial, monkeypatch):
    said = subprocess.CompletedProcess([], 2, b"", "error: no run λ\n".encode("utf-16"))
    monkeypatch.setattr(bad_ends.subprocess, "run", lambda *arguments, **named: said)
    case = Case("a case", [], environment={"PYTHONIOENCODING": "utf-16"}, process=True)
    assert bad_ends.Trial(trial.runs).outcome(case) == ("refused", "", 0.0)


@pytest.fixture
def trial(monkeypatch, tmp_path):
    """A trial of cases whose command is `main`."""
    monkeypatch.setattr(loop, "_train", loop._train)
    monkeypatch.setattr(bad_ends.data, "load", bad_ends.data.load)
    made = bad_ends.Trial(tmp_path)

    def outcome(command):
        monkeypatch.setattr(main, "main", command)
        return made.outcome(Case("a case", ["{folder}"]))

    outcome.runs = tmp_path
    return outcome


def says(words, status):
    def command(argv):
        os.write(2, words.encode())
        return status

    return command


def writes(name, content, status):
    def command(argv):
        (Path(argv[1]) / name).write_text(content)
        return says("error: wrong\n" if status else "", status)(argv)

    return command


@pytest.mark.parametrize(
    ("command", "kind"),
    [
        (says("error: the value is wrong\n", 2), "refused"),
        (says("warning: slow\nerror: the disk is full\n", 1), "refused"),
        (says("error: step 3: loss is nan\n", 3), "diverged"),
        (says("step 2/2\n", 0), "done"),
        (writes("out.npz", "whole", 0), "done"),
    ],
)
def test_an_end_that_is_right(trial, command, kind, capfd):
    assert trial(command)[:2] == (kind, "")


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (says("", 2), "status 2"),
        (says("error: wrong\n", 0), "status 0"),
        (says("error: wrong\n", 130), "status 130"),
        (says("Traceback\nerror: wrong\n", 2), "Traceback"),
        (says("error: one\nand another\n", 2), "no single line"),
        (says("error: one\nerror: two\n", 2), "no single line"),
        (says(f"error: {'x' * 3000}\n", 2), "no single line"),
        (writes("out.npz", "half", 2), "a refused command changed"),
        (writes(".lock", "", 0), "left behind"),
        (writes(".out.npz.1.tmp", "", 0), "left behind"),
        (writes("metrics.jsonl", '{"step"', 0), "in the middle of a row"),
        (lambda argv: 1 // 0, "ZeroDivisionError"),
    ],
)
def test_a_failure_is_found(trial, command, said, capfd):
    found = trial(command).wrong
    assert found.startswith("a case: ")
    assert said in found


def test_a_process_that_hangs_is_a_failure(trial, monkeypatch):
    monkeypatch.setattr(bad_ends, "SECONDS", 0.01)
    outcome = bad_ends.Trial(trial.runs).outcome(Case("a case", [], process=True))
    assert outcome == ("hung", "a case: no end after 0 s", 0.0)


def test_a_process_that_dies_is_a_failure(tmp_path, capfd):
    worker = bad_input.Worker(tmp_path, False)
    outcome = worker.ask("a case", ())
    assert (outcome.kind, worker.is_alive()) == ("died", False)
    assert "status 1" in outcome.wrong
