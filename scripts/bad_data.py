"""Cases of bad_input.py: the user's own data sets, valid and invalid."""

import random
from pathlib import Path
from typing import Any

from scripts.bad_values import TINY, Case

CONFIGS = Path(__file__).parents[1] / "configs"
HEAD = """
import jax, jax.numpy as jnp, numpy as np
from gan_jax.data import Dataset
from gan_jax.data.base import Mixture
from gan_jax.errors import UserError

class Own(np.ndarray):
    pass

class Wordless(Exception):
    def __str__(self):
        raise TypeError("no words")

def load(split):
    RNG = np.random.default_rng(3)
    n = {n} if split == "train" else {m}
"""
FIT, UNFIT = True, False
IMAGES = {
    "RNG.integers(0, 256, (n, {h}, {w}, {c})).astype(np.uint8)": FIT,
    "np.asfortranarray(RNG.integers(0, 256, (n, {h}, {w}, {c})).astype(np.uint8))": FIT,
    "RNG.integers(0, 256, (n, {w}, {h}, {c})).astype(np.uint8).transpose(0, 2, 1, 3)": FIT,
    "np.broadcast_to(RNG.integers(9, 256, (1, {h}, {w}, {c})).astype(np.uint8), (n, {h}, {w}, {c}))": FIT,
    "np.full((n, {h}, {w}, {c}), 77, np.uint8)": FIT,
    "RNG.integers(0, 256, (n, {h}, {w}, {c})).astype(np.uint8).view(Own)": None,
    "np.ma.array(RNG.integers(0, 256, (n, {h}, {w}, {c})).astype(np.uint8), mask=True)": None,
    "RNG.integers(0, 2, (n, {h}, {w}, {c})).astype(np.uint8)": UNFIT,
    "np.zeros((n, {h}, {w}, {c}), np.uint8)": UNFIT,
    "RNG.random((n, {h}, {w}, {c}))": UNFIT,
    "RNG.random((n, {h}, {w}, {c}), np.float32) * 2 - 1": UNFIT,
    "RNG.integers(0, 256, (n, {h}, {w}, {c}))": UNFIT,
    "RNG.integers(0, 60000, (n, {h}, {w}, {c})).astype(np.uint16)": UNFIT,
    "RNG.integers(0, 256, (n, {h}, {w})).astype(np.uint8)": UNFIT,
    "RNG.integers(0, 256, (n, 3, 32, 32)).astype(np.uint8)": UNFIT,
    "RNG.integers(0, 256, (n, 1, {h}, {w}, {c})).astype(np.uint8)": UNFIT,
    "RNG.integers(0, 256, (n, 0, {w}, {c})).astype(np.uint8)": UNFIT,
    "RNG.integers(0, 256, (n, {h}, {w}, {c})).tolist()": UNFIT,
    "jnp.ones((n, {h}, {w}, {c}), jnp.uint8)": UNFIT,
    "RNG.integers(0, 256, (n, {h}, {w}, {c})).astype('S3')": UNFIT,
    "np.array([object()] * n)": UNFIT,
    "RNG.random((n, {h}, {w}, {c})) > 0.5": UNFIT,
    "RNG.random((n, {h}, {w}, {c})).astype(complex)": UNFIT,
    "np.uint8(3)": UNFIT,
    "None": UNFIT,
}
POINTS = {
    "RNG.normal(size=(n, 2)).astype(np.float32)": FIT,
    "RNG.normal(size=(2, n)).astype(np.float32).T": FIT,
    "RNG.normal(size=(2 * n, 2)).astype(np.float32)[::2]": FIT,
    "np.full((n, 2), 1e20, np.float32)": None,
    "RNG.normal(size=(n, 2)).astype('>f4')": None,
    "RNG.normal(size=(n, 2))": UNFIT,
    "RNG.normal(size=(n, 2)).astype(np.float16)": UNFIT,
    "RNG.normal(size=(n, 2)).astype(np.float32) / np.float32(0)": UNFIT,
    "np.where(np.arange(2 * n).reshape(n, 2) == 1, np.nan, 1).astype(np.float32)": UNFIT,
    "RNG.normal(size=n).astype(np.float32)": UNFIT,
    "RNG.normal(size=(n, 0)).astype(np.float32)": UNFIT,
    "RNG.normal(size=(n, 2, 1)).astype(np.float32)": UNFIT,
    "RNG.integers(0, 9, (n, 2))": UNFIT,
    "np.zeros((n, 2), [('a', 'f4')])": UNFIT,
    "[(0.0, 1.0)] * n": UNFIT,
}
LABELS = {
    "(np.arange(n) % 3).astype(np.int32), 3": FIT,
    "np.arange(n) % 3, np.int64(3)": FIT,
    "(np.arange(n) % 3).astype(np.uint8), 5": FIT,
    "(np.arange(n) % 3).astype('>i4'), 3": None,
    "np.full(n, 2), 2**31": UNFIT,
    "np.arange(n) % 3 - 1, 3": UNFIT,
    "np.arange(n) % 3 + 1, 3": UNFIT,
    "np.full(n, -1), 3": UNFIT,
    "np.eye(3)[np.arange(n) % 3], 3": UNFIT,
    "(np.arange(n) % 3)[:, None], 3": UNFIT,
    "(np.arange(n) % 3).astype(float), 3": UNFIT,
    "(np.arange(n) % 3).astype(str), 3": UNFIT,
    "np.full(n, np.nan), 3": UNFIT,
    "np.full(n, 2**62), 3": UNFIT,
    "np.full(n, 2**63, np.uint64), 3": UNFIT,
    "np.arange(n) % 2 == 0, 2": UNFIT,
    "list(range(n)), n": UNFIT,
    "jnp.zeros(n, jnp.int32), 3": UNFIT,
    "np.zeros(n, object), 3": UNFIT,
    "np.zeros(n, int), 0": UNFIT,
    "np.zeros(n, int), -1": UNFIT,
    "np.zeros(n, int), 3.0": UNFIT,
    "np.zeros(n, int), None": UNFIT,
    "np.zeros(n, int), True": UNFIT,
    "None, 0": UNFIT,
    "None, 3": UNFIT,
}
LENGTHS = ("np.zeros(n + 1, int), 3", "np.zeros(n - 1, int), 3", "np.zeros(0, int), 3", "np.zeros((n + 1, 3)), 3")
"""Labels, but not one for each example."""
MORE = {
    "others={'source': np.full((n, 4, 4, 1), 9, np.uint8)}": FIT,
    "others={'source': np.zeros((n, 3), np.float32)}": FIT,
    "class_names=('a', 'b', 'c')": FIT,
    "splits=('train', 'test')": FIT,
    "others={'source': np.zeros((n + 1, 3), np.float32)}": UNFIT,
    "others={'source': np.zeros(3, np.float32)}": UNFIT,
    "others={'source': np.full((n, 3), np.nan, np.float32)}": UNFIT,
    "others={'source': np.zeros((n, 3))}": UNFIT,
    "others={'source': np.zeros((n, 3), object)}": UNFIT,
    "others={'source': None}": UNFIT,
    "others={'source': [[1.0]] * n}": UNFIT,
    "others={'source': np.float32(1)}": UNFIT,
    "others={3: np.zeros((n, 3), np.float32)}": UNFIT,
    "others={'': np.zeros((n, 3), np.float32)}": UNFIT,
    "others={'x': np.zeros((n, 3), np.float32)}": UNFIT,
    "others={'label': np.zeros((n, 3), np.float32)}": UNFIT,
    "others=3": UNFIT,
    "others=None": UNFIT,
    "class_names=('a',)": UNFIT,
    "class_names=3": UNFIT,
    "class_names=(1, 2, 3)": UNFIT,
    "splits='train'": UNFIT,
    "splits=3": UNFIT,
    "version=3": UNFIT,
    "mixture=3": UNFIT,
    "mixture=Mixture(np.zeros((3, 9)), 'x')": UNFIT,
    "mixture=Mixture(None, 1.0)": UNFIT,
    "unlabelled=3": UNFIT,
}
RAISED = (
    "ValueError('two\\nlines')",
    "KeyError('x')",
    "Wordless()",
    "SystemExit(3)",
    "UserError('no\\nway')",
    "OSError()",
)
RAISED += ("FileNotFoundError(2, 'No such file', '/a')", "StopIteration()", "RecursionError()", "AssertionError()")
RAISED += (
    "UnicodeDecodeError('utf-8', b'x', 0, 1, 'bad')",
    "ValueError('x' * 10**6)",
    "ValueError('\\ud800\\x1b[31m')",
)
RAISED += ("ImportError('x')", "NotImplementedError", "GeneratorExit()", "RuntimeError('RESOURCE')", "MemoryError()")
RETURNED = ("None", "3", "(1, 2)", "{'x': 1}", "Dataset", "[Dataset('a', 'b', None, None, 0)]", "Dataset(*[None] * 5)")
METRICS = ("frechet", "kernel_distance", "precision_recall", "density_coverage", "classifier_score", "mode_coverage")
METRICS += ("sliced_wasserstein", "ms_ssim", "nearest_neighbours")


