"""Autoencoders: linear ones find PCA, noise is for training alone, and the contract of a game of one player."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax import lax, random

from gan_jax.core import steps
from gan_jax.core.collectives import example_keys
from gan_jax.core.state import TrainState
from gan_jax.distributions import noise
from gan_jax.metrics import pca
from gan_jax.models import autoencoder as models
from gan_jax.objectives import autoencoder

KEY = random.key(0)
SHAPE = (3, 4, 1)
CONV = {"strides": (2,), "kernels": (2,), "paddings": (0,), "widths": (4,)}
NETWORKS = {
    "linear": (models.Encoder(3, widths=()), models.Decoder(SHAPE, widths=())),
    "deep": (models.Encoder(3, widths=(7, 5)), models.Decoder(SHAPE, widths=(5, 7))),
    "wide": (models.Encoder(13, widths=()), models.Decoder(SHAPE, widths=())),
    "convolutional": (
        models.ConvEncoder(3, **CONV),
        models.ConvDecoder((2, 2, 1), widths=(), kernels=(2,), strides=(1,), paddings=(0,)),
    ),
}


def play(objective, networks="linear", **laws):
    encoder, decoder = NETWORKS[networks]
    return objective(encoder=encoder, decoder=decoder, **laws)


GAMES = {
    "undercomplete": play(autoencoder.undercomplete),
    "tied": play(autoencoder.tied),
    "tied deep": play(autoencoder.tied, "deep"),
    "overcomplete": play(autoencoder.overcomplete, "wide"),
    "denoising": play(autoencoder.denoising, "wide", noise=noise.gaussian(0.5)),
    "convolutional": play(autoencoder.undercomplete, "convolutional"),
}
each = pytest.mark.parametrize("name", GAMES)


def start(name, rate=0.05):
    """The first state, a compiled round, and its batches."""
    game, shape = GAMES[name], (2, 2, 1) if name == "convolutional" else SHAPE
    batches = {"x": random.uniform(KEY, (1, 16, *shape))}
    turns = {"autoencoder": steps.Turn(optax.sgd(rate))}
    params, stats = game.init["autoencoder"](KEY, batches["x"][0, :1])
    state = TrainState(jnp.int32(0), {"autoencoder": steps.start(params, stats, turns["autoencoder"])})
    return state, jax.jit(steps.alternating(game, turns)), batches


@each
def test_rounds_lower_the_loss_and_compile_once(name):
    state, step, batches = start(name)
    _, first = step(state, batches, KEY)
    for _ in range(50):
        state, metrics = step(state, batches, KEY)
    assert step._cache_size() == 1
    assert set(metrics) == {"autoencoder/loss", "autoencoder/gradient_norm"}
    assert all(jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(state.players))
    assert metrics["autoencoder/loss"] < 0.95 * first["autoencoder/loss"]


@each
def test_predictions(name):
    state, _, batches = start(name)
    x, predict = batches["x"][0], GAMES[name].predict
    z, recon = predict["encode"](state.players, x), predict["reconstruct"](state.players, x)
    assert (z.ndim, len(z), recon.shape) == (2, 16, x.shape)
    np.testing.assert_array_equal(predict["decode"](state.players, z), recon)
    walks = predict["walk"](state.players, x[:2], x[2:4], jnp.array([0.0, 0.5, 1.0]))
    assert walks.shape == (2, 3, *x.shape[1:])
    np.testing.assert_allclose(walks[:, 0], recon[:2], atol=1e-6)
    np.testing.assert_allclose(walks[:, 2], recon[2:4], atol=1e-6)
    middle = predict["decode"](state.players, (z[:2] + z[2:4]) / 2)
    np.testing.assert_allclose(walks[:, 1], middle, atol=1e-6)
    assert "sample" not in predict


@pytest.mark.parametrize("objective", [autoencoder.undercomplete, autoencoder.tied])
def test_linear_autoencoder_learns_the_space_of_pca(objective):
    game, rng = play(objective), np.random.default_rng(0)
    basis = np.linalg.qr(rng.normal(size=(12, 12)))[0] * np.geomspace(2.0, 0.1, 12)
    train, test = ((rng.normal(size=(n, 12)) @ basis.T + 0.5).astype(np.float32) for n in (1000, 500))
    turns = {"autoencoder": steps.Turn(optax.adam(optax.cosine_decay_schedule(0.02, 1500)))}
    step = steps.alternating(game, turns)
    batches = {"x": jnp.asarray(train).reshape(1, -1, *SHAPE)}
    params, stats = game.init["autoencoder"](KEY, batches["x"][0, :1])
    state = TrainState(jnp.int32(0), {"autoencoder": steps.start(params, stats, turns["autoencoder"])})
    state = jax.jit(lambda state: lax.fori_loop(0, 1500, lambda _, s: step(s, batches, KEY)[0], state))(state)

    exact = pca.fit(train).first(3)
    recon = game.predict["reconstruct"](state.players, test.reshape(-1, *SHAPE)).reshape(-1, 12)
    best = np.square(exact.decode(exact.encode(test)) - test).mean()
    np.testing.assert_allclose(np.square(recon - test).mean(), best, rtol=0.01)
    made = game.predict["decode"](state.players, jnp.eye(4, 3)).reshape(4, 12)
    assert pca.principal_angles(made[:3] - made[3], exact.components).max() < 1


def test_tied_decoder_is_the_encoders_transpose():
    game = GAMES["tied"]
    x = random.uniform(KEY, (5, *SHAPE))
    params, stats = game.init["autoencoder"](KEY, x)
    assert set(params["decoder"]["Dense_0"]) == {"bias"}
    u, shift = params["encoder"]["Dense_0"]["kernel"], random.normal(KEY, (12,))
    params["decoder"]["Dense_0"]["bias"] = shift
    players = {"autoencoder": steps.start(params, stats, steps.Turn(optax.sgd(0.1)))}
    recon = game.predict["reconstruct"](players, x).reshape(5, 12)
    np.testing.assert_allclose(recon, x.reshape(5, 12) @ u @ u.T + shift, atol=1e-5)


def test_noise_is_added_in_training_only_and_the_target_is_clean():
    game, (encoder, decoder) = GAMES["denoising"], NETWORKS["wide"]
    plain = autoencoder.overcomplete(encoder=encoder, decoder=decoder)
    state, _, batches = start("denoising")
    x, (player,) = batches["x"][0], state.players.values()
    np.testing.assert_array_equal(
        game.predict["reconstruct"](state.players, x), plain.predict["reconstruct"](state.players, x)
    )
    loss, _ = game.losses["autoencoder"](player.params, state.players, {"x": x}, KEY)
    inputs = noise.gaussian(0.5)(example_keys(random.split(KEY, 3)[0], len(x)), x)
    recon = plain.predict["reconstruct"](state.players, inputs)
    np.testing.assert_allclose(loss, jnp.square(recon - x).mean(), rtol=1e-5)
    clean, _ = plain.losses["autoencoder"](player.params, state.players, {"x": x}, KEY)
    assert abs(float(loss - clean)) > 0.01


@pytest.mark.parametrize(
    ("objective", "encoder", "decoder", "message"),
    [
        ("undercomplete", models.Encoder(12), models.Decoder(SHAPE), "12 latents for examples of 12 values can copy"),
        ("tied", models.Encoder(13, widths=()), models.Decoder(SHAPE, widths=()), "this objective needs fewer"),
        ("tied", models.Encoder(3, widths=(7,)), models.Decoder(SHAPE, widths=(6,)), r"widths are \[6, 12\]"),
        ("undercomplete", models.Encoder(3), models.Decoder((4, 4, 1)), r"the decoder makes \(4, 4, 1\)"),
    ],
)
def test_networks_that_do_not_fit_are_refused(objective, encoder, decoder, message):
    game = getattr(autoencoder, objective)(encoder=encoder, decoder=decoder)
    with pytest.raises(ValueError, match=message):
        game.init["autoencoder"](KEY, jnp.zeros((1, *SHAPE)))
