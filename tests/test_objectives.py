"""The contract of every adversarial objective: an update changes its player only, all is finite, steps compile once."""

from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen as nn
from jax import random
from my_lab import styled
from small_networks import Painter

from gan_jax import layers
from gan_jax.core import fields, optimizers, steps
from gan_jax.core.networks import Network
from gan_jax.core.objective import Outcome
from gan_jax.core.state import TrainState
from gan_jax.distributions import labels, latents, masks
from gan_jax.models import dcgan, mlp, semi_supervised
from gan_jax.models.translation import Completion
from gan_jax.objectives import adversarial
from gan_jax.objectives.forward import Remembering
from gan_jax.objectives.terms import critic as critic_terms
from gan_jax.objectives.terms import generator as generator_terms
from gan_jax.objectives.weighted import Weighted, lazily
from gan_jax.parallel import executor

pytestmark = pytest.mark.heavy

NETWORKS = {
    "generator": Network(mlp.Generator((4, 4, 1), widths=(8,))),
    "critic": Network(mlp.Critic(widths=(8,))),
}
LAYERS = {"widths": (4,), "classes": 3}
BY_CLASS = {
    "generator": Network(
        dcgan.ConditionalGenerator((4, 4, 1), **LAYERS, embedding=2, kernels=(4, 3), strides=(1, 1), paddings=(0, 1))
    ),
    "critic": Network(
        dcgan.ProjectionCritic(**LAYERS, kernels=(3,), strides=(2,), paddings=(1,), norm=layers.NoNorm, init_std=0.1)
    ),
}
Z = {"z": latents.normal(3)}
TO_CLASSES = {
    "generator": BY_CLASS["generator"],
    "critic": Network(
        dcgan.AuxiliaryCritic(**LAYERS, kernels=(3,), strides=(2,), paddings=(1,), norm=layers.NoNorm, init_std=0.1)
    ),
}
PENALTY = {
    "r3gan": {
        "relativistic": Weighted(critic_terms.relativistic),
        "r1": Weighted(critic_terms.r1, 0.01),
        "r2": Weighted(critic_terms.r2, 0.01),
    },
    "stylegan2": {"bce": Weighted(critic_terms.bce), "r1": Weighted(critic_terms.r1, 0.01)},
    "non_saturating_r1": {"bce": Weighted(critic_terms.bce), "r1": Weighted(critic_terms.r1, 0.01)},
    "wasserstein_gp": {
        "wasserstein": Weighted(critic_terms.wasserstein),
        "gradient_penalty": Weighted(critic_terms.gradient_penalty, 1.0),
    },
}
"""Penalties of small weights, for networks of a few parameters."""
PRESETS = [name for name in adversarial.__all__ if name != "adversarial"]
BY_LABEL = ("non_saturating", "wasserstein_gp")


def made(name, networks=NETWORKS, samplers=Z):
    if name == "stylegan2":
        networks = {**networks, "generator": Network(styled.Generator((4, 4, 1)))}
    if name == "acgan":
        networks, samplers = TO_CLASSES, {**Z, "label": labels.uniform(3)}
    if name == "cut":
        networks, samplers = {"generator": Network(Painter()), "critic": networks["critic"]}, {}
    if name == "inpainting":
        networks = {**networks, "generator": Network(Completion((4, 4, 1), width=4))}
        samplers = {"mask": masks.rectangles((4, 4, 1)), "source": masks.holed()}
    if name == "semi_supervised":
        networks = {**networks, "critic": Network(semi_supervised.Critic(3, widths=(8,)))}
    critic = {"critic": PENALTY[name]} if name in PENALTY else {}
    return getattr(adversarial, name)(networks=networks, samplers=samplers, **critic)


