"""A loss term of one's own: one function."""

import jax
import jax.numpy as jnp

from gan_jax.core.objective import Outcome
from gan_jax.objectives.forward import Forward


def zero_centred(forward: Forward, *, power: float = 2.0) -> Outcome:
    """Returns |gradient|^power at fakes, a penalty of the critic."""
    gradients = jax.grad(lambda x: forward.per_example_score(x).sum())(forward.fake)
    norm = jnp.sqrt(jnp.square(gradients).reshape(len(gradients), -1).sum(1) + 1e-12)
    return Outcome(norm**power, {"fake_gradient_norm": norm.mean()})
