"""Every file in configs/ is built and played on shapes alone, so that none rots; and what a config may not say."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import CONFIGS as FILES
from conftest import ROOT, build_on, few_factors, files_of
from jax import random
from shipped import on_its_data

from gan_jax import config as configs
from gan_jax.command import overrides
from gan_jax.data import feeds
from gan_jax.data.base import Dataset
from gan_jax.errors import UserError
from gan_jax.experiments import blocks, schedules
from gan_jax.objectives import adversarial
from gan_jax.objectives.weighted import eager
from gan_jax.training.preflight import check_step

pytestmark = [pytest.mark.heavy, pytest.mark.usefixtures("weights_of_zeros")]

CONFIGS = ROOT / "configs"
CHANGED = """
from configs import digits_dcgan
from ml_collections import ConfigDict
def get_config():
    c = ConfigDict(digits_dcgan.get_config().to_dict(), type_safe=False)
    {}
    return c
"""


LONG = ("cifar10_stylegan2", "ffhq_256_stylegan2", "ffhq_256_r3gan", "imagenet64_r3gan")
"""Configs of the largest networks, whose smaller siblings have the same parts."""


@pytest.mark.parametrize("file", files_of(FILES, *LONG))
def test_config_builds_plays_and_lowers_for_accelerators_with_native_convolutions(file):
    """In one test, as JAX keeps the traced step of an experiment, which takes most of the time."""
    config = configs.load(file)
    experiment = on_its_data(config)
    assert check_step(experiment, config)
    assert ("stablehlo.convolution" in lowered(experiment, config)) == convolves(config)
    shape = experiment.spec["x"].shape
    players = jax.eval_shape(experiment.init, experiment.keys.init).players
    keys, x = random.split(random.key(0), 3), jax.ShapeDtypeStruct((3, *shape), jnp.float32)
    given = {"x": x, "label": jax.ShapeDtypeStruct((3,), jnp.int32)}
    given |= {name: jax.ShapeDtypeStruct((3, *f.shape), f.dtype) for name, f in experiment.spec.items()}
    use = next((use for use in ("sample", "reconstruct", "translate") if use in experiment.predict), "")
    if not use:
        return  # makes no examples: see test_classifier_game.py
    images = jax.eval_shape(experiment.predict[use], players, keys, {} if use == "sample" else given)
    assert (images.shape, images.dtype) == ((3, *shape), jnp.uint8 if len(shape) == 3 else jnp.float32)


def lowered(experiment, config):
    """The program of a step for both kinds of accelerators."""
    leading = (experiment.updates_per_step, config.batch_size)
    batches = {name: jax.ShapeDtypeStruct((*leading, *f.shape), f.dtype) for name, f in experiment.spec.items()}
    state = jax.eval_shape(experiment.init, experiment.keys.init)
    traced = jax.jit(experiment.train_step).trace(state, batches, experiment.keys.train, experiment.hyperparams)
    return traced.lower(lowering_platforms=("cuda", "tpu")).as_text()


def convolves(config):
    """Whether a network of the config has convolutions."""
    layers = [spec.name for spec in config.networks.values()]
    return any(
        name.startswith(("dcgan", "r3gan", "sngan", "stylegan2", "super_resolution", "translation", "vq"))
        or "Conv" in name
        or name == "classifier.Classifier"
        for name in layers
    )


# The narrow copy of cifar10_stylegan2 is in test_stylegan2.py.
LARGE = [file for file in FILES if any(word in file.stem for word in ("sngan", "r3gan_", "_r3gan", "stylegan2"))]


@pytest.mark.parametrize(
    "file",
    files_of(
        [f for f in LARGE if f.stem not in ("ring_r3gan", "grid_r3gan", "cifar10_stylegan2")],
        "cifar10_r3gan",
    ),
)
def test_a_narrow_copy_of_a_large_config_trains(file):
    """One step of the same terms and layers, 8 channels wide, on images of the fewest pixels that they can take."""
    config = configs.load(file).unlock()
    for spec in config.networks.values():
        spec.widths = (8,) * 2
        if "blocks" in spec:
            spec.blocks, spec.group = 1, 4
        if "layers" in spec:
            spec.layers, spec.features = 1, 8
    if config.networks.critic.name == "stylegan2.Critic":
        config.networks.critic.group = 4
    if "downs" in config.networks.critic:
        config.networks.critic.downs = 1
    if config.objective.get("augment", {}).get("name") == "ada":  # all of it is in test_critic_augment.py
        config.objective.augment.factors = few_factors()
    config.batch_size, config.samplers.z.dim = 4, 8
    classes = 3 if "label" in config.samplers else 0
    experiment = build_on(config, (8, 8, 3), classes)
    state = experiment.init(experiment.keys.init)
    leading = (experiment.updates_per_step, config.batch_size)
    batches = {"x": random.uniform(random.key(0), (*leading, 8, 8, 3)), "label": jnp.zeros(leading, jnp.int32)}
    batches = {name: batches[name] for name in experiment.spec}
    after, metrics = jax.jit(experiment.train_step)(state, batches, experiment.keys.train, experiment.hyperparams)
    assert all(jnp.isfinite(leaf).all() for leaf in jax.tree.leaves((after, metrics)))


CHOICES = ("photos_srresnet.py:2", "emoji_pix2pix.py:noto_to_twemoji", "orl_inpainting.py:l1")
CHOICES += ("mnist_cgan.py:auxiliary", "facades_pix2pix.py:multi_scale", "cifar10_sngan.py:wgan_gp")
CHOICES += ("stacked_mnist_r3gan.py:10000", "cifar10_r3gan.py:880", "mnist_few_labels.py:supervised")
MORE = ("photos_srgan.py:2,trained", "emoji_inpainting.py:l1", "emoji_inpainting.py:cifar10,l1")
MORE += ("cifar10_sngan.py:paper,classes,attention,ada,lecam", "cifar10_sngan.py:bcr,diff_augment,relativistic_average")
MORE += ("emoji_colouring.py:cifar10,edges", "emoji_colouring.py:l1", "cifar10_few_labels.py:paper")
MORE += ("emoji_l1.py:noto_to_twemoji,resnet", "facades_pix2pix.py:128,l1")


@pytest.mark.parametrize("choice", [*CHOICES, *(pytest.param(choice, marks=pytest.mark.long) for choice in MORE)])
def test_a_choice_of_a_config_builds(choice):
    config = configs.load(f"{CONFIGS}/{choice}")
    assert check_step(on_its_data(config), config)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_mistyped_choice_is_refused(file):
    if "def get_config()" in file.read_text():
        pytest.skip("there are no choices")
    with pytest.raises(UserError, match="othr"):
        configs.load(f"{file}:othr")


LEAST_SQUARES = "{'name': 'adversarial.least_squares', 'critic': {'least_squares': 0.5}, 'generator': {'l1': 100.0}}"


@pytest.mark.parametrize(
    ("file", "argument"),
    [
        ("emoji_inpainting", "networks.generator.name=inpainting.ContextEncoder"),
        ("emoji_inpainting", "networks.generator.name=inpainting.DilatedCompletion"),
        ("emoji_inpainting", "networks.generator.name=inpainting.GatedCompletion"),
        ("emoji_inpainting", "samplers.mask.name=masks.strokes"),
        ("emoji_inpainting", "samplers.mask.name=masks.centre"),
        ("emoji_pix2pix", f"objective={LEAST_SQUARES}"),
        ("emoji_pix2pix", "networks.generator={'name': 'translation.ResNet', 'width': 8, 'blocks': 2}"),
    ],
)
def test_uses_take_other_networks_holes_and_losses(file, argument):
    config = configs.load(f"{CONFIGS}/{file}.py")
    changed = overrides.apply(config, [f"--config.{argument}"])
    assert check_step(on_its_data(changed), changed)


@pytest.mark.parametrize(
    ("name", "size", "crop", "message"),
    [
        ("photos_srresnet", 320, 30, "images of 30x30 cannot be 4 times smaller: crop them to a multiple of 4"),
        (
            "emoji_inpainting",
            3,
            None,
            "downs is 2: sides of the critic's images must be at least 12, and they are 3x3: set fewer",
        ),
        (
            "emoji_pix2pix",
            8,
            None,
            "downs is 2: sides of the critic's images must be at least 12, and they are 8x8: set fewer",
        ),
        ("photos_srgan", 320, 8, "vgg16-lpips-v1 takes images of at least 16 x 16 pixels"),
    ],
)
def test_sizes_that_networks_do_not_take_are_named(name, size, crop, message):
    config = configs.load(f"{CONFIGS}/{name}.py")
    config.data.size = size
    if crop:
        config.augment.crop.size = (crop, crop)
    with pytest.raises(UserError, match=message):
        on_its_data(config)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_config_says_its_command(file):
    words = file.read_text().split('"""')[1]
    assert "python -m gan_jax.main" in words


