"""Augmentation inside the game: known parameters, the identity, gradients, devices, and a strength that adapts."""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from conftest import ROOT, build_on, few_factors
from jax import random
from small_networks import Judge, Painter

from gan_jax.config import ConfigDict, load
from gan_jax.core import collectives, steps
from gan_jax.core.networks import Network
from gan_jax.core.state import TrainState
from gan_jax.errors import UserError
from gan_jax.objectives import adversarial
from gan_jax.objectives.augment import base, colour, geometry, pipelines
from gan_jax.runs.checkpoints import Checkpoints

pytestmark = pytest.mark.heavy

KEY = random.key(0)
SHAPE, LIMITS = (6, 8, 3), (-1.0, 1.0)
IMAGES = random.uniform(KEY, (16, *SHAPE), minval=-1.0)
IMAGE = IMAGES[0]


def made(name, **arguments):
    return getattr(pipelines, name)(**{"shape": SHAPE, "limits": LIMITS, **arguments})


def applied(name, **arguments):
    """The augmentation of a batch, as one program."""
    return jax.jit(made(name, **arguments).__call__)


@pytest.mark.parametrize("name", pipelines.__all__)
def test_at_probability_0_images_stay_as_they_are_and_at_1_they_change(name):
    augment = applied(name, p=0.0)
    np.testing.assert_array_equal(augment(KEY, IMAGES, jnp.float32(0)), IMAGES)
    changed = augment(KEY, IMAGES, jnp.float32(1))
    assert (jnp.abs(changed - IMAGES).max((1, 2, 3)) > 0.01).all()
    assert jnp.isfinite(changed).all()


@pytest.mark.parametrize("name", pipelines.__all__)
def test_each_image_has_a_key_of_its_own_whatever_the_devices(name):
    augment = made(name, p=1.0)
    whole = jax.jit(augment.__call__)(KEY, IMAGES, jnp.float32(0.7))
    split = jax.jit(jax.vmap(lambda x: augment(KEY, x, jnp.float32(0.7)), axis_name=collectives.AXIS))(
        IMAGES.reshape(4, 4, *SHAPE)
    )
    np.testing.assert_allclose(split.reshape(whole.shape), whole, atol=1e-6)


@pytest.mark.parametrize("name", pipelines.__all__)
def test_gradients_flow_through_to_the_image(name):
    """The map is affine in the image: its gradient along d is the difference of its values."""
    one, d = made(name, p=1.0).one, random.normal(KEY, SHAPE)
    key = random.key(3)

    @jax.jit
    def of(x):
        return one(key, x, jnp.float32(1))

    value, slope = jax.jvp(of, (IMAGE,), (d,))
    np.testing.assert_allclose(of(IMAGE + d) - value, slope, atol=1e-4)
    assert (jax.grad(lambda x: (of(x) * d).sum())(IMAGE) != 0).any()


def test_a_range_of_data_is_the_same_augmentation_in_other_units():
    for name in pipelines.__all__:
        mine, theirs = (
            applied(name, limits=limits)(KEY, x, jnp.float32(1))
            for limits, x in ((LIMITS, IMAGES), ((0.0, 1.0), (IMAGES + 1) / 2))
        )
        np.testing.assert_allclose(theirs, (mine + 1) / 2, atol=1e-5)


@pytest.mark.parametrize(
    ("inverse", "expected"),
    [
        (geometry.scaling(-1, 1), IMAGE[:, ::-1]),
        (geometry.scaling(1, -1), IMAGE[::-1]),
        (geometry.quarter_turns(jnp.int32(2)), IMAGE[::-1, ::-1]),
        (geometry.translation(2, 0), jnp.concatenate([IMAGE[:, 2:], IMAGE[:, -2:-4:-1]], axis=1)),
        (geometry.translation(0, -1), jnp.concatenate([IMAGE[1:2], IMAGE[:-1]])),
        (
            geometry.translation(0.5, 0),
            jnp.concatenate([(IMAGE[:, 1:] + IMAGE[:, :-1]) / 2, (IMAGE[:, -1:] + IMAGE[:, -2:-1]) / 2], 1),
        ),
    ],
)
def test_resampling_at_known_parameters(inverse, expected):
    np.testing.assert_allclose(geometry.resample(IMAGE, inverse), expected, atol=1e-6)


