"""Shows samples of a run, each next to its nearest training example, to check for copies.

    python scripts/nearest.py runs/orl_faces --out=nearest.png

The distance is Euclidean, in pixels. Samples are those of --mode=sample with the same --sample_seed. Prints the file,
and the median distance, as the root mean square of differences of grey levels, 0 to 255.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

from gan_jax.core.collectives import base_key, example_keys, in_batches
from gan_jax.errors import UserError
from gan_jax.evaluation.predict import restore, run_data
from gan_jax.metrics.neighbours import nearest_in_parts
from gan_jax.reporting import figures
from gan_jax.runs.directory import RunDirectory
from gan_jax.runs.paths import check_writable, of_user


def draw(run_dir: RunDirectory, out: Path, *, num: int, seed: int) -> float:
    """Writes the PNG. Returns the samples' median root mean square distance to their nearest examples, in grey levels.

    Raises UserError if the run makes no samples of images, or its data cannot be found.
    """
    config = run_dir.read_config()
    experiment, state = restore(run_dir, config)
    if "sample" not in experiment.predict:
        raise UserError(f"{run_dir.folder}: models trained with {config.objective.name} cannot sample")
    train = np.asarray(experiment.view(run_data(run_dir, config).load(config.data.split)).x)
    if train.ndim != 4:
        raise UserError(f"{run_dir.folder} makes points, not images: its own figures already show them with the data")
    batch = {"label": experiment.in_turn(num)} if experiment.present else {}
    inputs = (example_keys(base_key(seed), num), batch)
    made = in_batches(lambda given: experiment.predict["sample"](state.players, *given), inputs)
    beside = train[nearest_in_parts(made, train)]
    figures.panel(out, {"sample": made, "nearest training example": beside})
    squares = np.square(made.astype(np.float64) - beside).mean((1, 2, 3))
    return float(np.median(np.sqrt(squares)))


def main(argv: list[str]) -> int:
    """Runs a command line. Returns 0, or 2 for errors that the user can correct."""
    formatter = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=formatter, allow_abbrev=False)
    parser.add_argument("run", metavar="DIR", type=of_user, help="the folder of a run")
    parser.add_argument("--out", type=of_user, required=True, help="the PNG file")
    parser.add_argument("--num", type=int, default=32, help="the number of samples; default: 32")
    parser.add_argument("--sample_seed", type=int, default=0, help="the random seed of the samples; default: 0")
    args = parser.parse_args(argv)
    try:
        check_writable(args.out, "out")
        distance = draw(RunDirectory(args.run), args.out, num=max(1, args.num), seed=args.sample_seed)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"{args.out}\nmedian distance: {distance:.1f} grey levels")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
