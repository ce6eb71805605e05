"""Makes the report of a sweep's folder, or of any folder of runs: ablation.md, .html, .csv, .tex, .json and figures/.

    python scripts/report.py runs/objectives
    python scripts/report.py runs/dcgan
    python scripts/report.py runs/objectives --against="WGAN-GP"

It is made only from the runs' config.json, metrics.jsonl and evaluations.jsonl, with the same bytes every time. In a
folder without sweep.json, runs are grouped by their configs without seeds, and named by what differs. The folder of a
single run gets its page, report.html. That of a run of several seeds gets both.
"""

import argparse
import sys
from pathlib import Path

from gan_jax.errors import UserError
from gan_jax.reporting import report
from gan_jax.runs import terminal
from gan_jax.runs.directory import RunDirectory
from gan_jax.runs.paths import of_user
from gan_jax.sweeps import ablation
from gan_jax.sweeps.folder import PLAN


def main(argv: list[str]) -> int:
    """Runs a command line. Returns 0, 1 for errors of the system, or 2 for errors that the user can correct."""
    formatter = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=formatter, allow_abbrev=False)
    parser.add_argument("folder", metavar="DIR", help="folder of a sweep, of several runs, or of one run")
    parser.add_argument("--against", default="", metavar="CELL", help="the cell that others are compared with")
    args = parser.parse_args(argv)
    terminal.escaped()
    try:
        for path in _written(of_user(args.folder), args.against):
            print(path)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"error: {error.strerror or error}: {error.filename or args.folder}", file=sys.stderr)
        return 1
    return 0


def _written(folder: Path, against: str) -> list[Path]:
    """Writes the reports that suit the folder. Returns their files."""
    run_dir = RunDirectory(folder)
    if (folder / PLAN).exists() or not run_dir.config.is_file():
        return ablation.write(folder, against=against)
    config = run_dir.read_config()
    pages = [of for _, of in run_dir.by_seed(config)]
    for of in pages:
        report.write(of)
    if config.seeds > 1:
        return [*(of.report for of in pages), *ablation.write(folder, against=against)]
    if against:
        raise UserError(f"--against={against}: {folder} is a single run, which has no cells to compare")
    return [run_dir.report]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
