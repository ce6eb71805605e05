"""Networks of one layer that translate and judge, which compile in a second."""

import flax.linen as nn
import jax
import jax.numpy as jnp


class Painter(nn.Module):
    """source [b, h, w, c] -> x [b, h, w, c], each pixel by its own colour. Its features are some rows of it, drawn."""

    width: int = 4
    rows: int = 4

    @nn.compact
    def __call__(self, source: jax.Array, *, train: bool) -> jax.Array:
        """Returns the translation."""
        h = nn.tanh(nn.Dense(self.width)(source))
        self.features(h, train=train)
        return nn.tanh(nn.Dense(source.shape[-1])(h))

    def features(self, h: jax.Array, *, train: bool) -> list[jax.Array]:
        """Returns [b, rows, width], of length 1."""
        key = self.make_rng("noise") if train else jax.random.key(0)
        rows = jax.random.permutation(key, h.shape[1])[: self.rows]
        embedded = nn.Dense(self.width)(h[:, rows, 0])
        return [embedded / jnp.linalg.norm(embedded, axis=-1, keepdims=True)]


class Judge(nn.Module):
    """x [b, h, w, c] -> scores [b, h, w]."""

    width: int = 4

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        """Returns raw scores."""
        del train
        return nn.Dense(1)(nn.tanh(nn.Dense(self.width)(x)))[..., 0]


class Blind(Judge):
    """A judge that passes no gradients to its examples."""

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        """Returns raw scores."""
        return Judge(self.width)(jax.lax.stop_gradient(x), train=train)
