"""notebooks/: they run, what is kept of their outputs is small and without errors, and their first cells say how."""

import ast
import json
import re
import subprocess
import sys
import tomllib
from typing import Any

import pytest
from conftest import ROOT

pytestmark = pytest.mark.heavy

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
PAGE = (ROOT / "notebooks/README.md").read_text("utf-8")
FASTEST = "2_vae.ipynb"
MOST_BYTES = 250_000
COLAB = "https://colab.research.google.com"
BADGE = f"[![Open In Colab]({COLAB}/assets/colab-badge.svg)]({COLAB}/github/OWNER/gan_jax/blob/main/notebooks/{{}})"
TIME = r"\nIn \d+ s on 2 CPU cores.*\(`python scripts/run_notebooks.py notebooks/{}`, 20\d\d-\d\d-\d\d\)"
MODULES = {"pillow": "PIL", "scikit-learn": "sklearn"}
"""The names that packages are imported by, where they are others."""

each = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)


def read(path) -> dict[str, Any]:
    return json.loads(path.read_text("utf-8"))


def sources(path, kind: str) -> list[str]:
    return ["".join(cell["source"]) for cell in read(path)["cells"] if cell["cell_type"] == kind]


def code(path) -> ast.Module:
    """The code of a notebook, without lines that are Jupyter's own."""
    cells = [cell for cell in sources(path, "code") if not cell.startswith("%%")]
    return ast.parse("\n".join(re.sub(r"^[%!].*$", "", cell, flags=re.MULTILINE) for cell in cells))


def run(path, folder) -> None:
    pytest.importorskip("nbclient", reason="needs nbclient and ipykernel, which requirements.txt has")
    command = [sys.executable, str(ROOT / "scripts/run_notebooks.py"), str(path), f"--out={folder}"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    check_outputs(folder / path.name)


def check_outputs(path) -> None:
    """No output is an error or a warning, alarms apart, and every code cell has run, in order."""
    cells = [cell for cell in read(path)["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in cells] == [*range(1, len(cells) + 1)]
    for output in (output for cell in cells for output in cell["outputs"]):
        assert output["output_type"] != "error"
        if output.get("name") == "stderr":
            assert all(": alarm: " in line for line in "".join(output["text"]).splitlines())


def test_the_folders_page_lists_them_with_their_times():
    rows = re.findall(r"^\| \[.+?\]\((.+?)\) \| .+ \| (\d+) s \|$", PAGE, re.MULTILINE)
    assert [name for name, _ in rows] == [path.name for path in NOTEBOOKS]
    for path, (_, seconds) in zip(NOTEBOOKS, rows, strict=True):
        assert f" {seconds} s on 2 CPU cores" in sources(path, "markdown")[0]


def test_the_fastest_one_runs(tmp_path):
    run(ROOT / "notebooks" / FASTEST, tmp_path)


@pytest.mark.long
@pytest.mark.parametrize("path", [path for path in NOTEBOOKS if path.name != FASTEST], ids=lambda path: path.name)
def test_all_run(path, tmp_path):
    run(path, tmp_path)


@each
def test_what_is_kept_is_small_and_without_errors_and_times(path):
    check_outputs(path)
    assert path.stat().st_size < MOST_BYTES
    notebook = read(path)
    assert notebook["nbformat"] == 4
    assert [cell["id"] for cell in notebook["cells"]] == [f"cell-{n}" for n in range(1, len(notebook["cells"]) + 1)]
    assert all(cell["metadata"] == {} for cell in notebook["cells"])
    text = path.read_text("utf-8")
    assert not re.search(r"/(tmp|root|home)/|@TIME@", text)


@each
def test_the_first_cells_say_where_it_runs_and_how_long(path):
    first, setup = sources(path, "markdown")[0], sources(path, "code")[0]
    assert first.startswith(f"# {path.name[0]}. ")
    assert BADGE.format(path.name) in first
    assert re.search(TIME.format(re.escape(path.name)), first)
    assert '\n# %pip install "gan_jax[notebooks] @' in setup


@each
def test_the_last_cell_has_exercises_and_what_to_read_on(path):
    last = sources(path, "markdown")[-1]
    exercises = re.findall(r"^\d\. ", last, re.MULTILINE)
    assert last.startswith("## Exercises\n")
    assert 2 <= len(exercises) <= 4
    assert "**Read on:**" in last


@each
def test_links_and_named_files_exist(path):
    text = "\n".join(sources(path, "markdown"))
    for link in re.findall(r"\]\(([^)#]+)[^)]*\)", text):
        assert link.startswith("https://") or (path.parent / link).exists(), link
    for file in re.findall(r"`((?:gan_jax|configs|scripts|docs)/[\w./-]*)`", text):
        assert (ROOT / file).exists(), file


@each
def test_it_imports_what_the_extra_installs(path):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    packages = [*project["dependencies"], *project["optional-dependencies"]["notebooks"]]
    names = {re.match(r"[\w-]+", package)[0].lower() for package in packages}  # pyrefly: ignore
    allowed = {MODULES.get(name, name.replace("-", "_")) for name in names} | {"gan_jax"} | sys.stdlib_module_names
    found = set()
    for node in ast.walk(code(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add((node.module or "").split(".")[0])
    assert found <= allowed
