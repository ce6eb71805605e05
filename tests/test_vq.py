"""Vector quantisation against brute force and its closed forms, and the tokenizers made of it."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import ROOT, build_on
from jax import random

from gan_jax.config import load
from gan_jax.core import collectives
from gan_jax.core.fields import stream
from gan_jax.core.networks import Network
from gan_jax.errors import UserError
from gan_jax.layers import quantization
from gan_jax.layers.quantization import VectorQuantizer
from gan_jax.models import mlp
from gan_jax.models.vq import Autoencoder
from gan_jax.objectives import vq
from gan_jax.training.preflight import check_step

pytestmark = pytest.mark.heavy

KEY = random.key(0)
Z = random.normal(KEY, (6, 2, 3, 4))
SHAPE = (8, 12, 1)
BATCHES = {"x": random.uniform(KEY, (1, 8, *SHAPE), minval=-1.0)}
TOKENS = {"name": "VectorQuantizer", "codes": 6, "dim": 3}
SMALL = {"name": "vq.Autoencoder", "width": 4, "downs": 1, "blocks": 1, "quantizer": TOKENS}


def quantise(layer, stats, z, key=KEY, axis=None):
    """What becomes of z in training, and the new shares and sums; in parts, where there is an axis of devices."""

    def one(z):
        return layer.apply({"codebook": stats}, z, train=True, mutable=["codebook"], rngs={"noise": key})

    if axis is None:
        made, after = jax.jit(one)(z)
        return made, after["codebook"]
    made, after = jax.vmap(one, axis_name=collectives.AXIS)(z.reshape(axis, -1, *z.shape[1:]))
    return made, jax.tree.map(lambda values: values[0], after["codebook"])


def book(shares, codes):
    """The stats of a codebook of these shares [k] and codes [k, d]."""
    return {"shares": shares, "sums": shares[:, None] * codes}


LAYER = VectorQuantizer(codes=5, dim=4)
CODES = random.normal(random.key(1), (5, 4))
EVEN = book(jnp.full(5, 0.2), CODES)


def test_each_vector_becomes_its_nearest_code():
    made, _ = quantise(LAYER, EVEN, Z)
    distances = np.square(np.asarray(Z)[..., None, :] - np.asarray(CODES)).sum(-1)
    np.testing.assert_array_equal(made.indices, distances.argmin(-1))
    np.testing.assert_allclose(made.z, CODES[distances.argmin(-1)], rtol=1e-6)
    np.testing.assert_allclose(made.commitment, distances.min(-1) / 4, rtol=1e-5)
    counts = np.bincount(distances.argmin(-1).ravel(), minlength=5)
    shares = counts[counts > 0] / counts.sum()
    np.testing.assert_allclose(made.perplexity, np.exp(-(shares * np.log(shares)).sum()), rtol=1e-5)
    assert made.used_codes == (counts > 0).sum()
    assert quantization.nearest(jnp.zeros((1, 4)), jnp.ones((3, 4))) == 0  # the first of equals


def test_gradients_pass_through_as_if_nothing_was_quantised():
    weights = random.normal(KEY, Z.shape)
    gradient = jax.grad(lambda z: (quantise(LAYER, EVEN, z)[0].z * weights).sum())(Z)
    np.testing.assert_array_equal(gradient, weights)
    drawn = jax.grad(lambda z: quantise(LAYER, EVEN, z)[0].commitment.sum())(Z)
    made, _ = quantise(LAYER, EVEN, Z)
    np.testing.assert_allclose(drawn, 2 * (Z - made.z) / 4, rtol=1e-4, atol=1e-6)


def test_codes_are_moving_averages_of_their_vectors():
    made, after = quantise(LAYER, EVEN, Z)
    indices, vectors = np.asarray(made.indices).ravel(), np.asarray(Z).reshape(-1, 4)
    for k in range(5):
        own = vectors[indices == k]
        share = 0.99 * 0.2 + 0.01 * len(own) / len(vectors)
        total = 0.99 * 0.2 * np.asarray(CODES[k]) + 0.01 * own.sum(0) / len(vectors)
        np.testing.assert_allclose(after["shares"][k], share, rtol=1e-5)
        np.testing.assert_allclose(after["sums"][k] / after["shares"][k], total / share, rtol=1e-4, atol=1e-6)
    kept, state = LAYER.apply({"codebook": EVEN}, Z, train=False, mutable=["codebook"])
    np.testing.assert_array_equal(kept.z, made.z)
    jax.tree.map(np.testing.assert_array_equal, state["codebook"], EVEN)


@pytest.mark.parametrize("devices", [None, 2, 3])
def test_dead_codes_are_vectors_of_the_batch_alike_on_any_number_of_devices(devices):
    """The second and the fourth code are dead, by the shares before the update."""
    before = book(jnp.array([0.4, 0.019, 0.3, 0.0, 0.28]), CODES)
    _, after = quantise(LAYER, before, Z, axis=devices)
    codes = np.asarray(after["sums"] / after["shares"][:, None])
    vectors = np.asarray(Z).reshape(-1, 4)
    for k in (1, 3):
        np.testing.assert_allclose(after["shares"][k], 0.2)
        assert np.isclose(vectors, codes[k], rtol=1e-5).all(1).sum() == 1
    assert not any(np.isclose(vectors, codes[k], rtol=1e-5).all(1).any() for k in (0, 2, 4))
    whole = quantise(LAYER, before, Z)[1]
    jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-5), whole, after)
    assert not np.array_equal(quantise(LAYER, before, Z, key=random.key(7))[1]["sums"], whole["sums"])


def test_the_first_update_takes_all_codes_from_the_batch_and_without_revival_none():
    for revive in (0.1, 0.0):
        layer = VectorQuantizer(codes=5, dim=4, revive=revive)
        first = layer.init({"params": KEY}, Z, train=False)["codebook"]
        _, after = quantise(layer, first, Z)
        codes = np.asarray(after["sums"] / after["shares"][:, None])
        from_batch = [np.isclose(np.asarray(Z).reshape(-1, 4), code, rtol=1e-5).all(1).any() for code in codes]
        assert from_batch == [revive > 0] * 5


def test_nearest_codes_are_found_in_full_precision():
    lowered = (
        jax.jit(quantization.nearest).trace(jnp.zeros((2, 3)), jnp.zeros((4, 3))).lower(lowering_platforms=("cuda",))
    )
    assert "precision = [HIGHEST, HIGHEST]" in lowered.as_text()


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
def test_an_autoencoder_of_any_shape_decodes_what_it_encodes(dtype):
    tokens = partial(VectorQuantizer, codes=6, dim=3)
    module = Autoencoder(SHAPE, width=4, downs=2, blocks=1, quantizer=tokens, dtype=dtype)
    network, x = Network(module), random.uniform(KEY, (2, *SHAPE))
    params, stats = jax.jit(network.init)(KEY, {"x": x})
    made, stats = network.apply(params, stats, {"x": x}, train=True, key=stream(KEY, "generator"))
    assert made["x"].shape == x.shape
    made, _ = network.apply(params, stats, {"x": x}, train=False)
    indices, _ = network._replace(method="encode").apply(params, stats, {"x": x}, train=False)
    assert (indices.shape, indices.dtype) == ((2, 2, 3), jnp.int32)
    again, _ = network._replace(method="decode").apply(params, stats, {"z": indices}, train=False)
    np.testing.assert_array_equal(made["x"], again)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"downs": 3}, r"downs is 3: it must be at least 1, and 2\^downs must divide the sides of 8x12 images"),
        ({"quantizer": {**TOKENS, "codes": 1}}, "codes is 1 and dim 3"),
        ({"quantizer": {**TOKENS, "decay": 1.5}}, "decay is 1.5: it must be at least 0 and below 1"),
        ({"quantizer": {**TOKENS, "revive": -1.0}}, "revive is -1.0"),
        ({"quantizer": {"name": "NoNorm"}}, "config.networks"),
    ],
)
def test_wrong_fields_are_refused_when_it_is_built(fields, message):
    with pytest.raises(UserError, match=message):
        build_on(described("vqvae", **fields), SHAPE)


def described(name, accumulate=1, objective=(), **fields):
    """A small config of a tokenizer; SGD, as Adam blows up the rounding of gradients that are nearly 0."""
    config = load(ROOT / "configs" / "digits_dcgan.py").unlock()
    config.networks.generator = {**SMALL, **fields}
    config.networks.critic = {"name": "mlp.Critic", "widths": (4,)}
    config.objective, config.batch_size, config.accumulate = {"name": f"vq.{name}", **dict(objective)}, 8, accumulate
    del config.samplers, config.evaluators
    for player in config.players.values():
        player.optimizer = {"name": "sgd", "learning_rate": 0.05}
    if name == "vqvae":
        del config.networks.critic, config.players.critic
    return config


def played(config, steps=3):
    experiment = build_on(config, SHAPE)
    step, state = jax.jit(experiment.train_step), experiment.init(experiment.keys.init)
    for _ in range(steps):
        state, metrics = step(state, BATCHES, experiment.keys.train, experiment.hyperparams)
    return experiment, state, metrics


@pytest.fixture(scope="module")
def trained():
    return played(described("vqvae"), 30)


def test_training_lowers_the_error_and_moves_the_codebook(trained):
    _, state, metrics = trained
    _, _, first = played(described("vqvae"), 2)
    assert metrics["generator/l2"] < first["generator/l2"]
    assert 1 < metrics["generator/perplexity"] <= metrics["generator/used_codes"] <= 6
    assert state.players["generator"].stats["codebook"]["quantize"]["shares"].sum() > 0.9


def test_a_resumed_run_is_the_same_to_the_bit(trained):
    experiment, _, _ = trained
    step = jax.jit(experiment.train_step)

    def on(state, steps):
        for _ in range(steps):
            state, _ = step(state, BATCHES, experiment.keys.train, experiment.hyperparams)
        return state

    first = experiment.init(experiment.keys.init)
    half = jax.tree.map(lambda a: jnp.asarray(np.asarray(a)), on(first, 2))
    for a, b in zip(*map(jax.tree.leaves, (on(first, 4), on(half, 2))), strict=True):
        np.testing.assert_array_equal(a, b)


def test_predictions_are_of_codes(trained):
    experiment, state, _ = trained
    x, keys = random.uniform(KEY, (3, *SHAPE), minval=-1.0), random.split(KEY, 3)

    def ask(use, **batch):
        return experiment.predict[use](state.players, keys, batch)

    codes = ask("encode", x=x)
    assert (codes.shape, codes.dtype) == ((3, 4, 6), jnp.int32)
    decoded = ask("decode", z=codes)
    recon = ask("reconstruct", x=x)
    assert (recon.shape, recon.dtype) == ((3, *SHAPE), jnp.uint8)
    np.testing.assert_allclose(np.clip((decoded + 1) * 127.5, 0, 255), recon.astype(np.float32), atol=0.51)
    walk = ask("walk", a=x, b=x[::-1], t=jnp.tile(jnp.linspace(0, 1, 3), (3, 1)))
    assert walk.shape == (3, 3, *SHAPE)
    np.testing.assert_array_equal(walk[:, 0], recon)
    np.testing.assert_array_equal(walk[:, 2], recon[::-1])
    assert not {"sample", "translate"} & {*experiment.predict}


def test_a_batch_in_parts_moves_the_codebook_as_the_whole_one():
    whole, parts = (played(described("vqvae", k), 3)[1] for k in (1, 4))
    for a, b in zip(*map(jax.tree.leaves, (whole, parts)), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


def test_the_adversary_joins_at_its_step():
    """Before it the generator learns as if there was no critic, which does not learn either."""
    late = {"critic": {"hinge": {"after": 3}}, "generator": {"hinge": {"after": 3}}}
    never = {"critic": {"hinge": 0.0}, "generator": {"hinge": 0.0}}
    games = [build_on(described("vqgan", objective=objective), SHAPE) for objective in (late, never)]
    states = [game.init(game.keys.init) for game in games]
    steps = [jax.jit(game.train_step) for game in games]
    for number in range(4):
        states = [
            step(state, BATCHES, game.keys.train, game.hyperparams)[0]
            for step, state, game in zip(steps, states, games, strict=True)
        ]
        for name in ("critic", "generator"):
            leaves = zip(*(jax.tree.leaves(state.players[name].params) for state in states), strict=True)
            assert all(np.array_equal(a, b) for a, b in leaves) == (number < 3)


def test_the_adaptive_weight_is_the_ratio_of_the_last_layers_gradients():
    """Equation 7, against what SGD by each term alone moves that layer by."""
    _, _, metrics = played(described("vqgan", objective={"adaptive": "decoder/last", "generator": {"l1": 2.0}}), 1)
    total = 2 * metrics["generator/l1"] + 0.25 * metrics["generator/commitment"]
    total += 0.8 * metrics["generator/adaptive_weight"] * metrics["generator/hinge"]
    np.testing.assert_allclose(metrics["generator/loss"], total, rtol=1e-5)

    plain = build_on(described("vqgan", objective={"generator": {"l1": 2.0}}), SHAPE)
    norms = {}
    for name in ("l1", "hinge"):
        weights = {"l1": 0.0, "commitment": 0.0, "hinge": 0.0, name: 2.0 if name == "l1" else 1.0}
        numbers = plain.hyperparams["generator"]._replace(weights=weights)
        moved = moved_by(plain, numbers)["decoder"]["last"]
        norms[name] = np.sqrt(sum(np.square(leaf).sum() for leaf in jax.tree.leaves(moved)))
    np.testing.assert_allclose(metrics["generator/adaptive_weight"], norms["l1"] / norms["hinge"], rtol=1e-2)


def moved_by(experiment, numbers):
    """What one update moves the generator's parameters by, up to the learning rate."""
    state = experiment.init(experiment.keys.init)
    hyperparams = {**experiment.hyperparams, "generator": numbers}
    after, _ = jax.jit(experiment.train_step)(state, BATCHES, experiment.keys.train, hyperparams)
    return jax.tree.map(jnp.subtract, after.players["generator"].params, state.players["generator"].params)


