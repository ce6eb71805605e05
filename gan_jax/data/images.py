"""Reads image files into arrays: all common formats and modes, upright, resized, with a given number of channels."""

import io
import os
import warnings
from typing import Any, NamedTuple

import numpy as np

from gan_jax.errors import UserError, suggestions

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "PPM", "TIFF")  # PPM: also PGM and PBM
SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".pgm", ".ppm", ".pbm", ".tif", ".tiff"})
FITS = ("crop", "centre", "stretch", "pad")
MODES = {1: "L", 3: "RGB", 4: "RGBA"}  # channels -> Pillow's name
MAX_PIXELS = 1 << 27  # of one image, as a small file can contain a huge one
MAX_SIZE = 1 << 14
ROUNDING = 1e-4  # of a sum of weights, which is 1
_DEEP = ("I;16", "I;16B", "I;16L", "I;16N", "I")  # grey of 16 bits


class Reading(NamedTuple):
    """The settings for reading image files as arrays.

    Attributes:
        size: (h, w) of the arrays; None keeps the files' sizes.
        fit: 'crop' resizes until the image covers `size` and cuts out the centre. 'centre' cuts out the centre without
            resizing. 'stretch' resizes to `size`. 'pad' resizes until the image fits into `size`, with `background`
            around it.
        channels: 1 (grey), 3 (RGB) or 4 (RGB with alpha).
        background: the grey value, 0..255, around a padded image, and of transparent pixels if alpha is not kept.
    """

    size: tuple[int, int] | None = None
    fit: str = "crop"
    channels: int = 3
    background: int = 255


def reading(size: Any = 0, fit: str = "crop", channels: int = 3, background: int = 255) -> Reading:
    """Returns a `Reading` from fields of `config.data`. `size` is 0 (as in the files), one side, or (h, w).

    Raises UserError for any other value.
    """
    sides = (size, size) if isinstance(size, int) else tuple(size) if isinstance(size, tuple | list) else ()
    whole = len(sides) == 2 and all(type(side) is int and 0 <= side <= MAX_SIZE for side in sides)
    if not whole or min(sides) == 0 < max(sides):
        raise UserError(
            f"config.data.size is {size!r}: it must be a side or (h, w) from 1 to {MAX_SIZE}, or 0 to keep the files' "
            "sizes"
        )
    if fit not in FITS:
        raise UserError(f"config.data.fit is {fit!r}: {suggestions(str(fit), FITS)}")
    if type(channels) is not int or channels not in MODES:
        raise UserError(f"config.data.channels is {channels!r}: it must be 1 (grey), 3 (RGB) or 4 (RGB with alpha)")
    if type(background) is not int or not 0 <= background <= 255:
        raise UserError(f"config.data.background is {background!r}: it must be a grey value from 0 to 255")
    return Reading(None if sides == (0, 0) else sides, fit, channels, background)


def size_of(file: str | os.PathLike | bytes) -> tuple[int, int]:
    """Returns (h, w) of an image file, upright, from its header; raises ValueError or OSError if it is not an image."""
    with _opened(file) as image:
        turned = image.format != "TIFF" and image.getexif().get(0x0112, 1) in (5, 6, 7, 8)  # Pillow turns TIFF itself
        return (image.width, image.height) if turned else (image.height, image.width)


def fit_alike(one: tuple[int, int], other: tuple[int, int], how: Reading) -> bool:
    """Returns whether images of two sizes (h, w) show the same part when fitted, up to a pixel of the smaller one."""
    if how.fit == "stretch" or one == other:
        return True
    return how.fit != "centre" and abs(one[0] * other[1] - one[1] * other[0]) <= max(*one, *other)


def read(file: str | os.PathLike | bytes, how: Reading) -> np.ndarray:
    """Returns an image file, or its bytes, as uint8 [h, w, channels].

    The orientation in its EXIF data is applied, and 16-bit grey is scaled to 8 bits. Resizing is bicubic with
    antialiasing, and weighs colours by their alpha. Raises ValueError or OSError if it cannot be read in full.
    """
    from PIL import ImageOps

    with _opened(file) as image:
        image.load()
        shown = _resized(_converted(ImageOps.exif_transpose(image), how), how)
    return np.asarray(shown).reshape(shown.height, shown.width, how.channels)


def fitted(pixels: np.ndarray, how: Reading) -> np.ndarray:
    """Returns an image uint8 [h, w, 1 or 3 or 4] resized as `how` says; raises ValueError as `read` does."""
    from PIL import Image

    shown = _resized(Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels), how)
    return np.asarray(shown).reshape(shown.height, shown.width, pixels.shape[-1])


