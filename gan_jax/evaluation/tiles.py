"""Enlarges pictures of any size in tiles, in bounded memory, with the same result as for the whole picture."""

from collections.abc import Callable

import numpy as np

LEAST = 192
"""The least side of tiles in pixels. It is more if a network's reach would leave little of such a tile."""


def side(reach: int) -> int:
    """Returns the side of tiles for a network of this reach: at least half of each is kept, in each direction."""
    return max(LEAST, 4 * reach)


def enlarged(
    make: Callable[[np.ndarray], np.ndarray], picture: np.ndarray, factor: int, *, reach: int, side: int
) -> np.ndarray:
    """Returns a picture [h, w, c] enlarged, [factor h, factor w, c], by a function of images [1, h', w', c].

    All tiles have one size, that of the picture if it is smaller, so the function compiles once. Each pixel is taken
    from a tile that extends at least `reach` pixels further on all sides, or to the picture's border. So the result is
    that of the whole picture at once.
    """
    h, w = picture.shape[:2]
    large = None
    for top, up, down in spans(h, side, reach):
        for left, first, last in spans(w, side, reach):
            made = np.asarray(make(picture[None, top : top + side, left : left + side]))[0]
            if large is None:
                large = np.empty((factor * h, factor * w, made.shape[-1]), made.dtype)
            kept = made[factor * (up - top) : factor * (down - top), factor * (first - left) : factor * (last - left)]
            large[factor * up : factor * down, factor * first : factor * last] = kept
    assert large is not None
    return large


def spans(length: int, side: int, reach: int) -> list[tuple[int, int, int]]:
    """Returns (start of a tile, first pixel kept of it, end of what is kept) along a side of a picture.

    Raises ValueError if tiles are too small for anything to be kept.
    """
    if length <= side:
        return [(0, 0, length)]
    if side <= 2 * reach:
        raise ValueError(f"tiles of {side} pixels: they must be larger than twice the reach of {reach}")
    starts = [*range(0, length - side, side - 2 * reach), length - side]
    ends = [start + side - reach for start in starts[:-1]] + [length]
    return list(zip(starts, [0, *ends[:-1]], ends, strict=True))