def test_a_quarter_turn_is_numpys_and_maps_compose():
    square = IMAGE[:, :6]
    turned = geometry.resample(square, geometry.quarter_turns(jnp.int32(1)))
    np.testing.assert_array_equal(turned, np.rot90(square, k=1))  # y points down
    half = geometry.rotation(jnp.cos(0.3), jnp.sin(0.3)) @ geometry.rotation(jnp.cos(-0.3), jnp.sin(-0.3))
    np.testing.assert_allclose(half, jnp.eye(3), atol=1e-6)
    ramp = jnp.arange(32.0)[None, :, None].repeat(32, 0)  # of a plane, bilinear values are exact
    scaled = geometry.resample(ramp, geometry.scaling(0.5, 0.25))
    np.testing.assert_allclose(scaled[5, :, 0], 15.5 + (np.arange(32) - 15.5) / 2, atol=1e-4)


def test_colours_at_known_parameters():
    grey, red = jnp.full((1, 1, 3), 0.4), jnp.array([[[1.0, 0.0, 0.0]]])
    np.testing.assert_allclose(colour.recoloured(red, colour.brightness(0.25)), red + 0.25)
    np.testing.assert_allclose(colour.recoloured(red, colour.contrast(2.0)), 2 * red)
    np.testing.assert_allclose(colour.recoloured(red, colour.luma_flip(0)), red)
    np.testing.assert_allclose(colour.recoloured(grey, colour.luma_flip(1)), -grey, atol=1e-6)
    np.testing.assert_allclose(colour.recoloured(red, colour.hue(2 * np.pi / 3))[0, 0], [0, 1, 0], atol=1e-6)
    np.testing.assert_allclose(colour.recoloured(red, colour.saturation(0.0)), jnp.full((1, 1, 3), 1 / 3), atol=1e-6)
    for change in (colour.hue(1.1), colour.saturation(3.0)):
        np.testing.assert_allclose(colour.recoloured(grey, change), grey, atol=1e-6)
        np.testing.assert_allclose(colour.recoloured(grey[..., :1], change), grey[..., :1], atol=1e-6)


def test_diff_augments_draws_are_the_papers():
    x = random.uniform(KEY, (400, 16, 16, 3), minval=-1.0)
    moved = applied("diff_augment", shape=(16, 16, 3), policy=("translation",))(KEY, x, jnp.float32(1))
    shifts = set()
    for image, other in zip(np.asarray(x[:60]), np.asarray(moved[:60]), strict=True):
        fits = [
            (i, j)
            for i in range(-2, 3)
            for j in range(-2, 3)
            if np.array_equal(np.pad(image, ((2, 2), (2, 2), (0, 0)))[2 - i : 18 - i, 2 - j : 18 - j], other)
        ]
        assert len(fits) == 1  # whole pixels, at most an eighth, zeros coming in
        shifts.add(fits[0])
    assert len({i for i, _ in shifts}) == len({j for _, j in shifts}) == 5
    cut = applied("diff_augment", shape=(16, 16, 3), policy=("cutout",))(KEY, x, jnp.float32(1))
    gone = np.asarray((cut == 0).all(-1))
    assert gone.sum((1, 2)).max() == 64
    assert gone.sum((1, 2)).min() >= 16  # a quarter of it at a corner
    grey = jnp.zeros((400, 4, 4, 1)) + 0.2  # its mean and its grey are itself: brightness alone acts
    bright = applied("diff_augment", shape=(4, 4, 1), policy=("color",))(KEY, grey, jnp.float32(1)) - 0.2
    np.testing.assert_allclose([bright.min(), bright.max()], [-0.5, 0.5], atol=0.02)


def check_uniform(values, low, high):
    """Every tenth of the values is where it is in a uniform distribution, as are their ends."""
    shares = np.linspace(0, 1, 11)
    np.testing.assert_allclose(np.quantile(values, shares), low + (high - low) * shares, atol=0.03 * (high - low))


def test_diff_augment_draws_brightness_saturation_and_contrast_evenly_and_apart():
    """Each image is its mean, its greys about the mean, and its colours about the greys, with three factors."""
    coloured = applied("diff_augment", policy=("color",))(KEY, jnp.tile(IMAGE, (2000, 1, 1, 1)), jnp.float32(1))
    before, after = ([x.mean((-3, -2, -1)), x.mean(-1), x] for x in (IMAGE, coloured))
    greys, colours = before[1] - before[0], before[2] - before[1][..., None]
    contrast = ((after[1] - after[0][:, None, None]) * greys).sum((1, 2)) / jnp.square(greys).sum()
    both = ((after[2] - after[1][..., None]) * colours).sum((1, 2, 3)) / jnp.square(colours).sum()
    brightness = after[0] - before[0]
    of_greys, of_colours = (x[:, None, None, None] for x in (contrast, both))
    expected = after[0][:, None, None, None] + of_greys * greys[..., None] + of_colours * colours
    np.testing.assert_allclose(coloured, expected, atol=1e-5)
    draws = {"brightness": brightness, "saturation": both / contrast, "contrast": contrast}
    for name, ends in {"brightness": (-0.5, 0.5), "saturation": (0, 2), "contrast": (0.5, 1.5)}.items():
        check_uniform(draws[name], *ends)
    np.testing.assert_allclose(np.corrcoef([*draws.values()]), np.eye(3), atol=0.08)


