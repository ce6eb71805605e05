"""Every term of a critic's and a generator's loss: it trains, is the same on 4 devices, and has its closed form."""

from functools import partial
from itertools import product
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from conftest import ROOT, build_on
from jax import random
from my_lab import styled
from small_networks import Judge, Painter

from gan_jax import layers
from gan_jax.config import ConfigDict, load
from gan_jax.core import collectives, fields, steps
from gan_jax.core.networks import Network
from gan_jax.core.objective import Frozen
from gan_jax.core.state import TrainState
from gan_jax.distributions import degrade, labels, latents
from gan_jax.errors import UserError
from gan_jax.losses import adversarial as losses
from gan_jax.losses import penalties
from gan_jax.models import dcgan, mlp, translation
from gan_jax.objectives import adversarial, cycle, regression
from gan_jax.objectives.game import Model
from gan_jax.objectives.terms import critic, generator
from gan_jax.objectives.weighted import Weighted, lazily
from gan_jax.training.preflight import check_step

pytestmark = pytest.mark.heavy

KEY = random.key(0)
DEVICES = 4
CONV = {"widths": (4,), "kernels": (3,), "strides": (2,), "paddings": (1,), "norm": layers.NoNorm, "init_std": 0.3}
NETWORKS = {
    "generator": Network(styled.Generator((4, 4, 1))),
    "critic": Network(dcgan.AuxiliaryCritic(**CONV, activation=jax.nn.silu, classes=3)),
}
SAMPLERS = {"z": latents.normal(3), "label": labels.uniform(3)}
BATCHES = {"x": random.uniform(KEY, (1, 8, 4, 4, 1), minval=-1.0), "label": jnp.arange(8)[None] % 3}
BATCHES |= {"labelled": BATCHES["x"][:, ::-1], "labelled_class": jax.nn.one_hot(BATCHES["label"], 3)}
BATCHES["source"] = random.uniform(random.key(1), (1, 8, 4, 4, 1), minval=-1.0)
ELSEWHERE = "commitment", "hole_l1", "valid_l1"
"""Terms of generators that quantise, which test_vq.py plays, and of those that fill holes, of test_masks.py."""
TERMS = [("critic", name) for name in critic.__all__]
TERMS += [("generator", name) for name in generator.__all__ if name not in ELSEWHERE]
each = pytest.mark.parametrize(("player", "name"), TERMS, ids=[f"{player}-{name}" for player, name in TERMS])
PLAYERS = {"critic": critic, "generator": generator}
OF_SOURCES = "cycle", "identity", "identity_nce", "nce"
"""Terms of generators that translate, played by CycleGAN."""


def bound(module, name):
    """A term, with a frozen network where it takes one."""
    term = getattr(module, name)
    applied = {
        "lpips": lambda scale, a, b: scale * jnp.square(a - b).mean((1, 2, 3)),
        "perceptual": lambda scale, x: scale * jnp.square(x),
    }
    return partial(term, network=Frozen(name, applied[name], jnp.float32(2.0))) if name in applied else term


def game(terms=None, networks=NETWORKS, **settings):
    """The state before the first step, the numbers, and the step rule's train step."""
    given = {"critic": {"bce": critic.bce}, "generator": {"non_saturating": generator.non_saturating}}
    given = {
        player: {n: t if isinstance(t, Weighted) else Weighted(t) for n, t in of.items()}
        for player, of in {**given, **(terms or {})}.items()
    }
    return started(adversarial.adversarial(networks=networks, samplers=SAMPLERS, **given, **settings))


def translating():
    """The same of CycleGAN, with all terms of generators that translate."""
    terms = {name: Weighted(getattr(generator, name), 0.1) for name in OF_SOURCES}
    networks = {role: Network(Painter()) for role in ("generator", "generator_back")}
    return started(
        cycle.cycle_gan(
            networks={**networks, "critic": Network(Judge()), "critic_back": Network(Judge())}, generator=terms, pool=3
        )
    )


def started(objective):
    """The state before the first step, the numbers, and what a step rule takes."""
    how = {name: steps.Update(lambda numbers: optax.sgd(0.01)) for name in objective.losses}
    example = fields.fill_each(objective.samplers, {n: v[0, :1] for n, v in BATCHES.items()}, KEY[None])
    players = {name: steps.start(init(KEY, example), how[name]) for name, init in objective.init.items()}
    return TrainState(jnp.int32(0), players), steps.default_hyperparams(objective, how), objective, how


def step_on_one(state, numbers, objective, how):
    return jax.jit(lambda state: steps.alternating(objective, how)(state, BATCHES, KEY, numbers))