def of_own(rng: random.Random) -> Case:
    """A data set of one's own, whole or with one fault; of images or points, with or without labels."""
    images = rng.random() < 0.7
    config, kinds = ("mnist_gan", IMAGES) if images else ("ring_gan", POINTS)
    n, m = rng.choice(((40, 40), (4, 4), (1, 1), (40, 3), (2, 40), (40, 40)))
    wrong = rng.choice(("x", "x", "labels", "labels", "lengths", "more", "load", "returned", "empty", "nothing"))
    fit = [key for key, is_fit in kinds.items() if is_fit]
    x = rng.choice(list(kinds) if wrong == "x" else fit)
    labels = rng.choice(list(LABELS if wrong == "labels" else ("None, 0", "np.arange(n) % 3, np.int64(3)")))
    labels = rng.choice(LENGTHS) if wrong == "lengths" else labels
    more = rng.choice(list(MORE)) if wrong == "more" else ""
    labelled = images and wrong in ("labels", "nothing") and rng.random() < 0.5
    if labelled:
        config = "mnist_cvae"
    right = _right(kinds[x], None if wrong == "lengths" else LABELS[labels], MORE.get(more, FIT), labelled=labelled)
    body = f"return Dataset('mine', split, {x}, {labels}{', ' * bool(more)}{more})"
    if wrong in ("load", "returned", "empty", "lengths"):
        right = ("refused",)
    if wrong == "load":
        body = f"raise {rng.choice(RAISED)}"
    elif wrong == "returned":
        body = f"return {rng.choice(RETURNED)}"
    elif wrong == "empty":
        n = 0
    side = {"h": rng.choice((8, 9, 28)), "w": rng.choice((8, 12)), "c": rng.choice((1, 3, 2, 5))}
    for letter, size in side.items():
        body = body.replace(f"{{{letter}}}", str(size))
    text = HEAD.replace("{n}", str(n)).replace("{m}", str(m)) + f"    {body}\n"
    fields: dict[str, Any] = {} if images else {"evaluators": "none"}
    return own_case(rng, f"own data: {body[:200]}", config, text, right, fields)


