"""Cases of bad_input.py: wrong values for the fields of configs, on the command line and in a config.json."""

import json
import random
import re
import string
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from gan_jax import config as configs
from gan_jax.config.values import flatten

TINY = {
    "steps": 2,
    "batch_size": 4,
    "steps_per_call": 2,
    "log_every_steps": 1,
    "sample_every_steps": 2,
    "evaluate_every_steps": 0,
    "checkpoint_every_steps": 2,
}
SMALL = {"samples": 20, "references": 100, "seeds": 2, "metrics": ("frechet",)}
"""Fields that make an evaluator fast enough for a training run."""

INTEGERS = ["0", "1", "-1", "2", "3", "5", "17", "1000", *map(str, (2**31 - 1, 2**31, 2**63, -(2**63), 10**400))]
FLOATS = ["0", "-0.0", "1", "-1", "0.5", "2.0", "7", "nan", "inf", "-inf", "1e30", "-1e30", "1e39", "1e-45", "1e400"]
ODD = ["", " ", "0x10", "1_0", "1j", "07", "1,2", "True", "None", "lambda: 1", "x" * 100_000, "a\nb", "\r\n", "\t"]
ODD += ["()", "(0,)", "(-1, 4)", "(1e30, 1)", "('a',)", "(nan, 1)", "((1, 2), 3)", "(1,) * 9", "[]", "[1]", "{}"]
ODD += ["(1,", "\x1b[31m", "\u202e", "ä", "\U0001f600", "数字", "٣", "\ud800", "%s", "{x}", "=", "'", '"', "\\", "-"]
ODD += ["--", ".", "..", "../../etc/passwd", "/", "*"]
NAMES = re.findall(
    r"\S+",
    """
    name __class__ __init__.x adam sgd rmsprop chain masked inject_hyperparams GradientTransformation clip trace
    linear_schedule cosine_decay_schedule relu gelu tanh lecun_normal BatchNorm InstanceNorm NoNorm orthogonal
    dcgan.Critic mlp.Critic mlp.Generator pacgan.Generator vae.vae vae.Encoder vae.Decoder autoencoder.Decoder
    normal uniform autoencoder.denoising autoencoder.tied adversarial.minimax adversarial.wasserstein_gp
    vae.iwae classifier.cross_entropy simultaneous alternating_on_one_batch bernoulli learned_normal labels
    gaussian masking digits ring grid feed base mnist mnist/x mnist:9.9.9 imagenet2012 samples.distribution
    likelihood.likelihood modes.gaussians reconstruction.subspace classes.agreement test train train[:0] train[
    train[:1e9] train+ all train[:-1] train[50%:10%] pixels inception digits-v1 float64 int32 complex64 bfloat16
    float32
    """,
)
NAMES += ["min likelihood/nll", "max samples/x", "max /", "min"]
TEXTS = [*INTEGERS, *FLOATS, *ODD, *NAMES]
JSON: list[Any] = [None, True, False, 0, 1, 2, -1, 1.5, -1e30, 1e30, 2**31, 2**63, 10**400, float("nan")]
JSON += [
    float("inf"),
    "",
    [],
    {},
    [0],
    [1],
    [3, 3],
    [-1, 1],
    ["a"],
    [[1, 2], 3],
    [None],
    [2**40] * 3,
    "\0",
    "a\0b",
    *NAMES,
]
JSON += ["a\0b", *NAMES, {"name": "adam"}, {"name": "relu"}, {"name": 3}, {"name": None}, {"x": 1}]
HOW = ["lost", "other", "other", "other", "more", "renamed"]
KEYS = ["x", "name", "seed", "", "a.b", "\0", "ä"]