def step_on_four(state, numbers, objective, how):
    """The same step with the batch split over a mapped axis, as devices are."""
    split = {name: v.reshape(1, DEVICES, -1, *v.shape[2:]).swapaxes(0, 1) for name, v in BATCHES.items()}
    rule = steps.alternating(objective, how)
    mapped = jax.vmap(lambda state, own: rule(state, own, KEY, numbers), (None, 0), axis_name=collectives.AXIS)
    return jax.jit(lambda state: jax.tree.map(lambda a: a[0], mapped(state, split)))


@pytest.fixture(scope="module")
def played():
    """By player, a game of all of its terms: the states and the metrics after two steps, on one and on four devices."""
    found = {}
    games = {
        player: game(
            {player: {n: Weighted(bound(module, n), 0.1) for n in module.__all__ if n not in OF_SOURCES + ELSEWHERE}}
        )
        for player, module in PLAYERS.items()
    }
    for player, made in {**games, "translators": translating()}.items():
        one, four, states = step_on_one(*made), step_on_four(*made), [made[0], made[0]]
        for _ in range(2):
            states, metrics = zip(*(step(state) for step, state in zip((one, four), states, strict=True)), strict=True)
        assert one._cache_size() == 1
        found[player] = made[0], states, metrics
    return found


@each
def test_a_term_is_finite_and_the_same_on_four_devices(player, name, played):
    _, _, (one, four) = played["translators" if player == "generator" and name in OF_SOURCES else player]
    assert np.isfinite(one[f"{player}/{name}"])
    np.testing.assert_allclose(one[f"{player}/{name}"], four[f"{player}/{name}"], rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize("player", [*PLAYERS, "translators"])
def test_terms_train_their_player_to_the_same_state_on_four_devices(player, played):
    before, (one, four), _ = played[player]
    moved = "generator" if player == "translators" else player
    old, new = (jax.tree.leaves(s.players[moved].params) for s in (before, one))
    assert any(not np.array_equal(a, b) for a, b in zip(old, new, strict=True))
    for a, b in zip(*map(jax.tree.leaves, (one, four)), strict=True):
        assert np.isfinite(a).all()
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=2e-6)


def test_relativistic_losses_are_of_differences_and_see_no_common_constant():
    real, fake = jnp.array([0.3, -1.2, 4.0]), jnp.array([-0.7, 2.0, 0.1])
    sigmoid = 1 / (1 + np.exp(-(np.asarray(real, np.float64) - np.asarray(fake, np.float64))))
    np.testing.assert_allclose(losses.critic_relativistic(real, fake), -np.log(sigmoid), rtol=1e-5)
    np.testing.assert_allclose(losses.generator_relativistic(real, fake), -np.log(1 - sigmoid), rtol=1e-5)
    np.testing.assert_allclose(
        losses.critic_relativistic(real + 7, fake + 7), losses.critic_relativistic(real, fake), atol=1e-5
    )
    mine, theirs = (
        jax.grad(lambda f, loss=loss: loss(real, f).sum())(fake)
        for loss in (losses.critic_relativistic, losses.generator_relativistic)
    )
    np.testing.assert_allclose(mine - theirs, 1.0, rtol=1e-5)  # s and 1 - s of the same difference


def test_the_optimal_relativistic_critic_of_equal_distributions_is_flat():
    """Of all pairs of p = q the loss is least, log 2, at equal scores: convex, and its gradient there is 0."""
    p = jnp.array([0.2, 0.3, 0.5])

    def loss(scores):
        return p @ losses.critic_relativistic(scores[:, None], scores[None, :]) @ p

    np.testing.assert_allclose(loss(jnp.zeros(3)), np.log(2), rtol=1e-6)
    np.testing.assert_allclose(jax.grad(loss)(jnp.full(3, 2.0)), 0.0, atol=1e-7)


def test_relativistic_average_against_probabilities():
    real, fake = np.array([0.3, -1.2, 4.0]), np.array([-0.7, 2.0, 0.1])

    def log_sigmoid(s):
        return -np.log1p(np.exp(-s))

    expected = -log_sigmoid(real - fake.mean()) - log_sigmoid(real.mean() - fake)
    means = jnp.float32(real.mean()), jnp.float32(fake.mean())
    found = losses.critic_relativistic_average(jnp.float32(real), jnp.float32(fake), *means)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    answer = losses.generator_relativistic_average(jnp.float32(real), jnp.float32(fake), *means)
    np.testing.assert_allclose(answer, -log_sigmoid(fake - real.mean()) - log_sigmoid(fake.mean() - real), rtol=1e-5)


