"""Variational autoencoders: their terms against SciPy, and their bounds on a model whose log p(x) is known exactly."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import scipy.stats
from conftest import build_on
from jax import random
from scipy.integrate import quad

from gan_jax import data
from gan_jax.core import steps
from gan_jax.core.collectives import example_keys
from gan_jax.core.networks import Network
from gan_jax.core.state import Player, TrainState
from gan_jax.data.base import Dataset
from gan_jax.distributions import labels, likelihoods
from gan_jax.distributions import latents as priors
from gan_jax.errors import UserError
from gan_jax.evaluation.evaluators import likelihood as evaluator
from gan_jax.evaluation.evaluators.base import Context
from gan_jax.losses import elbo
from gan_jax.metrics.likelihood import importance_weighted_bound
from gan_jax.models import autoencoder, mlp
from gan_jax.models import vae as models
from gan_jax.objectives import vae as objectives

pytestmark = pytest.mark.heavy

KEY = random.key(0)
UNIT = (0.0, 1.0)
NETWORKS = {
    "encoder": Network(models.Encoder(3, widths=(8,))),
    "decoder": Network(models.Decoder((4, 4, 1), widths=(8,))),
}
CONVOLUTIONAL = {
    "encoder": Network(models.ConvEncoder(3, widths=(4, 4), kernels=(3, 4), strides=(1, 2), paddings=(1, 1))),
    "decoder": Network(models.ConvDecoder((4, 4, 1), widths=(4,), kernels=(2, 4), strides=(1, 2), paddings=(0, 1))),
}
CONDITIONAL = {
    "encoder": Network(models.ConditionalEncoder(3, classes=5, widths=(8,))),
    "decoder": Network(models.ConditionalDecoder((4, 4, 1), classes=5, widths=(8,))),
}


def vae(**parts):
    """The objective, its functions compiled."""
    objective = objectives.vae(**parts)
    init = {player: jax.jit(function) for player, function in objective.init.items()}
    compiled = {name: use._replace(fn=jax.jit(use.fn)) for name, use in objective.predictions.items()}
    return objective._replace(init=init, predictions=compiled)


def ask(objective, use, players, keys, **batch):
    """A prediction of a batch, by name."""
    return objective.predictions[use].fn(players, keys, batch)


VAES = {
    "bernoulli": vae(networks=NETWORKS, likelihood=likelihoods.bernoulli(), limits=UNIT),
    "binarised": vae(networks=NETWORKS, likelihood=likelihoods.binarised(), limits=UNIT),
    "learned_normal": vae(networks=NETWORKS, likelihood=likelihoods.learned_normal(), limits=UNIT, beta=0.5),
    "convolutional": vae(networks=CONVOLUTIONAL, likelihood=likelihoods.normal(0.3), limits=(-1.0, 1.0)),
    "conditional": vae(
        networks=CONDITIONAL,
        samplers={"label": labels.uniform(5)},
        likelihood=likelihoods.bernoulli(),
        limits=UNIT,
    ),
}
BATCH = {"x": random.uniform(KEY, (16, 4, 4, 1)), "label": jnp.arange(16, dtype=jnp.int32) % 5}
each = pytest.mark.parametrize("name", VAES)


def first_player(objective, x=BATCH["x"]):
    batch = {"x": x[:1], "label": BATCH["label"][:1]}
    first = objective.init["autoencoder"](KEY, batch)
    return {"autoencoder": Player(first.params, first.stats, ())}


@pytest.mark.parametrize(("mean", "logvar"), [(0.0, 0.0), (1.5, -2.0), (-0.3, 1.0), (0.0, 1e-4)])
def test_kl_is_the_integral(mean, logvar):
    q, p = scipy.stats.norm(mean, np.exp(logvar / 2)), scipy.stats.norm()
    wanted, _ = quad(lambda z: q.pdf(z) * (q.logpdf(z) - p.logpdf(z)), mean - 15, mean + 15, epsabs=1e-12, limit=200)
    got = elbo.kl_to_standard_normal(jnp.full((1, 1), mean), jnp.full((1, 1), logvar))
    np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-9)


def test_kl_sums_over_latents_and_is_zero_at_the_prior():
    mean, logvar = random.normal(KEY, (2, 5, 3))
    one = elbo.kl_to_standard_normal(mean.reshape(-1, 1), logvar.reshape(-1, 1))
    np.testing.assert_allclose(elbo.kl_to_standard_normal(mean, logvar), one.reshape(5, 3).sum(1), rtol=1e-5)
    np.testing.assert_array_equal(elbo.kl_to_standard_normal(jnp.zeros((2, 3)), jnp.zeros((2, 3))), jnp.zeros(2))


def test_log_probs_are_scipys():
    outputs, x = random.normal(KEY, (2, 6, 4, 4, 1))
    bits = (x > 0).astype(jnp.float32)
    p = scipy.special.expit(np.asarray(outputs, np.float64))
    wanted = scipy.stats.bernoulli.logpmf(bits, p).sum((1, 2, 3))
    np.testing.assert_allclose(likelihoods.bernoulli().log_prob({}, outputs, bits), wanted, rtol=1e-5)
    wanted = scipy.stats.norm.logpdf(x, outputs, 0.3).sum((1, 2, 3))
    np.testing.assert_allclose(likelihoods.normal(0.3).log_prob({}, outputs, x), wanted, rtol=1e-5)
    learned = likelihoods.learned_normal(0.3)
    np.testing.assert_allclose(learned.log_prob(learned.init(), outputs, x), wanted, rtol=1e-5)


@pytest.mark.parametrize("logit", [-1e4, 1e4])
def test_bernoulli_is_finite_where_the_decoder_is_sure(logit):
    x = jnp.array([[0.0, 1.0]])
    value, gradient = jax.value_and_grad(lambda a: elbo.bernoulli_log_prob(a, x)[0])(jnp.full((1, 2), logit))
    np.testing.assert_allclose(value, -1e4)
    assert jnp.isfinite(gradient).all()


def test_learned_variance_is_best_at_the_mean_squared_error():
    outputs, x = random.normal(KEY, (2, 1, 200))
    best = {"logvar": jnp.log(jnp.square(outputs - x).mean())}
    slope = jax.grad(lambda params: likelihoods.learned_normal().log_prob(params, outputs, x)[0])(best)
    assert abs(slope["logvar"]) < 1e-3


def test_binarised_pixels_are_bits_of_the_examples_own_keys():
    law, x = likelihoods.binarised(), jnp.full((400, 10), 0.3)
    keys = example_keys(KEY, 400)
    bits = law.observe(keys, x)
    assert set(np.unique(bits)) == {0.0, 1.0}
    np.testing.assert_allclose(bits.mean(), 0.3, atol=3 * np.sqrt(0.21 / bits.size))
    np.testing.assert_array_equal(law.observe(keys[7:9], x[7:9]), bits[7:9])


def plain(latents, shape):
    """Networks of one linear layer each."""
    encoder, decoder = models.Encoder(latents, widths=()), models.Decoder(shape, widths=())
    return {"encoder": Network(encoder), "decoder": Network(decoder)}


class Linear:
    """p(z) = N(0, I), x = W z + b + N(0, std^2): log p(x) and the posterior are known. The encoder is told its bias."""

    std = 0.5
    w = np.array([[1.0, 0.5], [-0.3, 0.8], [0.2, -1.1]])
    b = np.array([0.1, -0.2, 0.3])
    covariance = np.linalg.inv(np.eye(2) + w.T @ w / std**2)  # of z given x: made nearly diagonal by this w
    x = np.array([[0.5, -1.0, 2.0], [-1.5, 0.0, 0.4], [0.2, 0.2, 0.2]])
    log_p = scipy.stats.multivariate_normal(b, w @ w.T + std**2 * np.eye(3)).logpdf(x)

    def game(self, logvar, stretch):
        objective = vae(
            networks=plain(2, (3,)),
            likelihood=likelihoods.normal(self.std),
            limits=None,
        )
        gain = stretch * self.covariance @ self.w.T / self.std**2
        players = first_player(objective, jnp.asarray(self.x, jnp.float32))
        params = players["autoencoder"].params
        kernel = np.concatenate([gain.T, np.zeros((3, 2))], axis=1)
        bias = np.concatenate([-gain @ self.b, logvar])
        params["encoder"] = {"Encoder_0": {"Dense_0": {"kernel": jnp.float32(kernel), "bias": jnp.float32(bias)}}}
        params["decoder"] = {"Dense_0": {"kernel": jnp.float32(self.w.T), "bias": jnp.float32(self.b)}}
        return objective, players

    def log_weights(self, logvar, stretch, draws):
        objective, players = self.game(logvar, stretch)
        x, numbers = jnp.asarray(self.x, jnp.float32), jnp.tile(jnp.arange(draws), (3, 1))
        return np.asarray(ask(objective, "log_weights", players, example_keys(KEY, 3), x=x, draws=numbers))


def test_bound_is_exact_where_the_posterior_is():
    """Columns of W turned to be orthogonal make the posterior diagonal: then every weight is p(x) itself."""
    model = Linear()
    u, s, _ = np.linalg.svd(Linear.w, full_matrices=False)
    model.w = u * s  # the same law of x
    model.covariance = np.diag(1 / (1 + s**2 / model.std**2))
    weights = model.log_weights(np.log(np.diag(model.covariance)), 1.0, 5)
    np.testing.assert_allclose(weights, np.repeat(model.log_p[:, None], 5, axis=1), atol=2e-5)


def test_bound_rises_with_samples_to_log_p():
    model = Linear()
    weights = model.log_weights(np.array([-1.0, -1.5]), 0.8, 5_000)
    bounds = [np.asarray(importance_weighted_bound(weights.reshape(3, -1, k))).mean(1) for k in (1, 5, 50, 500, 5_000)]
    assert (np.diff(bounds[:4], axis=0) > 0).all()
    assert (bounds[0] < model.log_p - 0.1).all()
    np.testing.assert_allclose(bounds[-1], model.log_p, atol=0.03)


def test_one_weight_is_the_elbo_and_its_terms_are():
    """With k = 1 the bound's mean is -(reconstruction + kl), and the closed form of both on a linear model."""
    model, logvar = Linear(), np.array([-1.0, -1.5])
    weights = model.log_weights(logvar, 0.8, 20_000).mean(1)
    gain = 0.8 * model.covariance @ model.w.T / model.std**2
    mean = (model.x - model.b) @ gain.T
    error = np.square(model.x - model.b - mean @ model.w.T).sum(1) + (np.square(model.w).sum(0) * np.exp(logvar)).sum()
    reconstruction = 0.5 * error / model.std**2 + 1.5 * np.log(2 * np.pi * model.std**2)
    kl = 0.5 * (np.square(mean) + np.exp(logvar) - 1 - logvar).sum(1)
    np.testing.assert_allclose(weights, -reconstruction - kl, atol=0.1)
    objective, players = model.game(logvar, 0.8)
    many = jnp.tile(jnp.asarray(model.x, jnp.float32), (5_000, 1))
    terms = ask(objective, "elbo", players, example_keys(KEY, 15_000), x=many)
    np.testing.assert_allclose(terms["kl"][:3], kl, rtol=1e-4)
    np.testing.assert_allclose(terms["reconstruction"].reshape(-1, 3).mean(0), reconstruction, atol=0.15)


