"""What falls due when, and how that cuts a run into calls."""

import pytest

from gan_jax.config import checks as config_checks
from gan_jax.errors import UserError
from gan_jax.runs import schedule


@pytest.mark.parametrize(
    ("config_values", "start", "expected"),
    [
        ({"steps": 10, "steps_per_call": 4, "sample": 0, "checkpoint": 0}, 0, [(0, 4), (4, 4), (8, 2)]),
        ({"steps": 10, "steps_per_call": 4, "sample": 3, "checkpoint": 0}, 0, [(0, 3), (3, 3), (6, 3), (9, 1)]),
        ({"steps": 9, "steps_per_call": 9, "sample": 4, "checkpoint": 6}, 5, [(5, 1), (6, 2), (8, 1)]),
        ({"steps": 5, "steps_per_call": 9, "sample": 4, "checkpoint": 6}, 5, []),
    ],
)
def test_calls_never_pass_a_boundary(tiny, config_values, start, expected):
    made = tiny()
    for name, value in config_values.items():
        made[name if name in made else f"{name}_every_steps"] = value
    assert list(schedule.calls(made, start)) == expected


def test_an_evaluators_own_period_goes_before_the_common_one(tiny):
    made = tiny("mnist_vae", steps=10, evaluate_every_steps=4, sample_every_steps=0, checkpoint_every_steps=0).unlock()
    made.evaluators = {"common": {"name": "a.b"}, "own": {"name": "a.b", "every_steps": 3}, "never": {"every_steps": 0}}
    due = {step: schedule.evaluators_due(made, step) for step in range(11)}
    assert {step: names for step, names in due.items() if names} == {
        3: {"own"},
        4: {"common"},
        6: {"own"},
        8: {"common"},
        9: {"own"},
        10: {"common", "own"},
    }
    assert list(schedule.calls(made, 2)) == [(2, 1), (3, 1), (4, 2), (6, 2), (8, 1), (9, 1)]


@pytest.mark.parametrize("every", [-1, "often", 2.5])
def test_an_evaluators_period_that_is_none_is_refused(tiny, every):
    made = tiny("mnist_vae").unlock()
    made.evaluators.likelihood.every_steps = every
    with pytest.raises(UserError, match=r"config.evaluators.likelihood.every_steps is .*: it must be 0 \(never\)"):
        config_checks.check(made)
