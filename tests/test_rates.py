"""Learning rates that are 0 before a run's end: said at its start."""

import pytest
from conftest import CONFIGS, ROOT

from gan_jax import config as configs
from gan_jax.experiments.updates import check_rates


@pytest.mark.parametrize("file", CONFIGS, ids=lambda file: file.stem)
def test_no_config_has_one(file, caplog):
    check_rates(configs.load(file))
    assert caplog.records == []


@pytest.mark.parametrize(
    ("name", "schedule"),
    [
        ("ring_r3gan", "decay_steps"),  # a cosine, two players
        ("grid_wgan_gp", "decay_steps"),  # whose critic has five updates a step
        ("emoji_l1", "transition_steps"),  # constant, then linear
    ],
)
def test_steps_alone_do_not_move_schedules(name, schedule, caplog):
    config = configs.load(ROOT / "configs" / f"{name}.py")
    end = config.steps
    config.steps = 3 * end
    check_rates(config)
    assert len(caplog.records) == len(config.players)
    for record, player in zip(caplog.records, config.players, strict=True):
        message = record.getMessage()
        assert f"config.players.{player}.optimizer.learning_rate is 0 from step " in message
        assert f" on, but the run has {3 * end} steps: " in message
        assert f"set its {schedule} too" in message
        first = int(message.partition("from step ")[2].partition(" ")[0])
        assert abs(first - end) <= end * 1e-3  # the last updates' rates are no floats above 0


def test_schedules_of_parts_that_end_at_0_are_told_by_their_own_arguments(caplog):
    values = configs.load(ROOT / "configs" / "ring_r3gan.py").to_dict()
    zero = {"name": "constant_schedule", "value": 0.0}
    pieces = {"name": "piecewise_constant_schedule", "init_value": 0.1, "boundaries_and_scales": {"9": 0.0}}
    joined = {"name": "join_schedules", "schedules": (0.1, zero), "boundaries": (9,)}
    for player, rate in (("critic", pieces), ("generator", joined)):
        values["players"][player]["optimizer"]["learning_rate"] = rate
    check_rates(configs.checked(values))
    for record, name in zip(caplog.records, ("boundaries_and_scales", "boundaries"), strict=True):
        assert "is 0 from step 9 on" in record.getMessage()
        assert record.getMessage().endswith(f"so set its {name} too")


def test_a_rate_that_is_always_0_and_one_that_is_a_number(tiny, caplog):
    config = tiny("mnist_gan").unlock()
    zero = {"name": "linear_schedule", "init_value": 0.0, "end_value": 0.0, "transition_steps": 5}
    config.players.critic.optimizer.update({"learning_rate": 0.0})
    check_rates(config)
    assert caplog.records == []
    changed = config.to_dict()
    changed["players"]["critic"]["optimizer"]["learning_rate"] = zero
    check_rates(configs.checked(changed))
    assert "is 0 from step 0 on" in caplog.text


def test_a_frozen_player_has_no_rate(caplog):
    config = configs.load(ROOT / "configs" / "ring_r3gan.py")
    config.steps *= 3
    config.players.critic.frozen = True
    config.players.generator.updates_per_step = 0
    check_rates(config)
    assert caplog.records == []
