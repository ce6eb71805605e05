"""The same seed on the same machine gives the same bytes, twice, and a run's config.json is enough to play it again."""

import os
import subprocess
import sys

import jax
import pytest
from conftest import CONFIGS, ROOT

from gan_jax import config as configs
from gan_jax.runs.directory import RunDirectory
from gan_jax.training import loop
from scripts import run_differences

pytestmark = pytest.mark.heavy

ROUNDS = {"steps": 20, "log_every_steps": 1, "checkpoint_every_steps": 20, "evaluate_every_steps": 0}
"""Of each config, with batches, networks and order as they are; not evaluated, as that changes no run."""


def played(folder, *arguments, **environment):
    """Trains in a process of its own, whose hashes are its own."""
    command = [sys.executable, "-m", "gan_jax.main", f"--workdir={folder}", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env={**os.environ, **environment})
    assert done.returncode == 0, done.stderr
    return folder


def same(one, other):
    """Whether both have rows, and all that two runs have is the same bytes."""
    assert run_differences.rows(one / "metrics.jsonl")
    return run_differences.compare(one, other) == []


def where(config, request):
    """The environment that names the folder of a config's data; skips where they are not there."""
    data = config.data
    if data.name in ("digits", "ring", "grid"):
        return {}
    if data.name == "folder":
        folder = request.getfixturevalue("images_dir")
        path, environment = folder / data.path, {"GAN_JAX_IMAGES": str(folder)}
    else:
        folder = request.getfixturevalue("tfds_dir")
        path = folder / data.name.removeprefix("binary_").removeprefix("stacked_")
        environment = {"TFDS_DATA_DIR": str(folder)}
    if not path.is_dir():
        pytest.skip(f"needs {path.name}; {folder} does not hold it")
    return environment


@pytest.mark.long
@pytest.mark.parametrize("file", CONFIGS, ids=lambda file: file.stem)
def test_every_config_plays_the_same_bytes_twice_and_in_two_halves(file, tmp_path, request):
    config = configs.load(file)
    environment = where(config, request)
    period = {"sample_every_steps": 20 if config.sample_every_steps else 0}
    arguments = [f"--config={file}", *(f"--config.{field}={value}" for field, value in (ROUNDS | period).items())]
    one = played(tmp_path / "one", *arguments, PYTHONHASHSEED="1", **environment)
    # The second compiles anew: what a compiler chooses must not show either.
    anew = {"PYTHONHASHSEED": "2", "JAX_ENABLE_COMPILATION_CACHE": "false"}
    assert same(one, played(tmp_path / "other", *arguments, **anew, **environment))
    halves = played(tmp_path / "halves", *arguments, "--config.steps=10", **environment)
    (halves / "samples" / "step_00000010.png").unlink(missing_ok=True)  # the other runs do not end there
    assert same(one, played(halves, "--config.steps=20", **environment))


@pytest.fixture(scope="module", params=["digits_dcgan", pytest.param("mnist_vae", marks=pytest.mark.long)])
def run(request, tiny, tmp_path_factory):
    """A config, with data as small as digits, and the folder of its run."""
    config = tiny(request.param, batch_size=16)
    config.data.name = "digits"
    evaluators = config.evaluators.to_dict()
    config.evaluators.samples.update({"samples": 20, "seeds": 2, "metrics": ("frechet",)})
    config.evaluate_every_steps = 6 if "likelihood" in evaluators else 0
    [run_dir] = loop.run(config, RunDirectory(tmp_path_factory.mktemp("runs") / "one"))
    return config, run_dir.folder


def test_a_config_plays_the_same_bytes_twice(run, tmp_path):
    config, folder = run
    jax.clear_caches()
    [other] = loop.run(config, RunDirectory(tmp_path / "other"))
    assert same(folder, other.folder)


def test_another_seed_plays_other_bytes(run, tmp_path):
    config, folder = run
    changed = config.copy_and_resolve_references()
    changed.seed = 1
    [other] = loop.run(changed, RunDirectory(tmp_path / "other"))
    assert not same(folder, other.folder)


def test_config_json_is_enough_to_play_a_run_again_in_another_folder(run, tmp_path):
    _, folder = run
    assert same(folder, played(tmp_path / "again", f"--config={folder / 'config.json'}", PYTHONHASHSEED="3"))
