"""Loss terms of one's own: a function each, two where both players differ."""

import jax
import jax.numpy as jnp

from gan_jax.core.objective import Outcome
from gan_jax.objectives.forward import Forward


def zero_centred(forward: Forward, *, power: float = 2.0) -> Outcome:
    """Returns |gradient|^power at fakes, a penalty of the critic."""
    gradients = jax.grad(lambda x: forward.per_example_score(x).sum())(forward.fake)
    norm = jnp.sqrt(jnp.square(gradients).reshape(len(gradients), -1).sum(1) + 1e-12)
    return Outcome(norm**power, {"fake_gradient_norm": norm.mean()})


def critic_margin(forward: Forward, *, margin: float = 1.0) -> Outcome:
    """Returns max(0, margin - D(x) + D(G(z))) of pairs: real examples are to score above their fakes by a margin."""
    return Outcome(jax.nn.relu(margin - forward.real_scores + forward.fake_scores))


def generator_margin(forward: Forward) -> Outcome:
    """Returns D(x) - D(G(z)) of the same pairs."""
    return Outcome(forward.real_scores - forward.fake_scores)
