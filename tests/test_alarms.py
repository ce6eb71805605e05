"""Alarms on rows made by hand and on batches made to collapse: each goes off where it should, and only there."""

import math

import jax
import numpy as np
import pytest

from gan_jax import data
from gan_jax.core import diagnostics
from gan_jax.runs import alarms
from gan_jax.runs.alarms import SETTLED, STRETCH

HEALTHY = {
    "critic/accuracy": 0.9,
    "critic/gap": 4.0,
    "critic/gradient_penalty": 0.1,
    "critic/input_gradient_norm": 1.1,
    "critic/input_gradient_norm_max": 1.8,
    "critic/gradient_norm": 1.0,
    "generator/gradient_norm": 0.5,
    "generator/diversity": 0.95,
    "generator/nearest_neighbor_ratio": 0.9,
    "generator/mean_gap": 0.01,
}
FAILING = {
    "the critic is too strong": {"critic/accuracy": 0.995, "critic/gap": 14.0},
    "the generator's gradient has vanished": {"generator/gradient_norm": 0.002},
    "the players' gradients are unequal": {"critic/gradient_norm": 600.0},
    "the fakes have collapsed": {"generator/diversity": 0.3},
    "the fakes repeat themselves": {"generator/nearest_neighbor_ratio": 0.2},
    "kinds of examples are missing": {"generator/mean_gap": 0.1},
    "the critic's gradients are not 1": {"critic/input_gradient_norm": 2.1},
}


def rows(*stretches):
    """Rows of (number, values) after each other, at every tenth round, with seconds as in a metrics.jsonl."""
    values = [one for number, one in stretches for _ in range(number)]
    return [{"step": 10 * (n + 1), "seconds": n / 2, **one} for n, one in enumerate(values)]


def names(found):
    return [alarm.name for alarm in found]


