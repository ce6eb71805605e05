"""Cases of bad_input.py: damaged runs, data, caches and weights, wrong flags and unusable paths."""

import json
import random
import shutil
import zipfile
from pathlib import Path

import numpy as np

from gan_jax.features import inception
from scripts.bad_values import TEXTS, TINY, Case

CONFIG = Path(__file__).parents[1] / "configs" / "mnist_gan.py"
STRAY = ["abc", "-1", "9" * 30, "7", "2.orbax-checkpoint-tmp", "broken_2", "٣", ".lock", ".x.1.tmp", "step_x.png"]
STRAY += ["1.0.0"]
WRONG = [b"", b"{}", b"[]", b"null", b"1\n", b"[" * 100_000, b"\xff\xfe\x00", b"9" * 9999, b'{"config": {}}']
WRONG += [b'{"format": 2, "config": {}}', b'{"format": [3], "config": {"seed": 1}}']
WRONG += [b'{"config": []}', b'{"config": {"seed": 1}}', b'{"step": "x"}\n', b'{"step": NaN}\n', b'{"step": 1}\n']
WRONG += [b'{"step": 1, "seconds": "x"}\n', b'{"step": 1e400, "seconds": []}\n']
WRONG += [b'{"step": 2, "seconds": 1, "a": {}}\n']
HEADER = b"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }".ljust(117) + b"\n"
PICKLED = b"\x93NUMPY\x01\x00" + len(HEADER).to_bytes(2, "little") + HEADER + b"\x80\x04]}a."
"""An array of Python objects in NumPy's format. It must be refused, never unpickled."""
ONLY = {"gan": "sample", "autoencoder": "reconstruct"}
USES = {base: ("train", use, "interpolate", "evaluate") for base, use in ONLY.items()}
SUFFIXES = {"sample": ".npz", "reconstruct": ".npz", "interpolate": ".png"}


def of_files(rng: random.Random) -> Case:
    """Returns a case of any kind below."""
    kinds = [*[_damaged_run] * 3, _damaged_data, _damaged_cache, _flags, _weights, _unusable_paths]
    return rng.choice(kinds)(rng)


def _damaged_run(rng: random.Random) -> Case:
    """Returns a case of any mode, on a run with one damaged file or folder."""
    base = rng.choice(list(USES))
    mode, damage = rng.choice(USES[base]), rng.getrandbits(64)

    def prepare(folder: Path, runs: Path) -> None:
        shutil.copytree(runs / base, folder / "run")
        _damage(random.Random(damage), folder / "run")

    more = ["--config={run}/config.json", "--config.steps=4"] if mode == "train" else []
    return Case(f"--mode={mode} of a damaged run ({base})", ["--workdir={run}", *_use(mode), *more], prepare)


def _damaged_data(rng: random.Random) -> Case:
    """Returns a case of training on part of MNIST, with a damaged prepared file."""
    damage = rng.getrandbits(64)

    def prepare(folder: Path, runs: Path) -> None:
        if (runs / "mnist").is_dir():
            shutil.copytree(runs / "mnist", folder / "data" / "mnist")
        (folder / "data").mkdir(exist_ok=True)
        _damage(random.Random(damage), folder / "data")

    arguments = [f"--config={CONFIG}", "--workdir={run}", *_fields(TINY), "--config.data.split=test[:20]"]
    return Case(
        "damaged data", arguments, prepare, {"TFDS_DATA_DIR": "{folder}/data", "GAN_JAX_CACHE": "{folder}/cache"}
    )


def _damaged_cache(rng: random.Random) -> Case:
    """Returns a case of training on digits with a damaged cache."""
    damage = rng.getrandbits(64)

    def prepare(folder: Path, runs: Path) -> None:
        shutil.copytree(runs / "cache", folder / "cache")
        _damage(random.Random(damage), folder / "cache")

    arguments = [f"--config={CONFIG}", "--workdir={run}", *_fields(TINY), "--config.data.name=digits"]
    return Case("damaged cache", arguments, prepare, {"GAN_JAX_CACHE": "{folder}/cache"})


def _flags(rng: random.Random) -> Case:
    """Returns a case with a wrong value of any mode's flag, on an undamaged run."""
    mode, value = rng.choice(USES["gan"]), rng.choice(TEXTS)
    flag = rng.choice(["num", "sample_seed", "step", "out", "mode", "workdir", "config", "helpp", "config.seed"])
    if flag in ("out", "workdir", "config"):
        value = "{folder}/" + value  # nothing must be written outside
    arguments = ["--workdir={run}", *_use(mode), *(_fields(TINY) if mode == "train" else []), f"--{flag}={value}"]
    return Case(f"--mode={mode} --{flag}={value[:60]!r}", arguments, _whole)


