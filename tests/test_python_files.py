"""Config files by name: with dataclasses, with an argument after a colon, under names that have colons."""

import sys

import pytest
from conftest import ROOT

from gan_jax import config as configs
from gan_jax.errors import UserError
from gan_jax.sweeps import plan

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


SIBLING = """
from configs.common import SPLIT
from gan_jax.config import load
from gan_jax.config.python_files import CONFIGS
def get_config():
    c = load(CONFIGS / "digits_dcgan.py")
    c.data.split = SPLIT
    return c
"""


def test_a_file_imports_its_own_siblings_and_leaves_none(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before, path = dict(sys.modules), list(sys.path)
    for folder in ("a", "b"):
        (tmp_path / folder / "configs" / "inner").mkdir(parents=True)
        (tmp_path / folder / "configs" / "common.py").write_text(f"SPLIT = {folder!r}")
        for place in ("x.py", "inner/x.py"):
            (tmp_path / folder / "configs" / place).write_text(SIBLING)
    for folder in ("a", "b", "a"):
        for place in ("x.py", "inner/x.py"):
            assert configs.load(tmp_path / folder / "configs" / place).data.split == folder
            assert configs.load(f"{folder}/configs/{place}").data.split == folder
    assert sys.path == path
    assert not [name for name in sys.modules.keys() - before.keys() if name.startswith("config")]


def test_a_file_that_loads_another_keeps_its_own_siblings(tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder / "configs").mkdir(parents=True)
        (tmp_path / folder / "configs" / "common.py").write_text(f"SPLIT = {folder!r}")
        (tmp_path / folder / "configs" / "x.py").write_text(SIBLING)
    outer = f"def get_config():\n    c = load({str(tmp_path / 'b' / 'configs' / 'x.py')!r})\n"
    outer += "    from configs.common import SPLIT\n    c.data.split += SPLIT\n    return c\n"
    (tmp_path / "a" / "configs" / "outer.py").write_text("from gan_jax.config import load\n" + outer)
    assert configs.load(tmp_path / "a" / "configs" / "outer.py").data.split == "ba"


def test_a_file_anywhere_imports_the_configs_of_gan_jax(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path not in ("", str(ROOT))])
    (tmp_path / "x.py").write_text(ARGUMENT.format("kind", "kind"))
    assert configs.load("x.py:own").data.split == "own"


def test_a_shipped_config_is_found_from_any_folder(tmp_path, monkeypatch):
    shipped = configs.load(ROOT / "configs" / "mnist_gan.py")
    monkeypatch.chdir(tmp_path)
    assert configs.to_json(configs.load("configs/mnist_gan.py")) == configs.to_json(shipped)
    assert plan.load("configs/sweeps/precision.py").seeds.count == 5
    with pytest.raises(UserError, match=r"--config=configs/absent\.py: there is no such file"):
        configs.load("configs/absent.py")
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "common.py").write_text("SPLIT = 'here'")
    (tmp_path / "configs" / "mnist_gan.py").write_text(SIBLING.replace("get_config()", "get_config(SPLIT=SPLIT)"))
    assert configs.load("configs/mnist_gan.py").data.split == "here"
    assert configs.load("configs/mnist_gan.py:there").data.split == "there"
