"""One device or eight: the same rounds from the same global batches, and what does not divide is refused."""

import json
import os
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import FAST_COMPILE, ROOT

from gan_jax.config import checks as config_checks
from gan_jax.core.state import TrainState
from gan_jax.data import feeds, load
from gan_jax.data.spec import spec_of
from gan_jax.errors import UserError
from gan_jax.experiments import build, streams
from gan_jax.parallel import executor, mapping

pytestmark = pytest.mark.heavy

GAMES = {"dcgan": {"game": "digits_dcgan"}, "wgan_gp": {"game": "wgan_gp"}}  # batch norm over all devices; a penalty
POOL = {"game": "emoji_cyclegan"}
DROPOUT, SEEDS = {"game": "mnist_gan"}, {"game": "digits_dcgan", "seeds": 4}
CODES = {"game": "mnist_vqvae"}
STYLES = {"game": "cifar10_stylegan2"}
USES = {"few_labels": {"game": "mnist_few_labels"}, "inpainting": {"game": "emoji_inpainting"}}
BY_SHARD_MAP = {"how": "shard_map"}
ON_HOST = {"hold": "host"}


def play(devices, folder, **games):
    """Plays them in a process of its own -> by name, and by seed, what was played."""
    command = [sys.executable, "-m", "tests.play_on_devices", str(devices), str(folder), json.dumps(games)]
    env = os.environ | {"XLA_FLAGS": FAST_COMPILE}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    played = {name: [{} for _ in range(game.get("seeds", 1))] for name, game in games.items()}
    for name, seeds in played.items():
        for field, value in np.load(folder / f"{name}.npz").items():
            seed, rest = field.split("]", 1)
            seeds[int(seed.removeprefix("["))][rest] = value
    return played


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    return {devices: tmp_path_factory.mktemp(f"devices_{devices}") for devices in (1, 2, 4, 8)}


@pytest.fixture(scope="module")
def on_8(folders):
    return play(8, folders[8], **GAMES)


@pytest.fixture(scope="module")
def on_1(folders):
    return play(1, folders[1], **GAMES, dropout=DROPOUT, pool=POOL, codes=CODES, **USES)


@pytest.fixture(scope="module")
def on_2(folders):
    games = {"dcgan": GAMES["dcgan"], "seeds": SEEDS}
    mapped = {f"{name}_mapped": {**game, **BY_SHARD_MAP} for name, game in games.items()}
    on_host = {f"{name}_host": {**game, **ON_HOST} for name, game in games.items()}
    on_host["dcgan_mapped_host"] = {**GAMES["dcgan"], **ON_HOST, **BY_SHARD_MAP}
    return play(2, folders[2], **games, **mapped, **on_host)


@pytest.fixture(scope="module")
def on_4(folders):
    return play(4, folders[4], **GAMES, dropout=DROPOUT, pool=POOL, codes=CODES, **USES)


def assert_equal(one, other, **tolerance):
    assert one.keys() == other.keys()
    assert len(one) >= 11
    for field, value in one.items():
        np.testing.assert_allclose(other[field], value, **{"rtol": 1e-4, "atol": 1e-6, **tolerance}, err_msg=field)


@pytest.mark.parametrize("name", GAMES)
def test_four_devices_play_the_rounds_of_one(name, on_1, on_4):
    """That replicas stay equal to the bit is asserted where they are, in `play_on_devices`."""
    assert_equal(on_1[name][0], on_4[name][0])


def test_two_devices_play_the_rounds_of_one(on_1, on_2):
    assert_equal(on_1["dcgan"][0], on_2["dcgan"][0])


@pytest.mark.long
@pytest.mark.parametrize("name", GAMES)
def test_eight_devices_play_the_rounds_of_one(name, on_1, on_8):
    assert_equal(on_1[name][0], on_8[name][0])


def test_batch_statistics_of_averaged_weights_are_played_too(on_1):
    """So that the comparisons above are of them as well."""
    player = on_1["dcgan"][0]
    variances = [field for field in player if ".ema_stats" in field and field.endswith("['var']")]
    assert variances
    for field in variances:
        assert not np.array_equal(player[field], player[field.replace(".ema_stats", ".stats")])


def test_dropout_and_augmentation_are_the_same_on_four_devices(on_1, on_4):
    assert_equal(on_1["dropout"][0], on_4["dropout"][0])


def test_a_pool_of_fakes_is_the_same_on_four_devices(on_1, on_4):
    assert any("pool" in field for field in on_1["pool"][0])
    assert_equal(on_1["pool"][0], on_4["pool"][0])


def test_a_codebook_is_the_same_on_four_devices_with_codes_revived(on_1, on_4):
    assert any("codebook" in field for field in on_1["codes"][0])
    assert_equal(on_1["codes"][0], on_4["codes"][0])


@pytest.mark.long
def test_stylegan2_with_an_adaptive_augmentation_is_the_same_on_four_devices(folders):
    one, four = (play(devices, folders[devices], styles=STYLES)["styles"][0] for devices in (1, 4))
    assert_equal(one, four)
    remembered = {field.split("'")[-2]: value for field, value in one.items() if ".carry" in field}
    assert all(np.any(remembered[name] != 0) for name in ("path_length_average", "augment_p", "augment_signs"))


@pytest.mark.parametrize("name", USES)
def test_labels_that_are_drawn_and_holes_are_the_same_on_four_devices(name, on_1, on_4):
    """Few labels: a layer that starts with the first batch, noise in the critic, labelled examples beside others."""
    assert_equal(on_1[name][0], on_4[name][0])


