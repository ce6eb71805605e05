"""Terms of a critic's loss: `Forward -> Outcome`."""

import jax

from gan_jax.core import diagnostics
from gan_jax.core.collectives import example_keys
from gan_jax.core.objective import Outcome
from gan_jax.losses import adversarial, penalties
from gan_jax.objectives.forward import Forward

__all__ = ["bce", "gradient_penalty", "hinge", "least_squares", "r1", "wasserstein"]


def bce(forward: Forward) -> Outcome:
    """Returns the binary cross-entropy of real and fake scores: `losses.adversarial.critic_bce`."""
    return Outcome(adversarial.critic_bce(forward.real_scores, forward.fake_scores))


def hinge(forward: Forward) -> Outcome:
    """Returns the hinge loss of real and fake scores: `losses.adversarial.critic_hinge`."""
    return Outcome(adversarial.critic_hinge(forward.real_scores, forward.fake_scores))


def least_squares(forward: Forward) -> Outcome:
    """Returns the squared distances of scores from 1 (real) and 0 (fake): `losses.adversarial.critic_least_squares`."""
    return Outcome(adversarial.critic_least_squares(forward.real_scores, forward.fake_scores))


def wasserstein(forward: Forward) -> Outcome:
    """Returns minus the estimate of Wasserstein's distance: `losses.adversarial.critic_wasserstein`."""
    return Outcome(adversarial.critic_wasserstein(forward.real_scores, forward.fake_scores))


def gradient_penalty(forward: Forward, *, epsilon: float = 1e-12) -> Outcome:
    """Returns (|gradient| - 1)^2 between real and fake examples, weight 10 in the paper: `losses.penalties`."""
    keys = example_keys(forward.key, len(forward.real))
    values, norm = penalties.gradient_penalty(
        forward.per_example_score, keys, forward.real, forward.fake, epsilon=epsilon
    )
    return Outcome(values, _norms(norm))


def r1(forward: Forward, *, epsilon: float = 1e-12) -> Outcome:
    """Returns |gradient|^2 at real examples, whose weight is the paper's gamma / 2: `losses.penalties.r1`."""
    values, norm = penalties.r1(forward.per_example_score, forward.real, epsilon=epsilon)
    return Outcome(values, _norms(norm))


def _norms(norm: jax.Array) -> dict[str, jax.Array]:
    return {"input_gradient_norm": norm.mean(), "input_gradient_norm_max": diagnostics.largest(norm)}
