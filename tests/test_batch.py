"""The global batch, in parts or whole; many examples at once, made in batches of one size, whatever their number."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import random

from gan_jax.core.collectives import AT_ONCE, AXIS, axis, in_batches, mean


@pytest.mark.parametrize("n", [1, AT_ONCE - 1, AT_ONCE, AT_ONCE + 1, 3 * AT_ONCE])
def test_in_batches_makes_what_one_call_would(n):
    sizes = []

    def make(inputs):
        x, keys = inputs
        sizes.append((len(x), len(keys)))
        return {"double": 2 * x, "bits": random.key_data(keys)}

    x, keys = np.arange(2.0 * n).reshape(n, 2), random.split(random.key(0), n)
    made = in_batches(make, (x, keys))
    assert set(sizes) == {(AT_ONCE, AT_ONCE)}
    np.testing.assert_array_equal(made["double"], 2 * x)
    np.testing.assert_array_equal(made["bits"], random.key_data(keys))
    np.testing.assert_array_equal(in_batches(jnp.negative, x), -x)


@pytest.mark.parametrize(("devices", "name"), [(1, None), (2, AXIS)])
def test_a_batch_on_one_device_is_whole(devices, name):
    assert axis() is None
    seen = []
    jax.vmap(lambda x: seen.append(axis()) or x, axis_name=AXIS)(jnp.zeros(devices))
    assert seen == [name]
    parts = jnp.arange(3.0 * devices).reshape(devices, 3)
    means = jax.vmap(mean, axis_name=AXIS)(parts)
    np.testing.assert_allclose(means, jnp.broadcast_to(parts.mean(0), parts.shape))
