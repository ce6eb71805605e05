"""Cases of bad_input.py: uses of a run with other data, flags, paths, environments or settings of JAX."""

import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gan_jax import config as configs
from gan_jax.command.flags import USED_BY
from scripts import bad_prepared
from scripts.bad_files import SUFFIXES, USES
from scripts.bad_values import TEXTS, TINY, Case

CONFIGS = Path(__file__).parents[1] / "configs"
SET = bad_prepared.Prepared(channels=1, declared=("8", "8", 1))
"""The data that the run `own` is trained on."""
SAVED = (1, 2)
RULES = ("min samples/frechet/pixels", "max samples/frechet/pixels", "min samples/frechet/pixels/std")
FLAGS = {"step": "2", "num": "4", "out": "{folder}/out", "sample_seed": "3", "split": "train"}
FLAGS |= {"coordinator": "localhost:1", "processes": "2", "process": "1"}
OTHERS: tuple[tuple[dict[str, Any], bool | None], ...] = (  # what differs in the data, and whether a run notices
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
    "JAX_COMPILATION_CACHE_DIR": ("/dev/null/x", "", "{folder}/c"),
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": ("x", "-1"),
    "JAX_NUM_CPU_DEVICES": ("0", "x", "3"),
    "XLA_FLAGS": ("--xla_force_host_platform_device_count=3",),
    "JAX_TRANSFER_GUARD": ("disallow", "x"),
    "GAN_JAX_CACHE": ("/dev/null/x", "", "\udcff"),
    "TFDS_DATA_DIR": ("/dev/null/x", "~/nothing"),
    "PYTHONWARNINGS": ("error", "always"),
    "PYTHONIOENCODING": ("ascii", "latin-1", "utf-16", "cp037"),
    "LC_ALL": ("C", "nonsense"),
    "HOME": ("", "/dev/null", "{folder}"),
    "COLUMNS": ("1", "x"),
    "TMPDIR": ("/dev/null",),
}
NAMES = (
    "~/{}",
    "~nobody/{}",
    "{}\udcff",
    "{}\0",
    "{folder}/a\0/{}",
    "{folder}/\ud800{}",
    "{folder}/" + "x" * 300 + "{}",
)
NAMES += ("{folder}/" + "d/" * 3000 + "{}", "{folder}/λ{}", "{folder}/a b{}", "{folder}/~/{}", "{folder}/new/er/{}")
NAMES += ("{folder}/a\n{}", "{folder}/%s{}", "{folder}//./{}", "{folder}/new/../{}", "{folder}/" + "λ" * 140 + "{}")


def of_resumes(rng: random.Random) -> Case:
    """Returns a case of a run resumed or used on other data, with other settings of JAX, or with other fields."""
    kind, mode = rng.choice(("data", "data", "settings", "fields")), rng.choice(USES["gan"])
    arguments, dry_run = _use(mode, ["--config.steps=4"] if mode == "train" else []), mode == "train"
    accepted = ("accepted",) if dry_run else ("done",)
    if kind == "settings":
        name, value, counts = rng.choice(SETTINGS)
        right = ("refused",) if counts else accepted
        about = f"--mode={mode} with {name}={value}"
        return Case(about, arguments, _own(SET), _data(), dry_run, settings={name: value}, right=right)
    if kind == "data":
        change, counts = rng.choice(OTHERS)
        right = ("refused",) if counts and mode in ("train", "evaluate") else accepted
        right = ("refused", *accepted) if counts is None else right
        about = f"--mode={mode} on data with {change}"
        return Case(about, arguments, _own(SET._replace(**change)), _data(), dry_run, right=right)
    field, value = rng.choice(list(_changed(rng).items()))
    free = configs.is_free(field)
    right = accepted if free and mode == "train" else ("refused",)
    about = f"--mode={mode} with --config.{field}={value}"
    arguments = ["--config={run}/config.json", *arguments, f"--config.{field}={value}"]
    return Case(about, arguments, _own(SET), _data(), dry_run, right=right)


def _changed(rng: random.Random) -> dict[str, Any]:
    """Returns fields of the run `own` with other valid values."""
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
    """Returns a case of flags that a mode uses or not, of steps that exist or not, or of rules for the best step."""
    kind, mode = rng.choice(("flags", "steps", "rules")), rng.choice(("train", "sample", "interpolate", "evaluate"))
    if kind == "flags":
        given = rng.sample(list(FLAGS), rng.choice((1, 2, 3)))
        unused = [flag for flag in given if mode not in USED_BY[flag]]
        flags = [f"--{flag}={FLAGS[flag]}{SUFFIXES.get(mode, '') * (flag == 'out')}" for flag in given]
        right = ("refused",) if unused or mode == "interpolate" else ()
        if mode == "train" and not unused:
            return of_flags(rng)  # it would wait for other processes
        named = [f"--{flag}" for flag in unused]

        def check(folder: Path, stderr: str) -> str:
            del folder
            return "" if all(name in stderr for name in named) else f"{named} are not named: {stderr[-300:]}"

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
    right = ("accepted",) if rule in RULES else ("refused",)
    arguments = ["--workdir={run}", "--config={run}/config.json", "--config.steps=4", f"--config.keep_best={rule}"]
    return Case(f"--config.keep_best={rule!r}", arguments, _own(SET), _data(), True, right=right)


