"""A program as the plain command that anyone could type."""

import sys
from pathlib import Path
from typing import Any

from gan_jax.sweeps.plan import Program

ROOT = Path(__file__).parents[2]
"""Where the command is run."""


def command(folder: Path, program: Program) -> list[str]:
    """Trains the program in its run directory, from that directory's own config; the same command resumes."""
    place = folder.absolute() / program.folder
    return [sys.executable, "-m", "gan_jax.main", f"--config={place / 'config.json'}", f"--workdir={place}"]


def described(folder: Path, program: Program) -> dict[str, Any]:
    """The command and what it is of, as JSON has it."""
    first, count = program.values["seed"], program.values["seeds"]
    seeds = list(range(first, first + count))
    return {"cell": program.cell, "seeds": seeds, "in": str(ROOT), "command": command(folder, program)}
