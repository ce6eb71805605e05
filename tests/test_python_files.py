"""Config files by name: with dataclasses, with an argument after a colon, under names that have colons."""

import sys

import pytest

from gan_jax import config as configs
from gan_jax.errors import UserError

DATACLASS = """
from __future__ import annotations
from dataclasses import dataclass
from configs import digits_dcgan

@dataclass
class Settings:
    steps: int = 20

def get_config():
    @dataclass
    class More:
        seed: int = 3
    c = digits_dcgan.get_config()
    c.steps, c.seed = Settings().steps, More().seed
    return c
"""
ARGUMENT = """
from configs import digits_dcgan
def get_config({}):
    c = digits_dcgan.get_config()
    c.data.split = {}
    return c
"""


def test_a_file_may_have_dataclasses(tmp_path):
    (tmp_path / "c.py").write_text(DATACLASS)
    before = dict(sys.modules)
    config = configs.load(tmp_path / "c.py")
    assert (config.steps, config.seed) == (20, 3)
    assert "config_file" not in sys.modules.keys() - before.keys()


@pytest.mark.parametrize("argument", ["small", "", "a:b", "a//b/../c", "x=1,y=2", "ü", "x" * 5000])
def test_a_file_takes_what_stands_after_the_colon(tmp_path, argument):
    (tmp_path / "c.py").write_text(ARGUMENT.format("kind", "kind"))
    assert configs.load(f"{tmp_path / 'c.py'}:{argument}").data.split == argument


def test_paths_may_have_colons(tmp_path):
    folder = tmp_path / "12:30"
    folder.mkdir()
    for name, split in (("c.py", "a"), ("a:b.py", "b")):
        (folder / name).write_text(ARGUMENT.format("kind='none'", f"kind + '-{split}'"))
    assert configs.load(folder / "c.py").data.split == "none-a"
    assert configs.load(f"{folder / 'c.py'}:x").data.split == "x-a"
    assert configs.load(f"{folder / 'a:b.py'}:x").data.split == "x-b"


@pytest.mark.parametrize(
    ("parameters", "argument", "message"),
    [
        ("", ":small", r"takes no argument: leave out ':small'"),
        ("kind", "", r"needs an argument \(kind\): give it as FILE.py:ARGUMENT"),
        ("a, b", ":x", "get_config"),
    ],
)
def test_an_argument_has_to_be_asked_for(tmp_path, parameters, argument, message):
    (tmp_path / "c.py").write_text(ARGUMENT.format(parameters, "'train'"))
    with pytest.raises(UserError, match=message) as error:
        configs.load(f"{tmp_path / 'c.py'}{argument}")
    assert "\n" not in str(error.value)


def test_a_runs_config_takes_no_argument(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(UserError, match="a config is a Python file"):
        configs.load(f"{tmp_path / 'config.json'}:x")
    with pytest.raises(UserError, match="no such file"):
        configs.load(f"{tmp_path / 'absent.py'}:x")
