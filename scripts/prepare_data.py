"""Download a data set of TensorFlow Datasets (TFDS) and write it as array_record, once, for gan_jax to read.

    python scripts/prepare_data.py NAME [--manual_dir=DIR] [--data_dir=DIR]

NAME is a TFDS name, such as `mnist`, `celeb_a`, `emnist/letters`. The result is written to `--data_dir`, by default
`$TFDS_DATA_DIR` or `~/tensorflow_datasets`. Archives in `--manual_dir` are used instead of downloads; their checksums
are still verified. This script does not use gan_jax, so a separate environment with TFDS and requirements-prepare.txt
is enough.
"""

import argparse
import difflib
import importlib.util
import os
import pathlib
import sys
from typing import Any
from urllib.parse import urlsplit

_FORMAT = "array_record"


class PrepareError(Exception):
    """A one-line error: why the data set cannot be prepared."""


def main() -> None:
    """Prepare the data set named on the command line. Exits with status 1 and one line if that fails."""
    parser = argparse.ArgumentParser(description="Prepare a data set of TensorFlow Datasets as array_record.")
    parser.add_argument("name", help="TFDS name, such as mnist or emnist/letters")
    parser.add_argument("--manual_dir", type=pathlib.Path, help="folder of archives that are already downloaded")
    parser.add_argument("--data_dir", type=pathlib.Path, help="where to write; default: $TFDS_DATA_DIR")
    args = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # hides TensorFlow's notes on this CPU's instructions
    try:
        print(prepare(args.name, args.manual_dir, args.data_dir))
    except PrepareError as error:
        sys.exit(f"prepare_data.py: {error}")


def prepare(name: str, manual_dir: pathlib.Path | None, data_dir: pathlib.Path | None) -> str:
    """Prepare the data set, and say where it is and what it holds.

    Raises:
        PrepareError: for an unknown name, no TensorFlow, no network, a wrong checksum, a full disk.
    """
    builder = _builder(name, data_dir)
    if (builder.data_path / "dataset_info.json").exists():
        if builder.info.file_format.value == _FORMAT:
            return _summary(builder)
        found = f"{builder.data_path} already exists in {builder.info.file_format.value} format"
        raise PrepareError(f"{found}; delete this folder to prepare it as {_FORMAT}")
    if importlib.util.find_spec("tensorflow") is None:
        raise PrepareError("preparing a data set needs TensorFlow: pip install -r requirements-prepare.txt")
    if manual_dir and not manual_dir.is_dir():
        raise PrepareError(f"--manual_dir={manual_dir} is not a folder")
    _check_network(builder, manual_dir)
    _download(builder, manual_dir)
    return _summary(builder)


def _builder(name: str, data_dir: pathlib.Path | None) -> Any:
    import tensorflow_datasets as tfds

    known = tfds.list_builders(with_community_datasets=False)
    if (base := name.partition(":")[0].partition("/")[0]) not in known:
        near = " or ".join(difflib.get_close_matches(base, known, n=3)) or "https://www.tensorflow.org/datasets"
        raise PrepareError(f"TFDS has no data set {name!r}; see {near}")
    try:
        return tfds.builder(name, data_dir=data_dir, file_format=_FORMAT)
    except Exception as error:
        raise PrepareError(f"{name}: {_line(error)}") from error


def _check_network(builder: Any, manual_dir: pathlib.Path | None) -> None:
    """Check once whether a host can be reached. TFDS itself would try each file ten times, for minutes."""
    import requests
    from tensorflow_datasets.core.download import resource

    downloads = pathlib.Path(builder.data_dir_root) / "downloads"
    hosts = {}
    for url, info in builder.url_infos.items():
        here = manual_dir and info.filename and (manual_dir / info.filename).exists()
        if not here and not any(downloads.rglob(resource.get_dl_fname(url, info.checksum))):
            hosts.setdefault(urlsplit(url).netloc, url)
    for url in hosts.values():
        try:
            requests.head(url, timeout=10)
            return
        except requests.exceptions.RequestException:
            continue
    if hosts:
        advice = "check the network, or put the archives into a folder and pass it as --manual_dir"
        raise PrepareError(f"cannot reach {', '.join(hosts)}: {advice}")


def _download(builder: Any, manual_dir: pathlib.Path | None) -> None:
    """Let TFDS prepare it: TFDS writes to a temporary folder, and renames this only on success."""
    import tensorflow_datasets as tfds
    from tensorflow_datasets.core.download import downloader

    vars(downloader)["MAX_RETRIES"] = 2  # instead of ten, for minutes, if a host does not answer
    if not sys.stderr.isatty():
        tfds.disable_progress_bar()
    # Google's own store of prepared sets is not used: it has no array_record.
    config = tfds.download.DownloadConfig(manual_dir=manual_dir, try_download_gcs=False)
    try:
        builder.download_and_prepare(download_config=config)
    except Exception as error:  # from requests, TensorFlow, Beam or the system
        raise PrepareError(f"{builder.info.full_name} was not prepared: {_line(error)}") from error


def _summary(builder: Any) -> str:
    splits = ", ".join(f"{split} {info.num_examples}" for split, info in builder.info.splits.items())
    return f"{builder.info.full_name} is in {builder.data_path}: {splits}"


def _line(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:600]


if __name__ == "__main__":
    main()
