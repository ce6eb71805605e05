"""Augmentation of data: what each does to an image, paired and unpaired fields, runs that see it in training only."""

import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import build_on
from jax import export, random

from gan_jax import config as configs
from gan_jax.command import overrides
from gan_jax.data import load
from gan_jax.data.base import Dataset
from gan_jax.data.examples import Lazy
from gan_jax.data.spec import DataSpec, spec_of
from gan_jax.distributions import augment
from gan_jax.distributions.augment import Augmentation, augmented, augmented_spec
from gan_jax.errors import UserError
from gan_jax.evaluation import evaluate
from gan_jax.experiments import build
from gan_jax.runs.directory import RunDirectory
from gan_jax.training import loop
from gan_jax.training.preflight import check_step
from scripts import run_differences

pytestmark = pytest.mark.heavy

KEY = random.key(0)
IMAGE = random.uniform(KEY, (6, 9, 2))
ALL = {
    "horizontal_flip": {},
    "vertical_flip": {},
    "translation": {},
    "random_crop": {"size": (4, 5)},
    "resize_crop": {"size": (8, 10)},
}
CROP = {"crop": {"name": "random_crop", "size": (6, 5)}}
MOVED = {"flip": {"name": "horizontal_flip"}, "move": {"name": "translation", "fraction": 0.3, "fill": "zero"}}


def many(apply, image=IMAGE, n=40):
    return jax.jit(jax.vmap(apply, (0, None)))(random.split(KEY, n), image)


def test_every_augmentation_is_here():
    assert {*ALL} == {*augment.__all__}


@pytest.mark.parametrize("name", ALL)
def test_an_augmentation_is_random_pure_and_within_the_range(name):
    apply = getattr(augment, name)(**ALL[name])
    made = many(apply)
    assert made.shape[1:] == ((4, 5, 2) if name == "random_crop" else IMAGE.shape)
    assert len(np.unique(np.asarray(made).reshape(40, -1), axis=0)) > 1
    np.testing.assert_array_equal(made, many(apply))
    assert made.min() >= IMAGE.min() - 1e-6
    assert made.max() <= IMAGE.max() + 1e-6


def test_flips_turn_half_of_the_images_around_their_axis():
    for apply, turned in ((augment.horizontal_flip(), IMAGE[:, ::-1]), (augment.vertical_flip(), IMAGE[::-1])):
        made = many(apply, n=400)
        flipped = (made == turned).all((1, 2, 3))
        assert (flipped | (made == IMAGE).all((1, 2, 3))).all()
        assert 0.4 < flipped.mean() < 0.6
    np.testing.assert_array_equal(augment.horizontal_flip(1.0)(KEY, IMAGE), IMAGE[:, ::-1])
    np.testing.assert_array_equal(augment.vertical_flip(0.0)(KEY, IMAGE), IMAGE)


@pytest.mark.parametrize(("fill", "mode"), [("reflect", "reflect"), ("zero", "constant")])
def test_translations_are_shifts_of_the_padded_image(fill, mode):
    made = many(augment.translation(1 / 3, fill, limits=(0.0, 1.0)), n=300)
    padded = np.pad(IMAGE, ((2, 2), (3, 3), (0, 0)), mode)
    shifts = {(y, x): padded[2 - y : 8 - y, 3 - x : 12 - x] for y in range(-2, 3) for x in range(-3, 4)}
    found = [[at for at, shift in shifts.items() if np.array_equal(one, shift)] for one in np.asarray(made)]
    assert all(len(each) == 1 for each in found)
    assert {at for [at] in found} == {*shifts}  # up to a third of the size, to each side


def test_pixels_of_0_are_the_lower_limit_and_a_shift_may_be_of_the_whole_image():
    made = many(augment.translation(1.0, "zero", limits=(-1.0, 1.0)))
    assert made.min() == -1
    assert many(augment.translation(1.0)).shape[1:] == IMAGE.shape
    one = many(augment.translation(1.0), jnp.ones((1, 1, 1)))
    np.testing.assert_array_equal(one, np.ones((40, 1, 1, 1)))


def test_crops_are_parts_at_every_position():
    made = np.asarray(many(augment.random_crop((4, 8)), n=200))
    parts = [np.asarray(IMAGE[y : y + 4, x : x + 8]) for y in range(3) for x in range(2)]
    found = [[number for number, part in enumerate(parts) if np.array_equal(one, part)] for one in made]
    assert {number for [number] in found} == {*range(6)}


