"""Autoencoders: linear ones find PCA, noise is for training alone, and the contract of a game of one player."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax import lax, random

from gan_jax.core import steps
from gan_jax.core.collectives import example_keys
from gan_jax.core.networks import Network
from gan_jax.core.state import Player, TrainState
from gan_jax.distributions import noise
from gan_jax.metrics import pca
from gan_jax.models import autoencoder as models
from gan_jax.objectives import autoencoder

pytestmark = pytest.mark.heavy

KEY = random.key(0)
SHAPE = (3, 4, 1)
CONV = {"strides": (2,), "kernels": (2,), "paddings": (0,), "widths": (4,)}
PAIRS = {
    "linear": (models.Encoder(3, widths=()), models.Decoder(SHAPE, widths=())),
    "deep": (models.Encoder(3, widths=(7, 5)), models.Decoder(SHAPE, widths=(5, 7))),
    "wide": (models.Encoder(13, widths=()), models.Decoder(SHAPE, widths=())),
    "convolutional": (
        models.ConvEncoder(3, **CONV),
        models.ConvDecoder((2, 2, 1), widths=(), kernels=(2,), strides=(1,), paddings=(0,)),
    ),
}


NETWORKS = {
    name: {"encoder": Network(encoder), "decoder": Network(decoder)} for name, (encoder, decoder) in PAIRS.items()
}


def made(objective, networks="linear", **parts):
    return objective(networks=NETWORKS[networks], **parts)


GAMES = {
    "undercomplete": made(autoencoder.undercomplete),
    "tied": made(autoencoder.tied),
    "tied deep": made(autoencoder.tied, "deep"),
    "overcomplete": made(autoencoder.overcomplete, "wide"),
    "denoising": made(autoencoder.denoising, "wide", noise=noise.gaussian(0.5)),
    "convolutional": made(autoencoder.undercomplete, "convolutional"),
}
each = pytest.mark.parametrize("name", GAMES)


def training(game, optimizer, batches):
    """The first state, and a step on these batches."""
    updates = {"autoencoder": steps.Update(lambda numbers: optimizer)}
    first = game.init["autoencoder"](KEY, {"x": batches["x"][0, :1]})
    state = TrainState(jnp.int32(0), {"autoencoder": steps.start(first, updates["autoencoder"])})
    step, numbers = steps.alternating(game, updates), steps.default_hyperparams(game, updates)
    return state, lambda state: step(state, batches, KEY, numbers)


def start(name, rate=0.05):
    """The first state, a compiled step, and its batches."""
    batches = {"x": random.uniform(KEY, (1, 16, *((2, 2, 1) if name == "convolutional" else SHAPE)))}
    state, step = training(GAMES[name], optax.sgd(rate), batches)
    return state, jax.jit(step), batches


def ask(game, use, players, **batch):
    """A prediction of a batch, by name."""
    keys = random.split(KEY, len(next(iter(batch.values()))))
    return game.predictions[use].fn(players, keys, batch)


@each
def test_steps_lower_the_loss_and_compile_once(name):
    state, step, _ = start(name)
    _, first = step(state)
    for _ in range(50):
        state, metrics = step(state)
    assert step._cache_size() == 1
    assert set(metrics) == {"autoencoder/loss", "autoencoder/reconstruction", "autoencoder/gradient_norm"}
    assert all(jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(state.players))
    assert metrics["autoencoder/loss"] < 0.95 * first["autoencoder/loss"]


@each
def test_predictions(name):
    state, _, batches = start(name)
    x, predict = batches["x"][0], partial(ask, GAMES[name], players=state.players)
    z, recon = predict("encode", x=x), predict("reconstruct", x=x)
    assert (z.ndim, len(z), recon.shape) == (2, 16, x.shape)
    np.testing.assert_array_equal(predict("decode", z=z), recon)
    walks = predict("walk", a=x[:2], b=x[2:4], t=jnp.tile(jnp.array([0.0, 0.5, 1.0]), (2, 1)))
    assert walks.shape == (2, 3, *x.shape[1:])
    np.testing.assert_allclose(walks[:, 0], recon[:2], atol=1e-6)
    np.testing.assert_allclose(walks[:, 2], recon[2:4], atol=1e-6)
    middle = predict("decode", z=(z[:2] + z[2:4]) / 2)
    np.testing.assert_allclose(walks[:, 1], middle, atol=1e-6)
    assert "sample" not in GAMES[name].predictions


@pytest.mark.parametrize("objective", [autoencoder.undercomplete, autoencoder.tied])
def test_linear_autoencoder_learns_the_space_of_pca(objective):
    game, rng = made(objective), np.random.default_rng(0)
    basis = np.linalg.qr(rng.normal(size=(12, 12)))[0] * np.geomspace(2.0, 0.1, 12)
    train, test = ((rng.normal(size=(n, 12)) @ basis.T + 0.5).astype(np.float32) for n in (1000, 500))
    falling = optax.adam(optax.cosine_decay_schedule(0.02, 1500))
    state, step = training(game, falling, {"x": jnp.asarray(train).reshape(1, -1, *SHAPE)})
    state = jax.jit(lambda state: lax.fori_loop(0, 1500, lambda _, s: step(s)[0], state))(state)

    exact = pca.fit(train).first(3)
    recon = ask(game, "reconstruct", state.players, x=test.reshape(-1, *SHAPE)).reshape(-1, 12)
    best = np.square(exact.decode(exact.encode(test)) - test).mean()
    np.testing.assert_allclose(np.square(recon - test).mean(), best, rtol=0.01)
    columns = ask(game, "decode", state.players, z=jnp.eye(4, 3)).reshape(4, 12)
    assert pca.principal_angles(columns[:3] - columns[3], exact.components).max() < 1


def test_tied_decoder_is_the_encoders_transpose():
    game = GAMES["tied"]
    x = random.uniform(KEY, (5, *SHAPE))
    first = game.init["autoencoder"](KEY, {"x": x})
    params = first.params
    assert set(params["decoder"]["Dense_0"]) == {"bias"}
    u, shift = params["encoder"]["Dense_0"]["kernel"], random.normal(KEY, (12,))
    params["decoder"]["Dense_0"]["bias"] = shift
    players = {"autoencoder": Player(params, first.stats, ())}
    recon = ask(game, "reconstruct", players, x=x).reshape(5, 12)
    np.testing.assert_allclose(recon, x.reshape(5, 12) @ u @ u.T + shift, atol=1e-5)


def test_noise_is_added_in_training_only_and_the_target_is_clean():
    game, plain = GAMES["denoising"], made(autoencoder.overcomplete, "wide")
    state, _, batches = start("denoising")
    x, (player,) = batches["x"][0], state.players.values()
    np.testing.assert_array_equal(
        ask(game, "reconstruct", state.players, x=x), ask(plain, "reconstruct", state.players, x=x)
    )
    one = {"reconstruction": 1.0}
    loss, _ = game.losses["autoencoder"](player.params, state, {"x": x}, KEY, one)
    inputs = noise.gaussian(0.5)(example_keys(random.split(KEY, 3)[0], len(x)), x)
    recon = ask(plain, "reconstruct", state.players, x=inputs)
    np.testing.assert_allclose(loss, jnp.square(recon - x).mean(), rtol=1e-5)
    clean, _ = plain.losses["autoencoder"](player.params, state, {"x": x}, KEY, one)
    assert abs(float(loss - clean)) > 0.01


@pytest.mark.parametrize(
    ("objective", "encoder", "decoder", "message"),
    [
        ("undercomplete", models.Encoder(12), models.Decoder(SHAPE), "12 latents can copy examples of 12 values"),
        ("tied", models.Encoder(13, widths=()), models.Decoder(SHAPE, widths=()), "this objective needs fewer"),
        ("tied", models.Encoder(3, widths=(7,)), models.Decoder(SHAPE, widths=(6,)), r"widths are \[6, 12\]"),
        ("undercomplete", models.Encoder(3), models.Decoder((4, 4, 1)), r"the decoder makes \(4, 4, 1\)"),
    ],
)
def test_networks_that_do_not_fit_are_refused(objective, encoder, decoder, message):
    game = getattr(autoencoder, objective)(networks={"encoder": Network(encoder), "decoder": Network(decoder)})
    with pytest.raises(ValueError, match=message):
        game.init["autoencoder"](KEY, {"x": jnp.zeros((1, *SHAPE))})
