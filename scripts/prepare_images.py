"""Makes folders of images for configs, from packages that are published elsewhere or from joined pairs.

    npm pack emoji-datasource-google@16.0.0 emoji-datasource-twitter@16.0.0
    python scripts/prepare_images.py emoji emoji-datasource-google-16.0.0.tgz emoji-datasource-twitter-16.0.0.tgz

writes `emoji/{noto,twemoji}/{train,test}/CODE.png` and `emoji/categories.csv` to `--out`, by default `$GAN_JAX_IMAGES`:
the same 3,786 emoji in two styles, 64x64, 3,547 pairs for training and 239 for testing. Variants of one character, such
as its skin tones, are in the same split. Noto's pictures are licensed under Apache-2.0, Twemoji's under CC-BY 4.0.

    python scripts/prepare_images.py pairs facades --names image label_map --out=facades_apart

cuts pictures that show two images side by side, such as those of pix2pix, in the middle: `facades/train/1.jpg` becomes
`facades_apart/image/train/1.png`, its left half, and `facades_apart/label_map/train/1.png`.
"""

import argparse
import csv
import io
import json
import os
import shutil
import sys
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gan_jax.data import images

if TYPE_CHECKING:
    from PIL.Image import Image

TESTED = """
0030-20e3 0034-20e3 1f199 1f1e6-1f1f7 1f1e8-1f1eb 1f1e8-1f1f4 1f1e8-1f1f7 1f1e8-1f1fa 1f1e9-1f1f0 1f1ea-1f1ea
1f1ec-1f1ec 1f1ee-1f1f1 1f1f0-1f1f7 1f1f2-1f1fa 1f1f3-1f1e6 1f1f4-1f1f2 1f1f5-1f1eb 1f1f5-1f1f7 1f1f8-1f1f2
1f1f8-1f1f4 1f1f8-1f1fd 1f1f9-1f1f1 1f1fa-1f1fe 1f300 1f301 1f314 1f32a 1f32b 1f32d 1f333 1f339 1f33d 1f35a 1f363
1f37c 1f38b 1f393 1f39a 1f3aa 1f3ad 1f3b1 1f3cc 1f3d2 1f3d9 1f3df 1f3e1 1f3ef 1f3f3-200d-26a7
1f3f4-e0067-e0062-e0073-e0063-e0074-e007f 1f408 1f419 1f41a 1f434 1f43b 1f43e 1f44c 1f453 1f475 1f47f 1f489 1f48c
1f48e 1f495 1f497 1f4bc 1f4da 1f4e2 1f4f2 1f503 1f505 1f508 1f51d 1f527 1f535 1f54c 1f556 1f55f 1f564 1f61f 1f622
1f62a 1f636-200d-1f32b 1f639 1f648 1f682 1f691 1f694 1f695 1f69a 1f6b5 1f6bb 1f6cd 1f6d6 1f914 1f926 1f92d 1f943 1f960
1f966 1f969 1f96b 1f974 1f978 1f97c 1f981 1f996 1f9ac 1f9ba 1f9ca 1f9d8 1f9e2 1f9f1 1f9fa 1f9fd 1fa75 1fa87 1fa8f
1faa0 1faaa 1faad 1faaf 1fab2 1fabd 1fabe 1face 1facf 1fae2 1faf8 203c 2139 23ec 23f9 2600 2638 263a 2642 264c 264f
2653 265f 267e 2694 26f3 26fd 270a 274c 2764 2796 27b0 303d 3297
"""
TEST = frozenset(TESTED.split())
"""The base characters of the test split, drawn once."""
STYLES = {"google": "noto", "twitter": "twemoji"}
PEOPLE = "People & Body"
NO_BASE = frozenset({"fe0f", "1f3fb", "1f3fc", "1f3fd", "1f3fe", "1f3ff"})  # the emoji variant and skin tones
LARGEST = 1 << 20  # bytes of a picture
SPLITS = frozenset({"train", "val", "validation", "test"})


class PrepareError(Exception):
    """A one-line error: why images cannot be prepared."""


def main() -> None:
    """Makes the images named on the command line. Exits with status 1 and one line if that fails."""
    parser = argparse.ArgumentParser(description="Make folders of images from packages, or from joined pairs.")
    kinds = parser.add_subparsers(dest="what", required=True)
    published = kinds.add_parser("emoji", help="emoji in two styles")
    published.add_argument("packages", nargs=2, type=Path, help="emoji-datasource-google and -twitter, .tgz")
    published.add_argument("--out", type=Path, help="where to write; default: $GAN_JAX_IMAGES")
    joined = kinds.add_parser("pairs", help="cut pictures that show two images side by side")
    joined.add_argument("folder", type=Path, help="folder of the pictures, which may have sub-folders train and test")
    joined.add_argument("--names", nargs=2, default=("left", "right"), help="names of the folders for the two halves")
    joined.add_argument("--out", type=Path, required=True, help="where to write")
    args = parser.parse_args()
    try:
        if args.what == "pairs":
            print(pairs(args.folder.expanduser(), args.out.expanduser(), args.names))
            return
        root = args.out or os.environ.get("GAN_JAX_IMAGES")
        if not root:
            raise PrepareError("there is no output folder: set --out=DIR or GAN_JAX_IMAGES")
        print(emoji(args.packages, Path(root).expanduser() / "emoji"))
    except (PrepareError, OSError) as error:
        sys.exit(f"prepare_images.py: {error}")