def test_resize_crop_of_the_own_size_is_the_image_and_keeps_a_ramp_a_ramp():
    np.testing.assert_allclose(augment.resize_crop((6, 9))(KEY, IMAGE), IMAGE, atol=1e-6)
    ramp = jnp.broadcast_to(jnp.arange(32.0)[:, None, None], (32, 32, 1))
    steps = np.diff(np.asarray(many(augment.resize_crop((64, 64)), ramp))[:, 4:28, 0, 0])
    np.testing.assert_allclose(steps, 0.5, atol=1e-4)


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("horizontal_flip", {"probability": 1.5}, "probability is 1.5"),
        ("translation", {"fraction": -0.1}, "fraction is -0.1"),
        ("translation", {"fill": "black"}, "fill is 'black': it must be one of reflect, zero"),
        ("random_crop", {"size": 4}, "size is 4: it must be two whole numbers above 0"),
        ("random_crop", {"size": (4, 0)}, "it must be two whole numbers above 0"),
        ("random_crop", {"size": (7, 5)}, "size is 7x5, larger than the images of 6x9"),
        ("resize_crop", {"size": (5, 9)}, "size is 5x9, smaller than the images of 6x9"),
    ],
)
def test_wrong_arguments_are_refused(name, arguments, message):
    with pytest.raises(ValueError, match=message):
        getattr(augment, name)(**arguments)(KEY, IMAGE)


def batch_of(n, **shapes):
    return {
        name: jnp.arange(n * np.prod(shape), dtype=jnp.float32).reshape(n, *shape) for name, shape in shapes.items()
    }


def test_paired_fields_are_changed_alike_and_unpaired_ones_on_their_own():
    batch = batch_of(32, x=(6, 6, 1), label=())
    batch["source"] = batch["x"]
    both = {
        "crop": Augmentation(augment.random_crop((4, 4)), ("x", "source")),
        "flip": Augmentation(augment.horizontal_flip(), ("x", "source")),
    }
    made = augmented(both, batch, KEY)
    np.testing.assert_array_equal(made["x"], made["source"])
    np.testing.assert_array_equal(made["label"], batch["label"])
    apart = augmented(both, batch, KEY, unpaired=("source",))
    np.testing.assert_array_equal(made["x"], apart["x"])
    assert not np.array_equal(apart["x"], apart["source"])


def test_a_pair_of_two_sizes_is_cropped_at_the_same_place():
    small = jnp.arange(64.0).reshape(1, 8, 8, 1).repeat(64, 0)
    batch = {"x": small.repeat(2, 1).repeat(2, 2), "source": small}
    move = Augmentation(augment.translation(0.5), ("x", "source"))
    made = augmented({"move": move}, batch, KEY)
    means = [np.asarray(made[name]).mean((1, 2, 3)) for name in ("x", "source")]
    assert np.corrcoef(*means)[0, 1] > 0.95


def test_an_example_is_augmented_by_its_own_number_alone():
    both = {"move": Augmentation(augment.translation(0.5), ("x",))}
    batch = batch_of(8, x=(6, 6, 1))
    whole = augmented(both, batch, KEY)
    np.testing.assert_array_equal(augmented(both, {"x": batch["x"][:3]}, KEY)["x"], whole["x"][:3])


def test_crops_change_the_spec_of_their_fields_alone():
    spec = spec_of(Dataset("s", "train", np.zeros((2, 6, 9, 3), np.uint8), None, 0)).fields((-1.0, 1.0))
    after = augmented_spec({"crop": Augmentation(augment.random_crop((4, 5)), ("x",))}, spec)
    assert after["x"] == spec["x"]._replace(shape=(4, 5, 3))


def described(tiny, blocks=CROP, **values):
    config = tiny("mnist_gan", **values).unlock()
    config.data.name = "digits"
    config.evaluators = {"samples": {"name": "samples.distribution", "features": "pixels", "samples": 20, "seeds": 1}}
    config.augment = blocks
    return configs.checked(config.to_dict())


def test_networks_and_evaluators_are_of_the_size_after_crops(tiny):
    config, digits = described(tiny), load("digits", "train")
    experiment = build(config, spec_of(digits))
    assert check_step(experiment, config)
    assert experiment.spec["x"].shape == (8, 8, 1)
    players = experiment.init(KEY).players
    assert experiment.predict["sample"](players, random.split(KEY, 2), {}).shape == (2, 6, 5, 1)
    assert np.array_equal(experiment.view(digits).x, digits.x[:, 1:7, 1:6])
    assert evaluate.make(config, experiment)["samples"].measure(players, KEY)


def test_a_view_of_examples_that_are_decoded_when_they_are_read_is_so_too(tiny):
    class Decoded:
        shapes, what, identity, key = {"x": (8, 8, 1)}, "digits", "0", "digits-0"

        def __len__(self):
            return 20

        def __getitem__(self, index):
            return {"x": digits.x[index]}

        def read(self, indices):
            return [self[index] for index in indices]

    digits = load("digits", "train").first(20)
    experiment = build(described(tiny), spec_of(digits))
    x = experiment.view(digits._replace(x=Lazy(Decoded(), "x"))).x
    assert (x.shape, x.ndim, x.nbytes, len(x)) == ((20, 6, 5, 1), 4, 600, 20)
    expected = digits.x[:, 1:7, 1:6]
    for key in (3, [4, 2], np.array([[1, 5]])):
        np.testing.assert_array_equal(x[key], expected[key])
    np.testing.assert_array_equal(np.asarray(x[2:7]), expected[2:7])


