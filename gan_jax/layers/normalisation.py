"""Normalisations with one call, `norm()(x, train=...)`, so that a model takes any of them as a field."""

import flax.linen as nn
import jax

from gan_jax.batch import axis


class BatchNorm(nn.Module):
    """Batch normalisation over all axes but the last, x [b, ..., c] -> [b, ..., c] (Ioffe and Szegedy 2015).

    Statistics are those of the global batch, over all devices. `momentum` is the share of the old running value that is
    kept (PyTorch's momentum is one minus this).
    """

    momentum: float = 0.9
    epsilon: float = 1e-5

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        """Normalises by the batch's own mean and variance when training, by the running ones otherwise."""
        norm = nn.BatchNorm(
            use_running_average=not train,
            momentum=self.momentum,
            epsilon=self.epsilon,
            axis_name=axis(),
        )
        return norm(x)


class NoNorm(nn.Module):
    """No normalisation: x as it is."""

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        """Returns x."""
        del train
        return x
