"""The table of compile seconds: a row for each config, whatever fails. The seconds are not tested: they are noise."""

import sys

import jax
from conftest import ROOT

from scripts import compile_times

PYTHONS = [f"--python={sys.executable}"] * 2


def test_rows_have_seconds_and_the_ratio_or_dashes(capsys, monkeypatch):
    found = iter(
        [{"processor": 6.0, "clock": 4.04}, {"processor": 4.0, "clock": 3.0}, {}, {"processor": 1, "clock": 1}]
    )
    monkeypatch.setattr(compile_times, "_measured", lambda python, file, fields: next(found))
    assert compile_times.main(["a/first.py", "second.py", *PYTHONS]) == 1
    title, _, *rows = capsys.readouterr().out.splitlines()
    assert title == f"| config | jax {jax.__version__} | jax {jax.__version__} | ratio |"
    assert rows == ["| `first` | 6.0 (4.0) | 4.0 (3.0) | 1.50 |", "| `second` | - | 1.0 (1.0) | - |"]


def test_a_config_is_compiled(tmp_path, capsys):
    assert compile_times._seconds(ROOT / "configs" / "ring_gan.py", ["--config.steps=2"]).keys() == {
        "processor",
        "clock",
    }
    assert compile_times._measured(sys.executable, tmp_path / "none.py", []) == {}
    assert "none.py: " in capsys.readouterr().err