def test_r2_is_the_squared_gradient_norm_at_fakes():
    """Of the score sum(c x^2) / 2 the gradient is c x."""
    fake, scale = random.normal(KEY, (4, 3, 2, 2)), jnp.arange(1.0, 5.0)[:, None, None, None]
    penalty, norm = penalties.r2(lambda x: (scale * x**2).sum((1, 2, 3)) / 2, fake)
    np.testing.assert_allclose(penalty, ((scale * fake) ** 2).sum((1, 2, 3)), rtol=1e-5)
    np.testing.assert_allclose(norm**2, penalty, rtol=1e-5)


def test_r1_and_r2_of_a_game_are_of_its_own_real_examples_and_fakes():
    made = game({"critic": {"r1": critic.r1, "r2": critic.r2}})
    _, metrics = step_on_one(*made)(made[0])
    state, objective = made[0], made[2]
    key = random.fold_in(random.fold_in(random.fold_in(KEY, 0), 0), 0)
    batch = fields.fill(SAMPLERS, {n: v[0] for n, v in BATCHES.items()}, fields.stream(key, "fill"))
    fake, _ = NETWORKS["generator"].apply(state.players["generator"].params, {}, batch, train=True)

    def norms(x):
        def score(x):
            return NETWORKS["critic"].apply(state.players["critic"].params, {}, {"x": x}, train=True)[0]["scores"].sum()

        return jnp.square(jax.grad(score)(x)).sum((1, 2, 3)).mean()

    np.testing.assert_allclose(metrics["critic/r1"], norms(batch["x"]), rtol=1e-5)
    np.testing.assert_allclose(metrics["critic/r2"], norms(fake), rtol=1e-5)
    assert {*objective.weights["critic"]} == {"r1", "r2"}


def test_lecam_is_the_distance_from_the_moving_average_of_the_other_kind():
    made = game({"critic": {"bce": critic.bce, "lecam": critic.lecam}})
    step, state, seen = step_on_one(*made), made[0], []
    for _ in range(3):
        before = state.players["critic"].carry
        state, metrics = step(state)
        seen.append((before, state.players["critic"].carry, metrics))
    assert float(seen[0][2]["critic/lecam"]) == 0.0  # the averages begin with the first batch
    (_, first, _), (_, second, metrics), _ = seen
    gap = metrics["critic/gap"] if "critic/gap" in metrics else metrics["critic/distance"]
    names = ("lecam_real", "lecam_fake")
    means = {name: (second[name] - 0.99 * first[name]) / 0.01 for name in names}  # of the second batch's scores
    np.testing.assert_allclose(means["lecam_real"] - means["lecam_fake"], gap, atol=1e-3)
    assert float(metrics["critic/lecam"]) > 0
    values = penalties.lecam(jnp.array([1.0, 2.0]), jnp.array([0.0, -1.0]), jnp.float32(3.0), jnp.float32(-2.0))
    np.testing.assert_allclose(values, [(1 + 2) ** 2 + 3**2, (2 + 2) ** 2 + 4**2])
    carry = {name: jnp.float32(value) for name, value in zip((*names, "lecam_begun"), (3, -2, 1), strict=True)}
    given = {"real_scores": jnp.array([1.0, 2.0]), "fake_scores": jnp.array([0.0, -1.0]), "carry": carry}
    np.testing.assert_allclose(critic.lecam(SimpleNamespace(**given)).values, values)  # each kind by the other's mean


@pytest.mark.parametrize("when", [{"every": 4}, {"every": 1, "after": 3}])
def test_lecam_begins_with_the_first_batch_that_it_sees(when):
    """It is 0 then, and its averages are that batch's means, whichever step that is."""
    made = game({"critic": {"bce": critic.bce, "lecam": Weighted(lazily(critic.lecam, **when))}})
    step, state, means = step_on_one(*made), made[0], []
    for _ in range(4):
        before = state.players["critic"].carry
        state, metrics = step(state)
        means.append((before["lecam_begun"], state.players["critic"].carry, metrics))
    begun, after, metrics = next(of for of in means if float(of[1]["lecam_begun"]) == 1.0)
    assert float(begun) == float(metrics["critic/lecam"]) == 0.0
    gap = metrics["critic/gap"] if "critic/gap" in metrics else metrics["critic/distance"]
    np.testing.assert_allclose(after["lecam_real"] - after["lecam_fake"], gap, atol=1e-5)


