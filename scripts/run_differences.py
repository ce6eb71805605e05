"""Compares two runs, bit for bit; for chaos.py and for tests of resuming."""

import filecmp
import json
from pathlib import Path


def compare(reference: Path, other: Path) -> list[str]:
    """Returns descriptions of what differs between two runs' folders."""
    found = []
    for name in ("metrics.jsonl", "evaluations.jsonl"):
        if rows(reference / name) != rows(other / name):
            found.append(f"{other / name}: rows")
    one, two = (names(folder) for folder in (reference, other))
    found += [f"{other / name}: only in one of the two" for name in sorted(one ^ two)]
    pictures = [name for name in sorted(one & two) if name.startswith("samples/")]
    found += [f"{other / name}: pixels" for name in pictures if not filecmp.cmp(reference / name, other / name, False)]
    return found + [f"{other}: {path}" for path in changed(reference, other)]


def rows(path: Path) -> list[dict[str, float]]:
    """Returns a file's rows without the seconds, and with NaN as text, because it does not equal itself."""
    lines = path.read_text().splitlines() if path.exists() else []
    read = (json.loads(line, parse_constant=str) for line in lines)
    return [{name: value for name, value in row.items() if name != "seconds"} for row in read]


def names(folder: Path) -> set[str]:
    """Returns a run's files, without checkpoints and TensorBoard files; each process writes a TensorBoard file."""
    files = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return {str(path) for path in files if path.parts[0] != "checkpoints" and "tfevents" not in path.name}


def changed(reference: Path, other: Path) -> list[str]:
    """Returns the paths of arrays that differ between the two runs' newest checkpoints, and damaged checkpoints."""
    import jax
    import numpy as np

    from gan_jax.evaluation.predict import restore
    from gan_jax.runs.directory import RunDirectory

    config = RunDirectory(reference).read_config()
    one, two = (restore(RunDirectory(folder), config)[1] for folder in (reference, other))
    leaves, others = jax.tree_util.tree_leaves_with_path(one), jax.tree.leaves(two)
    found = [
        f"{jax.tree_util.keystr(path)}: values"
        for (path, array), same in zip(leaves, others, strict=True)
        if np.asarray(array).tobytes() != np.asarray(same).tobytes()
    ]
    return found + [f"{path.name}: damaged by a kill" for path in (other / "checkpoints").glob("broken_*")]
