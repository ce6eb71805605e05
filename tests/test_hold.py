"""Where the data are held never shows in a run: not in its numbers, not when it is resumed, stopped or killed."""

import os
import signal
import socket
import subprocess
import sys
import time
from types import MappingProxyType, SimpleNamespace

import numpy as np
import pytest
from conftest import FAST_COMPILE, ROOT, TINY, build_on
from PIL import Image

from gan_jax import config
from gan_jax.core.collectives import base_key, example_keys
from gan_jax.data import store
from gan_jax.main import main
from gan_jax.reporting import figures
from gan_jax.runs.checkpoints import Checkpoints
from gan_jax.runs.directory import RunDirectory
from gan_jax.runs.rows import read_rows
from tests.pictures import Pictures, lazy, workers_of

pytestmark = pytest.mark.heavy

FIELDS = {
    "data.name": "tests.pictures:load",
    "steps": 12,
    "batch_size": 8,
    "steps_per_call": 2,
    "log_every_steps": 1,
    "sample_every_steps": 0,
    "checkpoint_every_steps": 3,
    "networks.generator.widths": "(8,4)",
    "networks.critic.widths": "(4,8)",
}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """`run(folder, hold, **fields)`: training in a process group of its own, whose decoded data nobody else has."""
    cache = tmp_path_factory.mktemp("cache")

    def start(folder, hold, *arguments, devices=1, env=MappingProxyType({}), **fields):
        overrides = [f"--config.{field}={value}" for field, value in {**FIELDS, "data.hold": hold, **fields}.items()]
        return subprocess.Popen(
            [sys.executable, "-m", "gan_jax.main", f"--workdir={folder}", *arguments, *overrides],
            cwd=ROOT,
            env=os.environ
            | {"XLA_FLAGS": FAST_COMPILE, **env, "JAX_NUM_CPU_DEVICES": str(devices), "GAN_JAX_CACHE": str(cache)},
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )

    return start


def trained(process):
    said = process.communicate(timeout=240)[1]
    assert process.returncode == 0, said
    return said


def results(folder):
    """The rows and the last checkpoint's arrays."""
    rows = [{n: v for n, v in row.items() if n != "seconds"} for row in read_rows(RunDirectory(folder).metrics)]
    experiment = build_on(config.load(folder / "config.json"), (8, 8, 1), classes=3)
    checkpoints = Checkpoints(folder / "checkpoints", None)
    try:
        state = checkpoints.restore(experiment.init(experiment.keys.init), FIELDS["steps"])
    finally:
        checkpoints.close()
    return rows, state