def test_bound_of_equal_weights_is_the_weight_and_large_ones_stay_finite():
    np.testing.assert_allclose(importance_weighted_bound(jnp.full((2, 7), -1e4)), -1e4, rtol=1e-6)
    np.testing.assert_allclose(importance_weighted_bound(jnp.log(jnp.array([1.0, 3.0]))), np.log(2.0), rtol=1e-6)


@each
def test_rounds_are_finite_and_compile_once(name):
    objective = VAES[name]
    updates = {"autoencoder": steps.Update(lambda numbers: optax.adam(1e-2))}
    first = objective.init["autoencoder"](KEY, {name: values[:1] for name, values in BATCH.items()})
    players = {"autoencoder": steps.start(first, updates["autoencoder"])}
    step, numbers = jax.jit(steps.alternating(objective, updates)), steps.default_hyperparams(objective, updates)
    state, batches = TrainState(jnp.int32(0), players), jax.tree.map(lambda a: a[None], BATCH)
    seen = []
    for _ in range(100):
        state, metrics = step(state, batches, KEY, numbers)
        seen.append(metrics)
    assert step._cache_size() == 1
    terms = ("loss", "reconstruction", "kl", "gradient_norm")
    assert set(metrics) == {f"autoencoder/{term}" for term in terms}
    assert all(jnp.isfinite(leaf).all() for leaf in jax.tree.leaves((state.players, seen)))
    losses_seen = [float(metrics["autoencoder/loss"]) for metrics in seen]
    assert np.mean(losses_seen[-20:]) < np.mean(losses_seen[:20]) - 0.5
    for part in ("encoder", "decoder"):
        old, new = (jax.tree.leaves(p["autoencoder"].params[part]) for p in (players, state.players))
        assert not any(np.array_equal(a, b) for a, b in zip(old, new, strict=True))


