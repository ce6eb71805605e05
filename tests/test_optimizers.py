"""What stands before and after an optimizer."""

import jax.numpy as jnp
import numpy as np
import optax
import pytest

from gan_jax.core import optimizers

PARAMS = {"w": jnp.array([0.05, -0.2, 0.0])}
GRADS = {"w": jnp.array([3.0, 4.0, 0.0])}


def moved(**parts):
    chain = optimizers.chain(optax.sgd(1.0), **parts)
    updates, _ = chain.update(GRADS, chain.init(PARAMS), PARAMS)
    return optax.apply_updates(PARAMS, updates)["w"]


def test_nothing_asked_is_the_optimizer_alone():
    np.testing.assert_allclose(moved(), [-2.95, -4.2, 0.0], rtol=1e-6)


def test_gradients_are_scaled_to_the_norm():
    np.testing.assert_allclose(moved(clip_gradients=1.0), [0.05 - 0.6, -0.2 - 0.8, 0.0], rtol=1e-6)


def test_weights_stay_in_their_box_even_when_they_start_outside():
    np.testing.assert_allclose(moved(clip_weights=0.01), [-0.01, -0.01, 0.0], atol=1e-7)


@pytest.mark.parametrize("part", ["clip_gradients", "clip_weights"])
def test_negative_bounds_are_refused(part):
    with pytest.raises(ValueError, match=f"{part} is -1: it must be above 0"):
        optimizers.chain(optax.sgd(1.0), **{part: -1})