def _mistyped(rng: random.Random, text: str) -> str:
    """Returns a text with a letter missing, doubled or replaced."""
    at = rng.randrange(len(text))
    return text[:at] + rng.choice(("", text[at] * 2, "q")) + text[at + 1 :]


def of_paths(rng: random.Random) -> Case:
    """Returns a case of any flag's path, with `~` or a name that cannot be written."""
    name, flag = rng.choice(NAMES), rng.choice(("out", "workdir", "config"))
    if flag == "out":
        arguments, last = ["--workdir={run}", "--mode=sample", "--num=4"], "x.npz"
    elif flag == "workdir":
        arguments, last = [f"--config={CONFIGS / 'mnist_gan.py'}", *_fields(TINY), "--config.data.name=digits"], "made"
    else:
        arguments, last = ["--workdir={run}", "--mode=evaluate"], "given.json"
    given = name.replace("{}", last)
    home = name == "~/{}"
    right = ("done", "accepted") if home else ("refused", "done", "accepted")

    def prepare(folder: Path, runs: Path) -> None:
        _own(SET)(folder, runs)
        shutil.copy(folder / "run" / "config.json", folder / "given.json")

    def check(folder: Path, stderr: str) -> str:
        del stderr
        return "" if not home or (folder / last).exists() else f"{folder / last} was not made"

    environment = _data() | {"HOME": "{folder}"}
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
    """Returns a case of a run without its data. Samples and walks need none."""
    mode = rng.choice(USES["gan"])
    arguments = _use(mode, ["--config.steps=4"] if mode == "train" else [])
    right = ("done",) if mode in ("sample", "interpolate") else ("refused",)

    def prepare(folder: Path, runs: Path) -> None:
        shutil.copytree(runs / "own", folder / "run")

    return Case(f"--mode={mode} without the data", arguments, prepare, _data(), True, right=right)


def of_environments(rng: random.Random) -> Case:
    """Returns a case of training or sampling in its own process, with one or two odd environment variables."""
    chosen = {name: rng.choice(ENVIRONMENTS[name]) for name in rng.sample(list(ENVIRONMENTS), rng.choice((1, 1, 2)))}
    mode = rng.choice(("train", "train", "sample"))
    arguments = ["--workdir={folder}/λ", "--mode=sample", "--num=4", "--out={folder}/λ.npz"]
    if mode == "train":
        more = {**TINY, "data.name": "digits", "evaluators": "none"}
        if rng.random() < 0.3:
            more["players.critic.optimizer.learning_rate"] = "1e38"
        arguments = [f"--config={CONFIGS / 'mnist_gan.py'}", "--workdir={folder}/new λ", *_fields(more)]

    def prepare(folder: Path, runs: Path) -> None:
        shutil.copytree(runs / "gan", folder / "λ")

    about = f"--mode={mode} with {chosen}, {arguments[-1]}"
    return Case(about, arguments, prepare, chosen, process=True, right=("refused", "done", "diverged"))


def _use(mode: str, more: list[str] | tuple[()] = ()) -> list[str]:
    out = [f"--out={{folder}}/out{SUFFIXES[mode]}"] if mode in SUFFIXES else []
    return ["--workdir={run}", f"--mode={mode}", *out, *(["--num=4"] if mode == "sample" else []), *more]


def _own(made: bad_prepared.Prepared) -> Callable[[Path, Path], None]:
    """Returns a function that writes the run `own` and this data set, beside the run's if its version differs."""

    def prepare(folder: Path, runs: Path) -> None:
        shutil.copytree(runs / "own", folder / "run")
        if made.version != SET.version:
            bad_prepared.write(folder / "tfds", "mine", SET)
        bad_prepared.write(folder / "tfds", "mine", made)

    return prepare


def _data() -> dict[str, str]:
    return {"TFDS_DATA_DIR": "{folder}/tfds", "GAN_JAX_CACHE": "{folder}/cache"}


def _fields(values: dict[str, Any]) -> list[str]:
    return [f"--config.{name}={value}" for name, value in values.items()]