def test_feature_matching_is_0_for_features_of_equal_means_and_the_squared_distance_else():
    absolute = partial(generator.feature_matching, absolute=True)
    terms = {"feature_matching": generator.feature_matching, "absolute": absolute, "feature_l1": generator.feature_l1}
    made = game({"generator": terms})
    _, metrics = step_on_one(*made)(made[0])
    state, critics = made[0], NETWORKS["critic"]
    after, _ = step_on_one(*made)(state)
    params = after.players["critic"].params  # the generator's rival is the updated critic
    key = random.fold_in(random.fold_in(random.fold_in(KEY, 0), 1), 0)
    batch = fields.fill(SAMPLERS, {n: v[0] for n, v in BATCHES.items()}, fields.stream(key, "fill"))
    fake, _ = NETWORKS["generator"].apply(state.players["generator"].params, {}, batch, train=True)
    real, made_up = (critics.features(params, {}, {"x": x}, train=True) for x in (batch["x"], fake))
    assert real.shape == (8, 2, 2, 4)
    np.testing.assert_allclose(
        metrics["generator/feature_matching"], jnp.square(real.mean(0) - made_up.mean(0)).sum(), rtol=1e-4
    )
    difference = jnp.abs(real.mean(0) - made_up.mean(0)).sum()
    np.testing.assert_allclose(metrics["generator/absolute"], difference, rtol=1e-4)
    np.testing.assert_allclose(metrics["generator/feature_l1"], jnp.abs(real - made_up).mean(), rtol=1e-4)


def test_feature_l1_compares_images_that_are_moved_alike():
    moved = {"real": 1.0, "fake": 2.0}
    forward = SimpleNamespace(real=BATCHES["x"][0], fake=BATCHES["x"][0], features=lambda x, like: x + moved[like])
    np.testing.assert_array_equal(generator.feature_l1(forward).values, 0)


def test_the_auxiliary_loss_is_the_cross_entropy_of_the_batchs_labels():
    made = game({"critic": {"auxiliary": critic.auxiliary}})
    _, metrics = step_on_one(*made)(made[0])
    outputs, _ = NETWORKS["critic"].apply(made[0].players["critic"].params, {}, {"x": BATCHES["x"][0]}, train=True)
    share = (outputs["logits"].argmax(-1) == BATCHES["label"][0]).mean()
    np.testing.assert_allclose(metrics["critic/class_accuracy"], share, rtol=1e-6)


def test_auxiliary_losses_of_real_examples_and_fakes_are_in_closed_form():
    label, (real, fake) = BATCHES["label"][0], random.normal(KEY, (2, 8, 3))
    forward = SimpleNamespace(batch={"label": label}, real_logits=real, fake_logits=fake)
    of_real, of_fake = (-np.log(softmax(np.asarray(logits))[np.arange(8), label]) for logits in (real, fake))
    for fakes in (0.0, 0.5, 1.0):
        values = critic.auxiliary(forward, fakes=fakes).values
        np.testing.assert_allclose(values, of_real + fakes * of_fake, rtol=1e-4)
    np.testing.assert_allclose(generator.auxiliary(forward).values, of_fake, rtol=1e-4)


def softmax(logits):
    exp = np.exp(logits - logits.max(-1, keepdims=True))
    return exp / exp.sum(-1, keepdims=True)


def test_consistency_is_of_copies_that_are_flipped_and_moved_within_their_bound():
    """Of a linear critic w x it is (w (x - T x))^2; each T x is one of the copies that the bound allows."""
    x, w = random.uniform(KEY, (2, 16, 8, 8, 1)), random.normal(random.key(1), (8, 8, 1))
    real, fake = x

    def score(x, like=None):
        del like
        return (x * w).sum((1, 2, 3))

    forward = SimpleNamespace(
        real=real, fake=fake, key=KEY, score=score, real_scores=score(real), fake_scores=score(fake)
    )
    keys = [fields.stream(KEY, name) for name in ("real", "fake")]
    moved = [critic._moved(key, of, 0.25) for key, of in zip(keys, x, strict=True)]
    parts = [jnp.square(score(of) - score(copy)) for of, copy in zip(x, moved, strict=True)]
    for fakes in (0.0, 0.5):
        values = critic.consistency(forward, fraction=0.25, fakes=fakes).values
        np.testing.assert_allclose(values, parts[0] + fakes * parts[1], rtol=1e-3, atol=1e-4)
    found = set()
    for image, copy in zip(np.asarray(real)[..., 0], np.asarray(moved[0])[..., 0], strict=True):
        fits = [
            (flip, down, across)
            for flip, down, across in product((1, -1), range(-3, 4), range(-3, 4))
            if np.allclose(shifted(image[:, ::flip], down, across), copy, atol=1e-4)
        ]
        [(flip, down, across)] = fits
        assert max(abs(down), abs(across)) <= 2
        found.add((flip, down, across))
    assert len(found) > 8  # each example has its own
    assert {flip for flip, _, _ in found} == {1, -1}