@each
def test_loss_is_the_mean_of_terms_for_each_example(name):
    objective, beta = VAES[name], 0.5 if name == "learned_normal" else 1.0
    players, keys = first_player(objective), example_keys(KEY, 16)
    terms = ask(objective, "elbo", players, keys, **BATCH)
    assert {term: value.shape for term, value in terms.items()} == {"reconstruction": (16,), "kl": (16,)}
    few = ask(objective, "elbo", players, keys[3:5], **{field: values[3:5] for field, values in BATCH.items()})
    for term, value in few.items():
        np.testing.assert_allclose(value, terms[term][3:5], rtol=1e-5)
    state = TrainState(jnp.int32(0), players)
    loss, aux = objective.losses["autoencoder"](players["autoencoder"].params, state, BATCH, KEY, {"kl": beta})
    np.testing.assert_allclose(loss, aux.metrics["reconstruction"] + beta * aux.metrics["kl"], rtol=1e-6)


@each
def test_predictions_belong_to_their_keys_and_examples(name):
    objective = VAES[name]
    players, keys = first_player(objective), random.split(KEY, 5)
    given = {"x": BATCH["x"], **({"label": BATCH["label"]} if name == "conditional" else {})}
    made = ask(objective, "sample", players, keys)
    assert made.shape == (5, 4, 4, 1)
    np.testing.assert_allclose(ask(objective, "sample", players, keys[2:4]), made[2:4], atol=1e-6)
    t = jnp.tile(jnp.linspace(0, 1, 3), (5, 1))
    assert ask(objective, "interpolate", players, keys, t=t).shape == (5, 3, 4, 4, 1)
    each_key = example_keys(KEY, 16)
    assert ask(objective, "encode", players, each_key, **given).shape == (16, 3)
    recon = ask(objective, "reconstruct", players, each_key, **given)
    assert recon.shape == (16, 4, 4, 1)
    few = {field: values[:2] for field, values in given.items()}
    np.testing.assert_allclose(ask(objective, "reconstruct", players, each_key[:2], **few), recon[:2], atol=1e-6)
    draws = jnp.tile(jnp.arange(2), (16, 1))
    assert ask(objective, "log_weights", players, each_key, **BATCH, draws=draws).shape == (16, 2)


