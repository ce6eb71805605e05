"""Cases of bad_input.py: what a run is put to, in which surroundings: other data, flags, paths, settings of JAX."""

import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gan_jax import config as configs
from gan_jax.command_flags import USED_BY
from scripts import bad_data
from scripts.bad_files import SUFFIXES, USES
from scripts.bad_values import TEXTS, TINY, Case

CONFIGS = Path(__file__).parents[1] / "configs"
SET = bad_data.Prepared(channels=1, declared=("8", "8", 1))
"""The data that the held run `own` is trained on."""
SAVED = (1, 2)
RULES = ("min samples/frechet/pixels", "max samples/frechet/pixels", "min samples/frechet/pixels/std")
FLAGS = {"step": "2", "num": "4", "out": "{place}/out", "sample_seed": "3", "split": "train"}
FLAGS |= {"coordinator": "localhost:1", "processes": "2", "process": "1"}
OTHERS: tuple[tuple[dict[str, Any], bool | None], ...] = (  # what is other about the data, whether the run sees it
    ({}, False),
    ({"seed": 1}, True),
    ({"first": 1}, True),
    ({"top": 254}, True),
    ({"n": 39}, True),
    ({"n": 80}, True),
    ({"encoding": "JPEG"}, True),
    ({"label": None}, True),
    ({"classes": "4"}, None),
    ({"varied": True}, True),
    ({"missing": True}, True),
    ({"splits": ("train",)}, True),
    ({"version": "2.0.0", "seed": 1}, True),
    ({"version": "0.9.0", "seed": 1}, False),
)
SETTINGS: tuple[tuple[str, Any, bool], ...] = (
    ("jax_enable_x64", True, True),
    ("jax_default_matmul_precision", "float32", True),
    ("jax_default_matmul_precision", "bfloat16", True),
    ("jax_threefry_partitionable", False, True),
    ("jax_numpy_dtype_promotion", "strict", True),
    ("jax_default_prng_impl", "rbg", False),
    ("jax_default_prng_impl", "unsafe_rbg", False),
    ("jax_random_seed_offset", 7, True),
    ("jax_log_compiles", True, False),
)
ENVIRONMENTS: dict[str, tuple[str, ...]] = {
    "JAX_PLATFORMS": ("cuda", "tpu", "nonsense", "", "cpu", "cuda,cpu"),
    "JAX_ENABLE_X64": ("1", "x", "0"),
    "JAX_DEBUG_NANS": ("1", "x"),
    "JAX_DEBUG_INFS": ("1",),
    "JAX_DEFAULT_PRNG_IMPL": ("rbg", "nonsense"),
    "JAX_DISABLE_JIT": ("1",),
    "JAX_NUMPY_RANK_PROMOTION": ("raise", "x"),
    "JAX_NUMPY_DTYPE_PROMOTION": ("strict",),
    "JAX_DEFAULT_MATMUL_PRECISION": ("highest", "x"),
    "JAX_CHECK_TRACER_LEAKS": ("1",),
    "JAX_LOG_COMPILES": ("1",),
    "JAX_TRACEBACK_FILTERING": ("off", "x"),
    "JAX_COMPILATION_CACHE_DIR": ("/dev/null/x", "", "{place}/c"),
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": ("x", "-1"),
    "JAX_NUM_CPU_DEVICES": ("0", "x", "3"),
    "XLA_FLAGS": ("--xla_force_host_platform_device_count=3",),
    "JAX_TRANSFER_GUARD": ("disallow", "x"),
    "GAN_JAX_CACHE": ("/dev/null/x", "", "\udcff"),
    "TFDS_DATA_DIR": ("/dev/null/x", "~/nothing"),
    "PYTHONWARNINGS": ("error", "always"),
    "PYTHONIOENCODING": ("ascii", "latin-1", "utf-16", "cp037"),
    "LC_ALL": ("C", "nonsense"),
    "HOME": ("", "/dev/null", "{place}"),
    "COLUMNS": ("1", "x"),
    "TMPDIR": ("/dev/null",),
}
NAMES = ("~/{}", "~nobody/{}", "{}\udcff", "{}\0", "{place}/a\0/{}", "{place}/\ud800{}", "{place}/" + "x" * 300 + "{}")
NAMES += ("{place}/" + "d/" * 3000 + "{}", "{place}/λ{}", "{place}/a b{}", "{place}/~/{}", "{place}/new/er/{}")
NAMES += ("{place}/a\n{}", "{place}/%s{}", "{place}//./{}", "{place}/new/../{}", "{place}/" + "λ" * 140 + "{}")