def test_blocks_of_a_config_are_its_own(tiny):
    config = tiny()
    config.players.critic.optimizer.learning_rate = 0.5
    config.networks.critic.activation.negative_slope = 0.3
    assert config.players.generator.optimizer.learning_rate != 0.5
    assert config.networks.generator.activation.negative_slope != 0.3


def test_override_sets_values_of_their_type(tiny):
    arguments = ["--config.seed=7", "--config.networks.critic.widths=(4,8,16)", "--config.step_rule.name=simultaneous"]
    config = overrides.apply(tiny(), [*arguments, "--config.players.critic.optimizer.learning_rate=1"])
    assert config.seed == 7
    assert tuple(config.networks.critic.widths) == (4, 8, 16)
    assert config.step_rule.name == "simultaneous"
    assert config.players.critic.optimizer.learning_rate == 1.0


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("--config.batchsize=8", "unknown config field 'batchsize': did you mean batch_size"),
        ("--config.seed.x=8", "unknown config field 'seed.x': config.seed is 0 here, which has no fields"),
        ("--config.data.name.first=8", "config.data.name is 'digits' here, which has no fields"),
        (
            "--config.players.critic.optimizer.learning_rate.decay_steps=9",
            "the number 0.0002 here: replace it with a block, "
            "--config.players.critic.optimizer.learning_rate=\"{'name': ..., 'decay_steps': ...}\"",
        ),
        ("--config.seed=1.5", "seed"),
        ("--config.seed=-1", "config.seed is -1: it and the seeds after it must be at least 0"),
        ("--config.dtype=float61", "config.dtype is 'float61': did you mean bfloat16 or float32? there are"),
        ("--config.seeds=0", "config.seeds is 0: it must be at least 1"),
        (f"--config.seed={2**32}", "it and the seeds after it must be"),
        ("--config.steps=0", "config.steps is 0: it must be at least 1"),
        ("--config.batch_size=-4", "config.batch_size is -4"),
        ("--config.log_every_steps=-1", "config.log_every_steps is -1: it must be 0"),
        ("--config.data.range=(1.0,1.0)", "config.data.range is (1.0, 1.0): it must be two numbers"),
        ("--konfig=1", "unknown argument '--konfig=1'"),
        ("stray", "unknown argument 'stray'"),
        ("config.seed=3", "unknown argument 'config.seed=3': set fields with --config.field=value"),
        ("--config.steps=99999999999", "at least 1 and at most 2,147,483,647"),
        ("--config.seeds=1001", "at least 1 and at most 1,000"),
        (
            "--config.players.critic.optimizer=adam",
            "block: set a field of it with --config.players.critic.optimizer.name=",
        ),
        ("--config.data.range=(-1e31,1.0)", "it must be two numbers, rising, from -1e+30 to 1e+30"),
        ("--config.data.range=('a','b')", "it must be two numbers"),
        ("--config.data.range=(0.0,1e999)", "config.data.range is (0.0, inf): it must be finite"),
        ("--config.players.critic.optimizer.learning_rate=nan", "optimizer.learning_rate is nan: it must be finite"),
    ],
)
def test_override_refuses(tiny, argument, message):
    with pytest.raises(UserError) as error:
        overrides.apply(tiny(), [argument])
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("objective.name", "adversarial.minmax", "did you mean adversarial.minimax"),
        ("networks.critic.name", "dcgan.Critik", "did you mean dcgan.Critic"),
        ("networks.critic.norm.name", "BatchNrom", "did you mean BatchNorm"),
        ("samplers.z.name", "latents.gaussian", "did you mean noise.gaussian or latents.uniform"),
        ("step_rule.name", "alternate", "did you mean alternating"),
        ("players.critic.optimizer.name", "adamm", "did you mean adam"),
        ("players.critic.updates_per_step", -1, "must be at least 0"),
        ("players.critic.updates_per_step", 2**31, "must be at least 0 (frozen) and at most 100"),
        ("players.critic.optimizer.name", "linear_schedule", "config.players.critic.optimizer"),
        ("players.critic.optimizer.name", "EmptyState", "optax has no 'EmptyState'"),
        ("samplers.z.dim", 10**400, "config.networks"),
        ("networks.generator.kernels", (4, 4, 2**31), "a layer has a kernel of"),
        ("players.critic.ema", 1.0, "config.players.critic.ema is 1.0: it must be at least 0 (none) and below 1"),
        ("players.critic.clip_weights", -0.1, "config.players.critic: clip_weights is -0.1"),
        ("networks.generator.kernels", (4, 4, 4), "do not fit each other or examples of shape (8, 8, 1)"),
        ("networks.critic.kernels", (9, 9, 9), "do not fit each other or examples of shape (8, 8, 1)"),
        ("samplers.z.dim", 99_999_999_999, "GB: use smaller widths"),
        (
            "networks.critic.widths",
            (4, 4, 4),
            "examples of shape (8, 8, 1): config.networks.critic: lists of layers differ in length",
        ),
        ("samplers.z.dim", 0, "config.samplers.z: dim is 0: it must be at least 1"),
        ("networks.generator.widths", (0, 4), "every width must be at least 1"),
        ("samplers.z", {"name": "noise.gaussian", "level": 0.1}, "noise.gaussian is not a sampler"),
    ],
)
def test_build_refuses(tiny, field, value, message):
    config = tiny()
    with config.unlocked():
        config.update_from_flattened_dict({field: value})
    with pytest.raises(UserError) as error:
        build_on(config, (8, 8, 1))
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "field", "value", "classes", "message"),
    [
        (
            "mnist_wgan_gp",
            "objective.critic.gradient_penalty",
            -1.0,
            0,
            "config.objective: critic.gradient_penalty is -1",
        ),
        ("mnist_wgan_gp", "objective.critic.gradient_penalt", 1.0, 0, "did you mean gradient_penalty"),
        (
            "mnist_wgan_gp",
            "objective.critic.wasserstein",
            "1",
            0,
            "it must be a number, or a block that names an Optax",
        ),
        ("mnist_wgan_gp", "networks.critic.last_activaton", "sigmoid", 0, "did you mean last_activation"),
        ("mnist_wgan", "objective.penalty_weight", 10.0, 0, "wasserstein has no argument 'penalty_weight'"),
        ("mnist_cgan", "seed", 0, 0, "config.data.name: this model needs labels, and the data set has no labels"),
        ("mnist_cgan", "networks.generator.name", "dcgan.Generator", 10, "config.networks"),
    ],
)
def test_build_refuses_in_other_games(tiny, name, field, value, classes, message):
    config = tiny(name)
    with config.unlocked():
        config.update_from_flattened_dict({field: value})
    with pytest.raises(UserError) as error:
        build_on(config, (28, 28, 1), classes)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def get_config(): return 3", "returned int"),
        ("x = ", "SyntaxError"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("raise GeneratorExit", "GeneratorExit"),
        ("import nothing_like_this", "ModuleNotFoundError"),
        ("from gan_jax.config import defaults as get_config", "no block 'objective'"),
        (CHANGED.format("c.stpes = 3"), "unknown field 'stpes' in config: did you mean steps"),
        (CHANGED.format("c.players.critic.repeat = 3"), "unknown field 'repeat' in config.players.critic"),
        (CHANGED.format("c.seed = 1.5"), "config.seed is 1.5: it must be of type int"),
        (CHANGED.format("c.players.critic = {'updates_per_step': 1}"), "config.players.critic has no field"),
        (CHANGED.format("c.data = {'name': 'digits'}"), "config.data has no field"),
        (CHANGED.format("c.networks.critic = 3"), "config.networks.critic is 3: it must be a block"),
        (CHANGED.format("c.samplers = 3"), "config.samplers is 3: it must be a block"),
        (CHANGED.format("c.samplers.z = 3"), "config.samplers.z is 3: it must be a block"),
        (CHANGED.format("c.samplers = {'name': 'normal', 2: 2}"), "--config=.*'int' and 'str'"),
        (CHANGED.format("c.samplers = {'name': 'normal', 'a.b': 2}"), "does not accept dots in field names"),
    ],
)
def test_load_refuses(tmp_path, text, message):
    file = tmp_path / "c.py"
    file.write_text(text)
    with pytest.raises(UserError, match=message):
        configs.load(file)
    with pytest.raises(UserError, match="no such file"):
        configs.load(tmp_path / "absent.py")


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ("batch_size", "config.batch_size is 1073741824: this needs 279 GB of memory"),
        ("steps_per_call", "config.steps_per_call is 1073741824: this needs 274 GB of memory"),
    ],
)
def test_a_call_that_no_memory_holds_is_refused(tiny, field, message):
    config = tiny(steps=2**30, batch_size=64)
    config[field] = 2**30
    with pytest.raises(UserError, match=message):
        check_step(build_on(config, (8, 8, 1), 10), config)


