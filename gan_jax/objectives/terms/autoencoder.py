"""Terms of an autoencoder's loss: `Reconstruction -> Outcome`."""

from gan_jax.core.objective import Frozen, Outcome
from gan_jax.losses.reconstruction import absolute_error, squared_error
from gan_jax.objectives.forward import Reconstruction

__all__ = ["l1", "lpips", "reconstruction"]


def reconstruction(forward: Reconstruction) -> Outcome:
    """Returns the mean squared error of each reconstruction: `losses.reconstruction.squared_error`."""
    return Outcome(squared_error(forward.recon, forward.batch["x"]))


def l1(forward: Reconstruction) -> Outcome:
    """Returns the mean absolute error of each reconstruction: `losses.reconstruction.absolute_error`."""
    return Outcome(absolute_error(forward.recon, forward.batch["x"]))


def lpips(forward: Reconstruction, *, network: Frozen) -> Outcome:
    """Returns the perceptual distance of each reconstruction from its example: `metrics.lpips`.

    `network` is frozen: 'vgg16', the default, or 'alexnet'; see `features.lpips`.
    """
    return Outcome(network.apply(forward.carry[network.name], forward.recon, forward.batch["x"]))