OBJECTIVES = {
    **{name: made(name) for name in PRESETS},
    **{f"{name} by class": made(name, BY_CLASS, {**Z, "label": labels.uniform(3)}) for name in BY_LABEL},
}
UNBOUNDED = ("wasserstein", "hinge", "least_squares", "relativistic", "r3gan")
CRITICS_RATE = {name: 0.05 if name.startswith(UNBOUNDED) else 0.5 for name in OBJECTIVES}
CRITICS_RATE["wasserstein_gp by class"] = 0.2
KEY = random.key(0)
BATCHES = {"x": random.uniform(KEY, (1, 16, 4, 4, 1), minval=-1.0), "label": jnp.arange(16)[None] % 3}
BATCHES |= {"source": random.uniform(random.key(1), (1, 16, 4, 4, 1), minval=-1.0)}
BATCHES |= {"labelled": BATCHES["x"][:, ::-1], "labelled_class": jax.nn.one_hot(BATCHES["label"], 3)}
BATCH = {name: values[0] for name, values in BATCHES.items()}
each = pytest.mark.parametrize("name", OBJECTIVES)
TRANSLATING = "cut", "inpainting"  # test_cut.py, test_masks.py
of_latents = pytest.mark.parametrize("name", [name for name in OBJECTIVES if name not in TRANSLATING])


def updates(name, rates):
    """SGD of each player at a rate, 0 where none is given; Wasserstein's critic is clipped where it learns."""
    made = {player: steps.Update(_sgd, {"learning_rate": rates.get(player, 0.0)}) for player in ("critic", "generator")}
    if name == "wasserstein" and "critic" in rates:
        made["critic"] = made["critic"]._replace(optimizer=_clipped)
    return made


def _sgd(numbers):
    return optax.sgd(numbers["learning_rate"])


def _clipped(numbers):
    return optimizers.chain(_sgd(numbers), clip_weights=0.3)


@cache
def compiled(name, clipped):
    """The step of an objective, compiled once for all rates: these are its arguments."""
    return jax.jit(steps.alternating(OBJECTIVES[name], updates(name, {"critic": 0.1} if clipped else {})))


def start(objective, how):
    example = fields.fill_each(objective.samplers, {n: v[:1] for n, v in BATCH.items()}, KEY[None])
    return TrainState(jnp.int32(0), {p: steps.start(init(KEY, example), how[p]) for p, init in objective.init.items()})


def game(name, rates, objective=None):
    how = updates(name, rates)
    clipped = name == "wasserstein" and "critic" in rates
    step = jax.jit(steps.alternating(objective, how)) if objective else compiled(name, clipped)
    objective = objective or OBJECTIVES[name]
    numbers = steps.default_hyperparams(objective, how)
    return start(objective, how), lambda state: step(state, BATCHES, KEY, numbers), step


@each
def test_an_update_changes_its_player_only(name):
    for mover in OBJECTIVES[name].losses:
        before, step, _ = game(name, {mover: 0.1})
        after, _ = step(before)
        for player in before.players:
            old, new = (jax.tree.leaves(state.players[player].params) for state in (before, after))
            same = all(np.array_equal(a, b) for a, b in zip(old, new, strict=True))
            assert same == (player != mover)


@each
def test_steps_are_finite_compile_once_and_log_each_term(name):
    state, step, program = game(name, {"critic": 0.1 * CRITICS_RATE[name], "generator": 0.1})
    for _ in range(3):
        state, metrics = step(state)
    assert program._cache_size() == 1
    assert int(state.step) == 3
    of_logits = {"real_probability", "fake_probability", "gap"}
    terms = {player: {*weights} for player, weights in OBJECTIVES[name].weights.items()}
    penalised = {"gradient_penalty", "r1"} & terms["critic"]
    where = "input" if "gradient_penalty" in penalised else "real"
    norms = {f"{where}_gradient_norm", f"{where}_gradient_norm_max"} if penalised else set()
    norms |= {"fake_gradient_norm"} if "r2" in terms["critic"] else set()
    logged = {
        "critic": {*terms["critic"], "loss", "gradient_norm", "accuracy", *norms},
        "generator": {*terms["generator"], "loss", "gradient_norm"},
    }
    logged["critic"] |= of_logits if "bce" in terms["critic"] else {"distance"}
    for player in logged:
        logged[player] |= {"class_accuracy"} if "auxiliary" in terms[player] else set()
        logged[player] |= {"path_length_mean"} if "path_length" in terms[player] else set()
    logged["critic"] |= {"labelled_accuracy"} if "supervised" in terms["critic"] else set()
    logged["generator"] |= {"diversity", "nearest_neighbor_ratio", "mean_gap"}
    assert {f"{player}/{term}" for player, terms in logged.items() for term in terms} == set(metrics)
    if penalised:
        assert metrics[f"critic/{where}_gradient_norm_max"] > metrics[f"critic/{where}_gradient_norm"]
    assert all(jnp.isfinite(leaf).all() for leaf in jax.tree.leaves((state.players, metrics)))
    for player, weights in OBJECTIVES[name].weights.items():
        total = sum(weight * metrics[f"{player}/{term}"] for term, weight in weights.items())
        np.testing.assert_allclose(metrics[f"{player}/loss"], total, rtol=1e-5)


