"""Logs, progress and files that are whole or not at all."""

import errno
import json
import os
from unittest.mock import Mock

import pytest

from gan_jax.runs.files import atomically
from gan_jax.runs.logs import Log, Progress
from gan_jax.runs.rows import read_rows
from gan_jax.runs.terminal import say_above_bar


def test_rows_are_json_lines_with_rising_seconds(tmp_path):
    log = Log(tmp_path / "metrics.jsonl", 0)
    log.write(1, {"critic/loss": 0.5})
    log.write(2, {"critic/loss": 0.25})
    log.close()
    rows = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [(row["step"], row["critic/loss"]) for row in rows] == [(1, 0.5), (2, 0.25)]
    assert 0 <= rows[0]["seconds"] <= rows[1]["seconds"] < 60


def test_log_opened_at_a_step_drops_later_and_torn_rows_and_keeps_the_clock(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 1, "seconds": 100.0}\n{"step": 2, "seconds": 200.0}\n{"step": 3, "sec')
    log = Log(path, 1)
    log.write(2, {})
    log.close()
    rows = read_rows(path)
    assert [row["step"] for row in rows] == [1, 2]
    assert 100 <= rows[1]["seconds"] < 160


@pytest.mark.parametrize("line", [b'{"step": 2, "se', b"null", b"3", b"{}", b"\xff\xfe", b"\0\0"])
def test_rows_end_where_a_line_is_none(tmp_path, line):
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(b'{"step": 1, "seconds": 1.0}\n' + line + b"\n")
    assert read_rows(path) == [{"step": 1, "seconds": 1.0}]


def test_progress_off_a_terminal_is_plain_lines(capsys):
    progress = Progress(10, 0, every_seconds=1000)
    for step in (4, 8, 10):
        progress.show(step, {"critic/loss": 0.5, "critic/real_probability": 0.7})
    progress.close()
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("step 10/10")
    assert "critic/loss 0.500" in lines[0]
    assert "probability" not in lines[0]


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def test_the_rate_is_of_play_and_the_time_left_counts_no_compiling(capsys):
    clock = Clock()
    progress = Progress(1000, 100, every_seconds=0, clock=clock)

    def shown(step, after):
        clock.now += after
        progress.show(step, {})
        return capsys.readouterr().err.removeprefix(f"step {step}/1000").split("  ")[1:]

    def pause(seconds):
        with progress.pause():
            clock.now += seconds

    assert shown(110, 300) in ([], ["\n"])  # compiled, and nothing is known yet
    assert shown(120, 1) == ["10.0 steps/s", "01:28 left\n"]
    pause(600)  # pictures and evaluators compile
    assert shown(130, 1) == ["10.0 steps/s", "01:27 left\n"]
    pause(8)  # as it will again
    assert shown(210, 8) == ["10.0 steps/s", "02:22 left\n"]
    progress.close()


def test_a_bar_shows_the_same_rate(monkeypatch, capsys):
    clock = Clock()
    monkeypatch.setattr("gan_jax.runs.logs.is_seen", lambda: True)
    progress = Progress(1000, 0, clock=clock)
    for step, seconds in ((10, 300), (20, 1)):
        clock.now += seconds
        progress.show(step, {"critic/loss": 0.5})
    progress._bar.refresh()
    say_above_bar("an alarm")
    progress.close()
    said = capsys.readouterr().err
    assert "| 20/1000 [" in said
    assert ", 10.0 steps/s, 01:38 left, critic/loss 0.500]" in said
    assert "\ran alarm\n" in said.replace(" ", " ")


def test_an_error_of_the_system_names_the_file(tmp_path):
    with pytest.raises(OSError, match=r"No space left on device: .*/file'"), atomically(tmp_path / "file"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    log = Log(tmp_path / "metrics.jsonl", 0)
    log.close()
    log._file = Mock(write=Mock(side_effect=OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))))
    with pytest.raises(OSError, match=r"No space left on device: .*metrics.jsonl'"):
        log.write(1, {})


def test_file_appears_whole_or_not_at_all(tmp_path):
    def fail():
        with atomically(tmp_path / "f") as file:
            file.write(b"half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert not list(tmp_path.iterdir())
    with atomically(tmp_path / "f") as file:
        file.write(b"whole")
    assert (tmp_path / "f").read_bytes() == b"whole"
    assert len(list(tmp_path.iterdir())) == 1
