"""Image files below a folder, with their splits and classes."""

import logging
import os
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from gan_jax.data import images, workers
from gan_jax.data.images import Reading
from gan_jax.errors import MAX_NAMES, UserError, one_line, printable, suggestions
from gan_jax.runs import terminal
from gan_jax.runs.paths import of_user

SPLITS = ("train", "test", "val", "valid", "validation", "dev")
"""Names of sub-folders that are splits, not classes."""
ROOT = "GAN_JAX_IMAGES"


class File(NamedTuple):
    """An image file.

    Attributes:
        path: where it is.
        name: its path relative to its split's folder, with '/'.
        size: its size in bytes.
        changed: the time of its last change, in nanoseconds.
        label: the first folder of its name, '' if there is none.
    """

    path: str
    name: str
    size: int
    changed: int

    @property
    def label(self) -> str:
        """The first folder of the name, '' if there is none."""
        return self.name.partition("/")[0] if "/" in self.name else ""

    @property
    def stem(self) -> str:
        """The name without its suffix, which determines pairs and parts."""
        return os.path.splitext(self.name)[0]  # noqa: PTH122

    def check_unchanged(self) -> None:
        """Raises ValueError if the file has changed since it was listed; OSError if it is gone."""
        status = os.stat(self.path)  # noqa: PTH116
        if (status.st_size, status.st_mtime_ns) != (self.size, self.changed):
            raise ValueError("it has changed since this command started: run the command again")


class Found(NamedTuple):
    """The files of a split.

    Attributes:
        listed: the files in the order of their names.
        classes: the names of the classes of all splits; () if there are none.
        unlabelled: why sub-folders are not classes, if they are not.
        splits: the names of the splits.
    """

    listed: list[File]
    classes: tuple[str, ...]
    unlabelled: str
    splits: tuple[str, ...]


def resolve(path: str) -> Path:
    """Returns the absolute path of a folder or file of images.

    '~' is the user's home. A relative path is looked for in `$GAN_JAX_IMAGES`, then in the working directory; only
    there if its first part is '.' or '..'. Raises UserError if it does not exist.
    """
    if not path:
        raise UserError(
            "config.data.path is not set: set it to the folder of the images, such as --config.data.path=~/photos"
        )
    given = of_user(path)
    here = given.is_absolute() or path.partition("/")[0] in (".", "..")  # a Path would drop './'
    folder = "" if here else os.environ.get(ROOT)
    roots = [Path(folder).expanduser()] if folder else []
    tried = [Path(os.path.abspath(root / given)) for root in (*roots, Path())]  # noqa: PTH100  # keeps links
    for place in tried:
        try:
            if place.exists():
                return place
        except OSError as error:  # a name that is too long, a folder that may not be searched
            raise UserError(f"config.data.path is {path}: {one_line(error)}") from error
    looked = " or ".join(dict.fromkeys(map(os.fspath, tried)))
    hint = "" if roots or here else f"; a relative path is also looked for in ${ROOT}, which is not set"
    raise UserError(f"config.data.path is {path}: there is no {looked}{hint}")


def find(root: Path, split: str, *, labels: bool) -> Found:
    """Returns the image files of a whole split.

    Sub-folders with names in SPLITS are splits. Without any, all files form the split 'train', and 'test' is a part of
    it. Raises UserError if there is no such split, or no image in it.
    """
    if not root.is_dir():
        raise UserError(f"{printable(root)}: there is no such folder; {_beside(root)}")
    splits = tuple(folder for folder in SPLITS if (root / folder).is_dir())
    of_folders = [below(folder) for folder in _folders(root, split, splits)]
    listed = [file for found, _ in of_folders for file in found]
    foreign = [path for _, others in of_folders for path in others]
    if not listed:
        suffixes = ", ".join(sorted(images.SUFFIXES))
        raise UserError(f"{printable(root)}: split {split!r} has no images (files ending in {suffixes})")
    say_left_out(root, foreign)
    if splits and (outside := below(root, without=splits)[0]):
        terminal.say(
            f"{printable(root)}: {len(outside):,} images are left out, because they are not in the folder of a split "
            f"({', '.join(splits)}): {printable(outside[0].path)}{' ...' if len(outside) > 1 else ''}"
        )
    listed.sort(key=lambda file: file.name)
    classes, why = _classes(root, splits, listed) if labels else ((), "")
    return Found(listed, classes, why, splits or ("train",))