def test_a_rate_that_is_no_schedule_is_refused(tiny):
    config = tiny()
    with config.unlocked():
        config.players.critic.optimizer = {"name": "sgd", "learning_rate": {"name": "sgd", "learning_rate": 0.1}}
    with pytest.raises(UserError, match=r"config\.players\.critic\.optimizer\.learning_rate: .*callable"):
        build_on(config, (8, 8, 1), 10)


def test_a_step_that_cannot_be_trained_is_refused(tiny):
    config = tiny()
    experiment = build_on(config, (8, 8, 1), 10)._replace(train_step=lambda *given: jnp.zeros(2) @ jnp.zeros(3))
    with pytest.raises(UserError, match=r"a step of this config cannot be trained: .*shape"):
        check_step(experiment, config)


def test_a_field_that_the_command_line_adds_is_checked_where_it_is_taken(tiny):
    added = overrides.apply(tiny(), ["--config.networks.critic.norm.epsilon=1e-3", "--config.networks.critic.widht=8"])
    assert added.networks.critic.norm.epsilon == 1e-3
    with pytest.raises(UserError, match=r"config\.networks\.critic\.widht: .* did you mean width"):
        build_on(added, (8, 8, 1))


def test_the_command_line_replaces_and_drops_blocks(tiny):
    optimizer = "--config.players.critic.optimizer={'name': 'sgd', 'learning_rate': 0.1}"
    changed = overrides.apply(tiny(), [optimizer, "--config.evaluators=none"])
    assert changed.players.critic.optimizer.to_dict() == {"name": "sgd", "learning_rate": 0.1}
    assert "evaluators" not in changed
    with pytest.raises(UserError, match="the config has no block 'players'"):
        overrides.apply(tiny(), ["--config.players=none"])