def test_without_crops_a_view_is_the_data_set_itself(tiny):
    digits = load("digits", "train")
    experiment = build(described(tiny, MOVED), spec_of(digits))
    assert experiment.view(digits) is digits


def test_a_step_sees_other_draws_at_each_step_and_update_and_compiles_once(tiny):
    experiment = build_on(described(tiny, MOVED), (8, 8, 1))
    x = jnp.broadcast_to(random.uniform(KEY, (8, 8, 1)), (2, 4, 8, 8, 1))
    one = experiment.augment({"x": x}, KEY, jnp.int32(3))["x"]
    np.testing.assert_array_equal(one, experiment.augment({"x": x}, KEY, jnp.int32(3))["x"])
    assert not np.array_equal(one, experiment.augment({"x": x}, KEY, jnp.int32(4))["x"])
    assert not np.array_equal(one[0], one[1])
    step, state = jax.jit(experiment.train_step), experiment.init(KEY)
    for _ in range(3):
        state, _ = step(state, {"x": x[:1]}, KEY, experiment.hyperparams)
    assert step._cache_size() == 1


@pytest.mark.parametrize("platform", ["cuda", "tpu"])
def test_augmented_steps_lower_for_accelerators(tiny, platform):
    blocks = {name: {"name": name, **ALL[name]} for name in ALL if name != "random_crop"} | CROP
    blocks["resize_crop"]["size"] = (10, 9)
    config = described(tiny, {**blocks, "a_first": blocks.pop("resize_crop")})
    experiment = build_on(config, (8, 8, 1))
    state = jax.eval_shape(experiment.init, KEY)
    batches = {"x": jax.ShapeDtypeStruct((1, 8, 8, 8, 1), jnp.float32)}
    arguments = (state, batches, experiment.keys.train, experiment.hyperparams)
    assert export.export(jax.jit(experiment.train_step), platforms=[platform])(*arguments)


@pytest.mark.long
def test_a_resumed_run_is_the_same_to_the_bit_and_not_that_without_augmentation(tiny, tmp_path):
    config = described(tiny, MOVED, log_every_steps=1)
    [whole] = loop.run(config, RunDirectory(tmp_path / "whole"))
    for steps in (3, 6):
        [parts] = loop.run(described(tiny, MOVED, log_every_steps=1, steps=steps), RunDirectory(tmp_path / "parts"))
    assert run_differences.compare(whole.folder, parts.folder) == []
    plain = described(tiny, {}, log_every_steps=1)
    [plain] = loop.run(plain, RunDirectory(tmp_path / "plain"))
    assert run_differences.rows(plain.metrics) != run_differences.rows(whole.metrics)


@pytest.mark.parametrize(
    ("block", "shape", "message"),
    [
        (
            {"name": "random_crop", "size": (9, 9)},
            (8, 8, 1),
            "config.augment.a: size is 9x9, larger than the images of",
        ),
        ({"name": "horizontal_flip", "fields": ("source",)}, (8, 8, 1), r"config.augment.a.fields is \('source',\)"),
        ({"name": "horizontal_flip", "fields": ("label",)}, (8, 8, 1), "it must be a tuple of image fields; .* has x"),
        ({"name": "horizontal_flip"}, (2,), r"config.augment.a.fields is \(\): .* has none"),
        ({"name": "horizontal_flop"}, (8, 8, 1), "did you mean horizontal_flip"),
        ({"name": "horizontal_flip", "rate": 1}, (8, 8, 1), "has no argument 'rate'"),
        ({"name": "random_crop"}, (8, 8, 1), "config.augment.a: .*size"),
    ],
)
def test_what_does_not_fit_is_an_error_at_build_time(tiny, block, shape, message):
    config = described(tiny, {"a": block})
    with pytest.raises(UserError, match=message):
        build_on(config, shape, classes=10 if len(shape) == 3 else 0)


def test_the_command_line_adds_an_augmentation(tiny):
    config = overrides.apply(described(tiny, MOVED), ["--config.augment.crop={'name': 'random_crop', 'size': (6, 6)}"])
    assert config.augment.crop.size == (6, 6)
    config = overrides.apply(tiny("mnist_gan"), ["--config.augment.flip={'name': 'vertical_flip'}"])
    assert config.augment.to_dict() == {"flip": {"name": "vertical_flip"}}


def test_unpaired_fields_of_the_data_have_keys_of_their_own(tiny):
    """The names come from the data set's description."""
    config, pairs = described(tiny, MOVED), DataSpec((8, 8, 1), others={"source": (8, 8, 1)})
    x = jnp.broadcast_to(random.uniform(KEY, (8, 8, 1)), (1, 16, 8, 8, 1))
    for spec, alike in ((pairs, True), (pairs._replace(unpaired=("source",)), False)):
        made = build(config, spec).augment({"x": x, "source": x}, KEY, jnp.int32(0))
        assert np.array_equal(made["x"], made["source"]) == alike


def test_augmentations_say_what_they_do():
    assert all(inspect.getdoc(getattr(augment, name)) for name in augment.__all__)