@of_latents
def test_the_critic_learns_a_fixed_generator(name):
    state, step, _ = game(name, {"critic": CRITICS_RATE[name]})
    _, first = step(state)
    for _ in range(60):
        state, metrics = step(state)
    least = 0.1 if name in ("least_squares", "hinge_lecam", "r3gan", "relativistic", "pix2pix") else 0.5
    assert metrics["critic/loss"] < first["critic/loss"] - least
    assert metrics["critic/accuracy"] > max(0.7 if name == "stylegan2" else 0.8, first["critic/accuracy"])
    if "critic/distance" in metrics:
        assert metrics["critic/distance"] > first["critic/distance"] + least
    else:
        assert metrics["critic/real_probability"] > metrics["critic/fake_probability"] + 0.3


@of_latents
def test_the_generator_learns_to_please_a_fixed_critic(name):
    state, step, _ = game(name, {"generator": 0.5 / OBJECTIVES[name].weights["generator"].get("l1", 1.0)})
    seen = []
    for _ in range(64):
        state, metrics = step(state)
        seen.append(metrics)
    first = seen[3]  # as the last one, a step in which StyleGAN2 has path lengths
    assert metrics["generator/loss"] < first["generator/loss"]
    if "critic/distance" in metrics:
        assert metrics["critic/distance"] < first["critic/distance"]
    elif not {"feature_matching", "l1"} & OBJECTIVES[name].weights["generator"].keys():  # which outweigh scores
        assert metrics["critic/fake_probability"] > first["critic/fake_probability"]


@of_latents
def test_predictions_belong_to_their_keys(name):
    objective = OBJECTIVES[name]
    state, _, _ = game(name, {})
    keys = random.split(KEY, 5)
    sample, walk = (objective.predictions[use].fn for use in ("sample", "interpolate"))
    images = sample(state.players, keys, {})
    assert images.shape == (5, 4, 4, 1)
    np.testing.assert_allclose(images[2:4], sample(state.players, keys[2:4], {}), atol=1e-6)
    walks = walk(state.players, keys, {"t": jnp.tile(jnp.linspace(0, 1, 3), (5, 1))})
    assert walks.shape == (5, 3, 4, 4, 1)
    assert jnp.abs(walks[:, 0] - walks[:, -1]).max() > 0


def test_generators_gradients_differ_as_the_notes_say():
    """With the same critic and fakes, minimax's gradient is the smaller one where the critic is sure of the fakes."""
    state, step, _ = game("minimax", {"critic": 0.5})
    for _ in range(200):
        state, metrics = step(state)
    assert metrics["critic/fake_probability"] < 0.1
    norms, batch = {}, fields.fill(Z, BATCH, KEY)
    for name in ("minimax", "non_saturating"):
        loss, weights = OBJECTIVES[name].losses["generator"], OBJECTIVES[name].weights["generator"]
        grads = jax.grad(lambda p, loss=loss, w=weights: loss(p, state, batch, KEY, w)[0])(
            state.players["generator"].params
        )
        norms[name] = optax.tree.norm(grads)
    assert norms["minimax"] < 0.2 * norms["non_saturating"]


@pytest.mark.skipif(jax.default_backend() != "cpu", reason="reads the CPU's program")
def test_fakes_that_two_updates_share_are_made_once_in_a_call_of_steps():
    """The program of `alternating_on_same_fakes` has fewer products: by those of the generator's two layers."""
    objective, how = OBJECTIVES["non_saturating"], updates("non_saturating", {"critic": 0.1, "generator": 0.1})
    numbers = steps.default_hyperparams(objective, how)

    def products(rule):
        def call(state, inputs, count):
            step = rule(objective, how)
            return executor._loop(lambda state, _: step(state, BATCHES, KEY, numbers), state, inputs, count)

        return jax.jit(call).lower(start(objective, how), jnp.arange(3), 3).compile().as_text().count(" dot(")

    assert products(steps.alternating_on_same_fakes) == products(steps.alternating) - 2


