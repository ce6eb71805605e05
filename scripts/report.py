"""Makes the report of a sweep's folder, or of any folder of runs: ablation.md, .json, .html and cost.json in it.

    python scripts/report.py runs/objectives
    python scripts/report.py runs/objectives --against="WGAN-GP"

All from the runs' config.json, metrics.jsonl and evaluations.jsonl: the same bytes when it is made again. Runs of a
folder without sweep.json are put together by their configs, seeds aside, and named by what differs.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # so that it runs as a file

from gan_jax.errors import UserError
from gan_jax.sweeps import ablation


def main(argv: list[str]) -> int:
    """Runs a command line; the exit status is 0, or 2 for what the user can put right."""
    formatter = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=formatter, allow_abbrev=False)
    parser.add_argument("folder", type=Path, metavar="DIR", help="of a sweep, or of runs")
    parser.add_argument("--against", default="", metavar="CELL", help="the cell that others are compared with")
    args = parser.parse_args(argv)
    try:
        for path in ablation.write(args.folder, against=args.against):
            print(path)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"error: {error.strerror or error}: {error.filename or args.folder}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
