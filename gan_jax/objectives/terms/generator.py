"""Terms of a generator's loss: `Forward -> Outcome`."""

from gan_jax.core.objective import Outcome
from gan_jax.losses import adversarial, reconstruction
from gan_jax.objectives.forward import Forward

__all__ = ["hinge", "l1", "least_squares", "minimax", "non_saturating", "wasserstein"]


def minimax(forward: Forward) -> Outcome:
    """Returns the generator's side of the value function, which saturates: `losses.adversarial.generator_minimax`."""
    return Outcome(adversarial.generator_minimax(forward.fake_scores))


def non_saturating(forward: Forward) -> Outcome:
    """Returns the cross-entropy with flipped labels: `losses.adversarial.generator_non_saturating`."""
    return Outcome(adversarial.generator_non_saturating(forward.fake_scores))


def hinge(forward: Forward) -> Outcome:
    """Returns minus the fakes' scores, the answer to a hinge critic: `losses.adversarial.generator_hinge`."""
    return Outcome(adversarial.generator_hinge(forward.fake_scores))


def least_squares(forward: Forward) -> Outcome:
    """Returns the fakes' scores' squared distance from 1: `losses.adversarial.generator_least_squares`."""
    return Outcome(adversarial.generator_least_squares(forward.fake_scores))


def wasserstein(forward: Forward) -> Outcome:
    """Returns minus the fakes' scores, the generator's side of the distance: `losses.adversarial`."""
    return Outcome(adversarial.generator_wasserstein(forward.fake_scores))


def l1(forward: Forward) -> Outcome:
    """Returns the mean absolute difference of each fake from its own real example, for generators told of one."""
    return Outcome(reconstruction.absolute_error(forward.fake, forward.real))
