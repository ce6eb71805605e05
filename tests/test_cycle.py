"""CycleGAN: its pool, its terms, its two directions; a run resumed to the bit."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import ROOT, build_on
from jax import random
from small_networks import Judge, Painter

from gan_jax import config as configs
from gan_jax.core.collectives import base_key
from gan_jax.core.networks import Network
from gan_jax.data.base import Dataset
from gan_jax.data.spec import DataSpec
from gan_jax.errors import UserError
from gan_jax.experiments import build
from gan_jax.objectives import pool
from gan_jax.reporting.reconstructions import make_translations
from gan_jax.runs.checkpoints import Checkpoints
from gan_jax.training.preflight import check_step

pytestmark = pytest.mark.heavy

KEY = base_key(0)
SHAPE, BATCH = (8, 8, 1), 3
PAINTER, JUDGE = {"name": "small_networks:Painter"}, {"name": "small_networks:Judge"}
NETWORKS = {"generator": PAINTER, "generator_back": PAINTER, "critic": JUDGE, "critic_back": JUDGE}
GENERATOR, CRITIC = Network(Painter()), Network(Judge())
"""As the config makes them."""
BATCHES = {
    name: random.uniform(key, (1, BATCH, *SHAPE), minval=-1)
    for name, key in zip(("x", "source"), random.split(KEY), strict=True)
}


def config_of(**objective):
    config = configs.load(ROOT / "configs" / "emoji_cyclegan.py").unlock()
    config.networks, config.batch_size = NETWORKS, BATCH
    config.objective = {"name": "cycle.cycle_gan", "pool": 5, **objective}
    return config


@pytest.fixture(scope="module")
def game():
    """The experiment, its step, and the states before each of five steps with the metrics of each."""
    experiment = build_on(config_of(), SHAPE, others=("source",))
    step, states, rows = jax.jit(experiment.train_step), [experiment.init(experiment.keys.init)], []
    for _ in range(5):
        state, row = step(states[-1], BATCHES, experiment.keys.train, experiment.hyperparams)
        states.append(state)
        rows.append(row)
    assert step._cache_size() == 1
    return experiment, step, states, rows


# The pool.


def shown_by_hand(fakes, swaps, places, size):
    """The law, fake by fake."""
    kept, shown = [], []
    for fake, swap, place in zip(fakes, swaps, places, strict=True):
        if len(kept) < size:
            kept.append(fake)
            shown.append(fake)
        elif swap:
            shown.append(kept[place])
            kept[place] = fake
        else:
            shown.append(fake)
    return shown, kept


def test_a_pool_shows_earlier_fakes_half_of_the_time_once_it_is_full():
    size, b, steps = 5, 4, 60
    held, everything = pool.empty(size, jnp.zeros((1, 2))), []
    exchange, swaps, places, shown = jax.jit(pool.exchange), [], [], []
    for step in range(steps):
        key = random.fold_in(KEY, step)
        fakes = jnp.arange(step * b, (step + 1) * b, dtype=jnp.float32)[:, None].repeat(2, 1)
        swap_key, place_key = random.split(key)
        swaps += random.bernoulli(swap_key, 0.5, (b,)).tolist()
        places += random.randint(place_key, (b,), 0, size).tolist()
        made, held = exchange(key, fakes, held)
        assert made.shape == fakes.shape
        everything += fakes[:, 0].tolist()
        shown += made[:, 0].tolist()
    expected, kept = shown_by_hand(everything, swaps, places, size)
    assert shown == expected
    assert held.images[:, 0].tolist() == kept
    assert int(held.count) == size
    assert abs(np.mean(np.array(shown) != everything) - 0.5) < 0.1


def test_a_pool_fills_before_it_swaps_and_has_no_gradients():
    made, held = pool.exchange(KEY, jnp.ones((3, 2)), pool.empty(5, jnp.zeros((1, 2))))
    assert made.tolist() == jnp.ones((3, 2)).tolist()
    assert int(held.count) == 3
    assert held.images[3:].tolist() == [[0.0, 0.0]] * 2
    gradients = jax.grad(lambda x: pool.exchange(KEY, x, pool.empty(5, x[:1]))[0].sum())(jnp.ones((3, 2)))
    assert not gradients.any()


def test_each_direction_has_a_pool_of_its_own_fakes(game):
    _, _, states, _ = game
    carry = states[1].players["critic"].carry
    assert {*carry} == {"pool", "pool_back"}
    batch = {name: values[0] for name, values in BATCHES.items()}
    player = states[0].players["generator"]
    for role, given, name in (("generator", "source", "pool"), ("generator_back", "x", "pool_back")):
        fake, _ = GENERATOR.apply(player.params[role], {}, {"source": batch[given]}, train=True, key=KEY)
        np.testing.assert_allclose(carry[name].images[:BATCH], fake, atol=1e-5)
    assert [int(state.players["critic"].carry["pool"].count) for state in states[:4]] == [0, 3, 5, 5]


def test_a_run_from_a_checkpoint_is_the_same_to_the_bit(game, tmp_path):
    experiment, step, states, _ = game
    kept = Checkpoints(tmp_path, 1)
    kept.save(jax.device_get(states[3]))
    kept.close()
    resumed = Checkpoints(tmp_path, None).restore(states[0])
    for _ in range(2):
        resumed, _ = step(resumed, BATCHES, experiment.keys.train, experiment.hyperparams)
    for a, b in zip(*map(jax.tree.leaves, (states[5], resumed)), strict=True):
        np.testing.assert_array_equal(a, b)


def test_without_a_pool_nothing_is_remembered():
    experiment = build_on(config_of(pool=0), SHAPE, others=("source",))
    assert jax.eval_shape(experiment.init, KEY).players["critic"].carry == {}


# Terms and directions.


def test_terms_are_means_over_both_directions(game):
    """By the networks themselves, from the first state: |F(G(s)) - s| and |G(x) - x|."""
    experiment, _, states, rows = game
    player = states[0].players["generator"]
    apply = jax.jit(lambda params, image: GENERATOR.apply(params, {}, {"source": image}, train=True, key=KEY)[0])
    there, back = (
        lambda image, role=role: apply(player.params[role], image) for role in ("generator", "generator_back")
    )
    x, source = BATCHES["x"][0], BATCHES["source"][0]
    cycle = (jnp.abs(back(there(source)) - source).mean() + jnp.abs(there(back(x)) - x).mean()) / 2
    identity = (jnp.abs(there(x) - x).mean() + jnp.abs(back(source) - source).mean()) / 2
    # alternating_on_same_fakes updates the critics first: these terms see the generators alone
    np.testing.assert_allclose(rows[0]["generator/cycle"], cycle, rtol=1e-4)
    np.testing.assert_allclose(rows[0]["generator/identity"], identity, rtol=1e-4)
    assert experiment.hyperparams["generator"].weights == {"least_squares": 2.0, "cycle": 10.0, "identity": 5.0}


def test_each_generator_plays_against_the_critic_of_what_it_makes(game):
    """By the networks themselves: the critics learn first, so the generators' scores are by what they have become."""
    _, _, states, rows = game
    before, after = (state.players["critic"].params for state in states[:2])
    score = jax.jit(lambda params, image: CRITIC.apply(params, {}, {"x": image}, train=True)[0])
    paint = jax.jit(lambda params, image: GENERATOR.apply(params, {}, {"source": image}, train=True, key=KEY)[0])
    x, source = BATCHES["x"][0], BATCHES["source"][0]
    critic, generator = [], []
    for end, real, given in (("", x, source), ("_back", source, x)):
        fake = paint(states[0].players["generator"].params[f"generator{end}"], given)
        of_real, of_fake = (np.asarray(score(before[f"critic{end}"], image)) for image in (real, fake))
        critic.append(((of_real - 1) ** 2 + of_fake**2).mean() / 2)
        generator.append(((np.asarray(score(after[f"critic{end}"], fake)) - 1) ** 2).mean() / 2)
        np.testing.assert_allclose(rows[0][f"critic/distance{end}"], of_real.mean() - of_fake.mean(), atol=1e-5)
    np.testing.assert_allclose(rows[0]["critic/least_squares"], np.mean(critic), rtol=1e-5)
    np.testing.assert_allclose(rows[0]["generator/least_squares"], np.mean(generator), rtol=1e-5)


