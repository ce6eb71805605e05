"""Runs that start from another one: what is taken, what stays frozen, resumed to the bit, and what does not fit."""

import json
import shutil

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from conftest import build_on

import gan_jax
from gan_jax import config as configs
from gan_jax.core import steps
from gan_jax.errors import UserError
from gan_jax.main import main
from gan_jax.runs import origins
from gan_jax.runs.directory import RunDirectory

pytestmark = pytest.mark.heavy


def same(left, right):
    leaves = jax.tree.leaves(jax.tree.map(lambda a, b: bool((np.asarray(a) == np.asarray(b)).all()), left, right))
    return bool(leaves) and all(leaves)


@pytest.fixture
def started(small_run, tmp_path):
    """`started(name, changes)`: a run in a folder of the test's own that starts from the small run of this name."""

    def start(name, folder="new", *, begin=None, **changes):
        config = configs.load(small_run(name) / "config.json")
        with config.unlocked():
            config.update_from_flattened_dict({"init_from": begin or str(small_run(name)), **changes})
        return gan_jax.train(config, tmp_path / folder)

    return start


def test_players_are_taken_at_a_step_and_the_origin_is_told(small_run, started):
    old = gan_jax.load(small_run("gan"), step=3)
    run = started("gan", begin=f"{old.folder}@3", steps=1, checkpoint_every_steps=1)
    first = gan_jax.load(run.folder, step=0)
    for name, player in first.players.items():
        assert same(player.params, old.players[name].params)
        assert same(player.ema, old.players[name].ema)
        assert not same(player.params, player.ema)
        assert not any(np.any(leaf) for leaf in jax.tree.leaves(player.opt_state))
    held = json.loads((run.folder / "config.json").read_text())
    told = held["origin"]
    assert (told["run"], told["step"], told["taken"]) == (str(old.folder.resolve()), 3, ["critic", "generator"])
    assert f"Starts from {old.folder.resolve()}, step 3: critic, generator" in (run.folder / "report.html").read_text()
    assert not same(run.params["generator"], first.params["generator"])


def test_averages_start_with_their_batch_statistics_and_frozen_players_with_those_of_the_average(small_run, started):
    old = gan_jax.load(small_run("dcgan"))
    run = started("dcgan", steps=1, checkpoint_every_steps=1, **{"players.critic.frozen": True})
    first = gan_jax.load(run.folder, step=0)
    generator, critic = (old.players[name] for name in ("generator", "critic"))
    assert not same(generator.stats, generator.ema_stats)
    assert same(first.players["generator"].stats, generator.stats)
    assert same(first.players["generator"].ema_stats, generator.ema_stats)
    assert same(first.players["critic"].params, critic.ema)
    assert same(first.players["critic"].stats, critic.ema_stats)


def test_one_player_a_network_and_a_network_of_another_name(small_run, started):
    old = gan_jax.load(small_run("cvae"))
    fresh = gan_jax.experiment(old.config)
    fresh = fresh.init(fresh.keys.init).players["autoencoder"]
    run = started("cvae", begin=f"{old.folder}:decoder", steps=1, checkpoint_every_steps=1)
    first = gan_jax.load(run.folder, step=0).players["autoencoder"]
    assert same(first.params["decoder"], old.players["autoencoder"].params["decoder"])
    np.testing.assert_allclose(*(player.params["encoder"]["Embed_0"]["embedding"] for player in (first, fresh)))
    run = started("gan", "critic", begin=f"{small_run('gan')}:critic=critic", steps=1, checkpoint_every_steps=1)
    first = gan_jax.load(run.folder, step=0)
    assert same(first.players["critic"].params, gan_jax.load(small_run("gan")).players["critic"].params)
    assert json.loads((run.folder / "config.json").read_text())["origin"]["taken"] == ["critic"]


