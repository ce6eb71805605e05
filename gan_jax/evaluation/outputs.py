"""Files of samples: arrays in constant memory, PNG files in a folder, a grid, and animations."""

import zipfile
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import IO, Any

import numpy as np

from gan_jax.errors import UserError
from gan_jax.evaluation.samples import Samples, names_of
from gan_jax.reporting import animations, figures, images, points
from gan_jax.runs.directory import RunDirectory
from gan_jax.runs.files import atomically, folder_atomically

MOST_IN_A_PICTURE = 4096

Part = dict[str, np.ndarray]


def write(out: Path, samples: Samples, n: int, backdrop: Callable[[], np.ndarray]) -> list[Path]:
    """Writes n samples in the format of the suffix of `out`, and returns the paths of the files or of the folder.

    .npz: `images` or `points`, and `labels` of conditional models. .npy: images or points, and labels in a file next to
    it. No suffix: a folder of PNG files, for conditional models in sub-folders by class. .png: a grid, or points over
    the data's density. .gif, .mp4: a grid in which each image walks to the next sample and back.

    backdrop: returns the points that the data's density is drawn from. Raises UserError.
    """
    if out.suffix in (".png", *animations.SUFFIXES) and n > MOST_IN_A_PICTURE:
        raise UserError(f"--num={n}: a picture has at most {MOST_IN_A_PICTURE:,} samples: use .npy, .npz or a folder")
    writers = {".npz": _npz, ".npy": _npy, ".png": _grid}
    if out.suffix not in animations.SUFFIXES:
        return writers.get(out.suffix, _folder)(out, samples, n, backdrop)
    walks = samples.walks(n, animations.STEPS)
    if walks.ndim != 5:
        raise UserError(f"--out={out}: animations show images, not points: use .png or .npz")
    animations.save(out, animations.there_and_back(walks, _columns(samples)))
    return [out]


def training(out: Path, run_dir: RunDirectory) -> None:
    """Writes an animation of the pictures in the run's folder samples/, by step; the last one is shown longer.

    Raises UserError if there are none.
    """
    from PIL import Image

    paths = sorted(run_dir.samples.glob("step_*.png"))
    if not paths:
        raise UserError(f"{run_dir.samples} holds no pictures: train with config.sample_every_steps above 0")
    frames = []
    for path in paths:
        with Image.open(path, formats=["PNG"]) as picture:
            frames.append(np.asarray(picture.convert("RGB")))
    animations.save(out, frames, milliseconds=200, last=animations.LAST)


def _npz(out: Path, samples: Samples, n: int, backdrop: Any) -> list[Path]:
    name, first, parts = _begun(samples, n)
    with atomically(out) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open(_entry(f"{name}.npy"), "w", force_zip64=True) as entry:
            labels = _written(entry, first, parts, name, n)
        if labels is not None:
            with archive.open(_entry("labels.npy"), "w") as entry:
                np.lib.format.write_array(entry, labels, allow_pickle=False)
    return [out]


def _npy(out: Path, samples: Samples, n: int, backdrop: Any) -> list[Path]:
    name, first, parts = _begun(samples, n)
    with atomically(out) as file:
        labels = _written(file, first, parts, name, n)
    if labels is None:
        return [out]
    beside = out.with_name(f"{out.stem}_labels.npy")
    with atomically(beside) as file:
        np.save(file, labels, allow_pickle=False)
    return [out, beside]


def _folder(out: Path, samples: Samples, n: int, backdrop: Any) -> list[Path]:
    name, _, parts = _begun(samples, n)
    if name != "images":
        raise UserError(f"--out={out}: a folder of PNG files is for images, not points: use .png or .npz")
    digits, number = max(6, len(str(n - 1))), 0
    with folder_atomically(out) as folder:
        for part in parts:
            for image, within in zip(part["images"], _folders(samples, part), strict=True):
                (folder / within).mkdir(exist_ok=True)
                images.picture(image).save(folder / within / f"{number:0{digits}d}.png")
                number += 1
    return [out]


def _folders(samples: Samples, part: Part) -> list[str]:
    """Returns the sub-folder of each sample, by its class; '' in models without classes."""
    if "labels" not in part:
        return [""] * len(part["images"])
    return [name.replace("/", "_").replace("\0", "_") for name in names_of(samples.experiment, part["labels"])]


def _grid(out: Path, samples: Samples, n: int, backdrop: Callable[[], np.ndarray]) -> list[Path]:
    made = samples.whole(n)
    if "images" in made:
        images.save_png(out, images.grid(made["images"], _columns(samples)))
    else:
        figures.check_plane(made["points"])
        points.save_samples(out, made["points"], backdrop())
    return [out]


def _columns(samples: Samples) -> int:
    """Returns the number of columns of a grid: one for each of up to 10 classes, if samples take classes in turn."""
    in_turn = samples.experiment.present if samples.label is None else ()
    return min(len(in_turn), figures.MAX_CLASSES) or figures.COLUMNS


def _begun(samples: Samples, n: int) -> tuple[str, Part, Iterator[Part]]:
    """Returns the name of what is made, the first part, and all parts including it."""
    parts = samples.parts(n)
    first = next(parts)
    return "images" if "images" in first else "points", first, chain([first], parts)


def _written(file: IO[bytes], first: Part, parts: Iterator[Part], name: str, n: int) -> np.ndarray | None:
    """Writes an array of n samples part by part, in NumPy's format; returns their labels, if any."""
    like, labels = first[name], []
    header = {"descr": np.lib.format.dtype_to_descr(like.dtype), "fortran_order": False, "shape": (n, *like.shape[1:])}
    np.lib.format.write_array_header_1_0(file, header)
    for part in parts:
        file.write(np.ascontiguousarray(part[name]).data)
        labels += [part["labels"]] if "labels" in part else []
    return np.concatenate(labels) if labels else None


def _entry(name: str) -> zipfile.ZipInfo:
    """Returns an archive's file without a time, so that the same samples give the same bytes."""
    entry = zipfile.ZipInfo(name)
    entry.compress_type = zipfile.ZIP_DEFLATED
    return entry
