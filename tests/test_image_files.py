"""Image files: every format and mode becomes the array that it shows, and damaged ones are refused."""

import io
import math

import numpy as np
import pytest
from PIL import Image

from gan_jax.data import images
from gan_jax.data.images import Reading, reading
from gan_jax.errors import UserError

GREY = np.arange(12, dtype=np.uint8).reshape(3, 4) * 20
RGB = np.stack([GREY, GREY[::-1], 255 - GREY], -1)


def saved(image, form="PNG", **options):
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


@pytest.mark.parametrize("form", ["PNG", "BMP", "PPM", "TIFF", "WEBP"])
def test_lossless_formats_come_back_as_written(form):
    options = {"lossless": True} if form == "WEBP" else {}
    np.testing.assert_array_equal(images.read(saved(Image.fromarray(RGB), form, **options), Reading()), RGB)


def test_jpeg_comes_back_nearly():
    smooth = np.full((16, 16, 3), 100, np.uint8)
    made = images.read(saved(Image.fromarray(smooth), "JPEG", quality=95), Reading())
    np.testing.assert_allclose(made, smooth, atol=3)


MODES = {
    "1": (Image.fromarray(GREY).convert("1"), lambda: np.asarray(Image.fromarray(GREY).convert("1")) * np.uint8(255)),
    "L": (Image.fromarray(GREY), lambda: GREY),
    "LA, opaque": (Image.merge("LA", [Image.fromarray(GREY), Image.new("L", (4, 3), 255)]), lambda: GREY),
    "LA, clear": (Image.merge("LA", [Image.fromarray(GREY), Image.new("L", (4, 3), 0)]), lambda: np.full((3, 4), 255)),
    "P": (Image.fromarray(GREY).convert("P"), lambda: GREY),
    "16 bits": (Image.fromarray(GREY.astype(np.uint16) * 257), lambda: GREY),
}


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_becomes_grey(mode):
    image, expected = MODES[mode]
    made = images.read(saved(image), Reading(channels=1))
    assert made.dtype == np.uint8
    np.testing.assert_array_equal(made[..., 0], expected())


def test_sixteen_bits_of_a_pgm_are_scaled():
    content = b"P5 2 1 65535\n" + np.array([[0, 65535]], ">u2").tobytes()
    np.testing.assert_array_equal(images.read(content, Reading(channels=1))[..., 0], [[0, 255]])


@pytest.mark.parametrize("background", [0, 255])
def test_alpha_is_composited_over_the_background_or_kept(background):
    pixels = np.zeros((2, 2, 4), np.uint8)
    pixels[0] = (200, 100, 0, 255)
    pixels[1] = (200, 100, 0, 0)
    file = saved(Image.fromarray(pixels, "RGBA"))
    made = images.read(file, Reading(channels=3, background=background))
    assert made[0, 0].tolist() == [200, 100, 0]
    assert made[1, 0].tolist() == [background] * 3
    np.testing.assert_array_equal(images.read(file, Reading(channels=4)), pixels)


def test_transparent_palettes_are_composited():
    image = Image.fromarray(np.array([[0, 1]], np.uint8))
    image.putpalette([255, 0, 0, 0, 0, 255])
    made = images.read(saved(image, transparency=0), Reading(background=7))
    assert made[0].tolist() == [[7, 7, 7], [0, 0, 255]]


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "MPO"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_honoured(orientation, kind):
    exif = Image.Exif()
    exif[0x0112] = orientation
    rgb = RGB.repeat(16, 0).repeat(16, 1)
    image, more = Image.fromarray(rgb), {}
    if kind == "MPO":  # a JPEG with a preview, as phones write
        more = {"save_all": True, "append_images": [image], "quality": 100, "subsampling": 0}
    file = saved(image, kind, exif=exif, **more)
    turned = {1: rgb, 2: rgb[:, ::-1], 3: rgb[::-1, ::-1], 4: rgb[::-1]}
    turned |= {n: np.swapaxes(turned[m], 0, 1) for n, m in {5: 1, 7: 3}.items()}
    turned |= {6: np.rot90(rgb, -1), 8: np.rot90(rgb, 1)}
    np.testing.assert_allclose(images.read(file, Reading()), turned[orientation], atol=3 if more else 0)
    assert images.size_of(file) == turned[orientation].shape[:2]


RANDOM = np.random.default_rng(0)


