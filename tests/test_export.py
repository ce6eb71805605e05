"""Exported models: arrays by name, programs that give what the model gives, and folders written whole or not at all."""

import errno
import json
import shutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import build_on
from jax import export as jax_export
from safetensors import safe_open
from safetensors.numpy import load_file

import gan_jax
from gan_jax import data
from gan_jax.core.collectives import base_key, example_keys
from gan_jax.core.fields import fill_each
from gan_jax.errors import UserError
from gan_jax.evaluation import export, programs
from gan_jax.main import main
from gan_jax.runs import weights

pytestmark = pytest.mark.heavy

pytest.importorskip("flatbuffers", reason="jax.export needs flatbuffers: pip install -r requirements.txt")
TEST = data.load("digits", "test")


@pytest.fixture(scope="module")
def exported(small_run, tmp_path_factory):
    """`exported(name)`: the folder of a small run's exported model."""
    made = {}

    def make(name):
        if name not in made:
            made[name] = tmp_path_factory.mktemp("exported") / name
            assert main(["gan_jax", f"--workdir={small_run(name)}", "--mode=export", f"--out={made[name]}"]) == 0
        return made[name]

    return make


def program(folder, file="sampler.stablehlo"):
    return jax_export.deserialize(bytearray((folder / file).read_bytes()))


def test_arrays_are_the_runs_by_name(small_run, exported):
    run, folder = gan_jax.load(small_run("gan")), exported("gan")
    arrays = load_file(folder / "model.safetensors")
    assert {name.rsplit("/", 2)[0] for name in arrays} == {
        f"{player}/{part}" for player in ("generator", "critic") for part in ("params", "ema")
    }
    for player, held in run.players.items():
        for part in ("params", "ema"):
            kernel = getattr(held, part)["Dense_0"]["kernel"]
            np.testing.assert_array_equal(arrays[f"{player}/{part}/Dense_0/kernel"], kernel)
    with safe_open(folder / "model.safetensors", framework="numpy") as file:
        assert file.metadata() == {"step": "6"}
    assert (folder / "config.json").read_bytes() == (run.folder / "config.json").read_bytes()


def test_running_statistics_are_kept_and_read(tiny, tmp_path):
    config = tiny().copy_and_resolve_references()
    config.players.generator.ema = 0.5
    state = build_on(config, (8, 8, 1)).init(base_key(0))
    state = state._replace(players=jax.tree.map(lambda a: a + 1, state.players))
    weights.write(tmp_path / "w", state)
    again = weights.read(tmp_path / "w", state)
    for part in ("stats", "ema_stats"):
        assert f"generator/{part}/batch_stats/BatchNorm_0/mean" in load_file(tmp_path / "w")
    for name, player in state.players.items():
        for part in weights.PARTS:
            jax.tree.map(np.testing.assert_array_equal, getattr(again.players[name], part), getattr(player, part))
        assert again.players[name].opt_state == ()


@pytest.mark.parametrize("name", ["gan", "dcgan", "cvae", "ae"])
def test_a_folder_is_loaded_as_the_run(name, small_run, exported):
    run, again = gan_jax.load(small_run(name)), gan_jax.load(exported(name))
    assert again.step == run.step == 6
    if name == "ae":
        np.testing.assert_array_equal(again.reconstruct(TEST.x[:5]), run.reconstruct(TEST.x[:5]))
    else:
        np.testing.assert_array_equal(again.sample(5, seed=2), run.sample(5, seed=2))
    if name == "gan":
        np.testing.assert_array_equal(again.critic(TEST.x[:3]), run.critic(TEST.x[:3]))


@pytest.mark.parametrize("name", ["gan", "cvae"])
@pytest.mark.parametrize("n", [1, 7])
def test_a_sampler_makes_the_samples_of_the_run(name, n, small_run, exported):
    run = gan_jax.load(small_run(name))
    sampler = program(exported(name))
    labels = {"label": jnp.asarray(run.experiment.in_turn(n))} if run.experiment.present else {}
    z = fill_each(run.experiment.latents, labels, example_keys(base_key(3), n))["z"]
    made = np.asarray(sampler.call(z, *labels.values()))
    assert made.dtype == np.uint8
    assert np.abs(made.astype(int) - run.sample(n, seed=3)).max() <= 1
    assert sampler.platforms == ("cpu", "cuda", "tpu")