def _weights(rng: random.Random) -> Case:
    """Returns a case of an evaluation with InceptionV3, with a file that has no weights."""
    kind, seed = rng.choice(["garbage", "other arrays", "text", "folder", "none", "pickle"]), rng.getrandbits(64)

    def prepare(folder: Path, runs: Path) -> None:
        _whole(folder, runs)
        run = json.loads((folder / "run" / "config.json").read_text())
        path, about = folder / "weights.npz", np.array(json.dumps({"name": inception.NAME}))
        run["config"]["evaluators"]["samples"] |= {"features": "inception", "weights": str(path)}
        (folder / "given.json").write_text(json.dumps(run))
        if kind == "garbage":
            path.write_bytes(random.Random(seed).randbytes(1000))
        elif kind == "folder":
            path.mkdir()
        elif kind == "pickle":
            with zipfile.ZipFile(path, "w") as archive:
                archive.writestr("about.npy", PICKLED)
        elif kind != "none":
            array = np.array("text") if kind == "text" else np.zeros((3, 3))
            np.savez(path, allow_pickle=False, about=about, **{"params/fc/kernel": array})

    arguments = ["--workdir={run}", "--config={folder}/given.json", "--mode=evaluate"]
    return Case(f"weights of inception: {kind}", arguments, prepare)


def _unusable_paths(rng: random.Random) -> Case:
    """Returns a case with an unusable path for a run's folder or an output file."""
    kind = rng.choice(
        ["a file", "in a file", "a long name", "a loop", "a strange name", "a dangling link", "another's folder"]
    )
    name = {"in a file": "taken/run", "a long name": "x" * 300, "a strange name": "a\nb \u202e%s{}"}.get(kind, "taken")
    mode, is_out = rng.choice(USES["gan"]), rng.random() < 0.5
    out = name + SUFFIXES.get(mode, "")

    def prepare(folder: Path, runs: Path) -> None:
        _whole(folder, runs)
        taken = folder / (out.partition("/")[0] if is_out else "taken")
        if kind in ("a loop", "a dangling link"):
            taken.symlink_to(taken if kind == "a loop" else folder / "nowhere" / "x")
        elif kind == "another's folder":
            taken.mkdir()
            (taken / "thing").write_text("mine")
        elif kind in ("a file", "in a file"):
            taken.write_text("mine")

    where = (
        ["--workdir={run}", "--out={folder}/" + out] if is_out and mode in SUFFIXES else ["--workdir={folder}/" + name]
    )
    more = _fields(TINY) if mode == "train" else []
    return Case(f"--mode={mode} at a path that is {kind}", [*_use(mode), *where, *more], prepare)


def _use(mode: str) -> list[str]:
    """Returns flags with which a mode writes a small file."""
    out = ["--out={folder}/out" + SUFFIXES[mode]] if mode in SUFFIXES else []
    return [f"--mode={mode}", *out, *(["--num=4"] if mode == "sample" else [])]


def _fields(values: dict) -> list[str]:
    return [f"--config.{name}={value}" for name, value in values.items()]


def _whole(folder: Path, runs: Path) -> None:
    shutil.copytree(runs / "gan", folder / "run")


def _damage(rng: random.Random, folder: Path) -> None:
    """Replaces, damages or removes one file or folder of a tree, or adds one that does not belong there."""
    paths = sorted(folder.rglob("*"))
    path = rng.choice([*paths, *paths, folder])
    if rng.random() < 0.2:
        path = rng.choice([folder, *(path for path in paths if path.is_dir())]) / rng.choice(STRAY)
    before = path.read_bytes() if path.is_file() else b"text"
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    spot = rng.randrange(max(1, len(before)))
    files = [rng.randbytes(100), rng.choice(WRONG), rng.choice(WRONG), rng.choice(WRONG), before[:spot], before * 2]
    files += [before[:spot] + bytes([255 - before[spot]]) + before[spot + 1 :]] if before else []
    kind = rng.choice(["file", "file", "file", "file", "folder", "gone", "loop"])
    if kind == "file":
        path.write_bytes(rng.choice(files))
    elif kind == "folder":
        path.mkdir()
    elif kind == "loop":
        path.symlink_to(path)