@pytest.mark.parametrize(("first", "then"), [(4, 1), (1, 4)])
def test_a_checkpoint_of_four_devices_goes_on_on_one_and_the_other_way(first, then, folders, on_1, on_4, tmp_path):
    whole = {1: on_1, 4: on_4}[first]["dcgan"][0]
    resumed = {**GAMES["dcgan"], "start": str(folders[first] / "dcgan")}
    assert_equal(whole, play(then, tmp_path, resumed=resumed)["resumed"][0])


@pytest.mark.parametrize("name", ["dcgan", "seeds"])
def test_shard_map_plays_the_rounds_of_pmap_to_the_bit(name, on_2):
    for one, other in zip(on_2[name], on_2[f"{name}_mapped"], strict=True):
        assert_equal(one, other, rtol=0, atol=0)


@pytest.mark.parametrize("name", ["dcgan", "seeds", "dcgan_mapped"])
def test_examples_that_come_with_each_call_play_the_rounds_of_resident_ones_to_the_bit(name, on_2):
    for one, other in zip(on_2[name], on_2[f"{name}_host"], strict=True):
        assert_equal(one, other, rtol=0, atol=0)


def test_a_run_among_seeds_plays_the_rounds_of_one_alone(on_1, on_2):
    alone, (first, second, *_) = on_1["dcgan"][0], on_2["seeds"]
    assert_equal(alone, first)
    assert any(not np.allclose(value, second[field]) for field, value in first.items())


def test_runs_of_a_device_train_alike_side_by_side_and_in_turn(tiny):
    made, dataset = tiny("mnist_gan"), load("digits", "train")
    experiment = build(made, spec_of(dataset))
    seeds, trained = range(3), []
    feed = feeds.resident(dataset, experiment.scale, seeds=seeds, shape=(1, 8), length=4)
    keys = jnp.stack([streams(seed).train for seed in seeds])
    for each in (jax.vmap, executor.sequential):
        made = executor.seed_parallel(experiment.train_step, feed, experiment.hyperparams, keys, each=each)
        state = made.put([experiment.init(streams(seed).init) for seed in seeds])
        state, rows = made.run(state, 0, 3)
        trained.append([jax.tree.leaves((made.get(state, n).players, made.get(rows, n))) for n in seeds])
    for one, other in zip(*trained, strict=True):
        for a, b in zip(one, other, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
    assert not np.allclose(trained[0][0][0], trained[0][1][0])


@pytest.mark.parametrize("each", [jax.vmap, executor.sequential])
def test_what_is_done_at_some_steps_is_done_there_alone_by_runs_side_by_side(each):
    """A lazy term: of a condition that differs between runs `jax.vmap` would compute both sides at each step."""
    done = []

    def train_step(state, batches, key, hyperparams):
        del key, hyperparams

        def now():
            jax.debug.callback(lambda: done.append(1))
            return jnp.float32(1)

        lazy = jax.lax.cond(state.step % 2 == 0, now, lambda: jnp.float32(0))
        players = {"a": state.players["a"] + lazy + 0 * batches["x"].mean()}
        return TrainState(state.step + 1, players), {"a/lazy": lazy}

    seeds, dataset = range(3), load("digits", "train")
    feed = feeds.resident(dataset, lambda batch: batch, seeds=seeds, shape=(1, 8), length=4)
    keys = jnp.stack([streams(seed).train for seed in seeds])
    made = executor.seed_parallel(train_step, feed, {}, keys, each=each)
    state = made.put([TrainState(jnp.int32(0), {"a": jnp.float32(seed)}) for seed in seeds])
    state, rows = made.run(state, 0, 4)
    assert [float(made.get(state, n).players["a"]) for n in seeds] == [2.0, 3.0, 4.0]
    assert [int(made.get(state, n).step) for n in seeds] == [4, 4, 4]
    np.testing.assert_array_equal(made.get(rows, 1)["a/lazy"], [1, 0, 1, 0])
    jax.effects_barrier()
    assert len(done) in (2, 2 * len(seeds))  # at two of the four steps


def test_config_names_the_ways_that_there_are(tiny):
    made = tiny()
    for how in config_checks.MAPS:
        made.parallel = how
        config_checks.check(made)
        assert callable(mapping.mapped(how, lambda x: x, "devices", (None,), None))
    made.parallel = "pamp"
    with pytest.raises(UserError, match=r"config\.parallel is 'pamp': did you mean pmap"):
        config_checks.check(made)


def test_batch_that_devices_cannot_share_is_refused(monkeypatch):
    monkeypatch.setattr(jax, "device_count", lambda: 4)
    monkeypatch.setattr(jax, "local_device_count", lambda: 4)
    with pytest.raises(UserError, match=r"batch_size is 30, which 4 devices cannot share evenly: .* such as 32"):
        mapping.check(30, seeds=1)
    with pytest.raises(UserError, match=r"seeds is 3, which 4 devices cannot share evenly: .* such as 4"):
        mapping.check(32, seeds=3)
    mapping.check(32, seeds=1)
    mapping.check(30, seeds=8)


def test_processes_that_cannot_share_are_refused(monkeypatch):
    monkeypatch.setattr(jax, "process_count", lambda: 2)
    with pytest.raises(UserError, match=r"has 1 of the 1 devices of 2 processes: give every process the same number"):
        mapping.check(32, seeds=1)
    monkeypatch.setattr(jax, "device_count", lambda: 2)
    with pytest.raises(
        UserError, match=r"seeds is 2, but several seeds are trained together only by 1 process, not by 2"
    ):
        mapping.check(32, seeds=2)
    mapping.check(32, seeds=1)
