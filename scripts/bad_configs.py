"""Cases of bad_input.py: Python config files with values of every kind, and ranges that do or do not fit networks."""

import random
from collections.abc import Callable
from pathlib import Path

from gan_jax import layers
from scripts.bad_values import TINY, Case, fields

CONFIGS = Path(__file__).parents[1] / "configs"
HEAD = """
from __future__ import annotations
import collections, dataclasses, datetime, decimal, enum, fractions, functools, pathlib, types, typing
import jax, jax.numpy as jnp, ml_collections, numpy as np, optax
from flax import linen as nn
from ml_collections import ConfigDict, FrozenConfigDict
from configs{package} import {module}

class Whole(enum.IntEnum):
    ONE = 1

class Word(str):
    pass

class Number(int):
    pass

class Mute:
    def __repr__(self):
        raise ValueError("no\\nwords")

@dataclasses.dataclass
class Block:
    name: str = "adam"
    learning_rate: float = 1e-3

class Pair(typing.NamedTuple):
    a: int = 1
    b: float = 2.0

def itself():
    loop = []
    loop.append(loop)
    return loop

def deep(levels):
    return functools.reduce(lambda inner, _: (inner,), range(levels), 1)

def gone():
    array = jnp.arange(3)
    array.delete()
    return array

"""
NUMBERS = ("0", "1", "2", "-1", "4", "0.5", "1e-3", "True", "1e30", "float('nan')", "10**30", "10**5000", "-0.0")
NUMPY = ("bool_", "int8", "uint8", "int32", "int64", "uint64", "float16", "float32", "float64", "longdouble")
NUMPY += ("complex64", "complex128", "str_", "bytes_", "object_", "datetime64", "timedelta64", "void")
JAX = ("bool_", "int8", "uint16", "int32", "bfloat16", "float16", "float32", "float8_e4m3fn", "complex64")
FUNCTIONS = ("jax.nn.silu", "lambda x: x", "functools.partial(nn.leaky_relu, negative_slope=0.1)", "print", "nn.Dense")
FUNCTIONS += ("nn.Dense(3)", "optax.adam(1e-3)", "optax.linear_schedule(1, 0, 9)", "jax.jit(jnp.tanh)", "np.add", "str")
FUNCTIONS += (
    "jnp.tanh",
    "nn.initializers.lecun_normal()",
    "Block",
    "Mute",
    "jnp.float32",
    "np.float64",
    "Block.__init__",
)
THINGS = ("np.dtype('float32')", "jnp.dtype('bfloat16')", "np.dtype([('a', 'i4')])", "pathlib.Path('/a/b')", "b'adam'")
THINGS += ("bytearray(b'x')", "memoryview(b'x')", "range(3)", "(n for n in [1])", "Whole.ONE", "Word('adam')", "Mute()")
THINGS += (
    "Number(3)",
    "Block()",
    "Pair()",
    "itself()",
    "gone()",
    "1j",
    "decimal.Decimal('0.1')",
    "deep(99)",
    "object()",
)
THINGS += (
    "fractions.Fraction(1, 3)",
    "datetime.date(2020, 1, 1)",
    "jax.random.key(0)",
    "jax.devices()[0]",
    "deep(9999)",
)
THINGS += (
    "np.ma.array([1, 2], mask=[0, 1])",
    "np.zeros((0,))",
    "np.zeros((2, 0))",
    "np.array([{{'a': 1}}])",
    "Ellipsis",
)
THINGS += (
    "NotImplemented",
    "types",
    "np.random.default_rng(0)",
    "ml_collections.FieldReference(3)",
    "slice(3)",
    "None",
)
THINGS += ("ml_collections.config_dict.placeholder(int)", "ml_collections.config_dict.required_placeholder(str)")
THINGS += ("types.SimpleNamespace(a=1)", "collections.deque([1])", "collections.Counter('ab')", "np.matrix([[1, 2]])")
THINGS += ("'\\ud800'", "'a\\0b'", "'\\n'", "'x' * 10**6", "np.nan", "np.array(np.inf)", "jnp.zeros(())", "''")
WRAPS = ("({},)", "[{}, {}]", "{{'name': {}}}", "{{'name': 'adam', 'x': {}}}", "{{{}, 2}}", "frozenset(({},))")
WRAPS += (
    "ConfigDict({{'a': {}}})",
    "FrozenConfigDict({{'a': {}}})",
    "types.MappingProxyType({{'a': {}}})",
    "{{3: {}}}",
)
WRAPS += ("collections.OrderedDict(name={})", "collections.defaultdict(int, a={})", "{{'a.b': {}}}", "{{None: {}}}")
WRAPS += ("np.array({}, dtype=object)", "({}, {})", "iter([{}])", "{{'': {}}}", "map(str, [{}])", "Block(name={})")
WAYS = (
    "c.{field} = {value}",
    "c.{field} = {value}",
    "c = ConfigDict(put(c.to_dict(), {field!r}, {value}))",
    "c.update_from_flattened_dict({{{field!r}: {value}}})",
    "with c.ignore_type(): c.{field} = {value}",
    "c.{block}another = {value}",
    "object.__setattr__(c, 'steps', {value})",
)
PUT = """
def put(tree, field, value):
    *path, last = field.split(".")
    block = functools.reduce(lambda block, part: block[part], path, tree)
    block[last] = value
    return tree

"""
ENDS = (
    "c",
    "c",
    "c",
    "c",
    "c",
    "c",
    "c.lock()",
    "FrozenConfigDict(c)",
    "c.to_dict()",
    "None",
    "c.copy_and_resolve_references()",
)
LAST: dict[str, tuple[float, float] | None] = {"tanh": (-1, 1), "sigmoid": (0, 1), "relu6": (0, 6), "identity": None}
LAST |= {"soft_sign": (-1, 1), "hard_tanh": (-1, 1), "hard_sigmoid": (0, 1)}
LAST |= dict.fromkeys(HALF := ("silu", "gelu", "relu", "softplus", "elu"))
"""Activations and the ranges of their outputs, None without two bounds. Those in HALF have a lower bound."""
RANGES = (
    (-1, 1),
    (0, 1),
    (0, 6),
    (-2, 2),
    (0, 255),
    (-0.5, 0.5),
    (-1, 1.0000001),
    (0, 2),
    (-3, -1),
    (1e-3, 1),
    (-1, 0),
)