def fitted_around(pixels: np.ndarray, hole: np.ndarray, how: Reading) -> tuple[np.ndarray, np.ndarray]:
    """Returns an image uint8 [h, w, c] resized without what is in its hole bool [h, w], and the resized hole.

    If the image is resized, its hole becomes up to a pixel wider on each side. So the other pixels are mostly those
    around the hole, and they are weighted averages of these alone.
    """
    from PIL import Image

    def resized(values: np.ndarray, background: int, resample: Image.Resampling | None = None) -> np.ndarray:
        image = Image.fromarray(values.astype(np.float32))
        return np.asarray(_resized(image, how._replace(background=background), resample))

    wider = resized(hole, 0, Image.Resampling.BILINEAR) > 0
    known = resized(~hole, 1)  # the sum of the weights of pixels around the hole
    channels = [resized(np.where(hole, 0, channel), how.background) for channel in np.moveaxis(pixels, -1, 0)]
    around = np.stack(channels, axis=-1) / np.where(wider, 1, known)[..., None]
    changed = np.abs(known - 1)[..., None] > ROUNDING
    made = np.where(changed, np.clip(np.round(around), 0, 255).astype(np.uint8), fitted(pixels, how))
    return made, wider


def _opened(file: Any) -> Any:
    from PIL import Image, UnidentifiedImageError

    if not isinstance(file, bytes):
        with open(file, "rb") as stream:  # noqa: PTH123  # also names that are not UTF-8, as bytes
            file = stream.read()
    if not file:
        raise ValueError("the file is empty")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of large images, which are checked here, and of damaged EXIF
        try:
            image = Image.open(io.BytesIO(file), formats=FORMATS)
        except UnidentifiedImageError as error:
            raise ValueError(f"it is not an image in a supported format: {', '.join(FORMATS)}") from error
        except Image.DecompressionBombError as error:
            raise ValueError(f"it has more than {MAX_PIXELS:,} pixels") from error
    if image.width * image.height > MAX_PIXELS:
        raise ValueError(f"{image.width}x{image.height} pixels are more than {MAX_PIXELS:,}")
    return image


def _converted(image: Any, how: Reading) -> Any:
    """Returns the image with the channels of `how`, over the background if alpha is dropped."""
    from PIL import Image

    if image.mode in _DEEP:
        image = Image.fromarray(_eight_bits(np.asarray(image)))
    elif image.mode == "F":
        raise ValueError("its pixels are floats, not 8 or 16-bit integers")
    mode = MODES[how.channels]
    if mode == "RGBA" or not image.has_transparency_data:
        return image.convert(mode)
    rgba = image.convert("RGBA")
    under = Image.new("RGBA", rgba.size, (how.background,) * 3 + (255,))
    return Image.alpha_composite(under, rgba).convert("RGB").convert(mode)


def _eight_bits(pixels: np.ndarray) -> np.ndarray:
    if pixels.min() < 0 or pixels.max() > 65535:
        raise ValueError(f"its pixels range from {pixels.min()} to {pixels.max()}, beyond 16 bits")
    return np.round(pixels.astype(np.float32) / 257).astype(np.uint8)


def _resized(image: Any, how: Reading, resample: Any = None) -> Any:
    """Returns the image resized as `how` says. Crops are around the centre."""
    from PIL import Image

    if how.size is None or (image.height, image.width) == how.size:
        return image
    height, width = how.size
    resample = Image.Resampling.BICUBIC if resample is None else resample
    if how.fit == "stretch":
        return image.resize((width, height), resample)
    if how.fit == "centre":
        if image.height < height or image.width < width:
            raise ValueError(f"it is {image.height}x{image.width}, smaller than {height}x{width}: use fit=crop")
        top, left = (image.height - height) // 2, (image.width - width) // 2
        return image.crop((left, top, left + width, top + height))
    scales = height / image.height, width / image.width
    if how.fit == "crop":
        # Rounding must not make the box leave the image.
        h, w = min(height / max(scales), image.height), min(width / max(scales), image.width)
        top, left = (image.height - h) / 2, (image.width - w) / 2
        return image.resize((width, height), resample, box=(left, top, left + w, top + h))
    h, w = (max(1, round(side * min(scales))) for side in (image.height, image.width))
    colour = (how.background,) * 3 + (255,)
    grey = image.mode in ("L", "F")
    padded = Image.new(image.mode, (width, height), how.background if grey else colour[: len(image.mode)])
    padded.paste(image.resize((w, h), resample), ((width - w) // 2, (height - h) // 2))
    return padded
