"""What a config may hold: numbers of array libraries become plain ones, all else is refused by its field."""

import enum
import functools
import json
import math
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import ROOT, build_on
from flax import linen as nn
from ml_collections import ConfigDict

from gan_jax import config as configs
from gan_jax.command import overrides
from gan_jax.config.values import flatten, plain
from gan_jax.errors import UserError
from gan_jax.sweeps.cells import Cell, grid, named
from gan_jax.sweeps.plan import Seeds, Sweep, expand

DIM = "samplers.z.dim"
RATE = "players.critic.optimizer.learning_rate"


@pytest.mark.parametrize(
    ("value", "right"),
    [
        (np.int64(20), 20),
        (np.uint8(3), 3),
        (np.float64(0.1), 0.1),
        (np.float32(1e-3), 1e-3),
        (np.float16(0.1), 0.1),
        (jnp.float32(1e-3), 1e-3),
        (jnp.bfloat16(0.5), 0.5),
        (np.bool_(True), True),
        (np.str_("adam"), "adam"),
        (np.array(3), 3),
        (np.array([16, 32]), (16, 32)),
        (jnp.arange(3), (0, 1, 2)),
        (np.array([[4, 6], [3, 3]]), ((4, 6), (3, 3))),
        ((np.int8(3), [np.float32(0.1)]), (3, (0.1,))),
        (np.linspace(0, 1, 3), (0.0, 0.5, 1.0)),
        (None, None),
        (ConfigDict({"a": np.int64(1)}), {"a": 1}),
        ({np.str_("a"): (ConfigDict({"b": 2}),)}, {"a": ({"b": 2},)}),
    ],
    ids=repr,
)
def test_numbers_become_plain(value, right):
    made = plain(value)
    assert repr(made) == repr(right)
    assert plain(json.loads(json.dumps(made))) == made


class Size(enum.IntEnum):
    SMALL = 16