def test_both_directions_are_logged(game):
    *_, rows = game
    for name in ("critic/accuracy", "critic/distance", "generator/diversity"):
        assert {name, f"{name}_back"} <= {*rows[0]}


def test_other_terms_of_both_players_are_taken():
    config = config_of(critic={"least_squares": 0.0, "hinge": 1.0, "lecam": 0.3}, generator={"hinge": 1.0})
    experiment = build_on(config, SHAPE, others=("source",))
    names = check_step(experiment, config)
    assert {"critic/hinge", "critic/lecam", "generator/hinge", "generator/cycle"} <= {*names}
    carry = jax.eval_shape(experiment.init, KEY).players["critic"].carry
    assert {"lecam_real", "lecam_real_back", "pool", "pool_back"} <= {*carry}


@pytest.mark.parametrize(("paired", "n"), [(True, 6), (False, 4), (False, 8)])
def test_panels_show_all_sources_there_and_back_and_the_truth_where_it_is_known(paired, n, game):
    experiment, _, states, _ = game
    images = np.random.default_rng(0).integers(0, 255, (2, 8, *SHAPE), dtype=np.uint8)
    x, sources = images[0, :n], images[1, :6]
    dataset = Dataset("a", "test", x, None, 0, others={"source": sources})
    dataset = dataset._replace(**{"shuffled" if paired else "unpaired": ("source",)})
    made = make_translations(experiment, states[1].players, dataset, seed=0)
    assert {*made} == {"source", "translations", "round_trips", *(["targets"] if paired else [])}
    assert {len(values) for values in made.values()} == {6}
    again = dataset._replace(others={"source": made["translations"]}, unpaired=(), shuffled=())
    back = experiment.predict["translate_back"](
        states[1].players, random.split(KEY, len(sources)), experiment.scale({"x": again.others["source"]})
    )
    assert np.abs(back.astype(int) - made["round_trips"].astype(int)).max() <= 1  # rounded to uint8 on the way


