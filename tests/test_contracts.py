"""Contracts over `__all__`: every objective, step rule, sampler and model that a config can name is here, by itself."""

import importlib
import pkgutil
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import ROOT, build_on
from jax import export, random

from gan_jax import config as configs
from gan_jax import distributions, layers, models, objectives
from gan_jax.core import steps
from gan_jax.core.fields import Sampler
from gan_jax.objectives import adversarial
from gan_jax.objectives.terms import critic as critic_terms
from gan_jax.objectives.terms import generator as generator_terms
from gan_jax.training.preflight import check_step

KEY = random.key(0)
MLP = {"generator": {"name": "mlp.Generator", "widths": (8,)}, "critic": {"name": "mlp.Critic", "widths": (8,)}}
CONV = {"widths": (4,), "kernels": (3,), "strides": (2,), "paddings": (1,), "norm": {"name": "NoNorm"}}
TO_CLASSES = {
    "generator": {
        "name": "dcgan.ConditionalGenerator",
        "widths": (),
        "kernels": (8,),
        "strides": (1,),
        "paddings": (0,),
    },
    "critic": {"name": "dcgan.AuxiliaryCritic", **CONV},
}
SEMI_SUPERVISED = {**MLP, "critic": {"name": "semi_supervised.Critic", "widths": (8,)}}
FEW_LABELS = {"labelled": (8, 8, 1), "labelled_class": (10,)}
OBJECTIVES = {  # a config of the name, or else its objective's terms and a config whose networks fit
    "autoencoder.denoising": "mnist_denoising_ae",
    "autoencoder.overcomplete": "mnist_overcomplete_ae",
    "autoencoder.tied": "mnist_linear_ae",
    "autoencoder.undercomplete": "mnist_linear_ae",
    "classifier.cross_entropy": "features/digits_classifier",
    "vae.vae": "mnist_vae",
}
ADVERSARIAL = {"critic": {"bce": 1.0}, "generator": {"non_saturating": 1.0}}
PAINTER, JUDGE = {"name": "small_networks:Painter"}, {"name": "small_networks:Judge"}
UNPAIRED = "adversarial.cut", "cycle.cycle_gan"
SHAPE, CLASSES, BATCH = (8, 8, 1), 10, 4


def public(package):
    """The dotted names that a package's files offer to configs."""
    found = []
    for info in pkgutil.iter_modules(package.__path__):
        module = importlib.import_module(f"{package.__name__}.{info.name}")
        found += [f"{info.name}.{name}" for name in getattr(module, "__all__", ())]
    return found


def described(name):
    """A small config of an objective."""
    config = configs.load(ROOT / "configs" / f"{OBJECTIVES.get(name, 'mnist_gan')}.py").unlock()
    own = ADVERSARIAL if name == "adversarial.adversarial" else {}
    for network in config.networks.values():
        network.widths = (4,) * len(network.widths)
        if "latents" in network:
            network.latents = 4
    if name.startswith("adversarial"):
        styled = {**MLP, "generator": {"name": "my_lab.styled:Generator"}}
        networks = {"adversarial.acgan": TO_CLASSES, "adversarial.semi_supervised": SEMI_SUPERVISED}
        config.networks = {**networks, "adversarial.stylegan2": styled}.get(name, MLP)
    if name == "regression.l1":
        config.networks = {"generator": {"name": "super_resolution.SRResNet", "factor": 2, "width": 4, "blocks": 1}}
        config.samplers = {"source": {"name": "degrade.bicubic", "factor": 2}}
        del config.players.critic
    if name.endswith(".inpainting"):
        networks = {"generator": {"name": "translation.Completion", "width": 4}}
        config.networks = networks | ({"critic": MLP["critic"]} if name.startswith("adversarial") else {})
        config.samplers = {"mask": {"name": "masks.rectangles"}, "source": {"name": "masks.holed"}}
        if name == "regression.inpainting":
            del config.players.critic
    if name == "adversarial.cut":
        config.networks = {"generator": PAINTER, "critic": JUDGE}
    if name == "cycle.cycle_gan":
        config.networks = {"generator": PAINTER, "generator_back": PAINTER, "critic": JUDGE, "critic_back": JUDGE}
        del config.samplers
    if name.startswith("vq"):
        quantizer = {"name": "VectorQuantizer", "codes": 4, "dim": 2}
        config.networks.generator = {
            "name": "vq.Autoencoder",
            "width": 4,
            "downs": 1,
            "blocks": 1,
            "quantizer": quantizer,
        }
        del config.samplers
    if name == "vq.vqvae":
        del config.networks.critic, config.players.critic
    if name == "adversarial.acgan":
        config.samplers.label = {"name": "labels.uniform"}
    config.objective = {**(config.objective.to_dict() if name in OBJECTIVES else {}), **own, "name": name}
    config.batch_size, config.seeds = BATCH, 1
    return config


def inputs(experiment, key=KEY):
    """The arguments of a train step, after the state."""
    leading = experiment.updates_per_step, BATCH
    x = random.uniform(key, (*leading, *SHAPE), minval=0.1, maxval=0.9)
    label = jnp.arange(leading[0] * BATCH).reshape(leading) % CLASSES
    few = {"labelled": x, "labelled_class": jax.nn.one_hot(label, CLASSES)}
    further = {"source": x[:, ::-1], **few}
    batches = {"x": x, "label": label, **{name: further[name] for name in experiment.spec if name in further}}
    return batches, experiment.keys.train, experiment.hyperparams