def test_a_penalised_critic_with_batch_norm_is_refused(tiny):
    config = tiny("mnist_wgan_gp")
    config.networks.critic.norm.name = "BatchNorm"
    with pytest.raises(UserError, match="the critic has BatchNorm, which mixes the examples of a batch"):
        check_step(build_on(config, (28, 28, 1)), config)


def test_seeds_that_no_memory_holds_are_refused(tiny):
    config = tiny(seeds=1000)
    config.samplers.z.dim = 10_000
    with pytest.raises(UserError, match=r"config\.seeds is 1000: this needs"):
        check_step(build_on(config, (8, 8, 1), 10), config)


def test_evaluating_needs_evaluators(tiny):
    with pytest.raises(UserError, match="has no evaluators"):
        overrides.apply(tiny("mnist_wgan"), ["--config.evaluate_every_steps=1"])


@pytest.mark.parametrize(
    ("name", "batch", "images", "gamma", "half_life", "p"),
    [
        ("cifar10_r3gan", 512, 2e7, 0.05, 5e6, 0.55),
        ("imagenet64_r3gan", 4_096, 2e8, 1.0, 5e7, 0.4),
        ("ffhq_256_r3gan", 256, 2e7, 150.0, 5e5, 0.3),
    ],
)
def test_r3gans_numbers_follow_the_authors_schedules(name, batch, images, gamma, half_life, p):
    """At the start, half way, and at and after the end, as their train.py and README.md have them."""
    config = configs.load(ROOT / "configs" / f"{name}.py")
    assert config.batch_size == batch
    assert config.steps * batch >= images
    numbers = {"average": config.players.generator.ema, "p": config.objective.augment.p}
    for term in ("r1", "r2"):
        numbers[term] = config.objective.critic[term].weight
    for player, block in config.players.items():
        assert (block.optimizer.name, block.optimizer.b1) == ("adam", 0.0)
        numbers |= {f"{player}/{number}": block.optimizer[number] for number in ("learning_rate", "b2")}
    values = {number: schedules.schedule(block.to_dict(), number) for number, block in numbers.items()}
    updates = images / batch
    for at, along in ((0, 0.0), (0.5 * updates, 0.5), (updates, 1.0), (2 * updates, 1.0)):
        expected = {"average": 0.5 ** (batch / (along * half_life)) if along else 0.0, "p": along * p}
        expected |= dict.fromkeys(("r1", "r2"), gamma / 2 * (1 - 0.9 * along))
        for player in config.players:
            expected |= {f"{player}/learning_rate": 2e-4 - 1.5e-4 * along, f"{player}/b2": 0.9 + 0.09 * along}
        found = {number: float(value(at)) for number, value in values.items()}
        assert found == pytest.approx(expected, rel=1e-4, abs=1e-7)


