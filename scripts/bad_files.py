"""Cases of bad_input.py: damaged runs, data, caches and weights, and flags and places that are wrong."""

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
"""An array of Python objects as NumPy keeps it: to be refused, never unpickled."""
ONLY = {"gan": "sample", "autoencoder": "reconstruct"}
USES = {base: ("train", use, "interpolate", "evaluate") for base, use in ONLY.items()}
SUFFIXES = {"sample": ".npz", "reconstruct": ".npz", "interpolate": ".png"}


def of_files(rng: random.Random) -> Case:
    """A case of any kind below."""
    kinds = [*[_damaged_run] * 3, _damaged_data, _damaged_cache, _flags, _weights, _places]
    return rng.choice(kinds)(rng)


def _damaged_run(rng: random.Random) -> Case:
    """Any mode, of a run one file or folder of which is not what it was."""
    base = rng.choice(list(USES))
    mode, damage = rng.choice(USES[base]), rng.getrandbits(64)

    def prepare(place: Path, held: Path) -> None:
        shutil.copytree(held / base, place / "run")
        _damage(random.Random(damage), place / "run")

    more = ["--config={run}/config.json", "--config.steps=4"] if mode == "train" else []
    return Case(f"--mode={mode} of a damaged run ({base})", ["--workdir={run}", *_use(mode), *more], prepare)


def _damaged_data(rng: random.Random) -> Case:
    """Training on a part of MNIST whose prepared files are not what they were."""
    damage = rng.getrandbits(64)

    def prepare(place: Path, held: Path) -> None:
        if (held / "mnist").is_dir():
            shutil.copytree(held / "mnist", place / "data" / "mnist")
        (place / "data").mkdir(exist_ok=True)
        _damage(random.Random(damage), place / "data")

    arguments = [f"--config={CONFIG}", "--workdir={run}", *_fields(TINY), "--config.data.split=test[:20]"]
    return Case("damaged data", arguments, prepare, {"TFDS_DATA_DIR": "{place}/data", "GAN_JAX_CACHE": "{place}/cache"})


def _damaged_cache(rng: random.Random) -> Case:
    """Training on digits, the cache of which is not what it was."""
    damage = rng.getrandbits(64)

    def prepare(place: Path, held: Path) -> None:
        shutil.copytree(held / "cache", place / "cache")
        _damage(random.Random(damage), place / "cache")

    arguments = [f"--config={CONFIG}", "--workdir={run}", *_fields(TINY), "--config.data.name=digits"]
    return Case("damaged cache", arguments, prepare, {"GAN_JAX_CACHE": "{place}/cache"})


def _flags(rng: random.Random) -> Case:
    """A flag of any mode with a wrong value, of a run that is whole."""
    mode, value = rng.choice(USES["gan"]), rng.choice(TEXTS)
    flag = rng.choice(["num", "sample_seed", "step", "out", "mode", "workdir", "config", "helpp", "config.seed"])
    if flag in ("out", "workdir", "config"):
        value = "{place}/" + value  # nothing outside is to be written
    arguments = ["--workdir={run}", *_use(mode), *(_fields(TINY) if mode == "train" else []), f"--{flag}={value}"]
    return Case(f"--mode={mode} --{flag}={value[:60]!r}", arguments, _whole)


def _weights(rng: random.Random) -> Case:
    """An evaluation by InceptionV3 whose weights are none."""
    kind, seed = rng.choice(["garbage", "other arrays", "text", "folder", "none", "pickle"]), rng.getrandbits(64)

    def prepare(place: Path, held: Path) -> None:
        _whole(place, held)
        run = json.loads((place / "run" / "config.json").read_text())
        path, about = place / "weights.npz", np.array(json.dumps({"name": inception.NAME}))
        run["config"]["evaluators"]["samples"] |= {"features": "inception", "weights": str(path)}
        (place / "given.json").write_text(json.dumps(run))
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

    arguments = ["--workdir={run}", "--config={place}/given.json", "--mode=evaluate"]
    return Case(f"weights of inception: {kind}", arguments, prepare)


def _places(rng: random.Random) -> Case:
    """A work directory, or a file to write, at a place that is none."""
    kind = rng.choice(
        ["a file", "in a file", "a long name", "a loop", "a strange name", "a dangling link", "another's folder"]
    )
    name = {"in a file": "taken/run", "a long name": "x" * 300, "a strange name": "a\nb \u202e%s{}"}.get(kind, "taken")
    mode, is_out = rng.choice(USES["gan"]), rng.random() < 0.5
    out = name + SUFFIXES.get(mode, "")

    def prepare(place: Path, held: Path) -> None:
        _whole(place, held)
        taken = place / (out.partition("/")[0] if is_out else "taken")
        if kind in ("a loop", "a dangling link"):
            taken.symlink_to(taken if kind == "a loop" else place / "nowhere" / "x")
        elif kind == "another's folder":
            taken.mkdir()
            (taken / "thing").write_text("mine")
        elif kind in ("a file", "in a file"):
            taken.write_text("mine")

    where = (
        ["--workdir={run}", "--out={place}/" + out] if is_out and mode in SUFFIXES else ["--workdir={place}/" + name]
    )
    more = _fields(TINY) if mode == "train" else []
    return Case(f"--mode={mode} at a place that is {kind}", [*_use(mode), *where, *more], prepare)


def _use(mode: str) -> list[str]:
    """The flags of a mode, which writes a small file."""
    out = ["--out={place}/out" + SUFFIXES[mode]] if mode in SUFFIXES else []
    return [f"--mode={mode}", *out, *(["--num=4"] if mode == "sample" else [])]


def _fields(values: dict) -> list[str]:
    return [f"--config.{name}={value}" for name, value in values.items()]


def _whole(place: Path, held: Path) -> None:
    shutil.copytree(held / "gan", place / "run")


def _damage(rng: random.Random, folder: Path) -> None:
    """Makes one file or folder of a tree, itself among them, another thing, or adds one that is none of its."""
    places = sorted(folder.rglob("*"))
    path = rng.choice([*places, *places, folder])
    if rng.random() < 0.2:
        path = rng.choice([folder, *(place for place in places if place.is_dir())]) / rng.choice(STRAY)
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