def say_left_out(folder: Path, foreign: Sequence[str]) -> None:
    """Says on the terminal which files of a folder are left out because they lack the suffix of an image."""
    if foreign:
        shown = ", ".join(printable(path) for path in foreign[:3]) + (" ..." if len(foreign) > 3 else "")
        terminal.say(
            f"{printable(folder)}: {len(foreign):,} files are left out, because they lack an image's suffix: {shown}"
        )


def images_below(folder: Path) -> list[File]:
    """Returns the image files anywhere below a folder, sorted by name; says on the terminal what is left out."""
    listed, foreign = below(folder)
    say_left_out(folder, foreign)
    return sorted(listed, key=lambda file: file.name)


def below(folder: Path, without: Sequence[str] = ()) -> tuple[list[File], list[str]]:
    """Returns the image files anywhere below a folder, except in these sub-folders, and the paths of other files."""
    listed, foreign = [], []
    prefix = len(os.fspath(folder)) + 1
    for path, status in _walk(folder, without):
        if os.path.splitext(path)[1].lower() in images.SUFFIXES:  # noqa: PTH122
            listed.append(File(path, path[prefix:].replace(os.sep, "/"), status.st_size, status.st_mtime_ns))
        else:
            foreign.append(path)
    return listed, foreign


def _folders(root: Path, name: str, splits: Sequence[str]) -> list[Path]:
    """Returns the folders of a split; raises UserError if there is no such split."""
    if splits and name in splits:
        return [root / name]
    if name == "all":
        return [root / folder for folder in splits] or [root]
    if not splits and name in ("train", "test"):
        return [root]
    allowed = [*splits, "all"] if splits else ["train", "train[:90%]", "train[90%:]", "all"]
    raise UserError(f"{printable(root)} has no split {name!r}; {suggestions(name, allowed)}")


def _walk(folder: Path, without: Sequence[str] = ()) -> Iterator[tuple[str, os.stat_result]]:
    """Yields the files below a folder with their status. Links are followed, but not in a loop.

    Hidden files and folders and the sub-folders `without` are left out.
    """
    seen: set[tuple[int, int]] = set()
    top = os.fspath(folder)
    waiting = [top]
    while waiting:
        here = waiting.pop()
        try:
            status = os.stat(here)  # noqa: PTH116
            if (status.st_dev, status.st_ino) in seen:
                continue
            seen.add((status.st_dev, status.st_ino))
            with os.scandir(here) as entries:
                for entry in entries:
                    if entry.name.startswith(".") or (here == top and entry.name in without):
                        continue
                    if entry.is_dir():
                        waiting.append(entry.path)
                    elif entry.is_file():
                        yield entry.path, entry.stat()
                    elif entry.is_symlink():
                        logging.warning("%s is a broken link", printable(entry.path))
        except OSError as error:
            raise UserError(f"{printable(here)} cannot be read: {one_line(error)}") from error


def _classes(root: Path, splits: Sequence[str], listed: Sequence[File]) -> tuple[tuple[str, ...], str]:
    """Returns the names of the classes, the sub-folders of all splits; or why there are none, '' if no sub-folders."""
    inside = sum("/" in file.name for file in listed)
    if not inside:
        return (), ""
    if inside < len(listed):
        return (), (
            f"{len(listed) - inside} of its {len(listed)} images are not in a sub-folder: put each image into the "
            "sub-folder of its class"
        )
    folders = [root / split for split in splits] or [root]
    names = {entry.name for folder in folders for entry in os.scandir(folder) if entry.is_dir()}
    return tuple(sorted(name for name in names if not name.startswith("."))), ""


def _beside(root: Path) -> str:
    try:
        return suggestions(root.name, [entry.name for entry in os.scandir(root.parent) if entry.is_dir()])
    except OSError:
        return "check the path"


def readable(listed: Sequence[File], how: Reading) -> list[bool]:
    """Returns which files can be decoded, and says on the terminal how many cannot, and which."""
    chunks = [(listed[i : i + 200],) for i in range(0, len(listed), 200)]
    bad = dict(pair for pairs in workers.run(partial(damage, how=how), chunks, len(listed)) for pair in pairs)
    if bad:
        shown = "; ".join([*bad.values()][:MAX_NAMES]) + (" ..." if len(bad) > MAX_NAMES else "")
        terminal.say(f"{len(bad):,} of {len(listed):,} files are left out, because they cannot be read: {shown}")
    return [file.path not in bad for file in listed]


def damage(listed: Sequence[File], *, how: Reading) -> list[tuple[str, str]]:
    """Returns the path and the error of each file that cannot be decoded."""
    found = []
    for file in listed:
        try:
            images.read(file.path, how)
        except Exception as error:
            found.append((file.path, f"{printable(file.path)}: {one_line(error)}"))
    return found