# Errors.


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"objective.pool": -1}, r"pool is -1: it must be a number of fakes"),
        ({"objective.generator": {"cycle": -1.0}}, r"generator\.cycle is -1"),
        (
            {"networks": {**NETWORKS, "critic_side": JUDGE}},
            r"CycleGAN needs critic, critic_back, generator, generato",
        ),
        ({"accumulate": 3}, r"a pool of fakes needs the whole batch: config\.accumulate must be 1"),
    ],
)
def test_what_does_not_fit_is_one_line(change, message):
    config = config_of()
    for field, value in change.items():
        place, _, name = field.rpartition(".")
        (config[place] if place else config)[name] = value
    with pytest.raises(UserError, match=message) as error:
        check_step(build_on(config, SHAPE, others=("source",)), config)
    assert "\n" not in str(error.value)


def test_images_of_two_sizes_are_refused():
    with pytest.raises(UserError, match=r"x is \(8, 8, 1\) and source \(4, 4, 1\): CycleGAN needs images of one size"):
        build(config_of(), DataSpec(SHAPE, others={"source": (4, 4, 1)}))


@pytest.mark.parametrize(
    ("file", "objective", "message"),
    [
        ("emoji_l1", {}, r"generator\.l1 compares fakes with their own real examples, but the data are not paired"),
        ("emoji_l1", {"generator": {"l1": 0.0, "l2": 1.0}}, r"generator\.l"),
        ("emoji_pix2pix", {}, r"networks\.critic judges pairs of x and source, but the data are not paired"),
    ],
)
def test_targets_are_refused_where_the_data_are_not_paired(file, objective, message):
    config = configs.load(ROOT / "configs" / f"{file}.py").unlock()
    config.objective.update(objective)
    with pytest.raises(UserError, match=message):
        build(config, DataSpec((64, 64, 3), others={"source": (64, 64, 3)}, unpaired=("source",)))


def test_terms_of_a_way_back_are_refused_where_there_is_none():
    config = configs.load(ROOT / "configs" / "emoji_pix2pix.py").unlock()
    config.networks = {"generator": PAINTER, "critic": JUDGE}
    config.objective = {"name": "adversarial.pix2pix", "generator": {"cycle": 1.0}}
    with pytest.raises(
        UserError, match=r"this term needs a generator of the reverse direction: use the objective cycle\.cycle"
    ):
        check_step(build_on(config, SHAPE, others=("source",)), config)
