"""The bench: operations counted as by hand, and the fields of what it prints. Times are not tested: they are noise."""

import json
import re
import subprocess
import sys
from pathlib import Path

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import ROOT
from jax import lax

from gan_jax import config as configs
from gan_jax.command import overrides
from gan_jax.data.spec import DataSpec
from gan_jax.layers import Conv, ConvTranspose
from scripts import bench, flops, timed

pytestmark = pytest.mark.heavy

B, CONFIG = 5, str(ROOT / "configs" / "mnist_gan.py")
SMALL = ["--batch_size=8", "--steps_per_call=2", "--blocks=2", "--seconds=0"]
CRITIC = "--config.networks.critic.widths=(6,)"
LAYERS = {  # module, shape of its input, multiply-adds by hand
    "dense": (nn.Dense(7), (B, 3), B * 3 * 7),
    "conv": (Conv(7, (4, 3), 2, 1), (B, 9, 8, 3), B * (4 * 4) * (4 * 3) * 3 * 7),
    "conv_transpose": (ConvTranspose(7, (4, 3), 2, 1, use_bias=True), (B, 5, 6, 3), B * (5 * 6) * (4 * 3) * 3 * 7),
}


def variables(module, x):
    return module.init(jax.random.key(0), x)


@pytest.mark.parametrize("name", LAYERS)
def test_layers_count_as_by_hand(name):
    module, shape, multiply_adds = LAYERS[name]
    x = jnp.ones(shape)
    params = variables(module, x)

    def loss(params, x):
        return jnp.square(module.apply(params, x)).sum()

    assert flops.of(module.apply, params, x) == 2 * multiply_adds
    assert flops.of(jax.grad(loss), params, x) == 2 * 2 * multiply_adds  # forwards, and the kernel's gradient
    assert flops.of(jax.grad(loss, (0, 1)), params, x) == 3 * 2 * multiply_adds


@pytest.mark.parametrize("name", ["conv", "conv_transpose"])
def test_layers_are_counted_in_a_form_that_equals_theirs(name):
    module, shape, _ = LAYERS[name]
    x = jax.random.normal(jax.random.key(1), shape)
    params = variables(module, x)
    with nn.intercept_methods(flops._by_definition):
        counted = module.apply(params, x)
    np.testing.assert_allclose(counted, module.apply(params, x), rtol=1e-4, atol=1e-4)


def test_products_count_once_and_only_where_they_are_needed():
    x = jnp.ones((4, 4))
    once = 2 * 4**3
    assert flops.of(lambda x: (x @ x, jax.jit(lambda y: y @ y)(x))[0], x) == once
    assert flops.of(lambda x: x @ x + jax.jit(lambda y: y @ y)(x), x) == once
    assert flops.of(lambda x: x @ x + x @ x.T, x) == 2 * once
    assert flops.of(lambda x: lax.scan(lambda y, _: (y @ x, None), x, length=3)[0], x) == 3 * once
    assert flops.of(lambda x: lax.cond(x[0, 0] > 0, lambda y: y @ x @ x, lambda y: y @ x, x), x) == 2 * once


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda x: lax.while_loop(lambda y: y[0, 0] < 9, lambda y: y @ x, x), "a loop without a fixed length"),
        (lambda x: lax.conv(x[None, None], x[None, None], (1, 1), "SAME"), "a convolution outside of gan_jax.layers"),
    ],
)
def test_what_cannot_be_counted_is_refused(function, message):
    with pytest.raises(ValueError, match=message):
        flops.of(function, jnp.ones((4, 4)))


def small_gan(*arguments):
    """Operations of a step of 8 examples with 12 values each."""
    networks = ["--config.networks.generator.widths=(7,)", CRITIC, "--config.samplers.z.dim=3", "--config.batch_size=8"]
    order = "--config.step_rule.name=alternating"
    config = overrides.apply(configs.load(Path(CONFIG)), [*networks, order, *arguments])
    return flops.of_step(config, DataSpec((2, 6, 1)))


# Multiply-adds per example: the generator's two layers, the critic's two.
G1, G2, C1, C2 = 3 * 7, 7 * 12, 12 * 6, 6
FAKE, SCORE = G1 + G2, C1 + C2
GENERATOR_MOVE = FAKE + SCORE + (C2 + C1) + (G2 + G1) + G2  # back through the critic, then kernels, and z's layer


def test_a_gan_counts_as_by_hand():
    critic_move = FAKE + 2 * (SCORE + SCORE + C2)  # the kernels' gradients, and back through the last layer
    assert small_gan() == 2 * 8 * (critic_move + GENERATOR_MOVE)
    shared = small_gan("--config.step_rule.name=alternating_on_same_fakes")
    assert shared == 2 * 8 * (critic_move + GENERATOR_MOVE - FAKE)
    assert small_gan("--config.players.critic.updates_per_step=3") == 2 * 8 * (3 * critic_move + GENERATOR_MOVE)


def test_a_gradient_penalty_counts_as_by_hand():
    config = overrides.apply(configs.load(Path(CONFIG)), ["--config.networks.critic.dropout=0.0"])
    rounds = {}
    for name in ("wasserstein", "wasserstein_gp"):
        config.objective.name = f"adversarial.{name}"
        rounds[name] = flops.of_step(config, DataSpec((28, 28, 1)))
    more = rounds["wasserstein_gp"] - rounds["wasserstein"]
    one, two = 784 * 100, 100
    slope = one + two + one  # the first layer forwards, both backwards; the second's output is not needed
    assert more == 2 * 64 * (slope + 2 * one + two)  # from the slope to the kernels, and back to the second's


