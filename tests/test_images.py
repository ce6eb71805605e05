"""Pixels as floats and back, and grids of images."""

import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from gan_jax.data.pixels import to_float, to_uint8
from gan_jax.reporting import images


@pytest.mark.parametrize("limits", [(-1.0, 1.0), (0.0, 1.0)])
def test_pixels_survive_the_way_in_and_out(limits):
    pixels = jnp.arange(256, dtype=jnp.uint8)
    x = to_float(pixels, limits)
    assert (float(x[0]), float(x[-1])) == limits
    np.testing.assert_array_equal(to_uint8(x, limits), pixels)


def test_what_lies_outside_is_clipped():
    np.testing.assert_array_equal(to_uint8(jnp.array([-9.0, 9.0]), (-1.0, 1.0)), [0, 255])


def test_grid_is_row_by_row_and_enlarges_small_images():
    shades = np.array([10, 20, 30], np.uint8)
    pictures = np.broadcast_to(shades[:, None, None, None], (3, 8, 8, 1))
    sheet = images.grid(pictures, 2)
    assert sheet.shape == (2 * 58 + 2, 2 * 58 + 2, 1)
    assert [sheet[30, 30, 0], sheet[30, 88, 0], sheet[88, 30, 0], sheet[88, 88, 0]] == [10, 20, 30, 255]
    assert images.grid(np.zeros((1, 64, 64, 3), np.uint8), 1).shape == (68, 68, 3)


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (3, "RGB")])
def test_png(tmp_path, channels, mode):
    picture = np.random.default_rng(0).integers(0, 256, (5, 4, channels), np.uint8)
    images.save_png(tmp_path / "a" / "p.png", picture)
    with Image.open(tmp_path / "a" / "p.png") as read:
        assert read.mode == mode
        np.testing.assert_array_equal(np.asarray(read).reshape(picture.shape), picture)


def test_reduced_images_are_means_of_their_places():
    random = np.random.default_rng(0)
    x = random.integers(256, size=(3, 9, 12, 3), dtype=np.uint8)
    np.testing.assert_array_equal(images.reduced(x, 12), x)
    small = images.reduced(x, 3)  # by 4: a row is left over
    assert small.shape == (3, 2, 3, 3)
    np.testing.assert_array_equal(small[1, 1, 2], np.round(x[1, 4:8, 8:12].mean((0, 1))))
    assert images.reduced(x[:, :2], 3).shape == (3, 1, 3, 3)