def of_resumes(rng: random.Random) -> Case:
    """A run that is gone on with, or put to use, on other data, with other settings of JAX, or with other fields."""
    kind, mode = rng.choice(("data", "data", "settings", "fields")), rng.choice(USES["gan"])
    arguments, door = _use(mode, ["--config.steps=4"] if mode == "train" else []), mode == "train"
    goes_on = ("taken",) if door else ("done",)
    if kind == "settings":
        name, value, counts = rng.choice(SETTINGS)
        right = ("refused",) if counts else goes_on
        about = f"--mode={mode} with {name}={value}"
        return Case(about, arguments, _own(SET), _data(), door, settings={name: value}, right=right)
    if kind == "data":
        change, counts = rng.choice(OTHERS)
        right = ("refused",) if counts and mode in ("train", "evaluate") else goes_on
        right = ("refused", *goes_on) if counts is None else right
        about = f"--mode={mode} on data with {change}"
        return Case(about, arguments, _own(SET._replace(**change)), _data(), door, right=right)
    field, value = rng.choice(list(_changed(rng).items()))
    free = configs.is_free(field)
    right = goes_on if free and mode == "train" else ("refused",)
    about = f"--mode={mode} with --config.{field}={value}"
    arguments = ["--config={run}/config.json", *arguments, f"--config.{field}={value}"]
    return Case(about, arguments, _own(SET), _data(), door, right=right)


def _changed(rng: random.Random) -> dict[str, Any]:
    """Fields of the held run, with other values than it has, that are right in themselves."""
    return {
        "seed": 1,
        "batch_size": 8,
        "dtype": "bfloat16",
        "data.range": "(-2, 2)" if rng.random() < 0 else "(-1.0, 1.0001)",
        "data.split": "test",
        "step_rule.name": "simultaneous",
        "players.critic.ema": 0.5,
        "players.generator.optimizer.learning_rate": 0.5,
        "networks.critic.widths": "(7,)",
        "samplers.z.dim": 3,
        "steps": 9,
        "log_every_steps": 2,
        "keep_checkpoints": 9,
        "parallel": "shard_map",
        "steps_per_call": 1,
    }


def of_flags(rng: random.Random) -> Case:
    """Flags that a mode uses or not, steps that there are or not, and rules by which a checkpoint is kept."""
    kind, mode = rng.choice(("flags", "steps", "rules")), rng.choice(("train", "sample", "interpolate", "evaluate"))
    if kind == "flags":
        given = rng.sample(list(FLAGS), rng.choice((1, 2, 3)))
        unused = [flag for flag in given if mode not in USED_BY[flag]]
        flags = [f"--{flag}={FLAGS[flag]}{SUFFIXES.get(mode, '') * (flag == 'out')}" for flag in given]
        right = ("refused",) if unused or mode == "interpolate" else ()
        if mode == "train" and not unused:
            return of_flags(rng)  # it would wait for other processes
        named = [f"--{flag}" for flag in unused]

        def check(place: Path, words: str) -> str:
            del place
            return "" if all(name in words for name in named) else f"{named} are not named: {words[-300:]}"

        right = ("refused",) if unused else ("refused", "done")
        return Case(f"--mode={mode} {flags}", [*_use(mode), *flags], _own(SET), _data(), right=right, check=check)
    if kind == "steps":
        mode = rng.choice(USES["gan"][1:])
        step = rng.choice((*TEXTS, "1", "2", "01", "best", "3", "-1", "newest", " 2", "2 ", "+2", "2.0", "\udcff"))
        there = step == "best" or (step.isascii() and step.isdecimal() and len(step) < 20 and int(step) in SAVED)
        right = ("done",) if there else ("refused",)
        return Case(
            f"--mode={mode} --step={step[:60]!r}", [*_use(mode), f"--step={step}"], _own(SET), _data(), right=right
        )
    rule = rng.choice((*RULES, *(_mistyped(rng, rule) for rule in RULES)))
    right = ("taken",) if rule in RULES else ("refused",)
    arguments = ["--workdir={run}", "--config={run}/config.json", "--config.steps=4", f"--config.keep_best={rule}"]
    return Case(f"--config.keep_best={rule!r}", arguments, _own(SET), _data(), True, right=right)