def test_an_adaptive_weight_needs_its_layer():
    config = described("vqgan", objective={"adaptive": "decoder/lats"})
    with pytest.raises(
        UserError, match=r"adaptive is 'decoder/lats': it must be one of the generator's layers, decoder/Conv_0"
    ):
        check_step(build_on(config, SHAPE), config)


def test_an_adaptive_weight_is_of_the_whole_batch():
    config = described("vqgan", accumulate=2, objective={"adaptive": "decoder/last"})
    with pytest.raises(UserError, match=r"`adaptive` needs means over the whole batch: config\.accumulate must be 1"):
        check_step(build_on(config, SHAPE), config)


def test_an_adaptive_weight_needs_terms_to_compare():
    networks = {name: Network(module) for name, module in (("generator", Autoencoder(SHAPE)), ("critic", mlp.Critic()))}
    with pytest.raises(ValueError, match="adaptive compares one of l1, l2, lpips, perceptual with one of"):
        vq.vqgan(networks=networks, generator=vq.VQVAE, adaptive="decoder/last")


def test_a_tokenizer_needs_a_generator_with_codes_and_the_term_a_quantiser():
    config = described("vqvae")
    config.networks.generator = {"name": "mlp.Generator", "widths": (4,)}
    with pytest.raises(UserError, match=r"config\.objective"):
        build_on(config, SHAPE)
    config = described("vqgan", objective={"name": "adversarial.hinge", "generator": {"commitment": 1.0}})
    config.networks.generator = {"name": "translation.UNet", "width": 4}
    with pytest.raises(UserError, match="needs a generator that quantises"):
        check_step(build_on(config, SHAPE, others=("source",)), config)