@pytest.mark.parametrize(
    ("value", "remedy"),
    [
        (jax.nn.silu, 'activation = {"name": "silu"}'),
        (lambda x: x, 'activation = {"name": "silu"}'),
        (functools.partial(nn.leaky_relu, negative_slope=0.1), 'activation = {"name": "leaky_relu"}'),
        (nn.Dense, 'activation = {"name": "Dense"}'),
        (nn.Dense(3), 'activation = {"name": "Dense"}'),
        (jnp.float32, 'activation = "float32"'),
        (np.float32, 'activation = "float32"'),
        (np.dtype("float32"), 'activation = "float32"'),
        (jnp.dtype("bfloat16"), 'activation = "bfloat16"'),
        (Path("/a/b"), 'activation = "/a/b"'),
        ({1, 2}, "as a tuple"),
        (range(3), "as a tuple"),
        (iter([1]), "as a tuple"),
        (1j, "two numbers"),
        (np.complex64(1), "holds numbers, text"),
        (b"silu", "as text"),
        (Size.SMALL, "activation = 16"),
        (jax.random.key(0), "holds numbers, text"),
        (np.datetime64("2020"), "holds numbers, text"),
        (10**5000, "digits"),
        ({3: 4}, "names of fields must be text"),
        ((1, (2, object())), "holds numbers, text"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_json_does_not_hold_is_refused_by_field(value, remedy):
    with pytest.raises(UserError) as error:
        plain({"networks": {"critic": {"activation": value}}})
    assert str(error.value).startswith("config.networks.critic.activation ")
    assert remedy in str(error.value)
    assert "\n" not in str(error.value)


def test_a_loaded_config_takes_numbers_of_arrays():
    config = configs.load(ROOT / "configs" / "digits_dcgan.py").unlock()
    config.samplers.z.dim = np.int64(2)
    config.players.critic.optimizer.learning_rate = jnp.float32(1e-3)
    assert repr((config.samplers.z.dim, config.players.critic.optimizer.learning_rate)) == "(2, 0.001)"


def test_what_holds_itself_is_refused():
    loop: list = []
    loop.append(loop)
    with pytest.raises(UserError, match="contains itself"):
        plain({"a": loop})


def changed(tmp_path, change):
    """A config file that is the demo's with a change."""
    file = tmp_path / "c.py"
    file.write_text(
        "import pathlib, jax, numpy as np, jax.numpy as jnp\nfrom configs import digits_dcgan\n"
        "from ml_collections import ConfigDict\n"
        f"def get_config():\n    c = digits_dcgan.get_config()\n    {change}\n    return c\n"
    )
    return configs.load(file)


@pytest.mark.parametrize(
    ("change", "field", "right"),
    [
        ("c.steps = np.int64(20)", "steps", 20),
        ("c.steps = np.array([20, 30])[0]", "steps", 20),
        ("c.seed = jnp.int32(3)", "seed", 3),
        ("c.data.split = np.str_('test')", "data.split", "test"),
        ("c.players.critic.clip_gradients = np.float64(1.0)", "players.critic.clip_gradients", 1.0),
        ("c = ConfigDict({**c.to_dict(), 'steps': np.int64(20)})", "steps", 20),
        ("c.players.critic.optimizer = ConfigDict({'name': 'sgd', 'learning_rate': np.float32(1e-3)})", RATE, 1e-3),
        ("c.networks.critic.widths = tuple(np.array([16, 32]))", "networks.critic.widths", (16, 32)),
        ("c.data.range = tuple(np.float32([-1, 1]))", "data.range", (-1.0, 1.0)),
        ("c.samplers.z.dim = np.int64(2)", "samplers.z.dim", 2),
        ("c.samplers = b = ConfigDict({'z': {'name': 'latents.normal', 'dim': 1}})\n    b.z.dim = np.int64(2)", DIM, 2),
        ("c.samplers = {'z': {'name': 'latents.normal', 'dim': 1}}\n    c.samplers.z.dim = np.int64(2)", DIM, 2),
    ],
)
def test_config_of_array_numbers_is_read_back_equal(tmp_path, change, field, right):
    config = changed(tmp_path, change)
    value = dict(flatten(config.to_dict()))[field]
    assert repr(value) == repr(right)
    (tmp_path / "config.json").write_text(json.dumps({"format": configs.FORMAT, "config": configs.to_json(config)}))
    assert configs.load(tmp_path / "config.json").to_dict() == config.to_dict()


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ("c.networks.critic.kernel_init = jax.nn.silu", "networks.critic.kernel_init"),
        ("c.networks.critic.dtype = jnp.float32", "networks.critic.dtype"),
        ("c.networks.critic.weights = pathlib.Path('x')", "networks.critic.weights"),
        ("c.networks.critic.widths = (16, 32 + 0j)", "networks.critic.widths"),
        ("c.samplers.z = ConfigDict({'name': 'latents.normal', 'dim': {4}})", "samplers.z.dim"),
        ("c = ConfigDict({**c.to_dict(), 'seed': None})", "seed"),
        ("c = ConfigDict({**c.to_dict(), 'steps': np.float64(20.0)})", "steps"),
        ("c.networks.critic.widths = (16, (32, np.inf))", "networks.critic.widths"),
    ],
)
def test_config_of_what_json_does_not_hold_is_refused(tmp_path, change, field):
    with pytest.raises(UserError, match=rf"config\.{field} is "):
        changed(tmp_path, change)


def test_a_config_changed_later_is_not_written_as_it_cannot_be_read(tiny):
    config = tiny()
    with config.unlocked():
        config.networks.critic.activation = ConfigDict({"name": jax.nn.silu})
    with pytest.raises(UserError, match=r"config\.networks\.critic\.activation\.name is "):
        configs.to_json(config)
    config = tiny()
    config.players.critic.optimizer.learning_rate = math.nan
    with pytest.raises(UserError, match="cannot be written"):
        configs.to_json(config)


def test_override_with_what_json_does_not_hold(tiny):
    with pytest.raises(UserError, match=r"config\.networks\.critic\.widths is"):
        overrides.apply(tiny(), ["--config.networks.critic.widths=(4,b'x')"])


def test_sweeps_take_array_numbers(tiny):
    base = tiny()
    cells = grid({RATE: np.float32([1e-3, 1e-4]), "steps": [np.int64(20)]})
    assert [cell.name for cell in cells] == ["learning_rate=0.001, steps=20", "learning_rate=0.0001, steps=20"]
    by_numpy = expand(Sweep(base, [*cells, Cell("range", {"data.range": np.array([-2.0, 2.0])})]))
    by_hand = expand(Sweep(base, named({"a": {RATE: 1e-3, "steps": 20}}), Seeds(np.int64(2))))
    assert by_numpy[0].values == by_hand[0].values
    assert by_numpy[0].folder.rpartition("-")[2] == by_hand[0].folder.rpartition("-")[2]
    assert len(expand(Sweep(base, grid({RATE: np.linspace(1e-4, 1e-3, 3)})))) == 3
    with pytest.raises(UserError, match=r"cell 'a': config\.networks\.critic\.activation is "):
        expand(Sweep(base, named({"a": {"networks.critic.activation": jax.nn.silu}})))
    with pytest.raises(UserError, match=r"count is 2\.5: it must be a whole number"):
        expand(Sweep(base, named({"a": {}}), Seeds(2.5)))


def test_an_objectives_weight_may_be_a_schedule():
    config = configs.load(ROOT / "configs" / "mnist_vae.py")
    numbers = build_on(config, (28, 28, 1), 10).hyperparams["autoencoder"].weights
    assert numbers["kl"] == 1.0
    with config.unlocked(), config.ignore_type():
        config.objective.beta = {"name": "linear_schedule", "init_value": 0.0, "end_value": 1.0, "transition_steps": 9}
    scheduled = build_on(config, (28, 28, 1), 10).hyperparams["autoencoder"].weights
    assert {*numbers} - {*scheduled} == {"kl"}  # which the objective reads from its schedule