def _mistyped(rng: random.Random, text: str) -> str:
    """A text with a letter gone, doubled or another one."""
    at = rng.randrange(len(text))
    return text[:at] + rng.choice(("", text[at] * 2, "q")) + text[at + 1 :]


def of_paths(rng: random.Random) -> Case:
    """A path of any flag: what `~` stands for, and names that no system, or not this one, can write."""
    name, flag = rng.choice(NAMES), rng.choice(("out", "workdir", "config"))
    if flag == "out":
        arguments, last = ["--workdir={run}", "--mode=sample", "--num=4"], "x.npz"
    elif flag == "workdir":
        arguments, last = [f"--config={CONFIGS / 'mnist_gan.py'}", *_fields(TINY), "--config.data.name=digits"], "made"
    else:
        arguments, last = ["--workdir={run}", "--mode=evaluate"], "given.json"
    given = name.replace("{}", last)
    home = name == "~/{}"
    right = ("done", "taken") if home else ("refused", "done", "taken")

    def prepare(place: Path, held: Path) -> None:
        _own(SET)(place, held)
        shutil.copy(place / "run" / "config.json", place / "given.json")

    def check(place: Path, words: str) -> str:
        del words
        return "" if not home or (place / last).exists() else f"{place / last} was not made"

    environment = _data() | {"HOME": "{place}"}
    if "\0" in given or "\ud800" in given or "\udcff" in given:
        right = ("refused",)
    return Case(
        f"--{flag}={given[:80]!r}",
        [*arguments, f"--{flag}={given}"],
        prepare,
        environment,
        True,
        right=right,
        check=check,
    )


def of_absent_data(rng: random.Random) -> Case:
    """A run put to use where its data are not at hand: samples and walks need none."""
    mode = rng.choice(USES["gan"])
    arguments = _use(mode, ["--config.steps=4"] if mode == "train" else [])
    right = ("done",) if mode in ("sample", "interpolate") else ("refused",)

    def prepare(place: Path, held: Path) -> None:
        shutil.copytree(held / "own", place / "run")

    return Case(f"--mode={mode} without the data", arguments, prepare, _data(), True, right=right)


def of_environments(rng: random.Random) -> Case:
    """Training, or sampling, as a process of its own with one thing or two in its environment that are odd."""
    chosen = {name: rng.choice(ENVIRONMENTS[name]) for name in rng.sample(list(ENVIRONMENTS), rng.choice((1, 1, 2)))}
    mode = rng.choice(("train", "train", "sample"))
    arguments = ["--workdir={place}/λ", "--mode=sample", "--num=4", "--out={place}/λ.npz"]
    if mode == "train":
        more = {**TINY, "data.name": "digits", "evaluators": "none"}
        if rng.random() < 0.3:
            more["players.critic.optimizer.learning_rate"] = "1e38"
        arguments = [f"--config={CONFIGS / 'mnist_gan.py'}", "--workdir={place}/new λ", *_fields(more)]

    def prepare(place: Path, held: Path) -> None:
        shutil.copytree(held / "gan", place / "λ")

    about = f"--mode={mode} with {chosen}, {arguments[-1]}"
    return Case(about, arguments, prepare, chosen, process=True, right=("refused", "done", "diverged"))


def _use(mode: str, more: list[str] | tuple[()] = ()) -> list[str]:
    out = [f"--out={{place}}/out{SUFFIXES[mode]}"] if mode in SUFFIXES else []
    return ["--workdir={run}", f"--mode={mode}", *out, *(["--num=4"] if mode == "sample" else []), *more]


def _own(made: bad_data.Prepared) -> Callable[[Path, Path], None]:
    """Lays out the held run `own`, and a set in the place of its data; an own version of it lies beside."""

    def prepare(place: Path, held: Path) -> None:
        shutil.copytree(held / "own", place / "run")
        if made.version != SET.version:
            bad_data.write(place / "tfds", "mine", SET)
        bad_data.write(place / "tfds", "mine", made)

    return prepare


def _data() -> dict[str, str]:
    return {"TFDS_DATA_DIR": "{place}/tfds", "GAN_JAX_CACHE": "{place}/cache"}


def _fields(values: dict[str, Any]) -> list[str]:
    return [f"--config.{name}={value}" for name, value in values.items()]