@each
def test_samples_leave_the_encoder_out(name):
    objective = VAES[name]
    players, keys = first_player(objective), random.split(KEY, 5)
    params = players["autoencoder"].params
    broken = {**params, "encoder": jax.tree.map(lambda leaf: leaf * jnp.nan, params["encoder"])}
    without = {"autoencoder": players["autoencoder"]._replace(params=broken)}
    wanted = ask(objective, "sample", players, keys)
    np.testing.assert_array_equal(ask(objective, "sample", without, keys), wanted)
    assert jnp.isfinite(wanted).all()


def test_samples_by_class_have_the_class_and_its_z():
    objective = VAES["conditional"]
    players, keys = first_player(objective), jnp.stack([KEY] * 5)
    made = ask(objective, "sample", players, keys, label=jnp.array([0, 1, 0, 2, 1]))
    np.testing.assert_array_equal(made[0], made[2])
    np.testing.assert_array_equal(made[1], made[4])
    assert jnp.abs(made[0] - made[1]).max() > 1e-3
    assert jnp.abs(made[0] - made[3]).max() > 1e-3


def test_two_latents_interpolate_over_the_plane():
    """A decoder that shows z itself: from left to right the first latent rises, from bottom to top the second."""
    objective = vae(
        networks=plain(2, (2,)),
        likelihood=likelihoods.normal(),
        limits=None,
    )
    players = first_player(objective, jnp.zeros((1, 2)))
    players["autoencoder"].params["decoder"] = {"Dense_0": {"kernel": jnp.eye(2), "bias": jnp.zeros(2)}}
    t = jnp.tile(jnp.linspace(0, 1, 3), (5, 1))
    plane = ask(objective, "interpolate", players, random.split(KEY, 5), t=t)
    at = scipy.stats.norm.ppf([0.02, 0.26, 0.5, 0.74, 0.98])
    np.testing.assert_allclose(plane[..., 0], np.tile(at[[0, 2, 4]], (5, 1)), atol=1e-4)
    np.testing.assert_allclose(plane[..., 1], np.tile(at[::-1, None], (1, 3)), atol=1e-4)


