"""The house's rule of direction: which file may import which, and who may name what."""

import ast
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "gan_jax"
FILES = sorted(PACKAGE.rglob("*.py"))
JAX = {"jax", "flax", "optax", "numpy"}
RULES = {  # a folder or file of gan_jax -> the others that it may import
    "errors": set(),
    "config": {"errors"},
    "resolve": {"errors"},
    "core": set(),
    "losses": set(),
    "metrics": set(),
    "distributions": {"core", "losses"},
    "layers": {"core"},
    "models": {"layers"},
    "objectives": {"core", "losses", "distributions"},
    "runs": {"errors", "config", "core", "resolve"},
    "data": {"errors", "core", "resolve", "runs"},
    "features": {"errors", "resolve", "core", "layers", "metrics", "data", "runs"},
    "parallel": {"errors", "core", "runs"},
    "experiments": {
        *("errors", "config", "resolve", "core", "data", "distributions", "features", "objectives"),
        "parallel",
    },
    "reporting": {"errors", "config", "core", "data", "experiments", "runs"},
    "evaluation": {
        *("errors", "config", "resolve", "core", "data", "distributions", "experiments", "features", "metrics"),
        *("reporting", "runs"),
    },
    "training": {
        *("errors", "config", "core", "data", "evaluation", "experiments", "parallel", "reporting", "runs"),
    },
    "sweeps": {
        *("errors", "config", "core", "data", "evaluation", "experiments", "parallel", "reporting", "runs"),
        "training",
    },
    "command": {"errors", "config", "evaluation", "parallel", "reporting", "runs", "training"},
    "trained": {"errors", "core", "data", "evaluation", "experiments", "reporting", "runs"},
    "api": {"errors", "config", "data", "experiments", "reporting", "runs", "sweeps", "trained", "training"},
    "main": {"command", "errors", "parallel", "runs", "training"},
}
ONLY_JAX = {"core", "losses", "distributions", "layers", "models", "objectives"}
"""Of other packages than Python's own these import JAX, Flax, Optax and NumPy only."""
DATA_MAY = {"cache", "files", "paths", "terminal"}
"""What of `runs` is not about a run."""


def imports(file: Path) -> set[str]:
    """Every module that a file imports anywhere in it, dotted."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def room(file: Path) -> str:
    """The file or sub-package of gan_jax that a file belongs to."""
    return file.relative_to(PACKAGE).parts[0].removesuffix(".py")


def own(modules: set[str]) -> set[str]:
    """The rooms of gan_jax among these modules."""
    return {name.split(".")[1] for name in modules if name.startswith("gan_jax.")}


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_each_folder_imports_what_its_row_allows(file):
    if (here := room(file)) == "__init__":
        return
    assert own(imports(file)) - {here} <= RULES[here]


@pytest.mark.parametrize("file", [f for f in FILES if room(f) in ONLY_JAX], ids=lambda f: str(f.relative_to(PACKAGE)))
def test_the_maths_imports_only_jax(file):
    others = {name.split(".")[0] for name in imports(file)} - {"gan_jax"} - sys.stdlib_module_names
    assert others <= JAX


def test_rules_are_of_what_exists_and_allow_no_circle():
    assert {*RULES} == {room(file) for file in FILES} - {"__init__"}
    order: list[str] = []
    while len(order) < len(RULES):
        free = [here for here, allowed in RULES.items() if here not in order and allowed <= {*order}]
        assert free, f"a circle among {set(RULES) - set(order)}"
        order += free


def test_data_and_devices_know_no_run():
    for file in [file for file in FILES if room(file) in ("data", "features", "parallel")]:
        used = {name.split(".")[2] for name in imports(file) if name.startswith("gan_jax.runs.")}
        assert used <= DATA_MAY, file


def test_only_the_flags_and_overrides_use_absl():
    users = {str(file.relative_to(PACKAGE)) for file in FILES if any("absl.flags" in name for name in imports(file))}
    assert users == {"command/flags.py", "command/overrides.py"}
