"""Writes the weights of a trained classifier to gan_jax/features/, for measuring samples.

    python -m gan_jax.main --config=configs/features/mnist_classifier.py --workdir=runs/mnist_classifier
    python scripts/export_features.py runs/mnist_classifier [--version=2]

The network is called DATA-vVERSION. Its accuracy on the test split, measured with the weights as stored, is
printed and kept in the file.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

from gan_jax import data, features
from gan_jax.errors import UserError
from gan_jax.evaluation.predict import restore
from gan_jax.features import weights
from gan_jax.runs.directory import RunDirectory
from gan_jax.runs.paths import of_user

PLAYER = "classifier"


def export(run_dir: RunDirectory, version: int) -> dict:
    """Writes the weights of a run's newest checkpoint, and their checksum. Returns the description in the file.

    Raises UserError if the run trains no classifier, or the version exists.
    """
    config = run_dir.read_config()
    experiment, state = restore(run_dir, config)
    if "classify" not in experiment.predict:
        raise UserError(f"{run_dir.folder} holds no classifier: train one of configs/features/ there")
    player, test = state.players[PLAYER].averaged(), data.load(config.data.name, "test")
    about = {
        "data": test.name,
        "shape": test.shape,
        "classes": test.classes,
        "range": tuple(config.data.range),
        "network": config.networks[PLAYER].to_dict(),
        "seed": config.seed,
        "batch_size": config.batch_size,
        "steps": int(state.step),
    }
    name = f"{test.name}-v{version}"
    with tempfile.TemporaryDirectory() as draft:
        weights.write(name, player.params, player.stats, about, Path(draft))
        _, logits = features.load(name, folder=Path(draft)).describe(test.x)
    about |= {"test_accuracy": float((logits.argmax(-1) == test.label).mean()), "test_images": len(test.x)}
    path = weights.write(name, player.params, player.stats, about)
    return {"file": str(path), "sha256": weights.sums()[name], "bytes": path.stat().st_size, **about}


def main() -> int:
    """Runs the command line. Returns exit status 0, or 2 for errors that the user can correct."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=of_user, help="the folder of a run of configs/features/")
    parser.add_argument("--version", type=int, default=1)
    try:
        arguments = parser.parse_args()
        print(json.dumps(export(RunDirectory(arguments.run), arguments.version)))
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
