"""Converts the published weights of the FID's InceptionV3 for `features="inception"`.

    python scripts/convert_inception.py pt_inception-2015-12-05-6726825d.pth inception.npz

The PyTorch file is published at https://github.com/mseitzer/pytorch-fid/releases/tag/fid_weights. Opening it needs
PyTorch in addition to the project's own packages (pip install torch). The resulting file, of 95 MB, does not.
"""

import argparse
import hashlib
import sys
from pathlib import Path

import numpy as np

from gan_jax.errors import UserError, one_line
from gan_jax.features import weights
from gan_jax.features.inception import NAME, PUBLISHED, SHA256_STARTS, from_torch
from gan_jax.runs.files import atomically
from gan_jax.runs.paths import of_user


def convert(source: Path, out: Path) -> None:
    """Writes the published file's weights. Raises UserError for another file, or one that cannot be opened."""
    try:
        digest = hashlib.sha256(source.read_bytes()).hexdigest()
    except OSError as error:
        raise UserError(f"{source} cannot be read ({one_line(error)}): it is published at {PUBLISHED}") from error
    if not digest.startswith(SHA256_STARTS):
        raise UserError(
            f"{source} is not the published file: its SHA-256 starts with {digest[:8]}, not {SHA256_STARTS}; "
            f"download {PUBLISHED} again"
        )
    try:
        import torch  # pyrefly: ignore[missing-import]
    except ImportError as error:
        raise UserError("opening it needs PyTorch: pip install torch") from error
    state = {name: value.numpy() for name, value in torch.load(source, weights_only=True).items()}
    data = weights.packed(from_torch(state), {}, {"name": NAME, "made_of": digest}, np.float32)
    with atomically(out) as file:
        file.write(data)


def main() -> int:
    """Runs the command line. Returns exit status 0, or 2 for errors that the user can correct."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=of_user)
    parser.add_argument("out", type=of_user)
    try:
        arguments = parser.parse_args()
        convert(arguments.source, arguments.out)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