def test_a_posterior_that_says_nothing_is_an_alarm_of_vaes():
    def of(*stretches):
        return names(alarms.find(rows(*((number, {"autoencoder/kl": kl}) for number, kl in stretches))))

    collapsed = ["the posterior has collapsed"]
    assert of((40, 5.6e-6)) == of((40, 0.0)) == of((20, 3.0), (40, 0.05)) == collapsed
    assert of((40, 0.5)) == of((40, 25.0)) == of((SETTLED // 10 - 1, 0.0)) == []
    assert of(*((1, 1e-3 * 1.1**n) for n in range(80))) == []  # on its way out


def test_fakes_without_any_spread_have_collapsed():
    assert names(alarms.find(rows((40, HEALTHY | {"generator/diversity": 0.0})))) == ["the fakes have collapsed"]


def test_healthy_rows_are_silent():
    assert alarms.find(rows((100, HEALTHY))) == []
    assert alarms.find([]) == []
    assert alarms.find(rows((100, {"autoencoder/loss": 1.0, "autoencoder/gradient_norm": 0.0}))) == []


@pytest.mark.parametrize("name", FAILING)
def test_each_alarm_goes_off_alone_and_says_when_and_what_to_do(name):
    bad = HEALTHY | FAILING[name]
    (alarm,) = alarms.find(rows((40, HEALTHY), (40, bad), (40, HEALTHY)))
    assert alarm.name == name
    assert 10 * (40 + STRETCH // 2) <= alarm.first <= 10 * (40 + STRETCH)
    assert 10 * 80 <= alarm.last <= 10 * (80 + STRETCH)
    assert "Usual remedies: " in alarm.words
    assert str(alarm).startswith(f"alarm: {name}, steps {alarm.first} to {alarm.last}: ")
    assert "\n" not in str(alarm)


@pytest.mark.parametrize("name", FAILING)
def test_a_few_bad_rows_are_no_alarm(name):
    spikes = [(6, HEALTHY), (STRETCH // 2 - 1, HEALTHY | FAILING[name])] * 8
    assert alarms.find(rows((30, HEALTHY), *spikes)) == []


def test_how_a_game_begins_is_no_alarm():
    bad = HEALTHY | {"generator/diversity": 0.1}
    assert alarms.find(rows((STRETCH, bad), (50, HEALTHY))) == []
    assert alarms.find(rows((SETTLED // 10 - 1, bad))) == []
    assert alarms.find([row | {"step": 100 * row["step"]} for row in rows((2 * STRETCH - 1, bad))]) == []
    assert names(alarms.find(rows((SETTLED // 10, bad)))) == ["the fakes have collapsed"]


def test_what_still_gets_better_is_no_alarm_until_it_stops():
    falling = [
        HEALTHY | {"generator/mean_gap": 2 * 0.93**n, "generator/diversity": min(0.9, 0.05 * 1.06**n)}
        for n in range(90)
    ]
    stuck = [falling[30]] * 40
    assert alarms.find(rows(*((1, one) for one in falling))) == []
    found = alarms.find(rows(*((1, one) for one in falling[:30] + stuck)))
    assert names(found) == ["the fakes have collapsed", "kinds of examples are missing"]


def test_gradient_norms_count_only_where_the_penalty_draws_them_to_one():
    bad = rows((50, HEALTHY | {"critic/input_gradient_norm": 0.2}))
    assert names(alarms.find(bad)) == ["the critic's gradients are not 1"]
    of_r1 = [{name: value for name, value in row.items() if name != "critic/gradient_penalty"} for row in bad]
    assert alarms.find(of_r1) == []
    steep = rows((50, HEALTHY | {"critic/input_gradient_norm_max": 9.0}))
    assert names(alarms.find(steep)) == ["the critic's gradients are not 1"]


def test_rows_of_a_lazy_penalty_without_it_say_nothing_of_gradients():
    without = {name: 0.0 for name in HEALTHY if "input_gradient" in name or name == "critic/gradient_penalty"}
    assert alarms.find(rows((50, HEALTHY | without))) == []


def test_a_strong_critic_is_right_for_wasserstein():
    bad = HEALTHY | FAILING["the critic is too strong"]
    del bad["critic/gap"]  # it logs its distance instead
    assert alarms.find(rows((50, bad))) == []


def test_small_gradients_are_right_where_the_critic_cannot_tell_fakes():
    small = {"generator/gradient_norm": 0.002, "critic/gradient_norm": 0.001}  # the critic's own is no measure
    found = alarms.find(rows((30, HEALTHY), (30, HEALTHY | small)))
    assert names(found) == ["the generator's gradient has vanished"]
    at_once = [(1, HEALTHY), (9, HEALTHY | {"generator/gradient_norm": 0.05}), (30, HEALTHY | small)]
    assert names(alarms.find(rows(*at_once))) == ["the generator's gradient has vanished"]
    assert alarms.find(rows((30, HEALTHY), (30, HEALTHY | small | {"critic/accuracy": 0.55}))) == []


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_one_value_that_is_not_finite_is_an_alarm_at_once(value):
    (alarm,) = alarms.find(rows((3, HEALTHY), (1, HEALTHY | {"critic/gap": value}), (40, HEALTHY)))
    assert (alarm.name, alarm.first, alarm.last) == ("not finite", 40, 40)
    assert alarm.words.startswith("critic/gap. ")


def test_a_monitor_reports_each_alarm_once_and_goes_on_where_it_was():
    made = rows((30, HEALTHY), (30, HEALTHY | {"generator/diversity": 0.3}))
    monitor, said = alarms.Monitor(), []
    for row in made:
        said += monitor.update(row)
    (alarm,) = said
    assert alarm.first == alarm.last < made[-1]["step"]
    assert list(monitor.alarms.values()) == alarms.find(made) == [alarm._replace(last=600)]
    resumed = alarms.Monitor(made[:50])
    assert [resumed.update(row) for row in made[50:]] == [[]] * 10
    assert resumed.alarms == monitor.alarms


@pytest.fixture(scope="module")
def digits():
    dataset = data.load("digits", "train")
    return np.float32(dataset.x) / 127.5 - 1, dataset.label


def fakes(kind, x, label, rng):
    """64 fakes of a generator made to fail in this way, from real digits."""
    first = {c: x[label == c][0] for c in range(10)}
    return {
        "healthy": lambda: rng.choice(x, 64),
        "one image": lambda: np.repeat(x[:1], 64, 0),
        "one image with noise": lambda: x[:1] + np.float32(0.1) * rng.standard_normal((64, *x.shape[1:]), np.float32),
        "2 of 10 classes": lambda: rng.choice(x[(label == 3) | (label == 8)], 64),
        "one image a class": lambda: np.stack([first[c] for c in rng.integers(0, 10, 64)]),
    }[kind]()


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("healthy", set()),
        ("one image", {"the fakes have collapsed", "the fakes repeat themselves", "kinds of examples are missing"}),
        (
            "one image with noise",
            {"the fakes have collapsed", "the fakes repeat themselves", "kinds of examples are missing"},
        ),
        ("2 of 10 classes", {"kinds of examples are missing"}),
        ("one image a class", {"the fakes repeat themselves", "kinds of examples are missing"}),
    ],
)
def test_generators_made_to_collapse(kind, expected, digits):
    x, label = digits
    rng, batch_diversity, made = np.random.default_rng(0), jax.jit(diagnostics.batch_diversity), []
    for _ in range(60):
        found = batch_diversity(rng.choice(x, 64), fakes(kind, x, label, rng))
        made.append(HEALTHY | {f"generator/{name}": float(value) for name, value in found.items()})
    assert set(names(alarms.find(rows((20, HEALTHY), *((1, one) for one in made))))) == expected
