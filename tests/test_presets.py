"""The terms of every named objective, by the numbers of its paper or of the authors' code, written here once more."""

import inspect

import pytest

from gan_jax.objectives import adversarial, autoencoder, cycle, regression, vq
from gan_jax.objectives.terms import autoencoder as of_autoencoder
from gan_jax.objectives.terms import critic, generator
from gan_jax.objectives.weighted import Terms, eager

MODULES = adversarial, autoencoder, cycle, regression, vq
PLAYERS = {"critic": critic, "generator": generator, "autoencoder": of_autoencoder}
ERROR = {"autoencoder": {"reconstruction": 1}}
PRESETS = {
    "adversarial.adversarial": {"critic": {}, "generator": {}},
    "adversarial.minimax": {"critic": {"bce": 1}, "generator": {"minimax": 1}},
    "adversarial.non_saturating": {"critic": {"bce": 1}, "generator": {"non_saturating": 1}},
    "adversarial.non_saturating_r1": {"critic": {"bce": 1, "r1": 10}, "generator": {"non_saturating": 1}},
    "adversarial.wasserstein": {"critic": {"wasserstein": 1}, "generator": {"wasserstein": 1}},
    "adversarial.wasserstein_gp": {
        "critic": {"wasserstein": 1, "gradient_penalty": 10},
        "generator": {"wasserstein": 1},
    },
    "adversarial.least_squares": {"critic": {"least_squares": 1}, "generator": {"least_squares": 1}},
    "adversarial.hinge": {"critic": {"hinge": 1}, "generator": {"hinge": 1}},
    "adversarial.hinge_lecam": {"critic": {"hinge": 1, "lecam": 0.3}, "generator": {"hinge": 1}},
    "adversarial.relativistic": {"critic": {"relativistic": 1}, "generator": {"relativistic": 1}},
    "adversarial.relativistic_average": {
        "critic": {"relativistic_average": 1},
        "generator": {"relativistic_average": 1},
    },
    "adversarial.r3gan": {  # half of gamma, 0.05 on CIFAR-10
        "critic": {"relativistic": 1, "r1": 0.025, "r2": 0.025},
        "generator": {"relativistic": 1},
    },
    "adversarial.stylegan2": {  # half of gamma, 10
        "critic": {"bce": 1, "r1": (5, 16)},
        "generator": {"non_saturating": 1, "path_length": (2, 4)},
    },
    "adversarial.pix2pix": {"critic": {"bce": 0.5}, "generator": {"non_saturating": 1, "l1": 100}},
    "adversarial.inpainting": {
        "critic": {"bce": 0.5},
        "generator": {"non_saturating": 1, "hole_l1": 20, "valid_l1": 20},
    },
    "adversarial.cut": {  # squares have a factor 1/2 here, and contrastive losses are their mean in the authors' code
        "critic": {"least_squares": 1},
        "generator": {"least_squares": 2, "nce": 0.5, "identity_nce": 0.5},
    },
    "adversarial.acgan": {
        "critic": {"bce": 1, "auxiliary": 1},
        "generator": {"non_saturating": 1, "auxiliary": 1},
    },
    "adversarial.semi_supervised": {
        "critic": {"bce": 0.5, "supervised": 1},
        "generator": {"feature_matching": 1},
    },
    "cycle.cycle_gan": {  # squares as above
        "critic": {"least_squares": 1},
        "generator": {"least_squares": 2, "cycle": 10, "identity": 5},
    },
    "vq.vqvae": {"generator": {"l2": 1, "commitment": 0.25}},
    "vq.vqgan": {"critic": {"hinge": 1}, "generator": {"l1": 1, "commitment": 0.25, "hinge": 0.8}},
    "regression.l1": {"generator": {"l1": 1}},
    "regression.inpainting": {"generator": {"hole_l1": 1, "valid_l1": 1}},
    **dict.fromkeys([f"autoencoder.{name}" for name in autoencoder.__all__], ERROR),
}
"""By player and term: a weight, or a weight and the interval `every`."""


def test_every_named_objective_is_in_the_table():
    names = {f"{module.__name__.rpartition('.')[2]}.{name}" for module in MODULES for name in module.__all__}
    assert {*PRESETS} == names


@pytest.mark.parametrize("name", PRESETS)
def test_terms_weights_and_intervals_are_those_of_the_paper_or_its_code(name):
    file, _, objective = name.partition(".")
    [module] = [module for module in MODULES if module.__name__.endswith(f".{file}")]
    found = {
        parameter.name: {} if parameter.default is inspect.Parameter.empty else parameter.default
        for parameter in inspect.signature(getattr(module, objective)).parameters.values()
        if parameter.annotation is Terms
    }
    assert found.keys() == PRESETS[name].keys()
    for player, expected in PRESETS[name].items():
        assert found[player].keys() == expected.keys()
        for term, numbers in expected.items():
            weight, every = numbers if isinstance(numbers, tuple) else (numbers, 1)
            given = found[player][term]
            assert given.weight == weight
            assert eager(given.term) == (getattr(PLAYERS[player], term), every, 0)
