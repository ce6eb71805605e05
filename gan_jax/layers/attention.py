"""Self-attention over the pixels of an image, as in SAGAN."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from gan_jax.layers.convolution import Conv
from gan_jax.layers.kernels import KernelNorm
from gan_jax.layers.resample import max_pool


class SelfAttention(nn.Module):
    """x [n, h, w, c] -> x + gamma o [n, h, w, c], gamma one parameter, 0 at first.

    Zhang et al. 2018, arXiv:1805.08318, equations 1 to 4, with the sizes of the authors' and of BigGAN's code: queries
    of c / 8 channels, values of c / 2, keys and values after 2x2 max pooling. Raises ValueError where h or w is odd.
    """

    kernel_norm: KernelNorm | None = None

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Returns the image plus what its pixels attend to."""
        n, h, w, c = x.shape

        def pixels(width: int, name: str, *, half: bool) -> jax.Array:
            made = Conv(max(1, width), 1, kernel_norm=self.kernel_norm, name=name)(x)
            return (max_pool(made) if half else made).reshape(n, -1, made.shape[-1])

        query = pixels(c // 8, "query", half=False)
        key, value = pixels(c // 8, "key", half=True), pixels(c // 2, "value", half=True)
        share = nn.softmax(jnp.einsum("nqc,nkc->nqk", query, key), axis=-1)
        seen = jnp.einsum("nqk,nkc->nqc", share, value).reshape(n, h, w, -1)
        gamma = self.param("gamma", nn.initializers.zeros, ())
        return x + gamma * Conv(c, 1, kernel_norm=self.kernel_norm, name="output")(seen)