def context_of(objective, dataset, players):
    """What the evaluator is given of an objective, on a data set whatever the split."""
    predict = {use: prediction.fn for use, prediction in objective.predictions.items()}
    return Context(predict, lambda split: dataset, lambda batch: {**batch, "x": batch["x"] / 255.0}, players)


def test_evaluator_is_the_mean_over_the_split_however_it_is_cut(monkeypatch):
    monkeypatch.setattr(evaluator, "DECODED_AT_ONCE", 12)  # 4 examples of 3 samples each, of 14
    objective = VAES["conditional"]
    players, pixels = first_player(objective), np.asarray(BATCH["x"][:14] * 255).astype(np.uint8)
    dataset = Dataset("some", "test", pixels, np.asarray(BATCH["label"][:14]), 5)
    context = context_of(objective, dataset, players)
    values = evaluator.likelihood(context, split="test", samples=3).measure(players, KEY)
    batch, keys = {"x": pixels / np.float32(255), "label": dataset.label}, example_keys(KEY, 14)
    terms = ask(objective, "elbo", players, keys, **batch)
    weights = ask(objective, "log_weights", players, keys, **batch, draws=jnp.tile(jnp.arange(3), (14, 1)))
    assert values.keys() == {"nll", "elbo", "reconstruction", "kl"}
    np.testing.assert_allclose(values["nll"], -importance_weighted_bound(weights).mean(), rtol=1e-5)
    np.testing.assert_allclose(values["elbo"], -(terms["reconstruction"] + terms["kl"]).mean(), rtol=1e-5)


def test_evaluator_takes_more_samples_than_are_decoded_at_once(monkeypatch):
    objective = VAES["conditional"]
    players, pixels = first_player(objective), np.asarray(BATCH["x"][:3] * 255).astype(np.uint8)
    dataset = Dataset("some", "test", pixels, np.asarray(BATCH["label"][:3]), 5)
    context = context_of(objective, dataset, players)
    whole = evaluator.likelihood(context, samples=25).measure(players, KEY)
    monkeypatch.setattr(evaluator, "DECODED_AT_ONCE", 10)
    assert evaluator.likelihood(context, samples=25).measure(players, KEY) == pytest.approx(whole, rel=1e-5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"beta": -1.0}, "beta is -1.0: it must be at least 0"),
        ({"limits": (-1.0, 1.0)}, r"config.data.range is \(-1.0, 1.0\): this likelihood needs \(0.0, 1.0\)"),
        ({"limits": None}, "needs"),
        ({"networks": {**NETWORKS, "encoder": Network(mlp.Critic())}}, "Critic has no field `latents`"),
        ({"samplers": {"z": priors.uniform(3)}}, r"z is drawn from the prior N\(0, I\): remove config.samplers.z"),
    ],
)
def test_refuses(change, message):
    with pytest.raises(ValueError, match=message):
        objectives.vae(**{"networks": NETWORKS, "likelihood": likelihoods.bernoulli(), "limits": UNIT, **change})


