"""The bad input script, in its short form: every case ends as it should; and every kind of failure is found."""

import os
from pathlib import Path

import pytest
from conftest import ROOT

from gan_jax import main
from gan_jax.training import loop
from scripts import bad_ends, bad_input
from scripts.bad_values import Case

DIGITS = f"--config={ROOT / 'configs' / 'digits_dcgan.py'}"


def test_wrong_input_ends_in_one_line_or_in_a_valid_run(capsys):
    status = bad_input.main(["--cases=40", "--seed=8", "--played=0.02", DIGITS])
    said = capsys.readouterr().out
    assert (status, said.partition(":")[0]) == (0, "40 cases, 0 failures"), said


@pytest.mark.long
def test_two_thousand_cases_end_in_one_line_or_in_a_valid_run(capsys):
    status = bad_input.main(["--cases=2000"])
    said = capsys.readouterr().out
    assert (status, said.partition(":")[0]) == (0, "2000 cases, 0 failures"), said


def test_every_field_of_every_config_comes_in_turn():
    fields = bad_input.bad_values.fields(bad_input.CONFIGS)
    numbers = [number for number in range(2000) if number % 5 != 4]
    tried = {(number - number // 5) % len(fields) for number in numbers}
    assert tried == set(range(len(fields)))
    assert len({file for file, _ in fields}) == len(bad_input.CONFIGS)


def test_a_case_is_its_seed_and_number():
    one, same, other = (bad_input.make(seed, 8, bad_input.CONFIGS[:1], 0.5) for seed in (3, 3, 4))
    assert (one.about, one.arguments) == (same.about, same.arguments)
    assert one.about != other.about


@pytest.fixture
def trial(monkeypatch, tmp_path):
    """A trial of cases whose command is `main`."""
    monkeypatch.setattr(loop, "_train", loop._train)
    monkeypatch.setattr(bad_ends.data, "load", bad_ends.data.load)
    made = bad_ends.Trial(tmp_path)

    def outcome(command):
        monkeypatch.setattr(main, "main", command)
        return made.outcome(Case("a case", ["{place}"]))

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


def test_a_process_that_dies_is_a_failure(tmp_path, capfd):
    worker = bad_input.Worker(tmp_path, False)
    outcome = worker.ask("a case", ())
    assert (outcome.kind, worker.lives()) == ("died", False)
    assert "status 1" in outcome.wrong
