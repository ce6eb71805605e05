"""Grids of images, and PNG files."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gan_jax.runs.files import atomically

if TYPE_CHECKING:
    from PIL.Image import Image

GAP = 2  # pixels between images of a grid
WALKS, ALONG = 8, 10
"""A run's picture of walks has WALKS rows of ALONG images; that of a plane of latents has ALONG rows of ALONG."""
PLANE = 64  # pixels: images of twice as many or more are reduced in the picture of a plane
CAPTION = 12  # pixels: the height of a line of text
COLUMNS = "columns"  # the key of a text in a PNG file


def grid(images: np.ndarray, columns: int, *, gap: int = GAP, smallest: int = 56) -> np.ndarray:
    """Returns images uint8 [n, h, w, c] in one image [H, W, c], row by row. Images below `smallest` are enlarged."""
    images = enlarged(images, smallest)
    n, h, w, c = images.shape
    rows = -(-n // columns)
    h, w = h + gap, w + gap
    sheet = np.full((rows * h + gap, columns * w + gap, c), 255, np.uint8)
    for number, image in enumerate(images):
        row, column = divmod(number, columns)
        top, left = row * h + gap, column * w + gap
        sheet[top : top + h - gap, left : left + w - gap] = image
    return sheet


def size_in_grid(path: Path, rows: int, columns: int) -> tuple[int, int]:
    """Returns the width and height in pixels of each image in a PNG of `grid` with these rows and columns."""
    from PIL import Image

    with Image.open(path, formats=["PNG"]) as sheet:
        width, height = sheet.size
    return (width - GAP) // columns - GAP, (height - GAP) // rows - GAP


def enlarged(images: np.ndarray, smallest: int) -> np.ndarray:
    """Returns images uint8 [n, h, w, c], enlarged by an integer factor if a side is below `smallest` pixels."""
    factor = max(1, -(-smallest // min(images.shape[1:3])))
    return images.repeat(factor, axis=1).repeat(factor, axis=2)


def reduced(images: np.ndarray, largest: int) -> np.ndarray:
    """Returns images uint8 [n, h, w, c], reduced by an integer factor if a side is twice `largest` pixels or more.

    Each pixel is the mean of a block. What is left over at the right and the bottom is cut off.
    """
    factor = max(1, max(images.shape[1:3]) // largest)
    n, h, w, c = images.shape
    h, w = max(1, h // factor), max(1, w // factor)
    cut = images[:, : h * factor, : w * factor]
    return np.round(cut.reshape(n, h, cut.shape[1] // h, w, cut.shape[2] // w, c).mean((2, 4))).astype(np.uint8)


def captioned(images: np.ndarray, captions: Sequence[str], *, smallest: int = 56) -> np.ndarray:
    """Returns images uint8 [n, h + 12, w, c], enlarged as in `grid`, with a line of text below each."""
    from PIL import Image, ImageDraw

    images = enlarged(images, smallest)
    strips = []
    for caption in captions:
        strip = Image.new("L", (images.shape[2], CAPTION), 255)
        ImageDraw.Draw(strip).text((1, 0), caption.encode("latin-1", "replace").decode("latin-1"), fill=0)
        strips.append(np.asarray(strip)[..., None].repeat(images.shape[3], axis=2))
    below = np.stack(strips)
    if images.shape[3] == 4:
        below[..., 3] = 255
    return np.concatenate([images, below], axis=1)


def picture(image: np.ndarray) -> "Image":
    """Returns uint8 [h, w, c] of 1 (grey), 3 (RGB) or 4 (RGBA) channels as a Pillow image; else the first channel."""
    from PIL import Image

    return Image.fromarray(image if image.shape[-1] in (3, 4) else image[..., 0])


def save_png(path: Path, image: np.ndarray, *, columns: Sequence[str] = ()) -> None:
    """Writes uint8 [h, w, c] as PNG, with channels as in `picture`. `columns` names a grid's columns, from the left."""
    from PIL.PngImagePlugin import PngInfo

    text = PngInfo()
    if columns:
        text.add_text(COLUMNS, ", ".join(columns))
    with atomically(path) as file:
        picture(image).save(file, "PNG", optimize=True, pnginfo=text)


def columns_of(path: Path) -> str:
    """Returns the column names in a PNG that `save_png` wrote; "" if it was given none."""
    from PIL import Image

    with Image.open(path, formats=["PNG"]) as sheet:
        return sheet.info.get(COLUMNS, "")