@cache
def program(name):
    """`(keys, probability) -> maps` of one change by ADA alone: of (r, g, b, 1), or of the plane of 32x64 pixels."""
    if name in pipelines.COLOURS:
        return jax.jit(jax.vmap(lambda key, p: pipelines._colours({name: key}, {name: p}), (0, None)))
    return jax.jit(jax.vmap(lambda key, p: pipelines._moves({name: key}, {name: p}, (32, 64, 3)), (0, None)))


def drawn(names, p=1.0):
    """20,000 draws of each change alone, by name."""
    return {name: np.asarray(program(name)(random.split(KEY, 20_000), p)) for name in names}


def check_normal(values, std):
    """Mean 0, this deviation, and the share within it that a normal distribution has."""
    np.testing.assert_allclose(values.mean(), 0, atol=0.03 * std)
    np.testing.assert_allclose(values.std(), std, rtol=0.02)
    np.testing.assert_allclose((np.abs(values) < std).mean(), 0.683, atol=0.02)


def test_adas_moves_are_of_the_papers_strengths():
    """Karras et al. 2020, appendix B: maps of the plane in pixels, of images of 32x64."""
    moves = drawn(pipelines.MOVES)
    flips = moves["xflip"]
    np.testing.assert_allclose((flips[:, 0, 0] == -1).mean(), 0.5, atol=0.02)
    np.testing.assert_array_equal(flips, [np.diag([x, 1, 1]) for x in flips[:, 0, 0]])
    turns, counts = np.unique(moves["rotate90"][:, :2, 0], axis=0, return_counts=True)
    assert turns.tolist() == [[-1, 0], [0, -1], [0, 1], [1, 0]]
    np.testing.assert_allclose(counts / counts.sum(), 0.25, atol=0.02)
    rotated = moves["rotate"]
    check_uniform(np.arctan2(rotated[:, 1, 0], rotated[:, 0, 0]), -np.pi, np.pi)
    np.testing.assert_allclose(np.linalg.det(rotated), 1, atol=1e-5)
    for axis, most in enumerate((8, 4)):
        pixels, counts = np.unique(moves["xint"][:, axis, 2], return_counts=True)
        assert pixels.tolist() == [*range(-most, most + 1)]
        np.testing.assert_allclose(counts * 2 * most / 20_000, [0.5, *[1] * (2 * most - 1), 0.5], atol=0.1)
        check_normal(moves["xfrac"][:, axis, 2], most)
    for name, sign in (("scale", 1), ("aniso", -1)):
        x, y = np.log2(moves[name][:, 0, 0]), np.log2(moves[name][:, 1, 1])
        check_normal(x, 0.2)
        np.testing.assert_allclose(y, sign * x, atol=1e-5)


def test_adas_changes_of_colours_are_of_the_papers_strengths():
    """Karras et al. 2020, appendix B: maps of (r, g, b, 1) in a range of [-1, 1]."""
    maps = drawn(pipelines.COLOURS)
    traces = {name: np.trace(matrices[:, :3, :3], axis1=1, axis2=2) for name, matrices in maps.items()}
    check_normal(maps["brightness"][:, 0, 3], 0.2)
    check_normal(np.log2(maps["contrast"][:, 0, 0]), 0.5)
    check_normal(np.log2((traces["saturation"] - 1) / 2), 1.0)
    np.testing.assert_allclose(np.unique(traces["lumaflip"].round(4)), [1, 3])
    np.testing.assert_allclose((traces["lumaflip"] < 2).mean(), 0.5, atol=0.02)
    sine = (maps["hue"][:, 1, 0] - maps["hue"][:, 0, 1]) * np.sqrt(3) / 2
    check_uniform(np.arctan2(sine, (traces["hue"] - 1) / 2), -np.pi, np.pi)


