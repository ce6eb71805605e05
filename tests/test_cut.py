"""CUT: the contrast of patches against a cross-entropy by hand, and the places that are compared."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import ROOT, build_on
from jax import random
from scipy.special import logsumexp
from small_networks import Painter

from gan_jax import config as configs
from gan_jax.core.collectives import base_key
from gan_jax.core.networks import Network
from gan_jax.errors import UserError
from gan_jax.losses.contrastive import patch_nce
from gan_jax.models.translation import ContrastiveResNet, ResNet
from gan_jax.training.preflight import check_step

pytestmark = pytest.mark.heavy

KEY = base_key(0)
SHAPE = (16, 16, 3)
SMALL = {"name": "translation.ContrastiveResNet", "width": 2, "blocks": 2}


def vectors(key, *shape):
    values = random.normal(key, shape)
    return values / jnp.linalg.norm(values, axis=-1, keepdims=True)


def test_patch_nce_is_the_cross_entropy_of_finding_the_patch():
    b, p, d, temperature = 2, 7, 4, 0.07
    queries, keys = vectors(KEY, b, p, d), vectors(random.key(1), b, p, d)
    made = patch_nce(queries, keys, temperature=temperature)
    q, k = (np.asarray(values, np.float64) for values in (queries, keys))
    for n in range(b):
        for i in range(p):
            logits = np.array([q[n, i] @ k[n, j] / temperature for j in range(p)])
            np.testing.assert_allclose(made[n, i], logsumexp(logits) - logits[i], rtol=1e-4, atol=1e-5)
    assert float(patch_nce(jnp.eye(p)[None], jnp.eye(p)[None]).max()) < 1e-4
    np.testing.assert_allclose(patch_nce(jnp.ones((1, p, d)), jnp.ones((1, p, d))), np.log(p), rtol=1e-5)
    assert not jax.grad(lambda keys: patch_nce(queries, keys).sum())(keys).any()
    with pytest.raises(ValueError, match=r"temperature is 0: it must be above 0"):
        patch_nce(queries, keys, temperature=0)


@pytest.fixture(scope="module")
def network():
    """A network, a source, and parameters of NumPy's, as JAX's take long to compile."""
    made = Network(ContrastiveResNet(SHAPE, width=2, blocks=2, layers=(0, 2, 4), patches=9, dim=16))
    source, draws = random.uniform(KEY, (2, *SHAPE), minval=-1), np.random.default_rng(0)
    shapes, stats = jax.eval_shape(made.init, KEY, {"source": source})
    params = jax.tree.map(lambda leaf: jnp.asarray(draws.normal(0, 0.1, leaf.shape), jnp.float32), shapes)
    return made, source, params, stats


@pytest.fixture(scope="module")
def features(network):
    made, _, params, stats = network
    return jax.jit(lambda image, key=KEY: made.features(params, stats, {"source": image}, train=True, key=key))


def test_features_are_unit_vectors_of_a_few_places_the_same_for_the_same_key(network, features):
    _, source, *_ = network
    made, again, other = features(source), features(source), features(source, random.key(7))
    assert [each.shape for each in made] == [(2, 9, 16)] * 3
    for a, b, c in zip(made, again, other, strict=True):
        np.testing.assert_allclose(jnp.linalg.norm(a, axis=-1), 1.0, rtol=1e-4)
        np.testing.assert_array_equal(a, b)
        assert not np.allclose(a, c)


def test_features_of_layer_0_are_of_pixels_at_places_that_all_images_share(features):
    """Each pixel has a colour of its own: each place that is drawn is the same in both images, and is drawn once."""
    colours = jnp.linspace(-1, 1, 256).reshape(1, 16, 16, 1)
    image = jnp.concatenate([colours, -colours, jnp.ones_like(colours)], -1).repeat(2, axis=0)
    first, second = features(image)[0]
    np.testing.assert_array_equal(first, second)
    assert len(np.unique(np.asarray(first), axis=0)) == 9


def test_heads_change_nothing_of_the_translation(network):
    made, source, params, stats = network
    plain = Network(ResNet(SHAPE, width=2, blocks=2))
    body = {name: values for name, values in params.items() if not name.startswith("Dense")}
    assert {*jax.eval_shape(plain.init, KEY, {"source": source})[0]} == {*body}
    for train in (False, True):
        a, b = (
            jax.jit(lambda own, of=of, train=train: of.apply(own, stats, {"source": source}, train=train, key=KEY)[0])(
                own
            )
            for of, own in ((made, params), (plain, body))
        )
        np.testing.assert_allclose(a, b, atol=1e-6)


def config_of(**generator):
    config = configs.load(ROOT / "configs" / "emoji_cut.py").unlock()
    config.networks = {"generator": generator, "critic": {"name": "small_networks:Judge"}}
    config.batch_size = 2
    return config


def test_contrasts_of_a_game_are_those_of_the_networks_and_its_heads_are_learnt():
    """All 16 rows are compared, so that the order in which they are drawn makes no difference."""
    config = config_of(name="small_networks:Painter", rows=16)
    experiment = build_on(config, SHAPE, others=("source",))
    batches = {name: random.uniform(random.key(n), (1, 2, *SHAPE), minval=-1) for n, name in enumerate(("x", "source"))}
    state = experiment.init(experiment.keys.init)
    after, metrics = jax.jit(experiment.train_step)(state, batches, experiment.keys.train, experiment.hyperparams)
    player, network = state.players["generator"], Network(Painter(rows=16))
    x, source = batches["x"][0], batches["source"][0]

    @jax.jit
    def features(image):
        made = network.apply(player.params, {}, {"source": image}, train=True, key=KEY)[0]
        return [network.features(player.params, {}, {"source": of}, train=True, key=KEY)[0] for of in (made, image)]

    for term, image in (("nce", source), ("identity_nce", x)):
        queries, keys = (np.asarray(each, np.float64) for each in features(image))
        logits = np.einsum("bid,bjd->bij", queries, keys) / 0.07
        own = np.einsum("bii->bi", logits)
        np.testing.assert_allclose(metrics[f"generator/{term}"], (logsumexp(logits, -1) - own).mean(), rtol=1e-4)
    before, now = (each.players["generator"].params["Dense_1"]["kernel"] for each in (state, after))
    assert not np.allclose(before, now)
    assert experiment.hyperparams["generator"].weights == {"least_squares": 2.0, "nce": 0.5, "identity_nce": 0.5}


def test_layers_that_do_not_exist_and_generators_without_patches_are_refused():
    with pytest.raises(UserError, match=r"layers has 7: with 2 blocks they must be from 0 to 4"):
        build_on(config_of(**SMALL, layers=(0, 7)), SHAPE, others=("source",))
    config = config_of()
    config.networks.generator = {"name": "translation.ResNet", "width": 2, "blocks": 1}
    with pytest.raises(UserError, match=r"ResNet has no method `features`"):
        check_step(build_on(config, SHAPE, others=("source",)), config)
