"""A user's own image files: a folder, with labels from its sub-folders, or several folders whose files are paired.

--config.data.name=folder --config.data.path=~/photos --config.data.size=64
"""

import contextlib
import functools
import logging
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gan_jax.data import array_file, files, images, parts
from gan_jax.data.base import Dataset, by_field
from gan_jax.data.examples import Lazy
from gan_jax.data.file_examples import FileExamples
from gan_jax.data.images import Reading
from gan_jax.errors import MAX_NAMES, UserError, printable, suggestions

DAMAGED = ("refuse", "skip")
LOOKED_AT = 100  # images of each field whose sizes are checked
KEPT, HELD_OUT = "[:90%]", "[90%:]"
"""Parts for training and for testing, if there are no sub-folders for these."""


def load(
    split: str,
    *,
    path: str = "",
    size: Any = 0,
    fit: str = "crop",
    channels: int = 3,
    background: int = 255,
    fields: Mapping[str, str] | None = None,
    paired: bool = True,
    labels: bool = True,
    unlabelled_folder: str = "",
    group: str = "",
    damaged: str = "refuse",
) -> Dataset:
    """Returns the images of a folder, or the arrays of an .npy or .npz file, as a data set. Decodes nothing yet.

    Args:
        split: 'train', 'test' or another sub-folder of this name; 'all' for all of them. If there are no such
            sub-folders, 'train' is everything. For a part of one, such as 'train[:90%]', see `parts`.
        path: the folder, see `files.resolve`.
        size, fit, channels, background: how files become arrays, see `images.Reading`.
        fields: the sub-folder of the path for each field, such as `{"x": "photos", "source": "sketches"}`. By default
            there is only `x`, the path itself.
        paired: whether files with the same name in these sub-folders belong together. Otherwise each field has its own
            order and number of files.
        labels: whether sub-folders of a split are classes.
        unlabelled_folder: the class sub-folder whose images have no label, for learning from few labels.
        group: a regular expression. Files in whose names it matches the same text are in the same part of a split.
        damaged: what to do if a file cannot be read or has no partner: 'refuse' raises an error, 'skip' leaves it out.

    Raises:
        UserError: if there is no such folder or split, or the files do not fit these arguments.
    """
    how = images.reading(size, fit, channels, background)
    root = files.resolve(str(path))  # a folder's name may be a number, such as a year
    sources = by_field(fields, "")
    _check(sources, damaged, unlabelled_folder=unlabelled_folder, group=group)
    if root.is_file():
        of_files = {"fit": fit, "fields": sources if fields else None, "paired": paired, "group": group}
        array_file.check_usual(root, load, **of_files, damaged=damaged, unlabelled_folder=unlabelled_folder)
        return array_file.read(root, split, how, labels=labels)
    found = {name: files.find(root / folder, parts.base(split), labels=labels) for name, folder in sources.items()}
    chosen = _chosen(split, found, group, paired)
    if paired and len(chosen) > 1:
        chosen = _partners(chosen, os.fspath(root), damaged)
    if damaged == "skip":
        chosen = _readable(chosen, how, paired)
    made = _dataset(os.fspath(root), split, how, chosen, found["x"], (sources, group, damaged), paired=paired)
    return _without_labels(made, unlabelled_folder) if unlabelled_folder else made


def _without_labels(made: Dataset, folder: str) -> Dataset:
    """Returns the data set without labels for the images of one sub-folder, which is then not a class."""
    if made.label is None or folder not in made.class_names:
        there = suggestions(folder, made.class_names) if made.class_names else made.unlabelled or "there are no classes"
        raise UserError(f"config.data.unlabelled_folder is {folder!r}: no class sub-folder has this name; {there}")
    number = made.class_names.index(folder)
    names = tuple(name for name in made.class_names if name != folder)
    label, labelled = made.label - (made.label > number), made.label != number
    if not names:
        raise UserError(
            f"config.data.unlabelled_folder is {folder!r}: there is no other sub-folder, so there are no classes"
        )
    return made._replace(label=np.where(labelled, label, 0), classes=len(names), class_names=names, labelled=labelled)


def actual(split: str, dataset: Dataset) -> str:
    """Returns the part of 'train' that x has for 'test' if the data set is a folder without test/; else the split."""
    is_part = split == "test" and dataset.name == "folder" and "test" not in dataset.splits
    return f"train{HELD_OUT}" if is_part else split


def _chosen(split: str, found: Mapping[str, files.Found], group: str, paired: bool) -> dict[str, Sequence[files.File]]:
    """Returns the files of the split, or of a part of 'train' in place of 'test' if a field has no such sub-folder.

    Each field has its own splits. Only partners are chosen alike, by those of x.
    """
    is_test = parts.base(split) == "test"
    lacking = [name for name in found if is_test and "test" not in found["x" if paired else name].splits]
    if lacking:
        of = "" if len(lacking) == len(found) else f" for the field {', '.join(lacking)}"
        if split != "test":
            raise UserError(
                f"split {split!r}: there is no sub-folder test{of}; use a part of train, such as train[90%:]"
            )
        message = "there is no sub-folder test%s: split 'test' is train%s; train on train%s to keep it out of training"
        logging.warning(message, of, HELD_OUT, KEPT)
    part = {name: f"train{HELD_OUT}" if name in lacking else split for name in found}
    return {name: parts.choose(each.listed, part[name], group) for name, each in found.items()}