def test_consistency_of_a_critic_of_patches_allows_scores_that_move_with_the_image():
    def score(x, like=None):
        del like
        return x.mean(3)  # a score for each pixel

    x = random.normal(KEY, (4, 8, 8, 1))
    forward = SimpleNamespace(real=x, fake=x, key=KEY, score=score, real_scores=score(x), fake_scores=score(x))
    np.testing.assert_allclose(critic.consistency(forward, fraction=0.0).values, np.zeros(4), atol=1e-9)


def shifted(image, down, across):
    """The image [8, 8] moved by at most 3 pixels, its edges reflected."""
    return np.pad(image, 3, mode="reflect")[3 - down : 11 - down, 3 - across : 11 - across]


def test_terms_say_what_they_need():
    plain = {**NETWORKS, "critic": Network(mlp.Critic(widths=(8,)))}
    for terms, message in (
        ({"critic": {"auxiliary": critic.auxiliary}}, "needs a critic that gives class logits"),
        ({"generator": {"feature_matching": generator.feature_matching}}, "has no method `features`"),
    ):
        made = game(terms, plain)
        with pytest.raises(ValueError, match=message):
            step_on_one(*made)(made[0])


def test_several_critics_are_one_player_and_each_term_is_their_mean():
    small = Network(dcgan.Critic(**{**CONV, "norm": layers.NoNorm}))
    networks = {**NETWORKS, "critic": Network(dcgan.Critic(**CONV)), "critic_half": small}
    terms = {
        "critic": {"hinge": critic.hinge, "r1": critic.r1, "lecam": critic.lecam},
        "generator": {"hinge": generator.hinge, "l1": Weighted(generator.l1, 2.0), "lpips": bound(generator, "lpips")},
    }
    made = game(terms, networks, scales={"critic_half": 2})
    state, metrics = step_on_one(*made)(made[0])
    assert {*state.players["critic"].params} == {"critic", "critic_half"}
    assert {"lecam_real", "lecam_real_half"} <= {*state.players["critic"].carry}
    assert float(metrics["generator/lpips"]) > 0  # the frozen network is every critic's
    assert {"critic/accuracy", "critic/accuracy_half", "critic/real_gradient_norm_half"} <= {*metrics}
    alone = []
    for role, factor in (("critic", 1), ("critic_half", 2)):
        params = made[0].players["critic"].params[role]
        x = BATCHES["x"][0].reshape(8, 4 // factor, factor, 4 // factor, factor, 1).mean((2, 4))
        alone.append(jax.nn.relu(1 - networks[role].apply(params, {}, {"x": x}, train=True)[0]).mean())
    key = random.fold_in(random.fold_in(random.fold_in(KEY, 0), 0), 0)
    batch = fields.fill(SAMPLERS, {n: v[0] for n, v in BATCHES.items()}, fields.stream(key, "fill"))
    fake, _ = networks["generator"].apply(made[0].players["generator"].params, {}, batch, train=True)
    for number, (role, factor) in enumerate((("critic", 1), ("critic_half", 2))):
        x = fake.reshape(8, 4 // factor, factor, 4 // factor, factor, 1).mean((2, 4))
        scores = networks[role].apply(made[0].players["critic"].params[role], {}, {"x": x}, train=True)[0]
        alone[number] += jax.nn.relu(1 + scores).mean()
    np.testing.assert_allclose(metrics["critic/hinge"], np.mean(alone), rtol=1e-4)
    for role in networks:
        if role != "generator":
            old, new = (jax.tree.leaves(s.players["critic"].params[role]) for s in (made[0], state))
            assert any(not np.array_equal(a, b) for a, b in zip(old, new, strict=True))
    scores = made[2].predictions["scores"].fn(state.players, random.split(KEY, 8), {"x": BATCHES["x"][0]})
    assert scores.shape == (8,)


def test_scales_are_of_what_the_critic_sees():
    batch = {"x": jnp.ones((2, 4, 4, 1)), "source": jnp.ones((2, 3, 3, 1))}
    networks = {"critic": NETWORKS["critic"], "critic_half": Network(dcgan.Critic(**CONV))}
    model = Model(Network(Painter()), networks, {}, scales={"critic_half": 2})
    assert model.inputs("critic_half", batch)["x"].shape == (2, 2, 2, 1)


def test_scores_are_of_what_samplers_observe_of_the_examples():
    critic_of_pairs = Network(translation.PairCritic(width=2, downs=1))
    networks = {"generator": Network(translation.UNet((16, 16, 3), width=2)), "critic": critic_of_pairs}
    grey: dict = {"source": degrade.grey()}
    objective = adversarial.pix2pix(networks=networks, samplers=grey)
    x = random.uniform(KEY, (2, 16, 16, 3), minval=-1.0)
    example = fields.fill_each(grey, {"x": x[:1]}, KEY[None])
    still = steps.Update(lambda numbers: optax.sgd(0.01))
    players = {name: steps.start(init(KEY, example), still) for name, init in objective.init.items()}
    scores = objective.predictions["scores"].fn
    given = fields.fill_each(grey, {"x": x}, random.split(KEY, 2))
    found = [scores(players, random.split(KEY, 2), batch) for batch in ({"x": x}, given)]
    np.testing.assert_array_equal(*found)


@pytest.mark.parametrize(
    ("networks", "scales", "message"),
    [
        ({"judge": NETWORKS["critic"]}, {}, "further critics whose names start with `critic_`"),
        ({}, {"critic_half": 2}, "scales has 'critic_half'"),
        ({}, {"critic": 0}, "scales.critic is 0"),
        ({}, {"critic": 3}, "does not divide images of 4x4"),
    ],
)
def test_wrong_critics_are_errors_at_the_start(networks, scales, message):
    with pytest.raises(ValueError, match=message):
        game(networks={**NETWORKS, **networks}, scales=scales)


def config_of(**changed):
    """A config of a small relativistic game on digits, with these dotted fields changed."""
    config = load(ROOT / "configs" / "digits_dcgan.py").unlock()
    config.objective = {"name": "adversarial.r3gan"}
    config.networks = {"generator": {"name": "mlp.Generator", "widths": (4,)}, "critic": {"name": "mlp.Critic"}}
    config.update(ConfigDict(changed))
    return config


def test_a_config_sets_weights_intervals_schedules_and_arguments_of_terms():
    halved = {"name": "cosine_decay_schedule", "init_value": 1.0, "decay_steps": 8, "alpha": 0.1}
    of_critic = {"r1": {"weight": 5, "every": 2}, "r2": {"weight": halved}, "lecam": {"weight": 0.3, "decay": 0.5}}
    experiment = build_on(config_of(objective={"name": "adversarial.r3gan", "critic": of_critic}), (8, 8, 1))
    assert experiment.hyperparams["critic"].weights == {"relativistic": 1.0, "r1": 5.0, "lecam": 0.3}
    state, step = experiment.init(experiment.keys.init), jax.jit(experiment.train_step)
    batches = {"x": random.uniform(KEY, (1, 4, 8, 8, 1), minval=-1.0)}
    for number in range(3):
        state, metrics = step(state, batches, experiment.keys.train, experiment.hyperparams)
        assert (metrics["critic/r1"] > 0) == (number == 1)
        gamma = 1.0 * (0.9 * 0.5 * (1 + np.cos(np.pi * number / 8)) + 0.1)
        found = metrics["critic/loss"] - metrics["critic/relativistic"] - 5 * metrics["critic/r1"]
        found -= 0.3 * metrics["critic/lecam"]
        np.testing.assert_allclose(found, gamma * metrics["critic/r2"], rtol=1e-2, atol=1e-5)


@pytest.mark.parametrize(
    ("critic_terms", "message"),
    [
        ({"r1": {"every": 0}}, r"config\.objective\.critic\.r1: every is 0: it must be a whole number of steps"),
        ({"r1": {"every": 2.5}}, r"config\.objective\.critic\.r1: every is 2\.5"),
        ({"r3": 1.0}, r"config\.objective\.critic\.r3\.name: .* has no 'r3'"),
        (
            {"r1": {"name": "linear_schedule", "init_value": 1.0, "end_value": 0.0, "transition_steps": 0}},
            r"critic\.r1\.weight\.transition_steps is 0: to end after it begins, it must be at least 1",
        ),
    ],
)
def test_wrong_terms_are_one_line_with_their_field(critic_terms, message):
    config = config_of(objective={"name": "adversarial.r3gan", "critic": critic_terms})
    with pytest.raises(UserError, match=message):
        build_on(config, (8, 8, 1))


LINE = {"name": "linear_schedule", "init_value": 0.0, "end_value": 5.0, "transition_steps": 100}
FALLING = {"name": "linear_schedule", "init_value": -1.0, "end_value": 0.0, "transition_steps": 1_000}
WARM = {"name": "warmup_cosine_decay_schedule", "init_value": 0.0, "peak_value": 1.0, "decay_steps": 5}

LATE = {**WARM, "warmup_steps": 7}
PIECES = {"name": "piecewise_constant_schedule", "init_value": 1.0}
JOINED = {"name": "join_schedules", "schedules": (LINE, 1.0)}
ONE_CYCLE = {"name": "linear_onecycle_schedule", "transition_steps": 9, "peak_value": 1.0}


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"players": {"generator": {"ema": LINE}}}, r"config\.players\.generator\.ema is .* and at most 1"),
        (
            {"objective": {"critic": {"r1": {**LINE, "end_value": -5.0}}}},
            r"config\.objective\.critic\.r1\.weight is -.* at 1: its schedule must be at least 0$",
        ),
        (
            {"objective": {"critic": {"r1": {**LINE, "transition_steps": "a"}}}},
            r"config\.objective\.critic\.r1\.weight\.transition_steps is 'a': it must be a number",
        ),
        (
            {"objective": {"critic": {"r1": {**WARM, "warmup_steps": -1}}}},
            r"warmup_steps is -1: to end after it begins, it must be at least 0",
        ),
        (
            {"objective": {"critic": {"consistency": {"fraction": 5.0}}}},
            r"^config\.objective\.critic\.consistency: fraction is 5\.0",
        ),
        (
            {"objective": {"critic": {"consistency": {"fakes": -3.0}}}},
            r"^config\.objective\.critic\.consistency: fakes is -3\.0",
        ),
        (
            {"objective": {"generator": {"nce": {"temperature": 0.1}}}},
            r"^config\.objective\.generator\.nce: this term needs the field 'source', but the batch has .*x",
        ),
        (
            {"objective": {"critic": {"r1": {"weight": {**ONE_CYCLE, "pct_start": 0.9, "pct_final": 0.1}}}}},
            r"^config\.objective\.critic\.r1\.weight: pct_start and pct_final are \[0\.9, 0\.1\]",
        ),
        (
            {"objective": {"critic": {"lecam": {"decay": 2.0}}}},
            r"^config\.objective\.critic\.lecam: decay is 2\.0",
        ),
        ({"objective": {"critic": {"r1": {"epsilon": -1.0}}}}, r"critic\.r1: epsilon is -1\.0: it must be above 0"),
        (
            {"objective": {"generator": {"identity": {"weight": 5.0}}}},
            r"^config\.objective\.generator\.identity: this term needs a generator that takes `source`",
        ),
        (
            {"objective": {"critic": {"again": {"name": "r1"}}}},
            r"the term again logs or stores real_gradient_norm, real_gradient_norm_max, names that another term",
        ),
        (
            {"objective": {"critic": {"loss": {"name": "bce"}}}},
            r"the term loss logs or stores loss, names that another",
        ),
        ({"objective": {"augment": {"name": "ada", "start": 1.5}}}, r"config\.objective\.augment: start is 1\.5"),
        (
            {"players": {"critic": {"optimizer": {"name": "adam", "learning_rate": FALLING}}}},
            r"config\.players\.critic\.optimizer\.learning_rate is -1 at 0: its schedule must be at least 0$",
        ),
        (
            {"players": {"critic": {"optimizer": {"name": "adam", "learning_rate": 1e-4, "b2": LINE}}}},
            r"config\.players\.critic\.optimizer\.b2 is .*: its schedule must be at least 0 and at most 1$",
        ),
        (
            {"objective": {"critic": {"r1": {**PIECES, "boundaries_and_scales": {"0": 0.1}}}}},
            r"^config\.objective\.critic\.r1\.weight\.boundaries_and_scales has '0': its steps must be whole",
        ),
        (
            {"objective": {"critic": {"r1": {**PIECES, "boundaries_and_scales": {"5": "a"}}}}},
            r"^config\.objective\.critic\.r1\.weight\.boundaries_and_scales\.5 is 'a': it must be a number",
        ),
        (
            {"objective": {"critic": {"r1": {**PIECES, "boundaries_and_scales": {"5": -0.1}}}}},
            r"^config\.objective\.critic\.r1\.weight: .*non-negative",
        ),
        (
            {"objective": {"critic": {"r1": {**PIECES, "boundaries_and_scales": 5}}}},
            r"\.boundaries_and_scales is 5: it must be a block of steps and factors, such as \{'1000': 0\.1\}",
        ),
        (
            {"objective": {"critic": {"r1": {**JOINED, "boundaries": (5, 9)}}}},
            r"^config\.objective\.critic\.r1\.weight\.boundaries is \(5, 9\): it must be a tuple of 1 ascending whole",
        ),
        (
            {"objective": {"critic": {"r1": {**JOINED, "schedules": (LINE, LINE, 1.0), "boundaries": (5, 5)}}}},
            r"\.boundaries is \(5, 5\): it must be a tuple of 2 ascending whole numbers from 1",
        ),
        (
            {"objective": {"critic": {"r1": {**JOINED, "schedules": LINE, "boundaries": (5,)}}}},
            r"^config\.objective\.critic\.r1\.weight\.schedules is \{.*: it must be a tuple of schedules and numbers",
        ),
        (
            {"objective": {"critic": {"r1": {**JOINED, "schedules": (LATE, 1), "boundaries": (5,)}}}},
            r"^config\.objective\.critic\.r1\.weight\.schedules\.0\.decay_steps is 5: to end after it begins",
        ),
        (
            {"objective": {"critic": {"r1": {**JOINED, "schedules": (0, LINE), "boundaries": (10**6,)}}}},
            r"^config\.objective\.critic\.r1\.weight is 0 at each of the .* steps of the run",
        ),
        ({"objective": {"augment": {"name": "ada", "p": LINE}}}, r"config\.objective\.augment\.p is .* at most 1"),
    ],
)
def test_values_of_schedules_and_arguments_have_their_limits(changed, message):
    values = config_of(objective={"name": "adversarial.r3gan"}).to_dict()
    [[block, fields_of]] = changed.items()
    [[name, value]] = fields_of.items()
    values[block][name] = {**values[block].get(name, {}), **value}
    config = ConfigDict(values)
    with pytest.raises(UserError, match=message):
        check_step(build_on(config, (8, 8, 1)), config)