@pytest.mark.parametrize(
    ("name", "gamma", "half_life", "warmup"),
    [("cifar10_stylegan2", 0.01, 5e5, "half_life"), ("ffhq_256_stylegan2", 1.0, 2e4, "none")],
)
def test_stylegan2s_numbers_are_those_of_the_authors_presets(name, gamma, half_life, warmup):
    """The presets `cifar` and `paper256` of their later train.py, and the lazy intervals of its training loop."""
    config = configs.load(ROOT / "configs" / f"{name}.py")
    adam = {"name": "adam", "learning_rate": 2.5e-3, "b1": 0.0, "b2": 0.99}
    assert [player.optimizer.to_dict() for player in config.players.values()] == [adam] * 2
    average = config.players.generator
    assert (config.batch_size, average.ema_warmup, config.players.critic.ema) == (64, warmup, 0.0)
    assert average.ema == pytest.approx(0.5 ** (64 / half_life), rel=1e-9)
    for player, term, weight, every in (("critic", "r1", gamma / 2, 16), ("generator", "path_length", 2.0, 4)):
        given = config.objective.to_dict().get(player, {})
        terms = blocks._terms(player, blocks._preset_terms(adversarial.stylegan2, player), given, {})
        assert (terms[term].weight, eager(terms[term].term)[1:]) == (weight, (every, 0))


