"""A batch taken in parts: the update of the whole batch whatever the noise; refused where examples are mixed."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import ROOT, build_on, few_factors
from jax import random

from gan_jax.config import ConfigDict, checked, load
from gan_jax.core import collectives
from gan_jax.errors import UserError
from gan_jax.parallel import mapping
from gan_jax.training.preflight import check_step

pytestmark = pytest.mark.heavy

KEY = random.key(0)
SHAPE = (8, 8, 1)
BATCHES = {"x": random.uniform(KEY, (1, 8, *SHAPE), minval=-1.0)}
MLP = {  # smooth: at a kink rounding decides which slope an example has
    "generator": {"name": "mlp.Generator", "widths": (4,), "activation": {"name": "silu"}},
    "critic": {"name": "mlp.Critic", "widths": (6,), "activation": {"name": "silu"}},
}
UNNORMED = {"name": "dcgan.Critic", "width": 4, "norm": {"name": "NoNorm"}}
SGD = {"name": "sgd", "learning_rate": 0.1}


def config_of(accumulate=1, networks=MLP, **objective):
    config = load(ROOT / "configs" / "digits_dcgan.py").unlock()
    config.networks, config.objective, config.batch_size = networks, {"name": "adversarial.hinge", **objective}, 8
    config.accumulate = accumulate
    for player in config.players.values():
        player.optimizer = SGD
    return config


def played(config, steps=3):
    experiment = build_on(config, SHAPE)
    step, state = jax.jit(experiment.train_step), experiment.init(experiment.keys.init)
    for _ in range(steps):
        state, metrics = step(state, BATCHES, experiment.keys.train, experiment.hyperparams)
    return state, metrics


def test_parts_add_up_to_the_update_of_the_whole_batch():
    """With dropout in the critic, R1, LeCam's averages and ADA: each example has its own noise."""
    critic = {"r1": 0.5, "lecam": 0.3}
    augment = {"name": "ada", "start": 0.5, "speed": 50.0, "every": 2, "factors": few_factors()}
    whole, parts = (played(config_of(k, critic=critic, augment=augment), 4) for k in (1, 4))
    for a, b in zip(*map(jax.tree.leaves, (whole[0], parts[0])), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)
    for name in ("critic/loss", "critic/r1", "critic/augment_p", "generator/hinge"):
        np.testing.assert_allclose(whole[1][name], parts[1][name], rtol=1e-4, atol=1e-6)
    assert whole[1]["critic/augment_p"] != 0.5


def test_keys_of_examples_in_parts_are_those_of_the_whole_batch_on_several_devices_too():
    def in_parts(x):
        def one(number, own):
            with collectives.part(number, 3):
                return random.key_data(collectives.example_keys(KEY, len(own)))

        return jax.lax.map(lambda numbered: one(*numbered), (jnp.arange(3), x.reshape(3, 2))).reshape(6, 2)

    found = jax.vmap(in_parts, axis_name=collectives.AXIS)(jnp.zeros((2, 6))).reshape(12, 2)
    np.testing.assert_array_equal(found, random.key_data(collectives.example_keys(KEY, 12)))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            {"objective": {"name": "adversarial.relativistic_average"}},
            "`relativistic_average` needs means over the whole",
        ),
        (
            {"objective": {"generator": {"feature_matching": 1.0}}, "critic": UNNORMED},
            "`feature_matching` needs means over the whole",
        ),
        ({"networks": None}, r"BatchNorm mixes the examples.*config\.accumulate must be 1"),
    ],
)
def test_what_mixes_examples_is_refused_before_anything_is_compiled(changed, message):
    config = config_of(2, **changed.get("objective", {}))
    config.networks.critic = changed.get("critic", config.networks.critic)
    if "networks" in changed:
        config.networks = load(ROOT / "configs" / "digits_dcgan.py").networks
    with pytest.raises(UserError, match=message):
        check_step(build_on(config, SHAPE), config)


def test_parts_must_divide_the_batch_and_each_devices_share():
    values = load(ROOT / "configs" / "digits_dcgan.py").to_dict()
    with pytest.raises(UserError, match=r"config\.accumulate is 3: it must divide config\.batch_size, which is 64"):
        checked({**values, "accumulate": 3})
    with pytest.raises(UserError, match=r"config\.accumulate is 0"):
        checked({**values, "accumulate": 0})
    with pytest.raises(UserError, match=r"config\.accumulate is 3: it must divide the 64 examples"):
        mapping.check(64 * jax.device_count(), 1, 3)


def test_the_moving_averages_decay_may_be_a_schedule_of_updates():
    """A decay of 0 for two updates, then of 1: the average stays at the weights after the second update."""
    values = load(ROOT / "configs" / "digits_dcgan.py").to_dict()
    decay = {
        "name": "linear_schedule",
        "init_value": 0.0,
        "end_value": 1.0,
        "transition_steps": 1,
        "transition_begin": 2,
    }
    values["players"]["generator"] |= {"ema": decay, "ema_warmup": "none"}
    config = checked({**values, "networks": MLP, "batch_size": 8}).unlock()
    experiment = build_on(ConfigDict(config), SHAPE)
    step, state, seen = jax.jit(experiment.train_step), experiment.init(experiment.keys.init), []
    for _ in range(4):
        state, _ = step(state, BATCHES, experiment.keys.train, experiment.hyperparams)
        seen.append(state.players["generator"])
    for a, b in zip(*map(jax.tree.leaves, (seen[3].ema, seen[1].params)), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)
    values["players"]["generator"]["ema"] = {**decay, "transition_steps": 0}
    with pytest.raises(UserError, match=r"players\.generator\.ema\.transition_steps is 0"):
        build_on(checked(values), SHAPE)