def test_a_sampler_holds_the_weights_that_it_uses_alone(tiny):
    config = tiny("mnist_gan")
    config.networks.generator.widths, config.networks.critic.widths = (8,), (2048,)
    experiment = build_on(config, (8, 8, 1))
    state = experiment.init(experiment.keys.init)
    assert len(programs.make(experiment, state.players, "sample", "float32").content) < 4 * 2048 * 64 / 2


def test_an_autoencoder_has_programs_of_its_own(small_run, exported):
    run, folder = gan_jax.load(small_run("ae")), exported("ae")
    assert {path.name for path in folder.iterdir()} == {
        *("README.md", "config.json", "model.safetensors", "decode.stablehlo", "reconstruct.stablehlo")
    }
    made = np.asarray(program(folder, "reconstruct.stablehlo").call(TEST.x[:3]))
    assert np.abs(made.astype(int) - run.reconstruct(TEST.x[:3])).max() <= 1
    z = run.encode(TEST.x[:3])
    np.testing.assert_allclose(program(folder, "decode.stablehlo").call(z), run.generator(z), atol=1e-5)
    assert "There is no `sampler.stablehlo`" in (folder / "README.md").read_text()


def test_a_tokenizer_decodes_its_codes(small_run, exported):
    run, folder = gan_jax.load(small_run("vq")), exported("vq")
    codes = run.encode(TEST.x[:3])
    assert (codes.shape, codes.dtype) == ((3, 2, 2), jnp.int32)
    made = run.generator(codes)
    np.testing.assert_allclose(program(folder, "decode.stablehlo").call(codes), made, atol=1e-5)
    np.testing.assert_array_equal(run.generator(z=np.asarray(codes, np.uint8)), made)
    assert np.abs(255 * np.clip(made, 0, 1) - run.reconstruct(TEST.x[:3])).max() <= 1
    with pytest.raises(UserError, match=r"run\.generator has no 'x': there are: z"):
        run.generator(x=TEST.x[:3])


@pytest.mark.parametrize("name", ["digits_dcgan", "photos_srresnet"])
def test_convolutions_are_exported_for_batches_of_any_size(name, tiny):
    shape, use = ((8, 8, 1), "sample") if name == "digits_dcgan" else ((64, 64, 3), "translate")
    config = tiny(name)
    for block in config.networks.values():
        block.update({key: 4 for key in ("width",) if key in block})
    experiment = build_on(config, shape)
    state = experiment.init(experiment.keys.init)
    made = programs.make(experiment, state.players, use, config.dtype)
    assert made.output == f"uint8 [n, {', '.join(map(str, shape))}]"
    assert made.inputs == ({"source": "uint8 [n, 16, 16, 3]"} if use == "translate" else {"z": "float32 [n, 32]"})


def test_stylegan2_is_exported_for_batches_of_any_size(tiny):
    config = tiny("cifar10_stylegan2")
    config.networks.generator.update(widths=(4, 4), layers=1, features=8)
    config.samplers.z.dim = 8
    experiment = build_on(config, (8, 8, 3))
    state = experiment.init(experiment.keys.init)
    made = programs.make(experiment, state.players, "sample", config.dtype)
    assert made.inputs == {"z": "float32 [n, 8]", "noise": "uint32 [n, 2]"}


def test_a_program_that_gives_something_else_is_refused(small_run, monkeypatch):
    run = gan_jax.load(small_run("gan"))
    other = jax.tree.map(lambda a: a + 1, run.players)
    monkeypatch.setattr(programs, "averaged", lambda players: other)
    with pytest.raises(UserError, match=r"sampler\.stablehlo: its outputs for 1 examples differ from the model's "):
        programs.make(run.experiment, run.players, "sample", "float32")