@pytest.fixture(scope="module")
def experiments():
    """Each objective's experiment, made once."""
    made = {}

    def of(name):
        if name not in made:
            others = {"adversarial.semi_supervised": FEW_LABELS, **{key: {"source": SHAPE} for key in UNPAIRED}}
            made[name] = build_on(described(name), SHAPE, CLASSES, others.get(name, {}))
        return made[name]

    return of


each = pytest.mark.parametrize("name", public(objectives))


PRESETS = {f"adversarial.{name}" for name in adversarial.__all__ if name != "adversarial"}  # in test_objectives.py


@pytest.mark.parametrize("name", [name for name in public(objectives) if name not in PRESETS])
def test_an_objective_trains_every_player_and_logs_its_loss_and_terms(name, experiments):
    experiment = experiments(name)
    assert check_step(experiment, described(name))
    step, state = jax.jit(experiment.train_step), experiment.init(experiment.keys.init)
    for count in range(2):
        after, metrics = step(state, *inputs(experiment, random.key(count)))
        for player, before in state.players.items():
            old, new = (jax.tree.leaves(params) for params in (before.params, after.players[player].params))
            assert any(not np.array_equal(a, b) for a, b in zip(old, new, strict=True)), player
        state = after
    assert step._cache_size() == 1
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves((state, metrics)))
    for player, numbers in experiment.hyperparams.items():
        assert {f"{player}/loss", f"{player}/gradient_norm"} | {f"{player}/{term}" for term in numbers.weights} <= {
            *metrics
        }
        total = sum(weight * metrics[f"{player}/{term}"] for term, weight in numbers.weights.items())
        np.testing.assert_allclose(metrics[f"{player}/loss"], total, rtol=1e-4)


@each
def test_an_objective_lowers_for_accelerators(name, experiments):
    experiment = experiments(name)
    state = jax.eval_shape(experiment.init, experiment.keys.init)
    program = export.export(jax.jit(experiment.train_step), platforms=["cuda", "tpu"])(state, *inputs(experiment))
    assert program.platforms == ("cuda", "tpu")


@pytest.mark.parametrize("rule", steps.__all__)
@pytest.mark.parametrize("name", ["adversarial.non_saturating", "autoencoder.undercomplete"])
def test_a_step_rule_trains_one_player_and_two(rule, name):
    config = described(name)
    config.step_rule = {"name": rule}
    for player in config.players.values():
        player.updates_per_step = 2
    experiment = build_on(config, SHAPE, CLASSES)
    state, metrics = jax.jit(experiment.train_step)(experiment.init(experiment.keys.init), *inputs(experiment))
    assert int(state.step) == 1
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves((state, metrics)))


SAMPLERS = {
    "latents.noise": {},
    "latents.normal": {"dim": 3},
    "latents.uniform": {"dim": 3},
    "labels.uniform": {"classes": 4},
}


def test_every_sampler_is_here():
    files = ("latents", "labels")
    assert {*SAMPLERS} == {name for name in public(distributions) if name.partition(".")[0] in files}


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_sample_depends_on_its_own_key_alone(name):
    file, _, function = name.partition(".")
    sampler = getattr(importlib.import_module(f"gan_jax.distributions.{file}"), function)(**SAMPLERS[name])
    assert isinstance(sampler, Sampler)
    keys = random.split(KEY, 6)
    values = sampler.draw(keys, {})
    assert len(values) == 6
    np.testing.assert_array_equal(sampler.draw(keys[2:4], {}), values[2:4])
    if sampler.walk is not None:
        walk = sampler.walk(values[:3], values[3:], jnp.linspace(0, 1, 5))
        np.testing.assert_allclose(walk[:, 0], values[:3], atol=1e-3)
        np.testing.assert_allclose(walk[:, -1], values[3:], atol=1e-3)


def test_every_model_says_what_it_takes_and_makes():
    for name in public(models):
        file, _, function = name.partition(".")
        module = getattr(importlib.import_module(f"gan_jax.models.{file}"), function)
        words = (module.func if hasattr(module, "func") else module).__doc__
        assert "[b" in words, f"{name} says no shapes"


def test_every_network_layer_and_sampler_is_in_the_docs():
    page = (ROOT / "docs" / "models.md").read_text()
    single = {"augment", "likelihoods", "noise"}  # whose functions are named without their file
    samplers = [name.partition(".") for name in public(distributions)]
    names = [*public(models), *layers.__all__, *(of if file in single else f"{file}.{of}" for file, _, of in samplers)]
    assert [name for name in names if f"`{name}`" not in page] == []
    files = "|".join({name.partition(".")[0] for name in names if "." in name})
    assert {*re.findall(rf"`((?:{files})\.\w+)`", page)} <= {*names}


def test_every_objective_and_every_term_is_in_the_docs():
    page = (ROOT / "docs" / "objectives.md").read_text()
    terms = [name for module in (critic_terms, generator_terms) for name in module.__all__]
    assert [name for name in [*public(objectives), *terms] if f"`{name}`" not in page] == []
