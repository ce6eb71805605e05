"""Flags and fields of the command line: what a mode uses holds, what it does not is refused by its name."""

import json
import re
import shutil

import numpy as np
import pytest
from conftest import ROOT, TINY, build_on

from gan_jax import config as configs
from gan_jax import data
from gan_jax.command import line as command_line
from gan_jax.command import overrides
from gan_jax.command.flags import SUFFIXES, USED_BY, define
from gan_jax.data import images
from gan_jax.errors import UserError
from gan_jax.experiments import schedules
from gan_jax.main import main
from scripts import report

pytestmark = pytest.mark.heavy

SMALL = [f"--config.{field}={value}" for field, value in {**TINY, "data.name": "digits"}.items()]
CONFIG = ROOT / "configs" / "mnist_linear_ae.py"
RULE = "min reconstruction/error"
VALUES = {"step": "3", "num": "64", "out": "x.npz", "sample_seed": "0", "split": "test", "coordinator": "a:1"}
VALUES |= {"processes": "1", "process": "0", "input": "x.png", "mask": "m.png", "back": "true"}
VALUES |= {"class": "7", "truncation": "0.7", "init_from": "runs/a"}


def call(capsys, *arguments):
    """(exit status, stdout, stderr) of a command line."""
    status = main(["gan_jax", *map(str, arguments)])
    return status, *capsys.readouterr()


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """An autoencoder with checkpoints after 3 and 6 rounds, the first of them made the best by hand."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    own = ["--config.evaluate_every_steps=3", f"--config.keep_best={RULE}"]
    assert (
        main(["gan_jax", f"--config={ROOT / 'configs/mnist_linear_ae.py'}", f"--workdir={folder}", *SMALL, *own]) == 0
    )
    rows = [json.loads(line) for line in (folder / "evaluations.jsonl").read_text().splitlines()]
    rows[0]["reconstruction/error"] = 0.0
    (folder / "evaluations.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


@pytest.mark.parametrize(
    ("mode", "flag"), [(mode, flag) for flag, modes in USED_BY.items() for mode in ("train", *SUFFIXES, "evaluate")]
)
def test_every_flag_that_a_mode_does_not_use_is_refused_by_name(mode, flag, capsys):
    status, out, err = call(capsys, "--workdir=nowhere", f"--mode={mode}", f"--{flag}={VALUES[flag]}")
    refused = f"--mode={mode} does not use --{flag}: leave it out (--{flag} is for --mode={USED_BY[flag][0]}"
    assert (refused in err) == (mode not in USED_BY[flag])
    if mode not in USED_BY[flag]:
        assert (status, out, err.count("\n")) == (2, "", 1)


def test_help_names_the_modes_of_each_flag():
    words = re.sub(r"\s+", " ", define().get_help()).replace("--[no]", "--")
    for flag, modes in USED_BY.items():
        assert f"--{flag}: {', '.join(modes)}: " in words


@pytest.mark.parametrize("step", ["-1", "1.5", "", "newest", "Best", "٣", "9" * 30])
def test_a_step_is_a_number_or_best(step, capsys):
    status, _, err = call(capsys, "--workdir=nowhere", "--mode=sample", "--out=x.npz", f"--step={step}")
    assert status == 2
    assert "it must be 'best' or the number of a checkpoint" in err


def test_step_holds_in_every_mode_that_reads_a_checkpoint(trained, tmp_path, capsys):
    made = {}
    for step in ("", "3", "6", "best"):
        chosen = [f"--step={step}"] if step else []
        out = tmp_path / f"r{step}.npz"
        assert call(capsys, f"--workdir={trained}", "--mode=reconstruct", f"--out={out}", *chosen)[0] == 0
        walks = tmp_path / f"w{step}.png"
        assert call(capsys, f"--workdir={trained}", "--mode=interpolate", f"--out={walks}", *chosen)[0] == 0
        made[step] = np.load(out)["reconstructions"].tobytes(), walks.read_bytes()
    assert made[""] == made["6"] != made["3"] == made["best"]
    assert made["3"][1] != made["6"][1]
    for mode, suffix in SUFFIXES.items():
        if mode == "data":
            continue  # any step has data
        arguments = (f"--workdir={trained}", f"--mode={mode}", f"--out={tmp_path / 'x'}{suffix[0]}", "--step=4")
        status, _, err = call(capsys, *arguments)
        assert status == 2
        assert "holds no checkpoint 4; there are: [3, 6]" in err


def test_there_may_be_no_best_step(trained, tmp_path, capsys):
    use = [f"--workdir={trained}", "--mode=reconstruct", f"--out={tmp_path / 'x.npz'}", "--step=best"]
    status, _, err = call(capsys, *use, "--config.keep_best=")
    assert (status, "config.keep_best is ''" in err) == (2, True)
    status, _, err = call(capsys, *use, "--config.keep_best=min reconstruction/eror")
    assert status == 2
    assert "no checkpoint here has a value of 'reconstruction/eror'; did you mean reconstruction/error" in err
    assert call(capsys, *use, "--config.keep_best=max reconstruction/error")[0] == 0


def test_fields_that_a_mode_does_not_use_are_refused(trained, tmp_path, capsys):
    use = [f"--workdir={trained}", "--mode=reconstruct", f"--out={tmp_path / 'x.npz'}"]
    assert call(capsys, *use, "--config.steps=6")[0] == 0  # what the run has
    assert call(capsys, *use, "--config.data.hold=none")[0] == 0
    assert call(capsys, *use, "--config.data.hold=host")[0] == 0
    for field, value in (
        ("steps", 9),
        ("parallel", "shard_map"),
        ("evaluators.subspace.name", "reconstruction.beside_pca"),
        ("evaluators.subspace", "none"),
    ):
        status, _, err = call(capsys, *use, f"--config.{field}={value}")
        assert status == 2
        assert f"--config.{field}={value}: --mode=reconstruct does not use this field, and the run has" in err


def test_evaluate_uses_evaluators_and_makes_the_page_anew(trained, tmp_path, capsys, caplog):
    run = tmp_path / "run"
    shutil.copytree(trained, run)
    (run / "report.html").unlink()
    field = "--config.evaluators.pca={'name': 'reconstruction.beside_pca'}"
    status, out, _ = call(capsys, f"--workdir={run}", "--mode=evaluate", "--step=best", field)
    assert (status, json.loads(out)["step"]) == (0, 3)
    assert json.loads(out)["pca/error"] == json.loads(out)["reconstruction/error"]
    assert "pca/error" in (run / "report.html").read_text()
    assert not caplog.records


def test_values_of_an_evaluator_with_other_settings_do_not_replace_the_runs(trained, tmp_path, capsys, caplog):
    run = tmp_path / "run"
    shutil.copytree(trained, run)
    before = (run / "evaluations.jsonl").read_text()
    evaluate = [f"--workdir={run}", "--mode=evaluate", "--step=3", "--config.evaluators.subspace=none"]
    other = "--config.evaluators.reconstruction.split=train"
    status, out, _ = call(capsys, *evaluate, other)
    assert (status, json.loads(out)["reconstruction/error"] > 0) == (0, True)
    assert "the run has config.evaluators.reconstruction with other settings: the values are not written" in caplog.text
    assert (run / "evaluations.jsonl").read_text() == before
    assert call(capsys, *evaluate, other, "--config.evaluators.new={'name': 'reconstruction.clean'}")[0] == 0
    row = json.loads((run / "evaluations.jsonl").read_text().splitlines()[0])
    assert row["new/error"] > row["reconstruction/error"] == 0  # as the fixture has it
    caplog.clear()
    assert call(capsys, *evaluate, "--config.evaluators.reconstruction.every_steps=1")[0] == 0
    row = json.loads((run / "evaluations.jsonl").read_text().splitlines()[0])
    assert row["reconstruction/error"] > 0
    assert not caplog.records


def test_reconstruct_takes_a_split(trained, tmp_path, capsys):
    use = [f"--workdir={trained}", "--mode=reconstruct", f"--out={tmp_path / 'x.npz'}"]
    assert call(capsys, *use, "--split=train")[0] == 0
    np.testing.assert_array_equal(np.load(tmp_path / "x.npz")["images"], data.load("digits", "train").x)
    status, _, err = call(capsys, *use, "--split=validation")
    assert status == 2
    assert err == "error: --split=validation: digits has no split 'validation'; there are: test, train\n"


@pytest.mark.parametrize("out", ["folder.npz", "file/x.npz"])
def test_where_nothing_can_be_written_nothing_is_made(out, trained, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("gan_jax.evaluation.predict.restore", lambda *arguments: pytest.fail("work was done first"))
    (tmp_path / "folder.npz").mkdir()
    (tmp_path / "file").touch()
    status, _, err = call(capsys, f"--workdir={trained}", "--mode=reconstruct", f"--out={tmp_path / out}")
    assert (status, err.count("\n")) == (2, 1)


FILE = ROOT / "configs" / "digits_dcgan.py"


def fields(folder, *arguments, file=FILE):
    """What a command line trains in a folder, whose config.json it then writes, as the command does."""
    config, file_values = command_line.for_training(
        file, folder, list(arguments), otherwise=ROOT / "configs" / "mnist_gan.py"
    )
    kept = {"format": configs.FORMAT, "config": configs.to_json(config), "file_values": file_values}
    (folder / "config.json").write_text(json.dumps(kept))
    return config


def test_the_plain_command_goes_on_with_what_the_run_was_told(tmp_path, capsys):
    assert fields(tmp_path, "--config.steps=6200", "--config.log_every_steps=7").steps == 6200
    plain = fields(tmp_path)
    assert (plain.steps, plain.log_every_steps) == (6200, 7)
    line = "config.steps is 6200, as set by this run's last command, and not 6000 as in the file"
    assert line in capsys.readouterr().err
    assert fields(tmp_path).steps == 6200
    assert fields(tmp_path, "--config.steps=6400").steps == 6400
    assert fields(tmp_path, file=None).steps == 6400
    assert fields(tmp_path, "--config.steps=6500", file=None).steps == 6500
    assert fields(tmp_path).steps == 6500
    assert fields(tmp_path, "--config.steps=6000").steps == 6000
    assert fields(tmp_path).steps == 6000


def test_the_plain_command_keeps_evaluators_that_were_added_changed_or_removed(tmp_path, capsys):
    for folder in ("changed", "removed", "added"):
        (tmp_path / folder).mkdir()
    best = ["--config.keep_best=min samples/frechet/digits-v1", "--config.evaluators.samples.every_steps=500"]
    fields(tmp_path / "changed", *best)  # the file's block has no every_steps
    for _ in range(2):
        assert fields(tmp_path / "changed").evaluators.samples.every_steps == 500
    assert fields(tmp_path / "changed", "--config.evaluators.samples.samples=99").evaluators.samples.every_steps == 500
    capsys.readouterr()
    fields(tmp_path / "removed", "--config.evaluators=none", "--config.evaluate_every_steps=0")
    for _ in range(2):
        assert "evaluators" not in fields(tmp_path / "removed")
    line = "config.evaluators.samples is none, as set by this run's last command, and not a block as in the file"
    assert capsys.readouterr().err.count(line) == 2
    replaced = "{'name': 'samples.distribution', 'samples': 99}"
    fields(tmp_path / "changed", f"--config.evaluators.samples={replaced}", "--config.keep_best=")
    assert {*fields(tmp_path / "changed").evaluators.samples} == {"name", "samples"}
    assert "config.evaluators.samples.metrics is none, as set" in capsys.readouterr().err
    block = "{'name': 'samples.distribution', 'metrics': ('frechet',)}"
    fields(tmp_path / "added", f"--config.evaluators.more={block}")
    assert {*fields(tmp_path / "added").evaluators} == {"samples", "more"}
    again = fields(tmp_path / "added", "--config.evaluators.samples=none")
    assert {*again.evaluators} == {"more"}
    assert {*fields(tmp_path / "added", "--config.evaluators.samples.samples=99").evaluators} == {
        "samples",
        "more",
    }


def test_fields_that_need_each_other_are_set_in_any_order(tiny):
    config = tiny("mnist_linear_ae", evaluate_every_steps=3)
    given = ["--config.evaluators=none", "--config.evaluate_every_steps=0"]
    assert [overrides.apply(config, each).evaluate_every_steps for each in (given, given[::-1])] == [0, 0]
    with pytest.raises(UserError, match="has no evaluators"):
        overrides.apply(config, given[:1])


@pytest.mark.parametrize("field", ["data.labels", "data.paired", "data.use_pairs", "networks.critic.attention"])
def test_a_new_field_is_a_boolean_in_any_case(tiny, field):
    block, name = field.rsplit(".", 1)
    for text, value in (("false", False), ("FALSE", False), ("False", False), ("true", True), ("True", True)):
        made = overrides.apply(tiny(), [f"--config.{field}={text}"])
        for part in block.split("."):
            made = made[part]
        assert made[name] is value


@pytest.mark.parametrize("name", ["2024", "2024_10", "0x10", "1e3", "true", "(1,2)", "a b"])
def test_a_path_is_text_also_where_it_reads_as_a_number(name, tiny):
    assert overrides.apply(tiny(), [f"--config.data.path={name}"]).data.path == name
    for field in ("unlabelled_folder", "group"):
        assert overrides.apply(tiny(), [f"--config.data.{field}={name}"]).data[field] == name
    assert overrides.apply(tiny(), ["--config.networks.critic.group=4"]).networks.critic.group == 4
    block = "{'name': 'samples.distribution'}"
    assert overrides.apply(tiny(), [f"--config.evaluators.path={block}"]).evaluators.path.name == "samples.distribution"


def test_a_schedule_takes_the_place_of_a_number_and_back(tiny):
    line = "{'name': 'linear_schedule', 'init_value': 0.0, 'end_value': 1.0, 'transition_steps': 10}"
    paths = ("objective.beta", "players.autoencoder.ema", "players.autoencoder.optimizer.learning_rate")
    config = overrides.apply(tiny("mnist_vae"), [f"--config.{path}={line}" for path in paths])
    named = (config.objective.beta, config.players.autoencoder.ema, config.players.autoencoder.optimizer.learning_rate)
    assert [block.name for block in named] == ["linear_schedule"] * 3
    assert overrides.apply(config, ["--config.objective.beta=2"]).objective.beta == 2
    config.players.autoencoder.ema = 0.5  # as in Python, also where the config is locked
    config.objective.beta = {"name": "constant_schedule", "value": 1.0}
    assert config.objective.beta.value == 1.0
    with pytest.raises(UserError, match=r"config\.steps is \{'end_value': 1\.0, .*it must be of type int"):
        overrides.apply(config, [f"--config.steps={line}"])
    for path, text in (("networks.encoder", "3"), ("objective", "2.0")):
        with pytest.raises(UserError, match=rf"config\.{path} is a block"):
            overrides.apply(config, [f"--config.{path}={text}"])


PIECES = "{'name': 'piecewise_constant_schedule', 'init_value': 0.8, 'boundaries_and_scales': {1: 0.5, 4: 0.5}}"
LINE = "{'name': 'linear_schedule', 'init_value': 0.0, 'end_value': 1.0, 'transition_steps': 4}"
JOINED = f"{{'name': 'join_schedules', 'schedules': ({LINE}, 0.5, {LINE}), 'boundaries': (2, 3)}}"


def test_a_schedules_steps_may_be_numbers_and_schedules_may_be_joined(tiny):
    weight, ema = "objective.critic.gradient_penalty", "players.critic.ema"
    given = [f"--config.{weight}={PIECES}", f"--config.{ema}={JOINED}"]
    given += [f"--config.players.critic.optimizer.learning_rate={PIECES}"]
    config = overrides.apply(tiny("grid_wgan_gp"), given)
    config = configs.checked(configs.to_json(config))  # as a run reads it back
    blocks = config.objective.critic.gradient_penalty.to_dict(), config.players.critic.ema.to_dict()
    for block, values in zip(blocks, ((0.8, 0.4, 0.4, 0.4, 0.2), (0.0, 0.25, 0.5, 0.0, 0.25)), strict=True):
        made = schedules.schedule(block, weight)
        np.testing.assert_allclose([made(step) for step in range(5)], values, rtol=1e-6)
    numbers = build_on(config, (2,)).hyperparams["critic"].optimizer
    assert [name for name in numbers if name.startswith("learning_rate")] == ["learning_rate.init_value"]
    changed = overrides.apply(config, [f"--config.{weight}.boundaries_and_scales.4=0.25", f"--config.{ema}=0.5"])
    assert changed.objective.critic.gradient_penalty.boundaries_and_scales.to_dict() == {"1": 0.5, "4": 0.25}
    assert changed.players.critic.ema == 0.5


def test_a_size_may_become_a_height_and_a_width_and_back():
    config = overrides.apply(configs.load(ROOT / "configs" / "orl_faces.py"), ["--config.data.size=(48,64)"])
    assert config.data.size == (48, 64)
    assert overrides.apply(config, ["--config.data.size=[32, 32]"]).data.size == (32, 32)
    assert overrides.apply(config, ["--config.data.size=32"]).data.size == 32
    both = ["--config.data.size=(16,24)", "--config.data.size=(48,64)", "--config.data.size=64"]  # the last counts
    for order in (both, both[::-1]):
        made = overrides.apply(config, order).data.size
        assert made == (64 if order is both else (16, 24))
    for argument, message in (("data.range=3", r"range is 3: it must be of type tuple"), ("steps=(1,2)", "int")):
        with pytest.raises(UserError, match=message):
            overrides.apply(config, [f"--config.{argument}"])
    for text in ("(48,)", "(48,64,3)", "('a',3)", "()"):
        changed = overrides.apply(config, ["--config.data.size=64", f"--config.data.size={text}"])
        with pytest.raises(UserError, match=r"config\.data\.size is .* it must be a side or \(h, w\)"):
            images.reading(changed.data.size)


def test_a_file_that_was_changed_since_has_its_way(tmp_path):
    file = tmp_path / "c.py"
    text = (
        "from configs import digits_dcgan\ndef get_config():\n    c = digits_dcgan.get_config()\n    {}\n    return c\n"
    )
    file.write_text(text.format("pass"))
    assert fields(tmp_path, "--config.steps=6200", file=file).steps == 6200
    file.write_text(text.format("c.steps = 9000"))
    assert fields(tmp_path, file=file).steps == 9000
    file.write_text(text.format("c.seed = 5"))
    assert fields(tmp_path, "--config.keep_checkpoints=4", file=file).steps == 6000  # another run: refused later on


def test_without_a_config_a_new_run_has_the_default_and_an_old_one_its_own(tmp_path):
    assert fields(tmp_path, file=None).objective.name == configs.load(ROOT / "configs" / "mnist_gan.py").objective.name
    kept = json.loads((tmp_path / "config.json").read_text())
    assert fields(tmp_path, file=None).to_dict() == configs.load(tmp_path / "config.json").to_dict()
    (tmp_path / "config.json").write_text(json.dumps(kept | {"file_values": 3}))
    with pytest.raises(UserError, match="file_values is not a block"):
        fields(tmp_path, file=None)


def test_training_goes_on_by_the_folder_alone(trained, tmp_path, capsys):
    run = tmp_path / "run"
    shutil.copytree(trained, run)
    (run / "train.log").write_text("mine")
    status, _, err = call(capsys, f"--workdir={run}", "--config.steps=7")
    assert (status, "resuming" in err) == (0, True)
    assert (run / "checkpoints" / "7").is_dir()
    status, _, err = call(capsys, f"--config={CONFIG}", f"--workdir={run}", *SMALL[1:])
    assert (status, "at step 7 of 7" in err) == (0, True)
    status, _, err = call(capsys, f"--workdir={run}")
    assert (status, "at step 7 of 7" in err) == (0, True)


def test_report_of_a_single_run_and_of_one_of_several_seeds(trained, tmp_path, capsys):
    run = tmp_path / "run"
    shutil.copytree(trained, run)
    (run / "report.html").unlink()
    assert report.main([str(run)]) == 0
    assert capsys.readouterr().out == f"{run / 'report.html'}\n"
    assert report.main([str(run), "--against=x"]) == 2
    kept = json.loads((run / "config.json").read_text())
    several = tmp_path / "several"
    for seed in range(2):
        shutil.copytree(run, several / f"seed_{seed}")
    kept["config"]["seeds"] = 2
    (several / "config.json").write_text(json.dumps(kept))
    assert report.main([str(several)]) == 0
    assert json.loads((several / "ablation.json").read_text())["runs"] == 2
    (tmp_path / "planned").mkdir()
    planned = {"format": configs.FORMAT, "config": kept["config"] | {"seeds": 1}}
    (tmp_path / "planned" / "config.json").write_text(json.dumps(planned))
    assert report.main([str(tmp_path / "planned")]) == 0
