"""Makes a folder of any number of JPEG files, for measuring training on sets larger than memory.

    python scripts/make_large_set.py FOLDER [--images=200000] [--size=64]

writes `FOLDER/CLASS/NUMBER.jpg`: 1 to 10 soft discs of three colours on a fourth one; their number is the class. A
picture depends only on its number. Existing files are kept.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from PIL import Image

CLASSES = 10
STEPS = 10_000  # images between two lines on the terminal


def main(argv: list[str]) -> int:
    """Runs a command line; returns 0."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--images", type=int, default=200_000)
    parser.add_argument("--size", type=int, default=64, help="height and width")
    args = parser.parse_args(argv)
    for discs in range(1, CLASSES + 1):
        (args.folder / f"{discs:02}").mkdir(parents=True, exist_ok=True)
    for number in range(args.images):
        discs = 1 + number % CLASSES
        path = args.folder / f"{discs:02}" / f"{number:06}.jpg"
        if not path.exists():
            draft = path.with_suffix(".part")
            Image.fromarray(picture(number, discs, args.size)).save(draft, "JPEG", quality=90)
            draft.rename(path)
        if (number + 1) % STEPS == 0:
            print(f"{number + 1:,} of {args.images:,}", file=sys.stderr)
    return 0


def picture(number: int, discs: int, size: int) -> np.ndarray:
    """Returns a picture, uint8 [size, size, 3]."""
    rng = np.random.default_rng(number)
    colours = rng.integers(0, 256, (4, 3)).astype(np.float32)
    made = np.broadcast_to(colours[3], (size, size, 3)).copy()
    places = np.arange(size, dtype=np.float32) / size
    for disc in range(discs):
        y, x, radius = rng.random(3, np.float32) * (1, 1, 0.2) + (0, 0, 0.05)
        distance = np.hypot(places[:, None] - y, places - x)
        share = np.clip((radius - distance) * size / 4 + 0.5, 0, 1)[..., None]
        made += share * (colours[disc % 3] - made)
    return made.astype(np.uint8)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
