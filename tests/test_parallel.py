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


@pytest.mark.parametrize("name", ["digits_dcgan", "mnist_gan"])  # batch norm over all devices; dropout
def test_four_devices_play_the_rounds_of_one(name, tmp_path):
    played = {}
    for devices in (1, 4):
        out = tmp_path / f"{devices}.npz"
        command = [sys.executable, "-m", "tests.play_on_devices", str(devices), name, str(out)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        played[devices] = dict(np.load(out))
    assert played[1].keys() == played[4].keys()
    assert len(played[1]) >= 11
    for field, value in played[1].items():
        np.testing.assert_allclose(played[4][field], value, rtol=1e-3, atol=1e-5, err_msg=field)


def test_batch_that_devices_cannot_share_is_refused(monkeypatch):
    monkeypatch.setattr(jax, "local_device_count", lambda: 4)
    with pytest.raises(UserError, match=r"batch_size is 30, which 4 devices cannot share evenly: .* such as 32"):
        parallel.check_batch_size(30)
    parallel.check_batch_size(32)
