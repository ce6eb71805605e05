"""What a step sees: the very examples that it trains on, drawn with their labels."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import ROOT
from PIL import Image

from gan_jax import config as configs
from gan_jax.core.collectives import base_key
from gan_jax.data.source import Source
from gan_jax.data.spec import spec_of
from gan_jax.errors import UserError
from gan_jax.evaluation import batches
from gan_jax.experiments import build, make_executor, make_inputs, streams
from gan_jax.reporting import images

MOVED = {"flip": {"name": "horizontal_flip"}, "move": {"name": "translation", "fraction": 0.3}}


def described(tiny, **values):
    config = tiny("mnist_gan", batch_size=4, seed=7, steps_per_call=3).unlock()
    config.update({"augment": MOVED, **values})
    config.data.name = "digits"
    config.players.critic.updates_per_step = 2
    return configs.checked(config.to_dict())


def test_examples_are_those_that_the_train_step_is_given(tiny):
    """A step that changes nothing, and whose metrics are the sum of what it saw."""
    config = described(tiny)
    dataset = Source(config.data).load("train")
    spec = spec_of(dataset)
    experiment = build(config, spec)

    def look(state, batch, key, hyperparams):
        batch = experiment.augment(batch, key, state.step)
        after = state._replace(step=state.step + 1)
        return after, {f"{n}": batch["x"].reshape(8, -1)[n, 27] for n in range(8)}

    run = make_executor(config, experiment._replace(train_step=look), dataset)
    _, rows = run.run(run.put([experiment.init(base_key(0))]), 0, 3)
    for step in range(3):
        seen = batches.examples(config, dataset, make_inputs(config, spec), step)
        assert (seen["x"].shape, seen["x"].dtype, seen["label"].shape) == ((8, 8, 8, 1), np.uint8, (8,))
        given = [float(np.asarray(run.get(rows, 0)[f"{n}"])[step]) for n in range(8)]
        np.testing.assert_allclose(seen["x"].reshape(8, -1)[:, 27], 127.5 * (np.array(given) + 1), atol=1e-3)


def test_pairs_are_side_by_side_with_a_line_below(tiny, tmp_path):
    config = described(tiny).unlock()
    config.data = {**config.data.to_dict(), "name": "tests.my_lab.pairs:load"}
    lines = batches.show(configs.checked(config.to_dict()), tmp_path / "pairs.png", num=3)
    assert "source: 8x8x1 uint8" in lines
    assert "labels: none" in lines
    with Image.open(tmp_path / "pairs.png") as picture:
        assert picture.size == (4 * (2 * 56 + 2) + 2, 56 + 4)


def test_crops_and_labels_are_shown(tiny, tmp_path):
    config = described(tiny, augment={"crop": {"name": "random_crop", "size": (7, 4)}})
    lines = batches.show(config, tmp_path / "crops.png", num=2)
    assert "x: 8x8x1 uint8, 7x4x1 after augmentation" in lines
    with Image.open(tmp_path / "crops.png") as picture:
        assert picture.size == (8 * (56 + 2) + 2, 98 + images.CAPTION + 4)


def test_networks_need_not_fit(tiny, tmp_path):
    config = described(tiny).unlock()
    config.networks.critic = {"name": "dcgan.Critic", "kernels": (99,)}
    assert batches.show(configs.checked(config.to_dict()), tmp_path / "a.png")


def test_points_are_drawn_over_their_density(tmp_path):
    config = configs.load(ROOT / "configs" / "ring_gan.py")
    lines = batches.show(config, tmp_path / "ring.png")
    assert "x: 2 float32" in lines
    with Image.open(tmp_path / "ring.png") as picture:
        assert min(picture.size) > 100


def test_an_augmentation_that_does_not_fit_is_refused(tiny, tmp_path):
    config = described(tiny, augment={"crop": {"name": "random_crop", "size": (9, 9)}})
    with pytest.raises(UserError, match="larger than the images"):
        batches.show(config, tmp_path / "a.png")
    assert not (tmp_path / "a.png").exists()


def test_captions_are_dark_on_light_whatever_the_text():
    grey = np.full((2, 4, 8, 1), 128, np.uint8)
    made = images.captioned(grey, ["cat", "\u732b" * 40], smallest=8)
    assert made.shape == (2, 8 + images.CAPTION, 16, 1)
    assert made[:, 8:].min() < 128 < made[:, 8:].max()
    assert images.captioned(np.zeros((1, 60, 60, 4), np.uint8), ["a"])[0, 60:, :, 3].min() == 255


def test_a_steps_examples_follow_from_the_seed_and_the_step(tiny):
    config = described(tiny)
    dataset = Source(config.data).load("train")
    inputs = make_inputs(config, spec_of(dataset))
    one, again, other = (batches.examples(config, dataset, inputs, step)["x"] for step in (2, 2, 3))
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, other)
    assert jax.tree.leaves(inputs.augment({"x": jnp.zeros((1, 2, 8, 8, 1))}, streams(7).train, jnp.int32(0)))