def test_the_card_has_scores_and_commands(small_run, tmp_path, exported):
    run = tmp_path / "run"
    shutil.copytree(small_run("gan"), run)
    settings = {"samples/n_real": 10, "samples/ema": True}
    rows = [{"step": 3, "samples/frechet/mnist-v1": 9.0, **settings}, {"step": 6, "samples/frechet/mnist-v1": 2.5}]
    (run / "evaluations.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert main(["gan_jax", f"--workdir={run}", "--mode=export", "--step=3", f"--out={tmp_path / 'model'}"]) == 0
    text = (tmp_path / "model" / "README.md").read_text()
    _, front, body = text.split("---\n", 2)
    fields = {key: json.loads(value) for key, _, value in (line.partition(": ") for line in front.splitlines())}
    assert (fields["library_name"], fields["datasets"]) == ("gan_jax", ["digits"])
    assert {"license", "tags", "metrics", "pipeline_tag"} <= fields.keys()
    assert fields["model-index"][0]["results"][0]["metrics"][0]["value"] == 9.0
    assert "| `samples/frechet/mnist-v1` | 9 |" in body
    assert "n_real" not in text
    assert "samples/ema" not in text
    assert "--config=config.json --config.steps=3" in body
    assert str(tmp_path) not in text
    assert gan_jax.load(tmp_path / "model").step == 3
    assert "was not evaluated" in (exported("gan") / "README.md").read_text()


def test_a_model_that_cannot_be_exported_has_its_weights(small_run, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(export.programs, "make", lambda *_: (_ for _ in ()).throw(ValueError("no such size")))
    assert main(["gan_jax", f"--workdir={small_run('gan')}", "--mode=export", f"--out={tmp_path / 'model'}"]) == 0
    assert "warning: no sampler.stablehlo" in capsys.readouterr().err
    assert "There is no `sampler.stablehlo`: no such size" in (tmp_path / "model" / "README.md").read_text()
    assert not (tmp_path / "model" / "sampler.stablehlo").exists()


def test_a_full_disk_leaves_nothing(small_run, tmp_path, monkeypatch, capsys):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(export.card, "write", full)  # of the last file
    monkeypatch.setattr(export, "_programs", lambda *_: ([], {}))
    assert main(["gan_jax", f"--workdir={small_run('gan')}", "--mode=export", f"--out={tmp_path / 'model'}"]) == 1
    assert [*tmp_path.iterdir()] == []
    assert capsys.readouterr().err.count("\n") == 1


def test_folders_that_do_not_fit_are_refused(small_run, exported, tmp_path, capsys):
    def refused(*arguments):
        assert main(["gan_jax", *arguments]) == 2
        message = capsys.readouterr().err
        assert message.count("error: ") == message.count("\n") == 1
        return message

    folder = exported("gan")
    capsys.readouterr()
    (tmp_path / "mine.txt").touch()
    use = f"--workdir={small_run('gan')}", "--mode=export"
    assert "is a folder with files: give a new or empty one" in refused(*use, f"--out={tmp_path}")
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
    assert "--mode=export needs --out=FOLDER, not x.npz" in refused(*use, "--out=x.npz")
    psi = "--config.networks.generator.psi=0.1"
    assert f"{psi}: --mode=export does not use this field" in refused(*use, f"--out={tmp_path / 'psi'}", psi)
    assert "holds an exported model, which has no optimizers" in refused(f"--workdir={folder}", "--quiet")
    with pytest.raises(UserError, match="holds only step 6, not 3"):
        gan_jax.load(folder, 3).sample(1)
    shutil.copytree(folder, tmp_path / "damaged")
    content = (folder / "model.safetensors").read_bytes()
    (tmp_path / "damaged" / "model.safetensors").write_bytes(content[: len(content) // 2])
    with pytest.raises(UserError, match=r"model\.safetensors is damaged"):
        gan_jax.load(tmp_path / "damaged").sample(1)
    shutil.copy(exported("ae") / "model.safetensors", tmp_path / "damaged")
    with pytest.raises(UserError, match="does not hold the arrays of this config and code: autoencoder/"):
        gan_jax.load(tmp_path / "damaged").sample(1)