def emoji(packages: list[Path], folder: Path) -> str:
    """Writes the pairs and their split, and returns how many there are and where.

    packages: the two archives, in any order. Raises PrepareError if they are not these packages.
    """
    if folder.exists():
        raise PrepareError(f"{folder} already exists: delete it to make it again")
    found = {style: content for package in packages for style, content in [_package(package)]}
    if found.keys() != STYLES.keys():
        raise PrepareError("both packages hold the same style: give emoji-datasource-google and -twitter")
    categories = _categories(found["google"]["emoji.json"])
    names = sorted(categories.keys() & found["google"].keys() & found["twitter"].keys())
    draft = folder.with_name(f".{folder.name}.part")
    rows = [(name, "test" if base(name, categories[name]) in TEST else "train", categories[name]) for name in names]
    for name, split, _ in rows:
        for style, called in STYLES.items():
            path = draft / called / split / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(found[style][name])
    with (draft / "categories.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerows([("file", "split", "category"), *rows])
    draft.rename(folder)
    tested = sum(split == "test" for _, split, _ in rows)
    return f"{folder}: {len(rows) - tested:,} pairs to train on and {tested:,} to test on"


def pairs(folder: Path, out: Path, names: Sequence[str] = ("left", "right")) -> str:
    """Writes the halves of a folder's pictures as PNG with 8 bits, and returns how many pairs there are and where.

    Each half's folder has the pictures' sub-folders, such as train and test. Hidden files are left out. Raises
    PrepareError if there are no pictures, one cannot be read or has an odd width, the names are equal or cannot name
    folders, two pictures would get the same name, or `out` already exists.
    """
    if out.exists():
        raise PrepareError(f"{out} already exists: delete it to make it again")
    if len({*names}) < len(names) or any(Path(name).name != name or name in {"", *SPLITS} for name in names):
        raise PrepareError(
            f"--names {' '.join(names)}: they must be two different folder names, and not names of splits"
        )
    draft = out.with_name(f".{out.name}.part")
    shutil.rmtree(draft, ignore_errors=True)
    made: dict[Path, Path] = {}
    for path in sorted(folder.rglob("*")):
        within = path.relative_to(folder).with_suffix(".png")
        if path.suffix.lower() not in images.SUFFIXES or any(part.startswith(".") for part in within.parts):
            continue
        if (other := made.setdefault(within, path)) != path:
            raise PrepareError(f"{other} and {path} would have the same name: rename one of them")
        for name, half in zip(names, _halves(path), strict=True):
            place = draft / name / within
            place.parent.mkdir(parents=True, exist_ok=True)
            half.save(place)
    if not made:
        raise PrepareError(f"{folder} has no pictures ({', '.join(sorted(images.SUFFIXES))})")
    draft.rename(out)
    return f"{out}: {len(made):,} pairs"


def _halves(path: Path) -> list["Image"]:
    """Returns the left and the right half of a picture, upright and with 8 bits, as data sets read it."""
    from PIL import Image

    try:
        pixels = images.read(path, images.Reading(channels=4))
    except (OSError, ValueError) as error:
        raise PrepareError(f"{path} is not a readable picture: {error}") from error
    width = pixels.shape[1]
    if width % 2:
        raise PrepareError(f"{path} is {width} pixels wide: the width of a pair must be even")
    if (pixels[..., 3] == 255).all():  # grey or RGB, if that loses nothing
        is_grey = (pixels[..., :3] == pixels[..., :1]).all()
        pixels = pixels[..., 0] if is_grey else pixels[..., :3]
    return [Image.fromarray(half) for half in (pixels[:, : width // 2], pixels[:, width // 2 :])]


def base(name: str, category: str) -> str:
    """Returns what variants of an emoji share: for people the first character, otherwise all but the variant."""
    codes = name.removesuffix(".png").split("-")
    return codes[0] if category == PEOPLE else "-".join(code for code in codes if code not in NO_BASE)


def _package(path: Path) -> tuple[str, dict[str, bytes]]:
    """Returns the style of a package, and its pictures of 64x64 and emoji.json, by their names."""
    content: dict[str, bytes] = {}
    styles: set[str] = set()
    try:
        with tarfile.open(path) as archive:
            for member in archive:
                parts = member.name.split("/")
                picture = parts[1:2] == ["img"] and parts[3:4] == ["64"] and member.size < LARGEST
                if member.isfile() and (picture or parts[1:] == ["emoji.json"]):
                    file = archive.extractfile(member)
                    content[parts[-1]] = file.read() if file else b""
                    styles |= {parts[2]} if picture else set()
    except (tarfile.TarError, EOFError) as error:
        raise PrepareError(f"{path} is not a complete .tgz archive: make it with npm pack") from error
    if len(styles) != 1 or not styles <= STYLES.keys() or "emoji.json" not in content:
        raise PrepareError(f"{path} is not emoji-datasource-google or -twitter: it has no img/STYLE/64")
    return styles.pop(), content


def _categories(about: bytes) -> dict[str, str]:
    """Returns each picture's category, skin tones included."""
    entries = json.load(io.BytesIO(about))
    variants = ((e, image) for e in entries for image in [e, *e.get("skin_variations", {}).values()])
    return {variant["image"]: entry["category"] for entry, variant in variants}


if __name__ == "__main__":
    main()
