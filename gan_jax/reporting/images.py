"""Pixels: between uint8 outside and floats inside, and many images in one grid."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.runs.files import atomically

Range = tuple[float, float]


def to_float(pixels: jax.Array, limits: Range) -> jax.Array:
    """uint8 [...] -> float32 [...] with 0 at the lower limit and 255 at the upper one."""
    low, high = limits
    return pixels.astype(jnp.float32) * ((high - low) / 255) + low


def to_uint8(x: jax.Array, limits: Range) -> jax.Array:
    """The nearest uint8 [...] of float [...] in these limits; what lies outside of them is clipped."""
    low, high = limits
    return jnp.clip(jnp.round((x - low) * (255 / (high - low))), 0, 255).astype(jnp.uint8)


def grid(images: np.ndarray, columns: int, *, gap: int = 2, smallest: int = 56) -> np.ndarray:
    """uint8 [n, h, w, c] -> one image uint8 [H, W, c], row by row; images below `smallest` pixels are enlarged."""
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
    """Writes uint8 [h, w, c] with 1 (grey), 3 (RGB) channels as PNG; of other counts the first channel is shown."""
    from PIL import Image

    picture = Image.fromarray(image if image.shape[-1] == 3 else image[..., 0])
    with atomically(path) as file:
        picture.save(file, "PNG", optimize=True)
