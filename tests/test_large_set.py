"""The set by which training on more than fits into memory is measured."""

import numpy as np

from gan_jax import data
from scripts import make_large_set


def test_a_large_set_is_a_folder_of_pictures_by_their_numbers_alone(tmp_path, monkeypatch):
    monkeypatch.setenv("GAN_JAX_CACHE", str(tmp_path / "cache"))
    assert make_large_set.main([str(tmp_path / "set"), "--images=25", "--size=16"]) == 0
    made = data.load("folder", "train", path=str(tmp_path / "set"))
    assert made.x.shape == (25, 16, 16, 3)
    assert made.classes == 10
    np.testing.assert_array_equal(np.bincount(made.label), [3] * 5 + [2] * 5)
    before = {path: path.read_bytes() for path in (tmp_path / "set").rglob("*.jpg")}
    first = min(before)
    first.unlink()
    make_large_set.main([str(tmp_path / "set"), "--images=25", "--size=16"])
    assert {path: path.read_bytes() for path in (tmp_path / "set").rglob("*.jpg")} == before
    assert np.ptp(make_large_set.picture(3, 4, 16).astype(int)) > 50
