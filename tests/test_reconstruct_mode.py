"""Autoencoders by the command line: reconstructions, latents, walks between codes, and what they cannot do."""

import json

import numpy as np
import pytest
from conftest import ROOT, TINY
from PIL import Image

from gan_jax import data
from gan_jax.main import main

pytestmark = pytest.mark.heavy

SMALL = [f"--config.{field}={value}" for field, value in {**TINY, "data.name": "digits"}.items()]


def call(capsys, *arguments):
    """(exit status, stdout, stderr) of a command line."""
    status = main(["gan_jax", *map(str, arguments)])
    return status, *capsys.readouterr()


def trained(name, folder, *overrides):
    arguments = [f"--config={ROOT / 'configs' / name}.py", f"--workdir={folder}", *SMALL, *overrides]
    assert main(["gan_jax", *arguments]) == 0
    return folder


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """A linear autoencoder with 5 latents, trained a little."""
    overrides = ("--config.networks.encoder.latents=5", "--config.evaluate_every_steps=3")
    return trained("mnist_linear_ae", tmp_path_factory.mktemp("runs") / "plain", *overrides)


@pytest.fixture(scope="module")
def denoising(tmp_path_factory):
    """A denoising autoencoder, trained a little."""
    return trained(
        "mnist_denoising_ae", tmp_path_factory.mktemp("runs") / "denoising", "--config.evaluate_every_steps=0"
    )


def reconstructed(folder, out, *arguments):
    assert main(["gan_jax", f"--workdir={folder}", "--mode=reconstruct", f"--out={out}", *arguments]) == 0
    return dict(np.load(out))


def test_reconstruct(plain, tmp_path):
    made = reconstructed(plain, tmp_path / "r.npz")
    assert set(made) == {"images", "reconstructions", "latents"}
    np.testing.assert_array_equal(made["images"], data.load("digits", "test").x)
    assert (made["reconstructions"].shape, made["reconstructions"].dtype) == ((360, 8, 8, 1), np.uint8)
    assert (made["latents"].shape, made["latents"].dtype) == ((360, 5), np.float32)
    assert len(np.unique(made["reconstructions"], axis=0)) > 300


@pytest.mark.parametrize("name", ["mnist_vae", "mnist_cvae"])
def test_variational_ones_reconstruct_alike(name, tmp_path):
    arguments = ("--config.evaluate_every_steps=0", "--config.sample_every_steps=0")
    made = reconstructed(trained(name, tmp_path / "run", *arguments), tmp_path / "r.npz")
    assert set(made) == {"images", "reconstructions", "latents"}
    assert made["reconstructions"].shape == made["images"].shape
    assert (made["latents"].ndim, len(made["latents"]), made["latents"].dtype) == (2, 360, np.float32)


def test_reconstruct_shows_the_noisy_inputs_of_a_denoising_one(denoising, tmp_path):
    made, again = (reconstructed(denoising, tmp_path / f"{name}.npz") for name in "ab")
    other = reconstructed(denoising, tmp_path / "c.npz", "--sample_seed=1")
    assert (made["noisy"].shape, made["noisy"].dtype) == ((360, 8, 8, 1), np.uint8)
    inside = (made["images"] > 100) & (made["images"] < 155)  # where little of the noise is clipped
    spread = (made["noisy"].astype(float) - made["images"])[inside].std() / 255
    assert 0.3 < spread < 0.5
    assert made["latents"].shape == (360, 1024)
    for name, values in made.items():
        np.testing.assert_array_equal(values, again[name])
        assert (values != other[name]).any() == (name != "images")


def test_pictures_are_of_images_beside_their_reconstructions(plain, denoising):
    for folder, images_a_row in ((plain, 2), (denoising, 3)):
        with Image.open(folder / "samples" / "step_00000006.png") as picture:
            sheet = np.asarray(picture)
        first = data.load("digits", "test").x[0, ..., 0]
        cell = sheet.shape[0] // 8
        enlarged = first.repeat((cell - 2) // 8, 0).repeat((cell - 2) // 8, 1)
        np.testing.assert_array_equal(sheet[2:cell, 2:cell], enlarged)
        assert sheet.shape[1] // cell == 4 * images_a_row


def test_evaluations_stand_beside_pcas(plain, capsys):
    status, out, _ = call(capsys, f"--workdir={plain}", "--mode=evaluate")
    values = json.loads(out.splitlines()[-1])
    assert status == 0
    assert {"reconstruction/error", "reconstruction/pca_error", "subspace/largest_angle"} < set(values)
    assert values["reconstruction/pca_error"] < values["reconstruction/error"]
    assert "reconstruction/pca_error" in (plain / "report.html").read_text()


def test_interpolate_walks_between_test_images(plain, tmp_path, capsys):
    made = []
    for seed in (0, 0, 1):
        arguments = (f"--workdir={plain}", "--mode=interpolate", f"--sample_seed={seed}")
        assert call(capsys, *arguments, f"--out={tmp_path / 'w.png'}")[0] == 0
        made.append((tmp_path / "w.png").read_bytes())
    assert made[0] == made[1] != made[2]


def test_autoencoder_without_a_law_of_z_does_not_sample(plain, tmp_path, capsys):
    status, _, err = call(capsys, f"--workdir={plain}", "--mode=sample", f"--out={tmp_path / 's.npz'}")
    assert status == 2
    assert (
        err
        == "error: --mode=sample: models trained with autoencoder.undercomplete cannot sample; they can reconstruct\n"
    )


def test_gan_does_not_reconstruct(tmp_path, capsys):
    trained("digits_dcgan", tmp_path / "run", "--config.steps=1", "--config.sample_every_steps=0")
    capsys.readouterr()
    status, _, err = call(capsys, f"--workdir={tmp_path / 'run'}", "--mode=reconstruct", f"--out={tmp_path / 's.npz'}")
    assert status == 2
    assert (
        "--mode=reconstruct: models trained with adversarial.non_saturating cannot reconstruct; they can sample" in err
    )


@pytest.mark.parametrize(
    ("name", "override", "message"),
    [
        ("mnist_linear_ae", "networks.encoder.latents=64", "64 latents can copy examples of 64 values"),
        ("mnist_denoising_ae", "noise.level=-0.5", "config.noise: level is -0.5: it must be at least 0"),
        ("mnist_denoising_ae", "noise.name=gausian", "did you mean gaussian"),
        ("mnist_deep_ae", "objective.name=autoencoder.ited", "did you mean autoencoder.tied"),
    ],
)
def test_what_does_not_fit_ends_before_it_begins(name, override, message, tmp_path, capsys):
    arguments = [f"--config={ROOT / 'configs' / name}.py", f"--workdir={tmp_path / 'run'}", *SMALL]
    status, _, err = call(capsys, *arguments, f"--config.{override}")
    assert status == 2
    assert message in err
    assert err.count("\n") == 1
    assert not (tmp_path / "run").exists()