def test_a_convolutional_critic_under_a_gradient_penalty_is_counted():
    config = configs.load(ROOT / "configs" / "mnist_wgan_gp.py")
    assert flops.of_step(config, DataSpec((28, 28, 1))) == 25_855_000_576  # as before terms had names of their own


def test_prints_one_line_with_all_fields_and_a_peers_ratios_without_data(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    monkeypatch.setattr(timed, "PRODUCTS", 1)
    peer = tmp_path / "peer.py"
    said = '{"ms_per_step": 7.5, "min": 7, "batch": ' + "' + sys.argv[1] + '}"
    peer.write_text(f"import sys; print('warm'); print('{said}')")
    theirs = [f"--peer={peer}", f"--peer_python={sys.executable}", "--peer_args=8", "--pairs=2"]
    assert bench.main([f"--config={CONFIG}", *SMALL, CRITIC, "--data=4x5x3", "--seeds=2", *theirs]) == 0
    found = json.loads(capsys.readouterr().out)
    numbers = {"images_per_second", "compile_seconds", "flops_per_step", "gflops_per_second"}
    numbers |= {"peak_gflops_per_second", "share_of_peak", "steps_per_call", "batch_size", "seeds", "load_before"}
    rest = {"config", "overrides", "data", "ms_per_step", "peak_memory_mb", "device", "versions", "date", "peer"}
    assert set(found) == numbers | rest
    assert all(found[name] > 0 for name in numbers - {"compile_seconds", "load_before"})
    assert set(found["ms_per_step"]) == {"median", "min", "max"}
    assert found["peak_memory_mb"]["host"] > 50
    assert [found[name] for name in ("data", "batch_size", "steps_per_call", "seeds")] == ["random 4x5x3", 8, 2, 2]
    assert found["overrides"] == [CRITIC, "--config.batch_size=8", "--config.steps_per_call=2", "--config.seeds=2"]
    assert found["flops_per_step"] == 2 * 2 * 8 * (2 * 20 * 100 + 3 * 100 * 60 + 6 * (60 * 6 + 6) + 2 * 6)
    first, second = found["peer"]["pairs"]
    assert first["peer"] == 7.5
    assert first["ratio"] == pytest.approx(7.5 / first["ours"], rel=0.01)
    assert found["peer"]["ratio"] == pytest.approx((first["ratio"] + second["ratio"]) / 2, abs=0.002)
    assert found["peer"]["ratio_of_best"] == pytest.approx(7 / found["ms_per_step"]["min"], rel=0.01)
    assert found["peer"]["printed"]["batch"] == 8


def test_sweep_prints_a_row_for_each_batch_size_and_width(capsys, monkeypatch):
    class Timed(timed.Timed):
        def train(self, calls):
            trained.append(self.config.batch_size)
            return super().train(calls)

    trained = []
    monkeypatch.setattr(timed, "Timed", Timed)
    monkeypatch.setattr(bench, "BATCH_SIZES", (4,))
    monkeypatch.setattr(bench, "WIDTHS", (0.5,))
    assert bench.main([f"--config={CONFIG}", "--config.data.name=digits", *SMALL, CRITIC, "--sweep"]) == 0
    assert trained == [4, 4, 8, 8, 4, 8, 4, 8]  # two calls to compile and warm up, then blocks in turn
    _, _, *rows = capsys.readouterr().out.splitlines()
    assert [row.split("|")[1:3] for row in rows] == [[" 4 ", " x 1 "], [" 8 ", " x 0.5 "]]


def test_widths_are_multiplied():
    config = configs.load(ROOT / "configs" / "mnist_dcgan.py")
    widened = overrides.apply(config, bench._widened(config, 0.01)).networks
    assert (widened.generator.width, widened.critic.width) == (1, 1)
    assert "--config.networks.critic.width=64" in bench._widened(config, 2.0)
    assert "--config.networks.critic.widths=(200,)" in bench._widened(configs.load(CONFIG), 2.0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--config.batchsize=8"], "unknown config field 'batchsize'"),
        (["--peer=no_such_file.py"], "--peer: .*no_such_file.py failed: .*No such file"),
        (["--peer=-cprint('hello')"], "prints no JSON object with ms_per_step"),
        (['--peer=-cprint(\'{"ms_per_round": 1, "batch": 64}\')'], "its batch size is 64, ours is 8"),
    ],
)
def test_what_the_user_can_put_right_is_one_line(arguments, message, capsys, monkeypatch):
    monkeypatch.setattr(timed, "Timed", lambda config, dataset: None)
    monkeypatch.setattr(timed, "peak", lambda: None)
    assert bench.main([f"--config={CONFIG}", *SMALL, "--data=2x2x1", "--peer_python", sys.executable, *arguments]) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert said.count("\n") == 1
    assert re.search(message, said)


def test_runs_as_a_file():
    command = [sys.executable, str(ROOT / "scripts" / "bench.py"), "--help"]
    done = subprocess.run(command, cwd="/", capture_output=True, text=True)
    assert done.returncode == 0
    assert "ms_per_step" in done.stdout
