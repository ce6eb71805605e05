"""Samples beside their nearest training examples, as a picture."""

import numpy as np
from conftest import ROOT, TINY
from PIL import Image

from gan_jax import data, main
from scripts import nearest


def test_samples_stand_beside_the_nearest_training_examples(tmp_path, capsys):
    fields = [f"--config.{name}={value}" for name, value in {**TINY, "sample_every_steps": 0}.items()]
    config = f"--config={ROOT / 'configs/digits_dcgan.py'}"
    assert main.main(["gan_jax", config, f"--workdir={tmp_path / 'run'}", "--config.evaluators=none", *fields]) == 0
    out = tmp_path / "nearest.png"
    assert nearest.main([str(tmp_path / "run"), f"--out={out}", "--num=4"]) == 0
    with Image.open(out) as image:
        drawn = np.asarray(image.convert("L"))
    train = data.load("digits", "train").x[..., 0]
    tiles = [drawn[2:58:7, 2 + 58 * number : 58 + 58 * number : 7] for number in range(8)]
    for made, beside in zip(tiles[::2], tiles[1::2], strict=True):
        distances = np.square(train.astype(float) - made).sum((1, 2))
        np.testing.assert_array_equal(beside, train[distances.argmin()])
    assert "grey levels" in capsys.readouterr().out
    assert nearest.main([str(tmp_path / "none"), f"--out={out}"]) == 2