def own_case(
    rng: random.Random, about: str, config: str, text: str, right: tuple[str, ...], fields: dict[str, Any]
) -> Case:
    """Returns a case of training on a data set from a Python file in the case's folder."""
    module = f"own_{rng.getrandbits(40)}"

    def prepare(folder: Path, runs: Path) -> None:
        del runs
        (folder / f"{module}.py").write_text(text)

    given = {**TINY, "data.name": f"{module}:load", **fields}
    arguments = [f"--config={CONFIGS / config}.py", "--workdir={run}"]
    arguments += [f"--config.{name}={value}" for name, value in given.items()]
    drop = [] if "evaluators" in str(fields) else ["--config.evaluators=none"]
    trains = rng.random() < 0.2
    return Case(about, [*arguments, *drop], prepare, {"GAN_JAX_CACHE": "{folder}/cache"}, True, trains, right=right)


def _right(x: bool | None, labels: bool | None, more: bool | None, *, labelled: bool) -> tuple[str, ...]:
    """Returns the right outcomes for examples, labels and other fields, each valid, invalid, or either (None)."""
    if x is UNFIT or more is UNFIT or (labelled and labels is UNFIT):
        return ("refused",)
    if x is None or more is None or (labelled and labels is None):
        return ("refused", "accepted")
    return ("accepted",)


def of_evaluators(rng: random.Random) -> Case:
    """Returns a case of any evaluator on a tiny set. Anything missing must be found before the first step."""
    n, m = (rng.choice((1, 2, 3, 4, 5, 6, 9, 10, 11, 20)) for _ in "nm")
    labels = rng.choice(("None, 0", "np.arange(n) % 3, 3", "np.zeros(n, int), 1", "np.zeros(n, int), 2"))
    x = rng.choice(("RNG.integers(0, 256, (n, 12, 12, 1)).astype(np.uint8)", "np.full((n, 12, 12, 1), 7, np.uint8)"))
    config, split = rng.choice(("mnist_gan", "mnist_deep_ae", "mnist_vae")), rng.choice(("train", "test"))
    count = rng.choice((2, 10, 10, 11, 20, 50))
    metrics = tuple(rng.sample(METRICS, rng.choice((1, 2, 3))))
    samples = {"name": "samples.distribution", "features": "pixels", "metrics": metrics, "samples": count, "seeds": 1}
    known: dict[str, list[dict[str, Any]]] = {
        "mnist_gan": [samples, samples, {"name": "classes.agreement", "samples": count, "references": m}],
        "mnist_deep_ae": [{"name": "reconstruction.clean"}, {"name": "reconstruction.beside_pca"}],
        "mnist_vae": [samples, {"name": "likelihood.likelihood", "samples": count}, {"name": "reconstruction.clean"}],
    }
    chosen = rng.choice(known[config]) | {"split": split}
    text = HEAD.replace("{n}", str(n)).replace("{m}", str(m)) + f"    return Dataset('mine', split, {x}, {labels})\n"
    fields = {"evaluate_every_steps": 2, "evaluators": f"{{'it': {chosen}}}"}
    about = f"{chosen} on {n} and {m} examples, labels {labels}"
    case = own_case(rng, about, config, text, ("refused", "accepted"), fields)
    return case._replace(trains=True)