def test_samples_of_a_class_are_those_that_were_drawn_of_it():
    """`sample` draws a label for each key; given the same labels, it makes the same images."""
    state, _, _ = game("non_saturating by class", {})
    objective = OBJECTIVES["non_saturating by class"]
    sample, keys = objective.predictions["sample"].fn, random.split(KEY, 12)
    drawn = fields.fill_each(objective.samplers, {}, keys)["label"]
    assert set(drawn.tolist()) == {0, 1, 2}
    images = sample(state.players, keys, {})
    np.testing.assert_array_equal(sample(state.players, keys, {"label": drawn}), images)
    others = sample(state.players, keys, {"label": (drawn + 1) % 3})
    assert (jnp.abs(others - images).max((1, 2, 3)) > 1e-3).all()


def test_labels_are_drawn_evenly_and_need_classes():
    drawn = labels.uniform(4).draw(random.split(KEY, 2000), {})
    np.testing.assert_allclose(np.bincount(drawn) / 2000, 0.25, atol=0.04)
    with pytest.raises(ValueError, match="the data set has no labels"):
        labels.uniform(0)


class Normed(nn.Module):
    """A critic whose layer is given."""

    layer: type

    @nn.compact
    def __call__(self, x, *, train):
        x = nn.Dense(4)(x.reshape(len(x), -1))
        x = (
            self.layer()(x, train=train)
            if self.layer is layers.BatchNorm
            else self.layer(use_running_average=not train)(x)
        )
        return nn.Dense(1)(x)[:, 0]


class Spectral(nn.Module):
    """A critic with spectral norm, whose statistics are of its weights and not of the examples."""

    @nn.compact
    def __call__(self, x, *, train):
        h = nn.SpectralNorm(nn.Dense(8))(x.reshape(len(x), -1), update_stats=train)
        return nn.Dense(1)(nn.relu(h))[:, 0]


@pytest.mark.parametrize("layer", [layers.BatchNorm, nn.BatchNorm])
@pytest.mark.parametrize("name", ["wasserstein_gp", "non_saturating_r1"])
def test_a_penalised_critic_may_not_have_layers_that_mix_examples(layer, name):
    networks = {**NETWORKS, "critic": Network(Normed(layer))}
    state, step, _ = game(name, {}, made(name, networks))
    with pytest.raises(ValueError, match="the critic has BatchNorm, which mixes the examples of a batch"):
        step(state)
    state, step, _ = game("wasserstein", {}, made("wasserstein", networks))
    step(state)


def test_spectral_norm_under_a_gradient_penalty_trains():
    state, step, _ = game(
        "wasserstein_gp", {"critic": 0.01}, made("wasserstein_gp", {**NETWORKS, "critic": Network(Spectral())})
    )
    after, metrics = step(state)
    assert jnp.isfinite(metrics["critic/gradient_penalty"])
    old, new = (jax.tree.leaves(s.players["critic"].stats) for s in (state, after))
    assert any(not np.array_equal(a, b) for a, b in zip(old, new, strict=True))


def power_steps(params, stats, steps):
    """The vector [o] of each kernel after so many steps of the power iteration (Miyato et al. 2018, algorithm 1)."""
    after = {}
    for name, layer in stats["spectral"].items():
        u, kernel = np.asarray(layer["SpectralNorm_0"]["u"]), np.asarray(params[name]["kernel"])
        matrix = kernel.reshape(-1, kernel.shape[-1])
        for _ in range(steps):
            v = matrix @ u
            u = matrix.T @ v / np.linalg.norm(matrix.T @ v)
        after[name] = {"SpectralNorm_0": {"u": u}}
    return {"spectral": after}


