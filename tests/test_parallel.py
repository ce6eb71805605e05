"""One device or four: the same rounds from the same global batches, and what does not divide is refused."""

import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

from gan_jax import parallel
from gan_jax.errors import UserError

ROOT = Path(__file__).parents[1]


def play(devices, seeds, name, folder):
    """Five rounds in a process of its own -> by seed, what was played."""
    out = folder / f"{devices}_{seeds}.npz"
    command = [sys.executable, "-m", "tests.play_on_devices", str(devices), str(seeds), name, str(out)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    played = [{} for _ in range(seeds)]
    for field, value in np.load(out).items():
        seed, rest = field.split("]", 1)
        played[int(seed.removeprefix("["))][rest] = value
    return played


def assert_equal(one, other):
    assert one.keys() == other.keys()
    assert len(one) >= 11
    for field, value in one.items():
        np.testing.assert_allclose(other[field], value, rtol=1e-3, atol=1e-5, err_msg=field)


@pytest.mark.parametrize("name", ["digits_dcgan", "mnist_gan"])  # batch norm over all devices; dropout
def test_four_devices_play_the_rounds_of_one(name, tmp_path):
    (one,), (four,) = (play(devices, 1, name, tmp_path) for devices in (1, 4))
    assert_equal(one, four)


def test_seeds_side_by_side_play_the_rounds_of_each_alone(tmp_path):
    (alone,) = play(1, 1, "digits_dcgan", tmp_path)
    together, spread = (play(devices, 4, "digits_dcgan", tmp_path) for devices in (1, 2))
    assert_equal(alone, together[0])
    assert any(not np.allclose(value, together[1][field]) for field, value in alone.items())
    for one, other in zip(together, spread, strict=True):
        assert_equal(one, other)


def test_batch_that_devices_cannot_share_is_refused(monkeypatch):
    monkeypatch.setattr(jax, "local_device_count", lambda: 4)
    with pytest.raises(UserError, match=r"batch_size is 30, which 4 devices cannot share evenly: .* such as 32"):
        parallel.check(30, seeds=1)
    with pytest.raises(UserError, match=r"seeds is 3, which 4 devices cannot share evenly: .* such as 4"):
        parallel.check(32, seeds=3)
    parallel.check(32, seeds=1)
    parallel.check(30, seeds=8)
