"""The house's rule of direction: which file may import which, and who may name what."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "gan_jax"
FILES = sorted(PACKAGE.rglob("*.py"))
MATHS = {"jax", "flax", "optax", "numpy", "math", "collections", "functools", "typing"}
ALSO = {"metrics": {"scipy"}}
LEAVES = {
    "losses": set(),
    "penalties": set(),
    "conditions": set(),
    "networks": set(),
    "signals": {"batch"},
    "batch": set(),
    "state": set(),
    "latents": set(),
    "likelihoods": {"losses"},
    "layers": {"layers", "batch"},
    "models": {"models", "layers"},
    "metrics": {"metrics"},
}
FORBIDDEN = {
    "objectives": {"steps", "data", "parallel", "config", "experiment", "train"},
    "steps": {"losses", "models", "layers", "networks", "data", "parallel", "config", "experiment", "train"},
}


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


@pytest.mark.parametrize("file", [f for f in FILES if room(f) in LEAVES], ids=str)
def test_leaves_import_only_jax_and_each_other(file):
    found = imports(file)
    assert {name.split(".")[0] for name in found} <= MATHS | ALSO.get(room(file), set()) | {"gan_jax"}
    assert own(found) <= LEAVES[room(file)]


@pytest.mark.parametrize("file", [f for f in FILES if room(f) in FORBIDDEN], ids=str)
def test_maths_does_not_know_the_loop(file):
    assert not own(imports(file)) & FORBIDDEN[room(file)]


def test_rooms_named_here_exist():
    assert {*LEAVES, *FORBIDDEN} <= {room(file) for file in FILES}


def test_only_main_and_config_touch_flags():
    assert {room(f) for f in FILES if any("absl.flags" in name for name in imports(f))} == {"main", "config"}


def test_only_parallel_names_pmap_and_meshes_and_beside_it_only_processes_names_processes():
    names = {}
    for file in FILES:
        tree = ast.walk(ast.parse(file.read_text()))
        names[room(file)] = {n.attr for n in tree if isinstance(n, ast.Attribute)} | names.get(room(file), set())
    assert {r for r, used in names.items() if used & {"pmap", "shard_map"}} == {"parallel"}
    assert {room(f) for f in FILES if any("jax.sharding" in name for name in imports(f))} == {"parallel"}
    told = {"process_index", "process_count", "distributed", "multihost_utils"}
    assert {r for r, used in names.items() if used & told} == {"parallel", "processes"}


def test_no_drawer_named_utils():
    assert not [file for file in FILES if "util" in file.stem]


def test_importing_everything_imports_no_tensorflow():
    modules = [".".join(file.relative_to(PACKAGE.parent).with_suffix("").parts) for file in FILES]
    names = ", ".join(name.removesuffix(".__init__") for name in modules)
    code = f"import {names}, sys; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=PACKAGE.parent).returncode == 0


def test_help_imports_nothing_heavy():
    code = (
        "import sys; from gan_jax.main import main; main(['gan_jax', '--help'])\n"
        "sys.exit(bool({'jax', 'numpy', 'tensorflow_datasets', 'sklearn'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=PACKAGE.parent, capture_output=True, text=True)
    assert done.returncode == 0
    assert "--workdir" in done.stdout