class Case(NamedTuple):
    """A command line without its program, with placeholders `{run}` and `{folder}` for paths, and what it tests.

    Attributes:
        prepare: `(folder, runs) -> None` writes its files to an empty folder; `runs` has whole runs by name.
        environment: variables to set; `{folder}` is replaced by the folder's path.
        dry_run: True to stop before the first training step. trains: True to train afterwards, if it is accepted.
        settings: JAX's settings, set in this process.
        process: True to run in its own process.
        right: the kinds of outcome that are right; any of the usual ones for ().
        check: `(folder, stderr) -> what is wrong`, '' for nothing.
    """

    about: str
    arguments: list[str]
    prepare: Callable[[Path, Path], None] = lambda folder, runs: None
    environment: Mapping[str, str] = MappingProxyType({})
    dry_run: bool = False
    trains: bool = False
    settings: Mapping[str, Any] = MappingProxyType({})
    process: bool = False
    right: tuple[str, ...] = ()
    check: Callable[[Path, str], str] = lambda folder, stderr: ""


@cache
def fields(files: tuple[Path, ...]) -> tuple[tuple[Path, str], ...]:
    """Returns every field of these configs, with its file."""
    return tuple((file, field) for file in files for field, _ in flatten(configs.load(file).to_dict()))


def of_command(rng: random.Random, file: Path, field: str) -> Case:
    """Returns a case of a field's value on the command line; sometimes of another field too, or of an unknown field."""
    text = _text(rng, file, field)
    wrong = [(field, text)]
    if rng.random() < 0.1:
        other = rng.choice(fields((file,)))[1]
        wrong.append((other, _text(rng, file, other)))
    if rng.random() < 0.05:
        wrong = [(rng.choice([f"{field}x", f"{field}.x", field.rpartition(".")[0], f".{field}", field[1:]]), text)]
    arguments = [f"--config.{name}={value}" for name, value in (*_tiny(file, field).items(), *wrong)]
    about = ", ".join(f"{name}={value[:60]!r}" for name, value in wrong)
    return Case(f"{file.name}: {about}", [f"--config={file}", "--workdir={run}", *arguments], dry_run=True)


def of_json(rng: random.Random, file: Path, field: str) -> Case:
    """Returns a case of a config.json in which a field or a block is missing, renamed, changed or added."""
    config = configs.load(file)
    config.update_from_flattened_dict(_tiny(file, field))
    tree = configs.to_json(config)
    *path, last = field.split(".")[: rng.choice([1, 2, 99, 99, 99])]
    block = tree
    for part in path:
        block = block[part]
    how, value, key = rng.choice(HOW), rng.choice(JSON), rng.choice(KEYS)
    before = block[last]
    if how in ("lost", "renamed"):
        del block[last]
    if how != "lost":
        block[last if how == "other" else key] = before if how == "renamed" else value

    def prepare(folder: Path, runs: Path) -> None:
        del runs
        (folder / "given.json").write_text(json.dumps({"format": configs.FORMAT, "config": tree}))

    about = f"{file.name} as JSON: {'.'.join((*path, last))} is {how}, {str(value)[:60]!r}, {key!r}"
    return Case(about, ["--config={folder}/given.json", "--workdir={run}"], prepare, dry_run=True)


def _tiny(file: Path, field: str) -> dict[str, Any]:
    """Returns fields that make a config's run small, except for the tested field."""
    config = configs.load(file).to_dict()
    values: dict[str, Any] = {name: value for name, value in TINY.items() if config[name]}  # a period of 0: never
    for name, evaluator in (config.get("evaluators") or {}).items():
        values |= {f"evaluators.{name}.{key}": value for key, value in SMALL.items() if key in evaluator}
    if field.startswith("evaluators"):
        values["evaluate_every_steps"] = 2
    return {name: value for name, value in values.items() if name != field}


def _text(rng: random.Random, file: Path, field: str) -> str:
    """Returns a wrong value for a field, mostly of its type."""
    usual = dict(flatten(configs.load(file).to_dict()))[field]
    if rng.random() < 0.1:
        return "".join(rng.choice(string.printable + "äß\u0301é") for _ in range(rng.randrange(1, 30)))
    if rng.random() < 0.3:
        return rng.choice(TEXTS)
    if isinstance(usual, tuple):
        entry = rng.choice([0, -1, 1, 2, 3, 1.5, 1e30, 2**31, 10**20, "a", None, (), *usual])
        index = rng.randrange(len(usual) + 1)
        return str((*usual[:index], entry, *usual[index + 1 :]))
    return rng.choice({int: INTEGERS, float: FLOATS}.get(type(usual), NAMES))