def test_each_of_adas_changes_is_drawn_with_its_probability():
    """Drawn, some change nothing: every second flip, one turn in 4, and moves by 0 of 4 pixels down and 8 across."""
    nothing = {"xflip": 1 / 2, "lumaflip": 1 / 2, "rotate90": 1 / 4, "xint": 1 / 8 / 16}
    for name, maps in drawn((*pipelines.MOVES, *pipelines.COLOURS), 0.3).items():
        changed = (maps != np.eye(maps.shape[-1])).any((1, 2)).mean()
        np.testing.assert_allclose(changed, 0.3 * (1 - nothing.get(name, 0)), atol=0.012, err_msg=name)


def test_the_share_of_changed_images_is_that_of_the_probability():
    x = random.uniform(KEY, (2000, 4, 4, 3))
    for factors, expected in (({"xflip": 1.0, "cutout": 0.5}, 1 - 0.85**2), ({"rotate": 0.5, "hue": 0.5}, 1 - 0.85**2)):
        only = {**dict.fromkeys((*pipelines.MOVES, *pipelines.COLOURS), 0.0), **factors}
        augment = applied("ada", shape=(4, 4, 3), p=0.3, factors=only)
        changed = jnp.abs(augment(KEY, x, jnp.float32(0.3)) - x).max((1, 2, 3)) > 1e-4
        np.testing.assert_allclose(changed.mean(), expected, atol=0.04)


def test_p_follows_the_sign_of_real_scores():
    """After every 4 updates of 10 images, by 40 / speed, up while r is above the target, down to 0 below it."""
    augment = made("ada", target=0.6, every=4, speed=400.0)
    carry = {name: jnp.float32(value) for name, value in augment.first.items()}
    seen = []
    for update in range(25):
        carry = augment.adapt(carry, jnp.ones(10) if update < 12 else -jnp.ones(10))
        seen.append(round(float(augment.strength(carry, update)), 4))
    assert seen[:13] == [0.0] * 4 + [0.1] * 4 + [0.2] * 4 + [0.3]
    assert seen[16] == 0.2
    assert seen[24] == 0.0


def config_of(augment, objective="adversarial.non_saturating", **terms):
    config = load(ROOT / "configs" / "digits_dcgan.py").unlock()
    config.networks = {"generator": {"name": "mlp.Generator", "widths": (4,)}, "critic": {"name": "mlp.Critic"}}
    config.objective = {"name": objective, "augment": augment, **terms}
    return config


FEW = few_factors()
BATCHES = {"x": random.uniform(KEY, (1, 8, 8, 8, 1), minval=-1.0)}


def test_the_strength_is_the_critics_carry_and_a_resumed_run_is_the_same_to_the_bit(tmp_path):
    block = {"name": "ada", "speed": 40.0, "every": 2, "start": 0.5, "factors": FEW}
    experiment = build_on(config_of(block), (8, 8, 1))
    step = jax.jit(experiment.train_step)

    def run(state, steps):
        for _ in range(steps):
            state, metrics = step(state, BATCHES, experiment.keys.train, experiment.hyperparams)
        return state, metrics

    first = experiment.init(experiment.keys.init)
    half, _ = run(first, 3)
    whole, metrics = run(half, 1)
    kept = Checkpoints(tmp_path, 1)
    kept.save(half)
    kept.close()
    resumed, _ = run(jax.device_put(Checkpoints(tmp_path, None).restore(first)), 1)
    for a, b in zip(*map(jax.tree.leaves, (whole, resumed)), strict=True):
        np.testing.assert_array_equal(a, b)
    assert {base.P, base.SIGNS, base.UPDATES} == {*whole.players["critic"].carry}
    assert metrics["critic/augment_p"] != 0.5
    assert step._cache_size() == 1


def test_real_images_and_fakes_are_augmented_in_both_updates_and_p_adapts_to_real_scores():
    """In the first step images are as they are, in the second all are black: nothing tells them apart, or teaches."""
    augment = base.CriticAugment(
        lambda key, image, p: (1 - p) * image,
        base.fixed(lambda step: step),
        {"mean": 0.0},
        lambda carry, scores: {"mean": scores.mean()},
    )
    networks = {"generator": Network(Painter()), "critic": Network(Judge())}
    objective = adversarial.hinge(networks=networks, augment=augment)
    how = {player: steps.Update(lambda numbers: optax.sgd(0.1)) for player in networks}
    batches = {**BATCHES, "source": random.uniform(random.key(1), (1, 8, 8, 8, 1), minval=-1.0)}
    batch = {name: values[0] for name, values in batches.items()}
    players = {name: steps.start(init(KEY, batch), how[name]) for name, init in objective.init.items()}
    step, numbers = jax.jit(steps.alternating(objective, how)), steps.default_hyperparams(objective, how)
    state, as_they_are = step(TrainState(jnp.int32(0), players), batches, KEY, numbers)
    _, black = step(state, batches, KEY, numbers)
    for name in ("critic/distance", "generator/gradient_norm"):
        assert abs(as_they_are[name]) > 1e-3
        assert black[name] == 0
    scores, _ = networks["critic"].apply(players["critic"].params, {}, batch, train=True)
    np.testing.assert_allclose(state.players["critic"].carry["mean"], scores.mean(), rtol=1e-5)


