"""Runs notebooks from top to bottom, each in its own process, and writes them with their cells' outputs.

python scripts/run_notebooks.py notebooks/*.ipynb                    # as they are committed, after a change
python scripts/run_notebooks.py notebooks/2_vae.ipynb --out=runs/nb  # leaves the notebook as it is

They run in the folder where they are written, and train in its folder `runs`. Written notebooks have no times, and the
cells' numbers as ids, so that they change only if their cells or outputs do. A cell that fails ends the command with
its error.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

import nbformat  # pyrefly: ignore
from nbclient import NotebookClient  # pyrefly: ignore

TIMEOUT = 600  # seconds a cell
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def main() -> None:
    """Runs the notebooks named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("notebooks", nargs="+", type=Path)
    parser.add_argument("--out", type=Path, help="the folder to write to; by default notebooks are written in place")
    args = parser.parse_args()
    for path in args.notebooks:
        began = time.monotonic()
        write(run(path, args.out or path.parent), (args.out or path.parent) / path.name)
        print(f"{path.name}: {time.monotonic() - began:.0f} s", flush=True)


def run(path: Path, folder: Path) -> nbformat.NotebookNode:
    """Returns a notebook with its cells' outputs, run in a folder, which is made if it is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    notebook = nbformat.read(path, as_version=4)
    how: dict[str, Any] = {"kernel_name": "python3", "resources": {"metadata": {"path": str(folder)}}}
    how |= {"timeout": TIMEOUT, "record_timing": False, "coalesce_streams": True}
    return NotebookClient(notebook, **how).execute()  # pyrefly: ignore


def write(notebook: nbformat.NotebookNode, path: Path) -> None:
    """Writes a notebook as for a commit: with numbers as the cells' ids, and no metadata of this machine."""
    notebook.metadata = nbformat.from_dict(METADATA)
    for number, cell in enumerate(notebook.cells, 1):
        cell.id, cell.metadata = f"cell-{number}", nbformat.from_dict({})
        for output in cell.get("outputs", []):
            if "data" in output:
                output.metadata = nbformat.from_dict({})
                output.data.pop("image/jpeg", None)  # Pillow's images have it in addition to their PNG
    nbformat.validate(notebook)
    path.write_text(json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + "\n", "utf-8")


if __name__ == "__main__":
    main()
