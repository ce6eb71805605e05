"""Runs on a folder of images, by the command line."""

import json
import shutil

import numpy as np
import pytest
from conftest import ROOT, TINY
from PIL import Image

from gan_jax import main

pytestmark = pytest.mark.heavy

FIELDS = [f"--config.{name}={value}" for name, value in TINY.items()]


@pytest.fixture
def pictures(tmp_path, monkeypatch):
    """A folder of 20 grey pictures, in the working directory."""
    monkeypatch.setenv("GAN_JAX_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("GAN_JAX_IMAGES", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pictures").mkdir()
    random = np.random.default_rng(0)
    for number in range(20):
        Image.fromarray(random.integers(0, 256, (8, 8), np.uint8)).save(tmp_path / "pictures" / f"{number}.png")
    return tmp_path / "pictures"


def train(*more, config=ROOT / "configs/digits_dcgan.py", run="run"):
    config = [] if config is None else [f"--config={config}"]
    return main.main(["gan_jax", *config, f"--workdir={run}", *more])


def use(*arguments):
    return main.main(["gan_jax", "--workdir=run", *arguments])


NEAR = "{'name': 'samples.distribution', 'metrics': ('kernel_distance',), 'samples': 10, 'split': 'train'}"
OF_FOLDER = ["--config.data.name=folder", "--config.data.path=pictures", "--config.data.channels=1", *FIELDS]


def test_a_runs_config_is_enough_to_make_it_again_and_to_use_it_from_anywhere(pictures, monkeypatch, capsys):
    assert train(*OF_FOLDER, "--config.evaluators=none") == 0
    root = pictures.parent
    run = json.loads((root / "run/config.json").read_text())
    assert (run["config"]["data"]["path"], run["data_spec"]["path"]) == ("pictures", str(pictures))
    monkeypatch.chdir("/")
    assert train(config=root / "run/config.json", run=root / "again") == 0
    rows = [(root / each / "metrics.jsonl").read_text().splitlines() for each in ("run", "again")]
    values = [[{k: v for k, v in json.loads(row).items() if k != "seconds"} for row in each] for each in rows]
    assert values[0] == values[1]
    assert main.main(["gan_jax", f"--workdir={root}/run", "--config.steps=8"]) == 0  # resumed from another folder
    # A sweep tells its cells apart by their configs: a seed that was resumed is still of its cell.
    assert json.loads((root / "run/config.json").read_text())["config"]["data"]["path"] == "pictures"


def test_the_same_files_elsewhere_are_the_same_data_and_others_are_refused(pictures, capsys):
    assert train(*OF_FOLDER, "--config.evaluators=none") == 0
    shutil.copytree(pictures, pictures.parent / "moved")
    shutil.rmtree(pictures)
    assert use("--mode=data", "--out=data.png") == 2
    assert "config.data.path is pictures: there is no" in capsys.readouterr().err
    moved = "--config.data.path=moved"
    assert use("--mode=data", "--out=data.png", moved) == 0
    assert use("--mode=evaluate", moved, f"--config.evaluators.near={NEAR}") == 0
    capsys.readouterr()
    assert use("--mode=sample", "--out=samples.png", moved) == 2
    assert f"{moved}: --mode=sample does not use this field" in capsys.readouterr().err
    more = [moved, "--config.steps=8"]
    assert train(*more, config=None) == 0
    Image.new("L", (8, 8), 9).save(pictures.parent / "moved" / "3.png")
    assert train(moved, "--config.steps=10", config=None) == 2
    assert "was trained on other data" in capsys.readouterr().err
    assert use("--mode=evaluate", moved, f"--config.evaluators.near={NEAR}") == 2
    assert "was trained on other data" in capsys.readouterr().err