def test_penalties_are_by_the_images_before_augmentation_and_the_generator_has_gradients_through_it():
    """With a cutout of all examples r1 is smaller: the gradient at what is cut out is 0."""
    block = {"name": "diff_augment", "policy": ("cutout",)}
    rows = []
    for augment in (block, {**block, "p": 0.0}):
        experiment = build_on(config_of(augment, critic={"r1": 1.0}), (8, 8, 1))
        _, metrics = jax.jit(experiment.train_step)(
            experiment.init(experiment.keys.init), BATCHES, experiment.keys.train, experiment.hyperparams
        )
        rows.append(metrics)
    assert 0 < rows[0]["critic/r1"] < 0.9 * rows[1]["critic/r1"]
    assert rows[0]["generator/gradient_norm"] > 0


def test_p_by_a_schedule_of_the_step():
    schedule = {"name": "linear_schedule", "init_value": 0.0, "end_value": 0.4, "transition_steps": 4}
    experiment = build_on(config_of({"name": "ada", "p": schedule, "factors": FEW}, "adversarial.r3gan"), (8, 8, 1))
    step, state, seen = jax.jit(experiment.train_step), experiment.init(experiment.keys.init), []
    for _ in range(3):
        state, metrics = step(state, BATCHES, experiment.keys.train, experiment.hyperparams)
        seen.append(float(metrics["critic/augment_p"]))
    np.testing.assert_allclose(seen, optax.linear_schedule(0.0, 0.4, 4)(jnp.arange(3)), atol=1e-6)


@pytest.mark.parametrize(
    ("augment", "shape", "objective", "message"),
    [
        ({"name": "diff_augment"}, (2,), "adversarial.hinge", r"objective\.augment: .*diff_augment needs images"),
        ({"name": "ada", "p": 0.1}, (8, 8, 4), "adversarial.hinge", "images of 1 or 3 channels"),
        (
            {"name": "diff_augment", "policy": ("colour",)},
            (8, 8, 1),
            "adversarial.hinge",
            "it must be a tuple of color",
        ),
        ({"name": "ada", "factors": {"hues": 1.0}}, (8, 8, 1), "adversarial.hinge", "factors has hues"),
        ({"name": "ada", "p": 1.5}, (8, 8, 1), "adversarial.hinge", r"p is 1\.5"),
        ({"name": "ada", "every": 0}, (8, 8, 1), "adversarial.hinge", "every is 0"),
        ({"name": "ada", "p": 0.1, "target": 0.3}, (8, 8, 1), "adversarial.hinge", "target would have no effect"),
        ({"name": "ada"}, (8, 8, 1), "adversarial.r3gan", "set p to a number or a schedule"),
        ({"name": "ada"}, (8, 8, 1), "adversarial.least_squares", "set p to a number or a schedule"),
        ("ada", (8, 8, 1), "adversarial.hinge", "it must be a block with a name"),
        ({"name": "adda"}, (8, 8, 1), "adversarial.hinge", "did you mean ada"),
    ],
)
def test_wrong_augmentations_are_one_line_with_their_field(augment, shape, objective, message):
    with pytest.raises(UserError, match=message):
        build_on(config_of(augment, objective), shape)


def test_an_adaptive_strength_is_refused_while_the_critic_is_not_trained():
    config = config_of({"name": "ada"})
    config.objective.critic = {"bce": {"weight": 1.0, "after": 2}}
    with pytest.raises(UserError, match="begin after 2 steps or later: set p to a number or a schedule"):
        build_on(config, (8, 8, 1))


def test_an_augmentation_of_x_alone_is_refused_where_the_critic_sees_pairs():
    config = config_of({"name": "ada"}, networks=None)
    del config.objective["networks"]
    config.networks.critic = ConfigDict({"name": "my_lab.translation:PatchCritic"})
    with pytest.raises(UserError, match=r"the critic also sees source: use config\.augment"):
        build_on(config, (8, 8, 1))
