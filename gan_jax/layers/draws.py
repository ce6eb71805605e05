"""Random values that belong to examples, computed once however many operations read them."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import lax, random

IMPL = "threefry4x32"
"""It takes 600 operations without a loop. JAX's default, threefry2x32, is five loops on the CPU."""


def words(key: jax.Array) -> jax.Array:
    """Returns the words [4] of IMPL for a key [] of any implementation."""
    return jnp.resize(random.key_data(key), (4,))


def once(draw: Callable[[jax.Array], jax.Array], words: jax.Array) -> jax.Array:
    """Returns `draw(words)`, an array, computed once however many operations read it.

    XLA would copy the operations into everything that reads them. Steps would be up to 9 times as slow, and LLVM would
    take minutes to compile them in sums over few values.
    """

    def in_loop(words: jax.Array) -> jax.Array:
        made = jax.eval_shape(draw, words)
        passes = lax.optimization_barrier(jnp.int32(1))  # the compiler would unroll a loop that is known to run once
        return lax.fori_loop(0, passes, lambda *_: draw(words), jnp.zeros(made.shape, made.dtype))

    def behind_barrier(words: jax.Array) -> jax.Array:
        return lax.optimization_barrier(draw(words))

    # On the CPU a barrier is not enough before jax 0.11: XLA removes it too early. Elsewhere a loop costs more.
    return lax.platform_dependent(words, cpu=in_loop, default=behind_barrier)


def keys(words: jax.Array, number: int) -> jax.Array:
    """Returns the keys [n] of stream `number` for examples with these words, uint32 [n, k]."""
    return jax.vmap(lambda own: random.fold_in(random.wrap_key_data(jnp.resize(own, (4,)), impl=IMPL), number))(words)


def normal(words: jax.Array, number: int, shape: tuple[int, ...]) -> jax.Array:
    """Returns N(0, 1) float32 [n, *shape] from stream `number` for examples with these words, uint32 [n, k]."""
    return once(lambda own: jax.vmap(lambda key: random.normal(key, shape))(keys(own, number)), words)