@pytest.mark.parametrize("name", ["wasserstein_gp", "hinge"])
def test_spectral_vectors_move_in_updates_of_the_critic_alone(name):
    """One step by the real examples and one by the fakes, none by the penalty's images and none by the generator."""
    critic = dcgan.Critic(4, norm=layers.NoNorm, init_std=0.1, kernel_norm=layers.SpectralNorm)
    objective, states = made(name, {**NETWORKS, "critic": Network(critic)}), {}
    for mover in ("generator", "critic", "both"):
        how = updates(name, {"generator": 0.1, "critic": 0.1})
        how = {player: each._replace(per_step=int(mover in (player, "both"))) for player, each in how.items()}
        first, step = start(objective, how), jax.jit(steps.alternating(objective, how))
        states[mover] = step(first, BATCHES, KEY, steps.default_hyperparams(objective, how))[0].players["critic"]
    before = first.players["critic"]
    jax.tree.map(np.testing.assert_array_equal, states["generator"].stats, before.stats)
    expected = power_steps(before.params, before.stats, 2)
    for mover in ("critic", "both"):
        jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-4, atol=1e-5), states[mover].stats, expected)
    moved = jax.tree.map(lambda a, b: a.size == 1 or (a != b).all(), before.stats, states["critic"].stats)
    assert all(jax.tree.leaves(moved))


def test_a_weight_may_not_be_negative():
    with pytest.raises(ValueError, match=r"critic\.bce is -1\.0: a weight must be at least 0"):
        adversarial.minimax(networks=NETWORKS, samplers=Z, critic={"bce": Weighted(critic_terms.bce, -1.0)})


def test_weights_are_arguments_of_the_step_and_schedules_follow_it():
    of_generator = {
        "non_saturating": Weighted(generator_terms.non_saturating, optax.linear_schedule(0.0, 1.0, 2)),
        "l1": Weighted(generator_terms.l1, 3.0),
    }
    objective = adversarial.non_saturating(networks=NETWORKS, samplers=Z, generator=of_generator)
    how = updates("", {})
    step, state = jax.jit(steps.alternating(objective, how)), start(objective, how)
    numbers = steps.default_hyperparams(objective, how)
    assert numbers["generator"].weights == {"l1": 3.0}
    for at, l1 in ((0, 3.0), (1, 3.0), (2, 0.5)):
        numbers["generator"] = numbers["generator"]._replace(weights={"l1": l1})
        state, metrics = step(state, BATCHES, KEY, numbers)
        expected = min(at / 2, 1.0) * metrics["generator/non_saturating"] + l1 * metrics["generator/l1"]
        np.testing.assert_allclose(metrics["generator/loss"], expected, rtol=1e-5)
    assert step._cache_size() == 1


def test_a_lazy_term_is_computed_now_and_then_at_its_full_weight_and_remembers_between():
    def counted(forward):
        return Outcome(forward.fake_scores**2, {"seen": forward.step + 1.0}, {"calls": forward.carry["calls"] + 1})

    term = lazily(Remembering(counted, {"calls": 0.0}), every=3)
    terms = {"bce": Weighted(critic_terms.bce), "square": Weighted(term, 0.5)}
    objective = adversarial.non_saturating(networks=NETWORKS, samplers=Z, critic=terms)
    state, step, program = game("", {}, objective)
    seen = []
    for _ in range(7):
        state, metrics = step(state)
        seen.append(
            (
                float(metrics["critic/square"]),
                float(metrics["critic/seen"]),
                float(state.players["critic"].carry["calls"]),
            )
        )
    assert [bool(value) for value, _, _ in seen] == [False, False, True, False, False, True, False]
    assert [step for _, step, _ in seen] == [0, 0, 3, 0, 0, 6, 0]
    assert [calls for _, _, calls in seen] == [0, 0, 1, 1, 1, 2, 2]
    assert program._cache_size() == 1
    with pytest.raises(ValueError, match="every is 0"):
        lazily(counted, every=0)
    with pytest.raises(ValueError, match="after is -1"):
        lazily(counted, every=1, after=-1)


def test_a_late_term_is_not_computed_before_its_step():
    computed = []

    def noted(forward):
        jax.debug.callback(lambda step: computed.append(int(step)), forward.step)
        return Outcome(forward.fake_scores**2)

    terms = {"bce": Weighted(critic_terms.bce), "square": Weighted(lazily(noted, every=1, after=2))}
    state, step, _ = game("", {}, adversarial.non_saturating(networks=NETWORKS, samplers=Z, critic=terms))
    seen = []
    for _ in range(4):
        state, metrics = step(state)
        seen.append(float(metrics["critic/square"]) > 0)
    jax.effects_barrier()
    assert seen == [False, False, True, True]
    assert sorted(computed) == [2, 3]
