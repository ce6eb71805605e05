"""A run by class from end to end: training, its pictures, and samples of each class in turn."""

import numpy as np
import pytest
from ml_collections import ConfigDict
from PIL import Image

from gan_jax.evaluation import predict
from gan_jax.runs.directory import RunDirectory
from gan_jax.training import loop

pytestmark = pytest.mark.heavy


@pytest.fixture(scope="module")
def by_class(tiny, tmp_path_factory):
    """A class-conditional DCGAN of the digits, after two rounds."""
    config = tiny(steps=2, steps_per_call=2)
    with config.unlocked():
        config.samplers.label = ConfigDict({"name": "labels.uniform"})
        config.networks.generator.update({"name": "dcgan.ConditionalGenerator", "embedding": 4, "widths": (8, 4)})
        config.networks.critic.update({"name": "dcgan.ProjectionCritic", "widths": (4, 8)})
    run_dir = RunDirectory(tmp_path_factory.mktemp("by_class"))
    loop.run(config, run_dir)
    return config, run_dir


def test_pictures_have_a_column_for_each_class(by_class):
    _, run_dir = by_class
    with Image.open(run_dir.sample(2)) as picture:
        width, height = picture.size
    assert (width - 2) / 10 == (height - 2) / 8  # cells and the gap around them


def test_samples_take_the_classes_in_turn(by_class, tmp_path):
    config, run_dir = by_class
    predict.sample(run_dir, config, 23, 0, tmp_path / "s.npz")
    predict.sample(run_dir, config, 13, 0, tmp_path / "t.npz")
    made, fewer = np.load(tmp_path / "s.npz"), np.load(tmp_path / "t.npz")
    assert made["images"].shape == (23, 8, 8, 1)
    assert made["images"].dtype == np.uint8
    np.testing.assert_array_equal(made["labels"], np.arange(23) % 10)
    np.testing.assert_array_equal(made["images"][:13], fewer["images"])
    predict.interpolate(run_dir, config, 0, tmp_path / "w.png")
    assert (tmp_path / "w.png").stat().st_size > 0