def _check(sources: Mapping[str, str], damaged: str, **texts: Any) -> None:
    for name, value in texts.items():
        if not isinstance(value, str):
            raise UserError(f"config.data.{name} is {value!r}: it must be a string, such as '0', or '' for none")
    if damaged not in DAMAGED:
        raise UserError(f"config.data.damaged is {damaged!r}: {suggestions(str(damaged), DAMAGED)}")
    for name, folder in sources.items():
        if not name.isidentifier() or name == "label" or not isinstance(folder, str):
            raise UserError(
                f"config.data.fields.{name} is {folder!r}: map an identifier other than label to a sub-folder"
            )


def _dataset(
    root: str,
    split: str,
    how: Reading,
    chosen: Mapping[str, Sequence[files.File]],
    found: files.Found,
    choice: tuple[Mapping[str, str], str, str],
    *,
    paired: bool,
) -> Dataset:
    """Returns the data set of these files, with fields that are decoded when they are read.

    choice: the sub-folders of the fields, `group` and `damaged`, by which the files were chosen.
    """
    if not all(chosen.values()):
        raise UserError(f"{printable(root)}: split {split!r} has no images: use a larger part")
    _warn_of_small(chosen, how)
    shapes = {name: _shape(listed, how) for name, listed in chosen.items()}
    together = [list(chosen)] if paired else [[name] for name in chosen]
    made, (folders, *rest) = {}, choice
    for names in together:
        of_names = {n: shapes[n] for n in names}, {n: tuple(chosen[n]) for n in names}
        examples = FileExamples(root, split, how, *of_names, (*((n, folders[n]) for n in names), *rest))
        made |= {name: Lazy(examples, name) for name in names}
    label = None
    if found.classes:
        label = np.array([found.classes.index(file.label) for file in chosen["x"]], np.int32)
    return Dataset(
        "folder",
        split,
        made.pop("x"),  # pyrefly: ignore[bad-argument-type]
        label,
        len(found.classes),
        unlabelled=found.unlabelled,
        class_names=found.classes,
        splits=found.splits,
        others=made,  # pyrefly: ignore[bad-argument-type]
        unpaired=() if paired else tuple(made),
        path=root,
    )


def _shape(listed: Sequence[files.File], how: Reading) -> tuple[int, int, int]:
    """Returns the shape of images: the size that is set, or otherwise the size in the headers of all files."""
    if how.size is not None:
        return (*how.size, how.channels)
    sizes: dict[tuple[int, int], str] = {}
    for file in listed:
        # Decoding reports all damaged files, for which Pillow raises errors of any kind.
        with contextlib.suppress(Exception):
            sizes.setdefault(images.size_of(file.path), printable(file.path))
        if len(sizes) > 1:
            both = "; ".join(f"{name} is {h}x{w}" for (h, w), name in sizes.items())
            raise UserError(f"the images have different sizes ({both}): set config.data.size, such as 64, or (h, w)")
    if not sizes:
        raise UserError(
            f"{printable(listed[0].path)} and {len(listed) - 1:,} other files are not images that can be read"
        )
    return (*next(iter(sizes)), how.channels)


def _warn_of_small(chosen: Mapping[str, Sequence[files.File]], how: Reading) -> None:
    """Warns if images are enlarged, judging by the headers of the first ones."""
    if how.size is None:
        return
    looked, small = 0, []
    for file in [file for listed in chosen.values() for file in listed[:LOOKED_AT]]:
        with contextlib.suppress(Exception):  # decoding reports what is damaged
            h, w = images.size_of(file.path)
            looked += 1
            if h < how.size[0] or w < how.size[1]:
                small.append(f"{printable(file.path)} is {h}x{w}")
    if small:
        size = f"{how.size[0]}x{how.size[1]}"
        logging.warning("%d of the %d images checked are enlarged to %s: %s", len(small), looked, size, small[0])


def _partners(chosen: Mapping[str, Sequence[files.File]], root: str, damaged: str) -> dict[str, Sequence[files.File]]:
    """Returns the files of each field in the order of x's files, paired by their names without suffixes."""
    by_name: dict[str, dict[str, files.File]] = {name: {} for name in chosen}
    for name, listed in chosen.items():
        for file in listed:
            if (other := by_name[name].setdefault(file.stem, file)) is not file:
                both = f"{printable(other.path)} and {printable(file.path)}"
                raise UserError(
                    f"{both} have the same name, so their partner is ambiguous: rename one, and its partner"
                )
    common = functools.reduce(lambda a, b: a & b, (each.keys() for each in by_name.values()))
    alone = [f"{field} {printable(stem)}" for field, each in by_name.items() for stem in each if stem not in common]
    if alone and damaged == "refuse":
        listed = "; ".join(alone[:MAX_NAMES]) + (" ..." if len(alone) > MAX_NAMES else "")
        raise UserError(
            f"{root}: {len(alone):,} files have no partner of the same name ({listed}): add the partners, delete the "
            "files, or set config.data.damaged=skip"
        )
    return {name: [by_name[name][f.stem] for f in chosen["x"] if f.stem in common] for name in chosen}


def _readable(
    chosen: Mapping[str, Sequence[files.File]], how: Reading, paired: bool
) -> dict[str, Sequence[files.File]]:
    """Returns the files that can be read and whose partners can be read; says on the terminal how many are left out."""
    good = {name: files.readable(listed, how) for name, listed in chosen.items()}
    if paired:
        every = [all(flags) for flags in zip(*good.values(), strict=True)]
        good = dict.fromkeys(good, every)
    return {name: [f for f, keep in zip(chosen[name], good[name], strict=True) if keep] for name in chosen}
