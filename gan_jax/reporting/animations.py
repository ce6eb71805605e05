"""Animations: GIF files by Pillow, and MP4 files by the program ffmpeg if there is one."""

import importlib
import shutil
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from gan_jax.errors import UserError, one_line
from gan_jax.reporting import images
from gan_jax.runs.files import atomically, draft_of, unfinished

SUFFIXES = (".gif", ".mp4")
STEPS = 24  # frames of a walk from its start to its end
FRAME, LAST = 50, 2000  # milliseconds that a frame is shown, and the last one of a run's development


def check(path: Path) -> None:
    """Raises UserError for an MP4 file if there is no program to write it."""
    if path.suffix == ".mp4" and _ffmpeg() is None:
        raise UserError(f"{path}: MP4 files need the program ffmpeg: pip install imageio-ffmpeg, or use .gif")


def there_and_back(walks: np.ndarray, columns: int) -> list[np.ndarray]:
    """Returns frames [H, W, c] of a grid whose images [points, n, h, w, c] walk from the first point to the last one.

    They also walk back, so that the frames can loop. The first frame is the grid of the first points.
    """
    grids = [images.grid(made, columns) for made in walks]
    return [*grids, *grids[-2:0:-1]]


def save(path: Path, frames: Sequence[np.ndarray], *, milliseconds: int = FRAME, last: int = FRAME) -> None:
    """Writes frames uint8 [h, w, c] as an endless GIF or an MP4 file. The last frame is shown for `last` milliseconds.

    Raises UserError if they differ in size, or ffmpeg cannot write them.
    """
    if len(shapes := {frame.shape for frame in frames}) != 1:
        raise UserError(f"{path}: the frames have {len(shapes)} different sizes: they must all have the same size")
    if path.suffix == ".gif":
        first, *rest = [images.picture(frame) for frame in frames]
        times = [milliseconds] * len(rest) + [last]
        with atomically(path) as file:
            first.save(file, "GIF", save_all=True, append_images=rest, duration=times, loop=0)
        return
    _save_mp4(path, [*frames, *[frames[-1]] * (last // milliseconds - 1)], 1000 / milliseconds)


def _save_mp4(path: Path, frames: Sequence[np.ndarray], rate: float) -> None:
    height, width = frames[0].shape[:2]
    given = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", f"{rate:g}", "-i", "-"]
    even = ["-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2:color=white", "-pix_fmt", "yuv420p"]  # as video players need
    same = ["-threads", "1", "-fflags", "+bitexact", "-flags:v", "+bitexact"]  # the same bytes every time
    path.parent.mkdir(parents=True, exist_ok=True)
    with unfinished(draft_of(path)):
        command = [str(_ffmpeg()), "-y", "-loglevel", "error", *given, *even, *same, "-f", "mp4", str(draft_of(path))]
        pixels = b"".join(np.asarray(images.picture(frame).convert("RGB")).tobytes() for frame in frames)
        done = subprocess.run(command, input=pixels, capture_output=True)
        if done.returncode:
            raise UserError(f"{path}: ffmpeg cannot write it ({one_line(ValueError(done.stderr.decode()))}): use .gif")
        draft_of(path).replace(path)


def _ffmpeg() -> str | None:
    """Returns the program's path, from the system or from the package imageio-ffmpeg."""
    if found := shutil.which("ffmpeg"):
        return found
    with suppress(ImportError, RuntimeError):
        return importlib.import_module("imageio_ffmpeg").get_ffmpeg_exe()
    return None
