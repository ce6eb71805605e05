"""JAX's own settings: a wrong or a strict one ends a run in one line that names it."""

import os
import subprocess
import sys

import jax
import pytest
from conftest import ROOT, TINY

from gan_jax.command.environment import blame, is_of_numbers
from gan_jax.errors import UserError, reraise_as
from gan_jax.main import main

SMALL = [f"--config.{field}={value}" for field, value in {**TINY, "sample_every_steps": 0}.items()]
NUMPY, GUARD = "JAX_NUMPY_RANK_PROMOTION", "JAX_TRANSFER_GUARD"


def test_strict_settings_are_blamed_and_those_that_an_error_names(monkeypatch):
    for name in [name for name in os.environ if name.startswith("JAX_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("JAX_PLATFORMS", "cpu")
    monkeypatch.setenv("JAX_DEBUG_NANS", "False")
    assert blame(ValueError("anything")) == ""
    assert blame(ValueError("got jax_platforms of 3")) == "JAX_PLATFORMS=cpu"
    monkeypatch.setenv("JAX_DEFAULT_DEVICE", "x")
    assert blame(ValueError("jax.default_device must be")) == "JAX_DEFAULT_DEVICE=x"
    monkeypatch.setenv("JAX_DEBUG_NANS", "1")
    monkeypatch.setenv(f"{GUARD}_DEVICE_TO_HOST", "disallow")
    assert blame(ValueError("anything")) == f"JAX_DEBUG_NANS=1, {GUARD}_DEVICE_TO_HOST=disallow"


def test_an_error_of_numbers_is_known_in_another_one():
    with pytest.raises(UserError) as raised, reraise_as("config.networks"):
        raise FloatingPointError("nan")
    assert is_of_numbers(raised.value)
    assert not is_of_numbers(UserError("config.networks"))


@pytest.mark.parametrize(
    "setting",
    ["JAX_PLATFORMS=cuda", "JAX_PLATFORMS=none_such", "JAX_PLATFORM_NAME=none_such", "JAX_DEBUG_NANS=perhaps"],
)
def test_values_that_jax_does_not_take_end_in_a_line_that_names_them(setting, tmp_path):
    command = [sys.executable, "-m", "gan_jax.main", f"--workdir={tmp_path}"]
    env = {**os.environ, **dict([setting.split("=")])}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=300)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"error: under {setting}: ")


@pytest.mark.parametrize(
    ("setting", "made", "words"),
    [
        (f"{NUMPY}=raise", jax.numpy_rank_promotion("raise"), "rank_promotion"),
        (f"{GUARD}=disallow", jax.transfer_guard("disallow"), "Disallowed host-to-device transfer"),
    ],
    ids=[NUMPY, GUARD],
)
def test_errors_that_strict_settings_make_name_them(setting, made, words, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv(*setting.split("="))
    with made:
        assert main(["gan_jax", f"--workdir={tmp_path / 'run'}", *SMALL]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: under {setting}: ")
    assert words in line


def test_a_call_cut_short_holds_no_values_for_jax_debug_nans_to_find(tmp_path):
    with jax.debug_nans(True):
        assert main(["gan_jax", f"--workdir={tmp_path / 'run'}", *SMALL, "--config.steps=5"]) == 0
