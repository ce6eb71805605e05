"""What stands before and after an optimizer."""

import jax.numpy as jnp
import numpy as np
import optax
import pytest

from gan_jax.core import optimizers, schedules

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


def test_adams_second_decay_may_follow_a_schedule():
    """Against PyTorch's and the paper's form: both moments' corrections are by the decay of this update."""
    decays = [0.9, 0.95, 0.99]
    adam = optimizers.scheduled(
        lambda numbers: optax.adam(0.1, b1=0.0, **numbers), {"b2": lambda count: jnp.array(decays)[count]}
    )
    state, second = adam.init(PARAMS), np.zeros(3)
    for count, decay in enumerate(decays):
        gradient = np.array([1.0, -2.0, 0.5]) * (count + 1)
        updates, state = adam.update({"w": jnp.asarray(gradient)}, state, PARAMS)
        second = decay * second + (1 - decay) * gradient**2
        expected = -0.1 * gradient / (np.sqrt(second / (1 - decay ** (count + 1))) + 1e-8)
        np.testing.assert_allclose(updates["w"], expected, rtol=1e-4)


def test_schedules_go_from_one_value_to_another_and_stay():
    """As the authors of R3GAN write them: base + (1 - decay) (final - base), decay half a cosine."""
    at = np.array([0, 1, 5, 10, 20])
    falls = schedules.cosine(init_value=2.0, end_value=0.5, transition_steps=10)
    along = 0.5 * (1 + np.cos(np.pi * np.minimum(at / 10, 1)))
    np.testing.assert_allclose(falls(at), 2 + (1 - along) * (0.5 - 2), rtol=1e-5)
    decay = schedules.half_life(init_value=0.0, end_value=8.0, transition_steps=10)
    np.testing.assert_allclose(decay(at[[0, 3, 4]]), [0.0, 0.5 ** (1 / 8), 0.5 ** (1 / 8)], rtol=1e-6)


@pytest.mark.parametrize("part", ["clip_gradients", "clip_weights"])
def test_negative_bounds_are_refused(part):
    with pytest.raises(ValueError, match=f"{part} is -1: it must be above 0"):
        optimizers.chain(optax.sgd(1.0), **{part: -1})
