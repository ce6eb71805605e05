"""Grids of images, and PNG files."""

from pathlib import Path

import numpy as np

from gan_jax.runs.files import atomically


def grid(images: np.ndarray, columns: int, *, gap: int = 2, smallest: int = 56) -> np.ndarray:
    """Returns images uint8 [n, h, w, c] in one image [H, W, c], row by row; those below `smallest` are enlarged."""
    n, h, w, c = images.shape
    factor = max(1, -(-smallest // min(h, w)))
    images = images.repeat(factor, axis=1).repeat(factor, axis=2)
    rows = -(-n // columns)
    h, w = h * factor + gap, w * factor + gap
    sheet = np.full((rows * h + gap, columns * w + gap, c), 255, np.uint8)
    for number, image in enumerate(images):
        row, column = divmod(number, columns)
        top, left = row * h + gap, column * w + gap
        sheet[top : top + h - gap, left : left + w - gap] = image
    return sheet


def save_png(path: Path, image: np.ndarray) -> None:
    """Writes uint8 [h, w, c] of 1 (grey) or 3 (RGB) channels as PNG; of other numbers of channels the first one."""
    from PIL import Image

    picture = Image.fromarray(image if image.shape[-1] == 3 else image[..., 0])
    with atomically(path) as file:
        picture.save(file, "PNG", optimize=True)
