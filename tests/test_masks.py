"""Holes of inpainting."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax, random

from gan_jax.core.networks import Network
from gan_jax.distributions import masks
from gan_jax.layers.convolution import conv
from gan_jax.models.inpainting import DilatedCompletion, GatedCompletion, dilated
from gan_jax.models.translation import Completion

pytestmark = pytest.mark.heavy

KEYS = random.split(random.key(0), 50)
SHAPE = (32, 48, 3)


@pytest.mark.parametrize("sampler", [masks.centre, masks.rectangles, masks.strokes])
def test_masks_are_holes_that_leave_something(sampler):
    made = np.asarray(sampler(SHAPE).draw(KEYS, {}))
    assert made.shape == (50, 32, 48, 1)
    assert set(np.unique(made)) == {0.0, 1.0}
    share = made.mean((1, 2, 3))
    assert (share > 0).all()
    assert (share < 1).all()
    again = np.asarray(sampler(SHAPE).draw(KEYS[3:5], {}))
    np.testing.assert_array_equal(again, made[3:5])  # of each example's own key alone


def test_the_centre_is_a_quarter():
    made = np.asarray(masks.centre(SHAPE).draw(KEYS[:1], {}))[0, ..., 0]
    assert made[8:24, 12:36].all()
    assert made.sum() == 16 * 24


def test_rectangles_are_of_the_sides_asked_for():
    made = np.asarray(masks.rectangles(SHAPE, most=1, low=0.25, high=0.5).draw(KEYS, {}))[..., 0]
    heights, widths = made.any(2).sum(1), made.any(1).sum(1)
    assert heights.min() >= 7
    assert heights.max() <= 17
    assert widths.max() <= 25


def test_strokes_are_of_the_width_asked_for():
    wide, thin = (masks.strokes(SHAPE, width=width).draw(KEYS, {}).mean() for width in (0.2, 0.05))
    assert wide > 2 * thin > 0


def test_the_thinnest_stroke_covers_a_pixel():
    thin = np.asarray(masks.strokes(SHAPE, most=1, width=1e-6).draw(KEYS, {}))
    assert (thin.sum((1, 2, 3)) > 0).all()


SMALL = (8, 8, 3)


@pytest.mark.parametrize(
    "module",
    [
        Completion(SMALL, width=2),
        DilatedCompletion(SMALL, width=2, rates=(2,)),
        GatedCompletion(SMALL, width=2, rates=()),
    ],
)
def test_what_is_left_and_what_is_filled(module):
    x = random.uniform(random.key(1), (2, *SMALL))
    mask = masks.rectangles(SMALL).draw(KEYS[:2], {})
    source = masks.holed(fill=-1.0).draw(KEYS[:2], {"x": x, "mask": mask})
    np.testing.assert_array_equal(np.where(mask == 1, -1.0, x), source)
    network, batch = Network(module), {"source": source, "mask": mask}
    params = jax.tree.map(lambda a: jnp.full(a.shape, 0.1), jax.eval_shape(network.init, KEYS[0], batch)[0])
    made = jax.jit(partial(network.apply, stats={}, train=False))(params, batch=batch)[0]
    np.testing.assert_array_equal(jnp.where(mask == 0, made, 0), jnp.where(mask == 0, source, 0))
    assert (jnp.where(mask == 1, made, 0) != jnp.where(mask == 1, source, 0)).any()


@pytest.mark.parametrize(
    "make",
    [
        lambda: masks.centre(SHAPE, 1.0),
        lambda: masks.centre(SHAPE, 0.0),
        lambda: masks.rectangles(SHAPE, high=1.0),
        lambda: masks.rectangles(SHAPE, most=0),
        lambda: masks.strokes(SHAPE, width=0.0),
        lambda: masks.centre((2,)),
    ],
)
def test_holes_that_cover_nothing_or_everything_are_refused(make):
    with pytest.raises(ValueError, match=r"hole|wants"):
        make()


@pytest.mark.parametrize("rate", [1, 4])
def test_a_dilated_layer_is_xlas_dilated_convolution(rate):
    x, kernel = (random.normal(random.key(n), shape) for n, shape in enumerate([(2, 8, 12, 3), (3, 3, 3, 5)]))
    made = dilated(lambda grids: conv(grids, kernel, stride=1, padding=1), x, rate)
    names = ("NHWC", "HWIO", "NHWC")
    edges = [(rate, rate)] * 2
    xlas = lax.conv_general_dilated(x, kernel, (1, 1), edges, rhs_dilation=(rate, rate), dimension_numbers=names)
    np.testing.assert_allclose(made, xlas, atol=1e-5)
    with pytest.raises(ValueError, match="a rate of 5 does not divide activations of 8x12"):
        dilated(lambda grids: grids, x, 5)


def test_draws_compile():
    assert jax.jit(masks.strokes(SHAPE).draw)(KEYS, {}).shape == (50, 32, 48, 1)
