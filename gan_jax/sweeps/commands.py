"""Programs as plain commands that could also be typed by hand."""

import sys
from pathlib import Path
from typing import Any

from gan_jax.sweeps.plan import Program


def command(folder: Path, program: Program) -> list[str]:
    """Returns the command that trains the program in its run directory, from the config there, or resumes it.

    It is run in the working directory, where a config's relative paths and own modules are looked for.
    """
    run_dir = folder.absolute() / program.folder
    return [sys.executable, "-m", "gan_jax.main", f"--config={run_dir / 'config.json'}", f"--workdir={run_dir}"]


def described(folder: Path, program: Program) -> dict[str, Any]:
    """Returns the command with its cell and seeds, as JSON types."""
    first, count = program.values["seed"], program.values["seeds"]
    seeds = list(range(first, first + count))
    return {"cell": program.cell, "seeds": seeds, "in": str(Path.cwd()), "command": command(folder, program)}
