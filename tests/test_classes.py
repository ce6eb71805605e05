"""The judge of samples by class, on a model whose share of right answers is known."""

import jax.numpy as jnp
import numpy as np
import pytest
from jax import random

from gan_jax.data.base import Dataset
from gan_jax.errors import UserError
from gan_jax.evaluation.evaluators import classes
from gan_jax.evaluation.evaluators.base import Context
from gan_jax.metrics.neighbours import nearest


def test_nearest_is_the_least_distance():
    x, references = random.normal(random.key(0), (20, 3, 2)), random.normal(random.key(1), (50, 3, 2))
    distances = ((np.asarray(x)[:, None] - np.asarray(references)[None]) ** 2).sum((2, 3))
    np.testing.assert_array_equal(nearest(x, references), distances.argmin(1))
    np.testing.assert_array_equal(
        nearest(jnp.array([[200], [3]], jnp.uint8), jnp.array([[0], [255]], jnp.uint8)), [1, 0]
    )


def context(sample, label=True):
    """Four examples of four classes: class c is the picture whose pixels are 80 c."""
    c = np.arange(4)
    x = np.broadcast_to((80 * c)[:, None, None, None], (4, 2, 2, 1)).astype(np.uint8)
    dataset = Dataset("four", "train", x, c.astype(np.int32) if label else None, 4 if label else 0)
    sampled = frozenset({"z", "label"})
    return Context({"sample": sample}, lambda split: dataset, lambda batch: batch, jnp.float32(80), sampled=sampled)


def test_agreement_is_the_share_of_samples_of_their_class():
    def sample(players, keys, batch):  # right but for class 3, which looks like class 1
        labels = batch["label"]
        return jnp.broadcast_to(players * jnp.where(labels == 3, 1, labels)[:, None, None, None], (len(keys), 2, 2, 1))

    values = classes.agreement(context(sample), samples=40).measure(jnp.float32(80), random.key(0))
    assert values == {"samples": 0.75, "test": 1.0}
    assert classes.agreement(context(sample), samples=40).measure(jnp.float32(0), random.key(0))["samples"] == 0.25


def test_examples_of_all_classes_are_compared_where_they_are_sorted():
    """400 examples in the order of their classes; those of class 3 look like class 1, so a quarter is wrong."""
    label = np.repeat(np.arange(4, dtype=np.int32), 100)
    x = (80 * np.where(label == 3, 1, label))[:, None, None, None].repeat(4, axis=1).astype(np.uint8)
    dataset = Dataset("sorted", "train", x, label, 4)

    def sample(players, keys, batch):
        return jnp.broadcast_to(80 * batch["label"][:, None, None, None], (len(keys), 4, 1, 1))

    made = context(sample)._replace(load=lambda split: dataset)
    values = classes.agreement(made, samples=100, references=200).measure(jnp.float32(80), random.key(0))
    assert 0.6 < values["test"] < 0.9
    assert values["samples"] <= 0.75


def test_agreement_refuses():
    with pytest.raises(UserError, match="needs 'sample', which the objective does not provide"):
        classes.agreement(context(None)._replace(predict={}))
    with pytest.raises(UserError, match=r"config\.samplers has no label"):
        classes.agreement(context(None)._replace(sampled=frozenset({"z"})))
    with pytest.raises(UserError, match="needs labels, which split 'train' of four does not have"):
        classes.agreement(context(None, label=False))
    with pytest.raises(UserError, match=r"references of classes\.agreement is 0"):
        classes.agreement(context(None), references=0)
    with pytest.raises(UserError, match=r"references .* is 3: these training examples have none of class"):
        classes.agreement(context(None), references=3)