def of_python(rng: random.Random, files: tuple[Path, ...]) -> Case:
    """Returns a case of a config file that sets a field to any value in any way. It is refused, or reads back equal."""
    file, field = rng.choice(fields(files))
    value = _value(rng)
    block = field.rpartition(".")[0]
    way = rng.choice(WAYS).format(field=field, value=value, block=f"{block}." if block else "")
    package = ".".join(["", *file.parent.relative_to(CONFIGS).parts]) if file.is_relative_to(CONFIGS) else ""
    head = HEAD.replace("{package}", package.rstrip(".")).replace("{module}", file.stem)
    tiny = [f"    c.{name} = {number}" for name, number in TINY.items() if name != field]
    lines = [
        f"def get_config():\n    c = {file.stem}.get_config()",
        *tiny,
        f"    {way}",
        f"    return {rng.choice(ENDS)}",
    ]
    text = head + PUT + "\n".join(lines) + "\n"

    def prepare(folder: Path, runs: Path) -> None:
        del runs
        (folder / "c.py").write_text(text, errors="backslashreplace")

    arguments = ["--config={folder}/c.py", "--workdir={run}"]
    return Case(f"{file.name}: {way[:150]}", arguments, prepare, dry_run=True, right=("refused", "accepted"))


def _value(rng: random.Random, depth: int = 0) -> str:
    """Returns the Python text of a value of any kind."""
    kinds: list[Callable[[], str]] = [
        lambda: rng.choice(NUMBERS),
        lambda: _of_library(rng, "np", NUMPY),
        lambda: _of_library(rng, "jnp", JAX),
        lambda: rng.choice(FUNCTIONS),
        lambda: rng.choice(THINGS).format(),
    ]
    if depth < 3:
        kinds += [lambda: rng.choice(WRAPS).replace("{}", "\0").format().replace("\0", _value(rng, depth + 1))] * 2
    return rng.choice(kinds)()


def _of_library(rng: random.Random, library: str, dtypes: tuple[str, ...]) -> str:
    """Returns the Python text of a scalar or an array of NumPy or JAX."""
    dtype, number = rng.choice(dtypes), rng.choice(("0", "1", "2", "4", "100"))
    if rng.random() < 0.5:
        return f"{library}.{dtype}({number})" if dtype != "void" else "np.void(b'ab')"
    shape = rng.choice(("()", "(2,)", "(1, 2)", "(0,)", "(3,)", "(2, 2, 2)"))
    made = f"np.full({shape}, {number}).astype(np.{dtype})" if library == "np" else ""
    return made or f"jnp.full({shape}, {number}, jnp.{dtype})"


def of_ranges(rng: random.Random) -> Case:
    """Returns a case of a generator's last activation and a data range that may or may not fit it."""
    last, (low, high) = rng.choice(list(LAST)), rng.choice(RANGES)
    makes = LAST[last]
    right: tuple[str, ...] = ("accepted",)
    if last in HALF:
        right = ("refused",) if low < -1.01 else ("refused", "accepted")
    elif makes is not None:
        gap = max(abs(low - makes[0]), abs(high - makes[1])) / (high - low)
        right = (
            ("refused",) if gap > 0.002 else ("accepted",) if gap < 0.0005 else ("refused", "accepted")
        )  # near the limit
    config = rng.choice(["mnist_gan", "digits_dcgan", "mnist_vae"])
    if config == "mnist_vae":
        right = ("refused", "accepted")
    role = "decoder" if config == "mnist_vae" else "generator"
    given = {**TINY, "data.name": "digits", "data.range": (low, high)}
    arguments = [f"--config={CONFIGS / config}.py", "--workdir={run}"]
    arguments += [f"--config.{name}={value}" for name, value in given.items()]
    name = last if last in layers.__all__ else f"jax.nn:{last}"
    arguments += [f"--config.networks.{role}.last_activation={{'name': '{name}'}}"]
    about = f"{config}: a range of ({low}, {high}) and {last} at the end"
    return Case(about, arguments, dry_run=True, right=right)
