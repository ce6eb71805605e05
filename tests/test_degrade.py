"""Degradations, and the published protocol of super-resolution."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from gan_jax.distributions import degrade
from gan_jax.metrics.psnr import psnr, to_luma


@pytest.fixture(scope="session")
def sets(images_dir):
    return images_dir / "sr"


def read(path):
    pixels = np.asarray(Image.open(path))
    return pixels if pixels.ndim == 3 else pixels[..., None]


@pytest.mark.parametrize("factor", [2, 4])
def test_smaller_copies_are_matlabs(sets, factor):
    for path in sorted((sets / f"Set5/x{factor}/HR").iterdir()):
        published = read(sets / f"Set5/x{factor}/LR" / path.name)
        high = read(path).astype(np.float32)
        made = np.clip(np.round(degrade.shrink(jnp.asarray(high), factor)), 0, 255)
        assert np.abs(made - published).max() <= 2
        rows, columns = (degrade.weights(side, side // factor).astype(np.float64) for side in high.shape[:2])
        rounded = np.clip(np.floor(np.einsum("ih,hwc->iwc", rows, high) + 0.5), 0, 255)
        rounded = np.clip(np.floor(np.einsum("jw,iwc->ijc", columns, rounded) + 0.5), 0, 255)
        np.testing.assert_array_equal(rounded, published)


@pytest.mark.parametrize(
    ("name", "factor", "expected"),
    [("Set5", 4, 28.43), ("Set5", 2, 33.67), ("Set14", 4, 26.09), ("Set14", 2, 30.33)],
)
def test_bicubic_enlargement_has_the_published_psnr(sets, name, factor, expected):
    values = []
    for path in sorted((sets / f"{name}/x{factor}/HR").iterdir()):
        high, low = read(path), Image.open(sets / f"{name}/x{factor}/LR" / path.name).convert("RGB")
        high = np.broadcast_to(high, (*high.shape[:2], 3))
        large = np.asarray(low.resize(high.shape[1::-1], Image.Resampling.BICUBIC))
        values.append(psnr(large[None], high[None], border=factor, luma=True)[0])
    assert abs(np.mean(values) - expected) < 0.005


def test_weights_sum_to_one_and_keep_constants():
    for length, to in ((12, 3), (12, 6), (5, 10), (7, 7)):
        table = degrade.weights(length, to)
        np.testing.assert_allclose(table.sum(1), 1, atol=1e-6)
    np.testing.assert_allclose(degrade.weights(7, 7), np.eye(7), atol=1e-7)


def test_a_sampler_makes_the_source_of_x():
    x = jax.random.uniform(jax.random.key(0), (2, 8, 12, 3))
    keys = jax.random.split(jax.random.key(1), 2)
    assert degrade.bicubic(4).draw(keys, {"x": x}).shape == (2, 2, 3, 3)
    grey = degrade.grey().draw(keys, {"x": jnp.full((2, 4, 4, 3), -1.0)})
    np.testing.assert_allclose(grey, np.full((2, 4, 4, 1), -1.0), atol=1e-6)
    with pytest.raises(ValueError, match="8x12 cannot be 5 times smaller"):
        degrade.bicubic(5).draw(keys, {"x": x})
    with pytest.raises(ValueError, match=r"need RGB images, not \[4, 4, 1\]: set config\.data\.channels=3"):
        degrade.grey().draw(keys, {"x": x[:, :4, :4, :1]})
    with pytest.raises(ValueError, match="factor is 1"):
        degrade.bicubic(1)


@pytest.mark.parametrize("channels", [1, 3])
def test_edges_are_dark_where_the_luma_changes(channels):
    """Of a border between black and white both sides have the whole length, of a corner the root of a half."""
    x = np.full((1, 6, 6, channels), -1.0, np.float32)
    x[:, 3:] = 1.0
    made = np.asarray(degrade.edges((-1.0, 1.0)).draw(None, {"x": x}))
    expected = np.ones((1, 6, 6, 1))
    expected[:, 2:4] = -1.0
    np.testing.assert_allclose(made, expected, atol=1e-6)
    turned = degrade.edges((-1.0, 1.0), gain=0.5).draw(None, {"x": x.transpose(0, 2, 1, 3)})
    np.testing.assert_allclose(turned, (expected.transpose(0, 2, 1, 3) + 1) / 2, atol=1e-6)


def test_edges_that_are_none_are_refused():
    with pytest.raises(ValueError, match="gain is 0"):
        degrade.edges((0.0, 1.0), gain=0)
    with pytest.raises(ValueError, match="edges needs images: choose a data set of images"):
        degrade.edges(None)
    with pytest.raises(ValueError, match="images have 4 channels"):
        degrade.edges((0.0, 1.0)).draw(None, {"x": np.zeros((1, 4, 4, 4))})


def test_psnr_of_known_differences():
    a = np.full((2, 10, 10, 3), 100, np.uint8)
    b = a.copy()
    b[1] += 10
    values = psnr(a, b)
    np.testing.assert_allclose(values[0], 10 * np.log10(12 * 255**2))  # of equal images, so that means are finite
    np.testing.assert_allclose(values[1], 10 * np.log10(255**2 / 100))
    np.testing.assert_allclose(psnr(a, b, luma=True)[1], 10 * np.log10(255**2 / (10 * 219 / 255) ** 2), rtol=1e-6)
    b[1, 0] = 0
    np.testing.assert_allclose(psnr(a, b, border=1)[1], values[1])
    for wrong in (a[:, :5], a[0]):
        with pytest.raises(ValueError, match="same"):
            psnr(a, wrong)
    for border in (5, -3):
        with pytest.raises(ValueError, match=f"border is {border}: it must be at least 0 and leave at least one pixel"):
            psnr(a, a, border=border)
    with pytest.raises(ValueError, match="mask is 0 at all pixels"):
        psnr(a, a, mask=np.zeros((2, 10, 10, 1)))


def test_luma_of_black_and_white():
    np.testing.assert_allclose(to_luma(np.array([0, 255], np.uint8).reshape(2, 1, 1, 1)).ravel(), [16, 235])