def test_a_field_of_a_term_that_is_a_number_is_refused_with_the_terms_block(tiny):
    config, path = tiny("mnist_wgan_gp"), "objective.critic.gradient_penalty"
    message = (
        f"unknown config field '{path}.every': config.{path} is the number 10.0 here: replace it with a block, "
        f"--config.{path}=\"{{'weight': 10.0, 'every': ...}}\""
    )
    with pytest.raises(UserError, match=f"^{re.escape(message)}$"):
        overrides.apply(config, [f"--config.{path}.every=0"])
    given = message.partition("with a block, ")[2].replace('"', "").replace("...", "2")
    assert overrides.apply(config, [given]).objective.critic.gradient_penalty.every == 2


def test_a_number_of_an_optimizer_may_be_a_schedule(tiny):
    config = tiny().copy_and_resolve_references().unlock()
    schedule = {"name": "linear_schedule", "init_value": 0.9, "end_value": 0.99, "transition_steps": 10}
    config.players.critic.optimizer = {"name": "adam", "learning_rate": 1e-3, "b2": schedule}
    experiment = build_on(config, (8, 8, 1), 10)
    assert check_step(experiment, config)
    assert {*experiment.hyperparams["critic"].optimizer} == {"learning_rate", "b2.init_value", "b2.end_value"}
    config.players.critic.optimizer = {"name": "adam", "learning_rate": 1e-3, "b3": schedule}
    with pytest.raises(UserError, match=r"config\.players\.critic\.optimizer\.b3: adam has no argument 'b3'"):
        build_on(config, (8, 8, 1), 10)