@pytest.mark.parametrize("when", [{"every": 1_000_000}, {"every": 16, "after": 97}])
def test_a_term_that_no_step_computes_is_warned_of(when, caplog):
    config = config_of(objective={"name": "adversarial.r3gan", "critic": {"r1": {"weight": 1.0, **when}}}, steps=100)
    build_on(config, (8, 8, 1))
    assert [r.getMessage() for r in caplog.records if "config.objective.critic.r1 is never computed" in r.getMessage()]
    caplog.clear()
    config.objective.critic.r1.update({"every": 16, "after": 95})
    build_on(config, (8, 8, 1))
    assert "never computed" not in caplog.text


def test_consistency_is_refused_where_the_critic_sees_a_source_that_does_not_move():
    networks = {**NETWORKS, "critic": Network(translation.PairCritic(4, 0))}
    with pytest.raises(ValueError, match="the term consistency changes only `x`, but the critic also sees source"):
        game({"critic": {"bce": critic.bce, "consistency": critic.consistency}}, networks)


def test_terms_of_a_critic_are_refused_without_one():
    """Scores of nothing would make their mean, and the loss, NaN."""
    for name in ("hinge", "relativistic", "relativistic_average", "feature_matching"):
        objective = regression.l1(
            networks={"generator": Network(Painter())},
            generator={"l1": Weighted(generator.l1), name: Weighted(getattr(generator, name))},
        )
        made = started(objective)
        message = rf"^config\.objective\.generator\.{name}: this term needs a critic"
        with pytest.raises(ValueError, match=message):
            step_on_one(*made)(made[0])


