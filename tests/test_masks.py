"""Holes of inpainting."""

from functools import partial
from types import SimpleNamespace

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax, random

from gan_jax.core.networks import Network
from gan_jax.core.state import Player, TrainState
from gan_jax.distributions import masks
from gan_jax.layers.convolution import conv
from gan_jax.models.inpainting import ContextEncoder, DilatedCompletion, GatedCompletion, dilated
from gan_jax.models.translation import Completion, composite
from gan_jax.objectives import regression
from gan_jax.objectives.terms import generator
from gan_jax.objectives.weighted import Weighted

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


def test_strokes_never_cover_everything():
    """Some strokes of very many corners would: of these the top left pixel is left."""
    drawn = np.asarray(masks.strokes((8, 8, 3), most=1, corners=2_000, width=0.3).draw(KEYS, {}))
    left = (1 - drawn).sum((1, 2, 3))
    assert left.min() == 1
    assert (drawn[left == 1][:, 0, 0] == 0).any()


def test_what_is_left_needs_a_mask():
    with pytest.raises(ValueError, match=r"masks\.holed needs a field mask: set config\.samplers\.mask"):
        masks.holed().draw(KEYS, {"x": jnp.zeros((50, 8, 8, 3))})


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
        ContextEncoder(SMALL, width=2, downs=2, bottleneck=3),
    ],
)
def test_what_is_left_and_what_is_filled(module):
    x = random.uniform(random.key(1), (2, *SMALL))
    mask = masks.rectangles(SMALL).draw(KEYS[:2], {})
    source = masks.holed(fill=-1.0).draw(KEYS[:2], {"x": x, "mask": mask})
    np.testing.assert_array_equal(np.where(mask == 1, -1.0, x), source)
    network, batch = Network(module), {"source": source, "mask": mask}
    params = jax.tree.map(lambda a: jnp.full(a.shape, 0.1), jax.eval_shape(network.init, KEYS[0], batch)[0])
    stats = jax.tree.map(lambda a: jnp.ones(a.shape, a.dtype), jax.eval_shape(network.init, KEYS[0], batch)[1])
    outputs = jax.jit(partial(network.apply, stats=stats, train=False))(params, batch=batch)[0]
    made = outputs["x"]
    np.testing.assert_array_equal(jnp.where(mask == 1, made, 0), jnp.where(mask == 1, outputs["whole"], 0))
    np.testing.assert_array_equal(jnp.where(mask == 0, made, 0), jnp.where(mask == 0, source, 0))
    assert (jnp.where(mask == 1, made, 0) != jnp.where(mask == 1, source, 0)).any()


def test_gated_layers_keep_their_variance():
    """By usual kernels each halves it, and the whole that the network begins with has one of 1e-8."""
    x = random.uniform(random.key(1), (2, 32, 32, 3), minval=-1)
    mask = masks.rectangles((32, 32, 3)).draw(KEYS[:2], {})
    network, batch = Network(GatedCompletion((32, 32, 3), width=8, rates=(2, 4))), {"source": x, "mask": mask}
    made = network.apply(*network.init(KEYS[0], batch), batch, train=False)[0]
    assert 0.05 < made["whole"].std() < 0.5


@pytest.mark.parametrize("few", [{"most": 1, "low": 0.99, "high": 0.9999}, {"most": 50, "low": 0.5, "high": 0.9}])
def test_rectangles_never_cover_everything(few):
    drawn = masks.rectangles(SHAPE, **few).draw(random.split(random.key(0), 200), {})
    covered = np.asarray(drawn).mean((1, 2, 3))
    assert covered.max() < 1
    assert covered.min() > 0


@pytest.mark.parametrize(
    "make",
    [
        lambda: masks.centre(SHAPE, 1.0),
        lambda: masks.centre(SHAPE, 0.0),
        lambda: masks.rectangles(SHAPE, high=1.0),
        lambda: masks.rectangles(SHAPE, most=0),
        lambda: masks.strokes(SHAPE, width=0.0),
        lambda: masks.strokes(SHAPE, width=0.5),
        lambda: masks.centre((2,)),
    ],
)
def test_holes_that_cover_nothing_or_everything_are_refused(make):
    with pytest.raises(ValueError, match=r"hole|cover everything|masks need images"):
        make()


class Filler(nn.Module):
    """Fills holes by one value."""

    @nn.compact
    def __call__(self, source, mask, *, train):
        whole = jnp.full(source.shape, 0.25) + 0 * self.param("unused", nn.initializers.zeros, ())
        return composite(whole, source, mask)


@pytest.mark.parametrize("weights", [{"hole_l1": 1.0, "valid_l1": 0.0}, {"hole_l1": 0.0, "valid_l1": 1.0}])
def test_l1_is_of_the_hole_and_of_what_is_around_it(weights):
    """Each by its own number of pixels, so that a small hole counts as much as a large one."""
    x, mask = random.uniform(random.key(1), (3, *SMALL)), np.zeros((3, 8, 8, 1), np.float32)
    mask[0, :2], mask[1, :, :7], mask[2, 3, 3] = 1, 1, 1
    batch = {"x": x, "mask": jnp.asarray(mask), "source": x * (1 - mask)}
    terms = {name: Weighted(getattr(generator, name), weight) for name, weight in weights.items()}
    objective = regression.inpainting(networks={"generator": Network(Filler())}, generator=terms)
    start = objective.init["generator"](KEYS[0], batch)
    state = TrainState(jnp.int32(0), {"generator": Player(start.params, start.stats, (), (), start.carry)})
    loss, aux = objective.losses["generator"](start.params, state, batch, KEYS[0], {})
    error = np.abs(0.25 - np.asarray(x))
    hole = [error[n][mask[n, ..., 0] == 1].mean() for n in range(3)]
    valid = [error[n][mask[n, ..., 0] == 0].mean() for n in range(3)]
    np.testing.assert_allclose(aux.metrics["hole_l1"], np.mean(hole), rtol=1e-5)
    np.testing.assert_allclose(aux.metrics["valid_l1"], np.mean(valid), rtol=1e-5)
    np.testing.assert_allclose(loss, np.mean(hole if weights["hole_l1"] else valid), rtol=1e-5)


def test_terms_of_holes_need_holes_and_a_generator_that_fills_them():
    x = random.uniform(random.key(1), (2, *SMALL))
    forward = SimpleNamespace(batch={"x": x}, real=x, fake=x, extras={"whole": x})
    with pytest.raises(
        ValueError, match=r"the term `hole_l1` needs a hole: set config\.samplers\.mask, for example to"
    ):
        generator.hole_l1(forward)
    forward.extras = {}
    with pytest.raises(ValueError, match="the term `valid_l1` needs a generator that fills holes"):
        generator.valid_l1(forward)


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