def test_a_term_that_begins_after_the_run_is_refused(tiny):
    begins = {"name": "linear_schedule", "init_value": 0.0, "end_value": 1.0, "transition_steps": 1}
    config = tiny().copy_and_resolve_references().unlock()
    for step, late in ((4, False), (5, True)):  # of the steps 0 to 5, it counts from the next one on
        config.objective.generator = {"l1": {"weight": {**begins, "transition_begin": step}}}
        if not late:
            assert build_on(config, (8, 8, 1), 10)
            continue
        with pytest.raises(UserError, match=r"config\.objective\.generator\.l1\.weight is 0 at each of the 6 steps"):
            build_on(config, (8, 8, 1), 10)
    config.objective.generator = {"l1": {"after": 6}}
    with pytest.raises(UserError, match=r"config\.objective\.generator\.l1\.after is 6: it must be below the 6 steps"):
        build_on(config, (8, 8, 1), 10)


def test_learning_rate_may_be_a_schedule(tiny):
    config = tiny().copy_and_resolve_references()
    schedule = {"name": "linear_schedule", "init_value": 0.1, "end_value": 0.0, "transition_steps": 10}
    with config.unlocked():
        config.players.critic.optimizer = {"name": "sgd", "learning_rate": schedule}
    state = jax.eval_shape(build_on(config, (8, 8, 1)).init, random.key(0))
    assert any("Schedule" in type(leaf).__name__ for leaf in jax.tree.leaves(state, is_leaf=_is_record))


def _is_record(node):
    return "Schedule" in type(node).__name__


def test_differences_name_what_changes_a_run(tiny):
    mine, other = tiny(), tiny(steps=99, log_every_steps=7)
    assert configs.differences(configs.to_json(mine), configs.to_json(other)) == []
    other.batch_size = 4
    assert configs.differences(configs.to_json(mine), configs.to_json(other)) == ["batch_size: 4 -> 8"]


def test_resident_feed_scales_what_it_fetches(tiny):
    pixels = np.array([0, 255, 51], np.uint8).reshape(3, 1, 1, 1)
    dataset = Dataset("three", "train", pixels, np.array([5, 6, 7], np.int32), 8)
    feed = feeds.resident(dataset, build_on(tiny(), (8, 8, 1)).scale, seeds=[0], shape=(1, 2), length=1)
    batch = feed.fetch(
        {name: jnp.asarray(values) for name, values in feed.resident.items()}, {"x": jnp.array([[2, 1]])}
    )
    np.testing.assert_allclose(batch["x"].ravel(), [-0.6, 1.0], atol=1e-6)
    np.testing.assert_array_equal(batch["label"], [[7, 6]])
