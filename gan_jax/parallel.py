"""Devices: the only file that names pmap and meshes. What it wraps can be read, and run, without it."""

from collections.abc import Callable
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from gan_jax import batch
from gan_jax.errors import UserError
from gan_jax.state import TrainState
from gan_jax.steps import Metrics, TrainStep

T = TypeVar("T")


def check_batch_size(batch_size: int) -> None:
    """Raises UserError where the local devices cannot share a batch of this many examples evenly."""
    devices = jax.local_device_count()
    if batch_size % devices:
        raise UserError(
            f"batch_size is {batch_size}, which {devices} devices cannot share evenly: "
            f"take a multiple of {devices}, such as {-(-batch_size // devices) * devices}"
        )


def replicate(tree: T) -> T:
    """The tree with a copy of every array on each local device."""
    mesh = Mesh(np.array(jax.local_devices()), (batch.AXIS,))
    return jax.device_put(tree, NamedSharding(mesh, PartitionSpec()))


def one(tree: T) -> T:
    """One device's copy of a replicated tree, without moving anything."""
    return jax.tree.map(lambda a: a.addressable_shards[0].data, tree)


def play(train_step: TrainStep, fetch: Callable[[Any, jax.Array], Any]) -> Callable:
    """Many rounds as one call: `call(state, data, indices [k, r, b], rounds, key) -> (state, metrics [k])`.

    `fetch(data, indices [r, b]) -> batches` reads a round's examples from the data on the device; `indices` are of
    global batches. The first `rounds` <= k are played. State, data and key are replicated, the state is donated.

    The loop's length is an argument of the program, not a part of it: a call cut short at a period's boundary compiles
    nothing anew and plays the very same instructions, so where calls are cut never shows in a result.
    """

    def call(state: TrainState, data: Any, indices: jax.Array, rounds: jax.Array, key: jax.Array):
        def one_round(state: TrainState, indices: jax.Array) -> tuple[TrainState, Metrics]:
            return train_step(state, fetch(data, indices), key)

        def body(i: jax.Array, carry: tuple[TrainState, Metrics]) -> tuple[TrainState, Metrics]:
            state, rows = carry
            state, row = one_round(state, indices[i])
            return state, {name: rows[name].at[i].set(value) for name, value in row.items()}

        _, row = jax.eval_shape(one_round, state, indices[0])
        rows = {name: jnp.full((len(indices), *value.shape), jnp.nan) for name, value in row.items()}
        return lax.fori_loop(0, rounds, body, (state, rows))

    mapped = jax.pmap(call, batch.AXIS, in_axes=(None, None, 1, None, None), out_axes=None, donate_argnums=0)

    def spread(state, data, indices: np.ndarray, rounds: int, key: jax.Array):
        k, r, b = indices.shape
        devices = jax.local_device_count()
        shares = indices.reshape(k, r, devices, b // devices).swapaxes(1, 2)
        return mapped(state, data, shares, np.int32(rounds), key)

    return spread
