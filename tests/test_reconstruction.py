"""How reconstructions are measured: metrics against references, evaluators on an autoencoder that is PCA."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import build_on
from jax import random
from scipy.stats import special_ortho_group
from sklearn.decomposition import PCA

from gan_jax import data
from gan_jax.errors import UserError
from gan_jax.evaluation import evaluate
from gan_jax.metrics import pca
from gan_jax.metrics.psnr import decibels
from gan_jax.metrics.reconstruction import reconstruction_error

pytestmark = pytest.mark.heavy

RNG = np.random.default_rng(0)
LINEAR = {"data.name": "digits", "networks.encoder.latents": 5}


def test_error_and_psnr_of_known_pictures():
    x = np.zeros((2, 2, 2, 1), np.float32)
    recon = x + np.array([0.1, 1.0], np.float32).reshape(2, 1, 1, 1)
    error = reconstruction_error(x, recon)
    np.testing.assert_allclose(error, [0.01, 1.0], rtol=1e-6)
    np.testing.assert_allclose(decibels(error, peak=1), [20.0, 0.0], atol=1e-6)
    np.testing.assert_allclose(decibels(error * 255**2, peak=255), [20.0, 0.0], atol=1e-6)
    np.testing.assert_allclose(decibels([0.0], peak=1), 10 * np.log10(12 * 255**2))  # as of equal uint8 images


def test_pca_is_scikit_learns():
    x = RNG.normal(size=(200, 9)) @ RNG.normal(size=(9, 9)) + 3
    ours, theirs = pca.fit(x).first(4), PCA(4).fit(x)
    np.testing.assert_allclose(ours.variances, theirs.explained_variance_ * 199 / 200, rtol=1e-9)
    recon = theirs.inverse_transform(theirs.transform(x))
    np.testing.assert_allclose(ours.decode(ours.encode(x)), recon, atol=1e-9)


def test_principal_angles_between_turned_planes():
    turned = special_ortho_group.rvs(5, random_state=0)
    a, b = np.eye(5)[:2], np.eye(5)[:2].copy()
    b[1] = [0, np.cos(0.3), np.sin(0.3), 0, 0]
    mixed = np.array([[2.0, 1.0], [0.5, -3.0]]) @ b
    np.testing.assert_allclose(pca.principal_angles(a @ turned, mixed @ turned), np.degrees([0.3, 0]), atol=1e-6)


@pytest.fixture(scope="module")
def exact(tiny):
    """The linear autoencoder on the digits, its weights those of PCA; and of its evaluators what they measure."""
    config = tiny("mnist_linear_ae")
    config.update_from_flattened_dict(LINEAR)
    experiment = build_on(config, (8, 8, 1))
    (player,) = experiment.init(random.key(0)).players.values()
    x = data.load("digits", "train").x.reshape(-1, 64) / 255
    best = pca.fit(x).first(5)
    mixing = RNG.normal(size=(5, 5))  # any basis of the space is as good
    encoder = {"kernel": best.components.T @ mixing, "bias": -best.mean @ best.components.T @ mixing}
    decoder = {"kernel": np.linalg.inv(mixing) @ best.components, "bias": best.mean}
    params = {"encoder": {"Dense_0": encoder}, "decoder": {"Dense_0": decoder}}
    params = jax.tree.map(lambda a: jnp.asarray(a, jnp.float32), params)
    players = {"autoencoder": player._replace(params=params)}
    return config, experiment, players, best


def test_evaluators_see_that_it_is_pca(exact):
    config, experiment, players, best = exact
    measured = evaluate.measure(evaluate.make(config, experiment), experiment, players)
    x = data.load("digits", "test").x.reshape(-1, 64) / 255
    error = np.square(best.decode(best.encode(x)) - x).mean(1)
    assert measured["reconstruction/error"] == pytest.approx(error.mean(), rel=1e-4)
    assert measured["reconstruction/psnr"] == pytest.approx(np.mean(-10 * np.log10(error)), rel=1e-4)
    assert measured["reconstruction/pca_error"] == pytest.approx(error.mean(), rel=1e-5)
    assert measured["reconstruction/error_ratio"] == pytest.approx(1, rel=1e-4)
    assert measured["subspace/largest_angle"] < 0.01


def test_errors_do_not_depend_on_the_range_of_the_data(exact):
    config, experiment, players, _ = exact
    wide = config.copy_and_resolve_references()
    wide.data.range = (-1.0, 3.0)
    one, other = (
        evaluate.measure(evaluate.make(c, e), e, p)
        for c, e, p in ((config, experiment, players), (wide, build_on(wide, (8, 8, 1)), stretched(players)))
    )
    assert other == pytest.approx(one, rel=1e-3, abs=1e-4)


def stretched(players):
    """The same autoencoder for data in [-1, 3]."""
    (player,) = players.values()
    encoder, decoder = (player.params[part]["Dense_0"] for part in ("encoder", "decoder"))
    bias = encoder["bias"] + 0.25 * encoder["kernel"].sum(0)
    params = {
        "encoder": {"Dense_0": {"kernel": encoder["kernel"] / 4, "bias": bias}},
        "decoder": {"Dense_0": {"kernel": decoder["kernel"] * 4, "bias": 4 * decoder["bias"] - 1}},
    }
    return {"autoencoder": player._replace(params=params)}


def test_noisy_inputs_are_measured_against_clean_images(exact):
    config, experiment, players, _ = exact
    with_noise = config.copy_and_resolve_references()
    level = 0.2
    with with_noise.unlocked():
        law = {"name": "gaussian", "level": level}
        with_noise.evaluators = {
            "noisy": {"name": "reconstruction.noisy", "noise": law},
            "clean": {"name": "reconstruction.clean"},
        }
    measured = evaluate.measure(evaluate.make(with_noise, experiment), experiment, players)
    assert measured["noisy/input_error"] == pytest.approx(level**2, rel=0.02)
    assert measured["noisy/input_psnr"] == pytest.approx(-20 * np.log10(level), abs=0.1)
    # A projection to 5 dimensions of 64 keeps so much of the noise.
    expected = measured["clean/error"] + level**2 * 5 / 64
    assert measured["noisy/error"] == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"name": "reconstruction.noisy", "noise": {"name": "gaussian", "level": -1.0}}, "level is -1.0"),
        ({"name": "reconstruction.noisy", "noise": {"name": "gausian", "level": 1.0}}, "did you mean gaussian"),
        ({"name": "reconstruction.noisy"}, "noise"),
    ],
)
def test_noise_of_an_evaluation_that_makes_no_sense(exact, spec, message):
    config, experiment, *_ = exact
    bad = config.copy_and_resolve_references()
    with bad.unlocked():
        bad.evaluators = {"noisy": spec}
    with pytest.raises(UserError, match=message) as error:
        evaluate.make(bad, experiment)
    assert "config.evaluators.noisy" in str(error.value)


def test_evaluator_of_autoencoders_refuses_a_gan(tiny):
    config = tiny()
    with config.unlocked():
        config.evaluators = {"clean": {"name": "reconstruction.clean"}}
    with pytest.raises(
        UserError, match=r"config.evaluators.clean: this evaluator needs 'encode', which the objective does not provide"
    ):
        evaluate.make(config, build_on(config, (8, 8, 1)))