def test_a_run_that_starts_from_another_resumes_to_the_bit_without_it(small_run, started, tmp_path):
    shutil.copytree(small_run("gan"), tmp_path / "old")
    whole = started("gan", "whole", begin=str(tmp_path / "old"))
    halved = started("gan", "halved", begin=str(tmp_path / "old"), steps=3)
    shutil.rmtree(tmp_path / "old")
    halved = started("gan", "halved", begin=str(tmp_path / "old"))
    assert halved.step == whole.step == 6
    assert same(halved.players, whole.players)
    assert main(["gan_jax", f"--workdir={halved.folder}", f"--init_from={tmp_path / 'old'}"]) == 0
    held = [json.loads((run.folder / "config.json").read_text())["origin"]["crc32"] for run in (halved, whole)]
    assert held[0] == held[1]


def test_an_origin_that_has_changed_before_the_first_checkpoint_is_refused(small_run, started, tmp_path):
    run = started("gan", steps=1)
    shutil.rmtree(run.folder / "checkpoints")
    held = json.loads((run.folder / "config.json").read_text())
    held["origin"]["crc32"] += 1
    (run.folder / "config.json").write_text(json.dumps(held))
    with pytest.raises(UserError, match="it has changed since this run began"):
        started("gan", steps=1)


def test_a_frozen_player_stays_as_the_average_was(small_run, started):
    old = gan_jax.load(small_run("gan"))
    run = started("gan", **{"networks.critic.frozen": True})
    player = run.players["critic"]
    assert same(player.params, old.params["critic"])
    assert (player.opt_state, player.ema) == ((), ())
    assert not same(run.params["generator"], old.params["generator"])
    rows = [json.loads(line) for line in (run.folder / "metrics.jsonl").read_text().splitlines()]
    assert "generator/loss" in rows[0]
    assert not any(name.startswith("critic/") for name in rows[0])


@pytest.mark.parametrize(
    "field", ["players.critic.frozen", "players.critic.updates_per_step", "networks.critic.frozen"]
)
def test_there_are_three_ways_to_freeze_a_player(field, tiny):
    config = tiny()
    with config.unlocked():
        config.update_from_flattened_dict({field: 0 if field.endswith("step") else True})
    made = build_on(config, (8, 8, 1))
    assert jax.eval_shape(made.init, made.keys.init).players["critic"].opt_state == ()


def test_a_frozen_network_of_a_player_stays_and_the_other_learns(small_run, started):
    old = gan_jax.load(small_run("cvae"))
    run = started("cvae", **{"networks.decoder.frozen": True})
    now, before = run.players["autoencoder"], old.params["autoencoder"]
    assert same(now.params["decoder"], before["decoder"])
    assert same(now.ema["decoder"], before["decoder"])
    assert not same(now.params["encoder"], before["encoder"])
    moments = jax.tree.leaves(now.opt_state[0].mu if hasattr(now.opt_state[0], "mu") else now.opt_state[0][0].mu)
    assert len(moments) == len(jax.tree.leaves({**now.params, "decoder": {}}))


@pytest.mark.parametrize("field", ["networks.critic.frozen", "players.critic.frozen"])
def test_what_is_frozen_is_applied_as_in_evaluation(field, tiny):
    config = tiny()
    with config.unlocked():
        config.update_from_flattened_dict({field: True})
    made = build_on(config, (8, 8, 1))
    state = made.init(made.keys.init)
    batch = {"x": jnp.zeros((made.updates_per_step, 4, 8, 8, 1))}
    critic = state.players["critic"]
    assert critic.stats
    losses = []
    for scale in (1.0, 4.0):
        other = critic._replace(stats=jax.tree.map(lambda a, scale=scale: scale * a + 1, critic.stats))
        state = state._replace(players={**state.players, "critic": other})
        losses.append(made.train_step(state, batch, made.keys.train, made.hyperparams)[1]["generator/loss"])
    assert losses[0] != losses[1]


def test_what_is_frozen_is_left_out_of_what_moves():
    update = steps.Update(lambda numbers: optax.identity(), frozen=frozenset({"a"}))
    assert update.moved({"a": 1, "b": 2}) == {"b": 2}
    assert update.joined({"a": 1, "b": 2}, {"a": 5, "b": 3}) == {"a": 1, "b": 3}


