"""Many examples at once: made in batches of one size, whatever their number."""

import jax.numpy as jnp
import numpy as np
import pytest
from jax import random

from gan_jax.batch import AT_ONCE, in_batches


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