def halves(h, w):
    """A picture whose left half is black and whose right half is white, with a grey band above and below."""
    pixels = np.zeros((h, w), np.uint8)
    pixels[:, w // 2 :] = 255
    pixels[: h // 4] = pixels[h - h // 4 :] = 128
    return saved(Image.fromarray(pixels))


def test_crop_keeps_the_centre_and_the_proportions():
    made = images.read(halves(80, 40), reading(20, channels=1))[..., 0]
    assert made.shape == (20, 20)
    assert (made[:, :8] < 30).all()  # the bands are cut off
    assert (made[:, 12:] > 225).all()


@pytest.mark.parametrize("fit", ["crop", "centre", "stretch", "pad"])
@pytest.mark.parametrize("side", [50, 64, 72, 90, 100, 640])
def test_nothing_of_a_hole_is_left_around_it(fit, side):
    if fit == "centre" and side < 64:
        return
    hole = np.zeros((side, side), bool)
    low, high = int(0.47 * side), int(0.53 * side)
    hole[low:high, high] = True
    pixels = np.where(hole, 255, 60).astype(np.uint8)[..., None].repeat(3, axis=2)
    made, wider = images.fitted_around(pixels, hole, reading(64, fit))
    np.testing.assert_array_equal(made[~wider], 60)
    scale, start = (1, (side - 64) // 2) if fit == "centre" else (side / 64, 0)  # of a fitted pixel
    most = 0 if scale == 1 else 1
    touched = [
        slice(math.floor((first - start) / scale), math.ceil((end - start) / scale))
        for first, end in ((low, high), (high, high + 1))
    ]
    exact, near = np.zeros((2, 64, 64), bool)
    exact[*touched] = True
    near[*(slice(part.start - most, part.stop + most) for part in touched)] = True
    assert wider[exact].all()
    assert not wider[~near].any()
    if fit != "centre":
        np.testing.assert_array_equal(made[0], images.fitted(pixels, reading(64, fit))[0])


def test_pixels_away_from_a_hole_are_those_of_the_whole_image():
    pixels = RANDOM.integers(0, 256, (100, 80, 3), dtype=np.uint8)
    hole = np.zeros((100, 80), bool)
    hole[40:60, 30:50] = True
    made, wider = images.fitted_around(pixels, hole, reading((50, 40)))
    far = np.ones((50, 40), bool)
    far[17:33, 12:28] = False
    np.testing.assert_array_equal(made[far], images.fitted(pixels, reading((50, 40)))[far])
    assert wider[20:30, 15:25].all()
    assert not wider[far].any()


@pytest.mark.parametrize("side", [49, 98, 103, 107, 214, 249, 1005])
@pytest.mark.parametrize("size", [28, 32, 64, 100])
def test_crop_takes_pictures_of_any_size(side, size):
    for shape in ((side, side + 40), (side + 40, side), (side, side)):
        made = images.read(saved(Image.new("L", shape, 9)), reading(size, channels=1))
        np.testing.assert_array_equal(made, np.full((size, size, 1), 9))


def test_the_centre_is_cut_out_as_it_is():
    whole = images.read(halves(80, 40), reading(channels=1))
    np.testing.assert_array_equal(images.read(halves(80, 40), reading(20, "centre", channels=1)), whole[30:50, 10:30])
    with pytest.raises(ValueError, match="80x40, smaller than 50x50"):
        images.read(halves(80, 40), reading(50, "centre"))


def test_stretch_and_pad_keep_everything():
    stretched = images.read(halves(80, 40), reading((20, 20), "stretch", channels=1))[..., 0]
    assert abs(int(stretched[0, 0]) - 128) < 2
    padded = images.read(halves(80, 40), reading(20, "pad", channels=1, background=200))[..., 0]
    assert padded.shape == (20, 20)
    assert (padded[:, :4] == 200).all()
    assert (padded[:, 16:] == 200).all()
    assert (padded[7:13, 5:9] < 30).all()


def test_resizing_is_antialiased():
    stripes = np.tile(np.array([0, 255], np.uint8), (64, 32))
    made = images.read(saved(Image.fromarray(stripes)), reading(16, channels=1))[:, 2:-2]
    assert abs(made.astype(int) - 128).max() < 4


def test_colours_of_transparent_pixels_do_not_bleed():
    pixels = np.zeros((4, 4, 4), np.uint8)
    pixels[:, :2] = (0, 0, 255, 255)
    pixels[:, 2:] = (255, 0, 0, 0)  # red, but clear
    made = images.read(saved(Image.fromarray(pixels, "RGBA")), reading(2, channels=4))
    assert made[0, 0, 0] < 10


def test_size_may_be_of_two_sides():
    assert images.read(halves(80, 40), reading((10, 30), channels=3)).shape == (10, 30, 3)


BROKEN = {
    "empty": b"",
    "text": b"not an image",
    "larger than Pillow opens": b"P5 32512 32512 255\n",
    "truncated png": saved(Image.fromarray(np.random.default_rng(0).integers(0, 256, (50, 50, 3), np.uint8)))[:900],
    "truncated jpeg": saved(Image.fromarray(RGB.repeat(20, 0).repeat(20, 1)), "JPEG")[:-200],
    "gif": saved(Image.fromarray(GREY), "GIF"),
    "floats": saved(Image.fromarray(GREY.astype(np.float32)), "TIFF"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_damaged_and_foreign_files_are_refused(kind):
    with pytest.raises((OSError, ValueError, SyntaxError)):
        images.read(BROKEN[kind], Reading())


def test_a_huge_image_is_refused_before_it_is_decoded(monkeypatch):
    monkeypatch.setattr(images, "MAX_PIXELS", 11)
    with pytest.raises(ValueError, match="4x3 pixels"):
        images.read(saved(Image.fromarray(RGB)), Reading())
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1)  # Pillow itself refuses more than twice as many
    with pytest.raises(ValueError, match="it has more than 11 pixels"):
        images.read(saved(Image.fromarray(RGB)), Reading())


WRONG = {
    "size": [
        {"size": -1},
        {"size": (3,)},
        {"size": (0, 4)},
        {"size": 1.5},
        {"size": True},
        {"size": 10**6},
        {"size": "x"},
    ],
    "fit": [{"fit": "cropp"}, {"fit": 1}],
    "channels": [{"channels": 2}, {"channels": True}],
    "background": [{"background": 256}, {"background": -1}, {"background": 0.5}],
}


@pytest.mark.parametrize(("field", "arguments"), [(field, each) for field, all_ in WRONG.items() for each in all_])
def test_wrong_fields_are_named(field, arguments):
    with pytest.raises(UserError, match=rf"config\.data\.{field} is"):
        reading(**arguments)