def test_what_differs_is_listed_or_starts_anew(small_run, started, capsys):
    widths = {"networks.generator.widths": (8, 8)}
    with pytest.raises(UserError) as raised:
        started("gan", **widths)
    assert "4 arrays differ from this config's (--config.init_partial=True initialises these): " in str(raised.value)
    assert "generator Dense_1.kernel is [8, 8] here, [8, 64] there" in str(raised.value)
    assert "generator Dense_2.kernel is [8, 64] here, missing there" in str(raised.value)
    run = started("gan", init_partial=True, steps=1, checkpoint_every_steps=1, **widths)
    first, old = gan_jax.load(run.folder, step=0), gan_jax.load(small_run("gan"))
    layers = first.players["generator"].params, old.players["generator"].params
    assert same(layers[0]["Dense_0"], layers[1]["Dense_0"])
    assert same(first.players["critic"].params, old.players["critic"].params)
    assert "not taken: generator Dense_1.bias is [8] here, [64] there" in capsys.readouterr().err
    assert "arrays are newly initialised" in (run.folder / "report.html").read_text()


def test_without_a_config_the_new_run_has_that_of_the_other_one(small_run, tmp_path, capsys):
    new = tmp_path / "new"
    use = [f"--workdir={new}", f"--init_from={small_run('gan')}"]
    assert main(["gan_jax", *use, "--config.players.generator.optimizer.learning_rate=1e-5", "--config.steps=2"]) == 0
    config = RunDirectory(new).read_config()
    assert config.networks.generator.widths == (8,)
    assert config.players.generator.optimizer.learning_rate == 1e-5
    capsys.readouterr()
    assert main(["gan_jax", f"--workdir={new}", f"--init_from={small_run('gan')}@3"]) == 2
    assert "holds another run (init_from: " in capsys.readouterr().err


def test_a_run_from_before_these_fields_goes_on(small_run, tmp_path):
    shutil.copytree(small_run("gan"), tmp_path / "run")
    path = tmp_path / "run" / "config.json"
    held = json.loads(path.read_text())
    for field in ("init_from", "init_partial"):
        del held["config"][field]
    for player in held["config"]["players"].values():
        del player["frozen"]
    path.write_text(json.dumps(held))
    assert main(["gan_jax", f"--workdir={tmp_path / 'run'}", "--config.steps=7"]) == 0


def test_names_of_origins(small_run, tmp_path):
    run = small_run("gan")
    assert origins.named(f"{run}:generator@best") == (run, "generator", "generator", "best")
    assert origins.named(f"{run}:a=b") == (run, "a", "b", None)
    assert origins.named(f"{run}@12") == (run, None, None, "12")
    odd = tmp_path / "a:b@3"
    odd.mkdir()
    (odd / "config.json").touch()
    assert origins.named(str(odd)) == (odd, None, None, None)
    assert origins.named(f"{odd}@4").step == "4"


@pytest.mark.parametrize(
    ("name", "begin", "changes", "message"),
    [
        ("gan", "nowhere", {}, "config.init_from is 'nowhere': there is no run"),
        ("gan", "{gan}@4", {}, r"holds no checkpoint 4; there are: \[3, 6\]"),
        ("gan", "{gan}@best", {}, r"config\.keep_best is ''"),
        ("gan", "{gan}:genertor", {}, "this config has no player or network 'genertor'; did you mean generator"),
        ("gan", "{gan}:generator=decoder", {}, "it has no player or network 'decoder'"),
        ("gan", "{cvae}", {}, "it has the players autoencoder, but this config has critic, generator"),
        ("gan", "{cvae}:generator=decoder", {"init_partial": True}, "none of its arrays fits"),
        ("gan", "{gan}", {"players.critic.frozen": True, "players.generator.frozen": True}, "all players are frozen"),
        ("gan", "{gan}", {"networks.critic.frozen": 3}, r"networks\.critic\.frozen is 3: it must be True or False"),
        (
            "cvae",
            "{cvae}",
            {"networks.encoder.frozen": True, "networks.decoder.frozen": True},
            "all networks are frozen",
        ),
    ],
)
def test_what_does_not_fit_is_one_line_and_writes_nothing(name, begin, changes, message, small_run, started, tmp_path):
    with pytest.raises(UserError, match=message) as raised:
        started(name, begin=begin.format(gan=small_run("gan"), cvae=small_run("cvae")), **changes)
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "new").exists()