def test_refuses_an_encoder_without_a_variance():
    networks = {**NETWORKS, "encoder": Network(autoencoder.Encoder(3))}
    with pytest.raises(ValueError, match="unpack"):
        vae(networks=networks, likelihood=likelihoods.bernoulli(), limits=UNIT).init["autoencoder"](KEY, BATCH)


@pytest.mark.parametrize("law", [likelihoods.normal, likelihoods.learned_normal])
def test_refuses_a_law_without_spread(law):
    with pytest.raises(ValueError, match="std is 0"):
        law(0.0)


@pytest.mark.parametrize(
    ("name", "field", "value", "message"),
    [
        ("mnist_vae", "data.range", (-1.0, 1.0), "config.data.range is (-1.0, 1.0)"),
        ("mnist_vae", "likelihood.name", "gaussian", "there are: bernoulli, binarised, learned_normal, normal"),
        ("mnist_vae", "objective.beta", -0.5, "config.objective: beta is -0.5"),
    ],
)
def test_build_refuses(tiny, name, field, value, message):
    config = tiny(name)
    config.update_from_flattened_dict({field: value})
    with pytest.raises(UserError) as error:
        build_on(config, (28, 28, 1), 10)
    assert message in str(error.value)


def test_a_beta_that_falls_below_0_is_refused(tiny):
    config = tiny("mnist_vae").unlock()
    values = {"name": "linear_schedule", "init_value": 1.0, "end_value": -3.0, "transition_steps": 2}
    config.steps, config.objective.beta = 9, values
    with pytest.raises(UserError, match=r"config\.objective\.beta is -1 at 1: its schedule must be at least 0"):
        build_on(config, (28, 28, 1), 10)


def test_a_beta_that_is_0_throughout_is_refused(tiny):
    config = tiny("mnist_vae").unlock()
    late = {"name": "linear_schedule", "init_value": 0.0, "end_value": 1.0, "transition_steps": 2}
    config.steps, config.objective.beta = 9, {**late, "transition_begin": 9}
    with pytest.raises(UserError, match=r"config\.objective\.beta is 0 at each of the 9 steps of the run"):
        build_on(config, (28, 28, 1), 10)


def test_labels_of_a_set_without_labels_are_an_error(tiny):
    with pytest.raises(UserError, match="has no labels"):
        build_on(tiny("mnist_cvae"), (28, 28, 1), 0)


def test_a_network_of_fewer_classes_than_the_data_is_refused(tiny):
    config = tiny("mnist_cvae").unlock()
    config.networks.encoder.classes = 5
    with pytest.raises(UserError, match=r"config\.networks\.encoder: classes is 5, but the data have 10: leave it out"):
        build_on(config, (28, 28, 1), 10)


def test_binary_mnist_is_one_draw_of_bits_by_the_greys(tfds_dir):
    greys, bits = (data.load(name, "test").x for name in ("mnist", "binary_mnist"))
    assert set(np.unique(bits)) == {0, 255}
    assert (bits[greys == 0] == 0).all()
    assert (bits[greys == 255] == 255).all()
    middle = (greys > 100) & (greys < 156)
    p, n = greys[middle].mean() / 255, middle.sum()
    np.testing.assert_allclose((bits[middle] == 255).mean(), p, atol=3 * np.sqrt(p * (1 - p) / n))
    np.testing.assert_array_equal(data.load("binary_mnist", "test").x, bits)
    with pytest.raises(UserError, match="there are: test, train"):
        data.load("binary_mnist", "valid")