def test_a_lazy_term_of_classes_predicts_them_too():
    networks = {"generator": NETWORKS["generator"], "critic": Network(dcgan.AuxiliaryCritic(width=4, classes=3))}
    for term in (critic.auxiliary, lazily(critic.auxiliary, every=2), lazily(critic.auxiliary, every=1, after=5)):
        terms = {"bce": Weighted(critic.bce), "auxiliary": Weighted(term)}
        objective = adversarial.acgan(networks=networks, samplers=SAMPLERS, critic=terms)
        assert "classify" in objective.predictions


def test_r2_is_the_critics_alone():
    config = config_of(objective={"name": "adversarial.r3gan", "generator": {"r2": 1.0}})
    with pytest.raises(UserError, match=r"config\.objective\.generator\.r2\.name: .*generator has no 'r2'"):
        build_on(config, (8, 8, 1))


def test_a_critic_that_passes_no_gradients_is_refused_by_the_penalty_of_it():
    config = config_of(objective={"name": "adversarial.relativistic", "critic": {"r2": 1.0}})
    config.networks.critic = {"name": "small_networks:Blind"}
    message = r"^config\.objective\.critic\.r2: the critic passes no gradient to its examples"
    with pytest.raises(UserError, match=message):
        check_step(build_on(config, (8, 8, 1)), config)