def assert_equal(one, other):
    import jax

    assert one[0] == other[0]
    for a, b in zip(jax.tree.leaves(one[1]), jax.tree.leaves(other[1]), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.fixture(scope="module")
def whole(run, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "device"
    assert "data.hold=device: as config.data.hold says" in trained(run(folder, "device"))
    return results(folder)


def test_streamed_data_train_the_same_run_and_go_on_elsewhere(run, whole, tmp_path):
    trained(run(tmp_path / "run", "host", steps=6))
    said = trained(run(tmp_path / "run", "stream"))
    assert "resuming" in said
    assert "data.hold=stream" in said
    assert_equal(results(tmp_path / "run"), whole)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_signal_to_all_processes_of_a_run_saves_it_and_ends_them(run, tmp_path, number, status):
    process = run(tmp_path / "run", "stream", steps=12_000)
    ours = started(process, tmp_path / "run")
    os.killpg(process.pid, number)
    said = process.communicate(timeout=60)[1]
    assert process.returncode == status, said
    assert said.splitlines()[-1].startswith(f"stopped by {number.name}: step "), said
    assert "is saved" in said
    assert gone(ours)


@pytest.mark.long
def test_a_killed_run_leaves_no_process_and_goes_on_to_the_same_end(run, whole, tmp_path):
    process = run(tmp_path / "run", "stream")
    ours = started(process, tmp_path / "run")
    process.kill()
    process.communicate()
    assert gone(ours)
    trained(run(tmp_path / "run", "stream"))
    assert_equal(results(tmp_path / "run"), whole)


@pytest.mark.long
def test_each_process_of_a_run_reads_its_own_examples_alone(run, whole, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    logs = [tmp_path / "read_0", tmp_path / "read_1"]
    pair = [
        run(
            *(tmp_path / "run", "stream", f"--coordinator=127.0.0.1:{port}", "--processes=2", f"--process={number}"),
            env={"PICTURES_READ": str(log)},
        )
        for number, log in enumerate(logs)
    ]
    for process in pair:
        trained(process)
    for log in logs:
        read = log.read_text().split()
        assert {*read} == {str(FIELDS["batch_size"] // 2)}
        assert len(read) >= FIELDS["steps"]
    rows, _ = results(tmp_path / "run")
    for one, other in zip(rows, whole[0], strict=True):
        assert one == pytest.approx(other, rel=1e-3, abs=1e-5)


@pytest.mark.long
@pytest.mark.parametrize("hold", ["device", "host", "stream"])
def test_a_further_device_takes_the_memory_of_the_state_not_of_the_data(hold):
    """The bytes that lie on each of eight devices after two calls."""
    code = (
        "import jax, sys; from gan_jax import config, data, experiments; from gan_jax.data import spec\n"
        "from tests.pictures import Pictures\n"
        "made = config.load('configs/digits_dcgan.py'); made.unlock()\n"
        "made.batch_size, made.steps_per_call, made.data.hold = 8, 2, sys.argv[1]\n"
        "pictures = Pictures(20_000).dataset()._replace(others={})\n"
        "if sys.argv[1] != 'stream':\n"
        "    import numpy as np; pictures = pictures._replace(x=np.zeros((20_000, 8, 8, 1), np.uint8))\n"
        "built = experiments.build(made, spec.spec_of(pictures))\n"
        "run = experiments.make_executor(made, built, pictures)\n"
        "state = run.put([built.init(built.keys.init)])\n"
        "of = lambda tree: sum(s.data.nbytes for array in tree for s in array.addressable_shards if s.device.id == 7)\n"
        "for step in (0, 2):\n"
        "    state, rows = run.run(state, step, 2); run.prefetch(step + 2, 2)\n"
        "jax.block_until_ready(state); print(of(jax.live_arrays()), of(jax.tree.leaves(state))); run.close()"
    )
    env = os.environ | {"JAX_NUM_CPU_DEVICES": "8"}
    done = subprocess.run([sys.executable, "-c", code, hold], cwd=ROOT, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    all_bytes, of_state = map(int, done.stdout.split())
    data = 20_000 * (8 * 8 + 4)
    assert (all_bytes - of_state >= data) == (hold == "device")
    assert all_bytes - of_state < (2 * data if hold == "device" else data / 10)


def started(process, folder):
    """The workers of a run, once it has trained a step."""
    deadline = time.monotonic() + 120
    while not (RunDirectory(folder).metrics.is_file() and RunDirectory(folder).metrics.read_text()):
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return workers_of(process.pid)


def gone(processes):
    """True once none of these processes runs."""
    deadline = time.monotonic() + 10
    while any(os.path.exists(f"/proc/{pid}") for pid in processes):  # noqa: PTH110
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def test_auto_streams_where_nothing_has_room_for_the_decoded_set(monkeypatch, tmp_path):
    monkeypatch.setenv("GAN_JAX_CACHE", str(tmp_path))
    pictures = [Pictures(40)]
    assert store.has_room(pictures)
    monkeypatch.setattr(store, "IN_MEMORY_BYTES", 0)
    assert store.has_room(pictures)
    monkeypatch.setattr(store.shutil, "disk_usage", lambda folder: type("Usage", (), {"free": 40 * 112 - 1}))
    assert not store.has_room(pictures)
    (tmp_path / "data" / "pictures-0").mkdir()
    assert store.has_room(pictures)


PAIRS = "{'name': 'translation.pairs', 'metrics': ('l1',), 'every_steps': 2}"
RUNS = {
    "translation": ("emoji_l1.py", PAIRS, {"networks.generator": "{'name': 'small_networks:Painter'}"}),
    "inpainting": ("emoji_inpainting.py:l1", PAIRS, {"networks.generator.width": 2}),
    "super-resolution": (
        "photos_srresnet.py:2",
        PAIRS,
        {"data.fields": "{'x': 'noto'}", "data.split": "train", "data.fit": "crop", "augment.crop.size": "(8,8)"}
        | {"networks.generator.width": 2, "networks.generator.blocks": 1},
    ),
    "reconstruction": (
        "mnist_linear_ae.py",
        "{'name': 'reconstruction.beside_pca', 'every_steps': 2}",
        {"data.name": "folder", "data.fields": "{'x': 'noto'}", "networks.encoder.latents": 2},
    ),
    "samples": (
        "digits_dcgan.py",
        "{'name': 'samples.distribution', 'features': 'pixels', 'metrics': ('nearest_neighbours',), 'every_steps': 2}",
        {"data.name": "folder", "data.fields": "{'x': 'noto'}"}
        | {"networks.generator.widths": "(8,4)", "networks.critic.widths": "(4,8)"},
    ),
}
"""Configs on a folder of pictures: the file, an evaluator, and other fields."""


@pytest.mark.parametrize("what", RUNS)
def test_streamed_examples_are_shown_and_measured(what, tmp_path, monkeypatch):
    monkeypatch.setenv("GAN_JAX_CACHE", str(tmp_path / "cache"))
    random = np.random.default_rng(0)
    for style in ("noto", "twemoji"):
        for split, count in (("train", 12), ("test", 10)):
            (tmp_path / "set" / style / split).mkdir(parents=True)
            for number in range(count):
                pixels = random.integers(0, 256, (16, 16, 3), np.uint8)
                Image.fromarray(pixels).save(tmp_path / "set" / style / split / f"{number}.png")
    file, evaluator, fields = RUNS[what]
    fields = {**TINY, "steps": 2, "sample_every_steps": 2, "checkpoint_every_steps": 2, "batch_size": 4, **fields}
    fields |= {"data.path": tmp_path / "set", "data.size": 16, "data.hold": "stream"}
    fields |= {"evaluators": "none", "evaluators.it": evaluator}
    overrides = [f"--config.{field}={value}" for field, value in fields.items()]
    assert main(["gan_jax", f"--config={ROOT / 'configs' / file}", f"--workdir={tmp_path / 'run'}", *overrides]) == 0
    run_dir = RunDirectory(tmp_path / "run")
    assert run_dir.sample(0).is_file()
    assert any(name.startswith("it/") for row in read_rows(run_dir.evaluations) for name in row)


def test_walks_between_streamed_examples_decode_their_ends_alone():
    def halfway(players, keys, batch):
        return ((batch["a"] + batch["b"]) / 2)[:, None]

    whole = Pictures(40).dataset()
    streamed = lazy(whole._replace(x=np.asarray(whole.x), others={}))
    experiment = SimpleNamespace(predict={"walk": halfway}, scale=lambda batch: batch)
    keys = example_keys(base_key(0), 3)
    walks = [figures.make_walks(experiment, {}, keys, x, 1) for x in (streamed.x, np.asarray(whole.x))]
    np.testing.assert_array_equal(*walks)
    assert len(streamed.x.examples.seen) == 6


def test_what_is_decoded_when_it_is_read_is_indexed_as_arrays_are_or_refused():
    whole = Pictures(40)
    made, label = whole.dataset().x, whole.dataset().label
    every = np.asarray(made)
    for key in (3, -1, np.int64(3), [4, 1], np.array([[0, 1], [2, 39]]), label == 1, np.zeros(40, bool)):
        np.testing.assert_array_equal(made[key], every[key])
    np.testing.assert_array_equal(np.asarray(made[5:9]), every[5:9])
    for key in ((slice(None), 0), (0, 1), True, None, ..., label[:7] == 1, np.array([0.5])):
        with pytest.raises(IndexError, match="decoded when they are read cannot be indexed with a"):
            made[key]
