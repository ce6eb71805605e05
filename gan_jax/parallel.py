"""Devices: the only file that names pmap and meshes. What it wraps can be read, and run, without it.

A way to spread runs over the local devices is a record of three functions; `over_batches` gives every device its share
of one run's batches, `over_seeds` gives it whole runs, which differ in their seeds alone, and plays them side by side
as one program.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

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


SEEDS = "seeds"


class Spread(NamedTuple):
    """How S runs lie on the devices, and are played there.

    put: `[state of each run] -> state`. take: `(tree, number) -> what is that run's`, of a state or of metrics, on one
        device, without moving anything.
    play: `(state, data, indices [S, k, r, b], rounds, keys [S]) -> (state, metrics)`: the first `rounds` <= k rounds as
        one call; `metrics` are [k] for each run. `indices` are of global batches; `data` is replicated; the state is
        donated.
    """

    put: Callable[[list[TrainState]], TrainState]
    take: Callable[[Any, int], Any]
    play: Callable[..., tuple[TrainState, Metrics]]


def spread(train_step: TrainStep, fetch: Callable[[Any, jax.Array], Any], seeds: int) -> Spread:
    """The way that suits this many runs. `fetch(data, indices [r, b]) -> batches` reads a round's on the device."""
    return over_batches(train_step, fetch) if seeds == 1 else over_seeds(train_step, fetch, seeds)


def check(batch_size: int, seeds: int) -> None:
    """Raises UserError where the local devices cannot share the seeds, or one seed's batches, evenly."""
    devices = jax.local_device_count()
    name, number = ("batch_size", batch_size) if seeds == 1 else ("seeds", seeds)
    if number % devices:
        raise UserError(
            f"config.{name} is {number}, which {devices} devices cannot share evenly: "
            f"take a multiple of {devices}, such as {-(-number // devices) * devices}"
        )


def replicate(tree: T) -> T:
    """The tree with a copy of every array on each local device."""
    return jax.device_put(tree, NamedSharding(_mesh(batch.AXIS), PartitionSpec()))


def over_batches(train_step: TrainStep, fetch: Callable[[Any, jax.Array], Any]) -> Spread:
    """One run, its state on every device, its batches shared among them."""

    def call(state: TrainState, data: Any, indices: jax.Array, rounds: jax.Array, key: jax.Array):
        return _rounds(lambda state, indices: train_step(state, fetch(data, indices), key), state, indices, rounds)

    mapped = jax.pmap(call, batch.AXIS, in_axes=(None, None, 1, None, None), out_axes=None, donate_argnums=0)

    def play(state, data, indices: np.ndarray, rounds: int, keys: jax.Array):
        _, k, r, b = indices.shape
        devices = jax.local_device_count()
        shares = indices.reshape(k, r, devices, b // devices).swapaxes(1, 2)
        return mapped(state, data, shares, np.int32(rounds), keys[0])

    def take(tree: T, number: int) -> T:
        del number
        return jax.tree.map(lambda a: a.addressable_shards[0].data, tree)

    return Spread(put=lambda states: replicate(states[0]), take=take, play=play)


def over_seeds(train_step: TrainStep, fetch: Callable[[Any, jax.Array], Any], seeds: int) -> Spread:
    """Runs that differ in their seeds, as many on each device, there a mapped axis of one program."""
    devices = jax.local_device_count()
    shape = (devices, seeds // devices)

    def call(states: TrainState, data: Any, indices: jax.Array, rounds: jax.Array, keys: jax.Array):
        def one_run(state: TrainState, indices: jax.Array, key: jax.Array) -> tuple[TrainState, Metrics]:
            return train_step(state, fetch(data, indices), key)

        all_runs = jax.vmap(one_run)
        states, rows = _rounds(lambda states, indices: all_runs(states, indices, keys), states, indices, rounds)
        return states, {name: values.T for name, values in rows.items()}

    mapped = jax.pmap(call, SEEDS, in_axes=(0, None, 0, None, 0), donate_argnums=0)

    def put(states: list[TrainState]) -> TrainState:
        stacked = jax.tree.map(lambda *arrays: np.stack(arrays).reshape(*shape, *np.shape(arrays[0])), *states)
        return jax.device_put(stacked, NamedSharding(_mesh(SEEDS), PartitionSpec(SEEDS)))

    def play(states, data, indices: np.ndarray, rounds: int, keys: jax.Array):
        shares = indices.reshape(*shape, *indices.shape[1:]).swapaxes(1, 2)
        return mapped(states, data, shares, np.int32(rounds), keys.reshape(shape))

    def take(tree: T, number: int) -> T:
        device, place = divmod(number, shape[1])
        return jax.tree.map(lambda a: a.addressable_shards[device].data[0, place], tree)

    return Spread(put=put, take=take, play=play)


def _rounds(
    one_round: Callable[[TrainState, jax.Array], tuple[TrainState, Metrics]],
    state: TrainState,
    indices: jax.Array,
    rounds: jax.Array,
) -> tuple[TrainState, Metrics]:
    """The first `rounds` of the rounds that indices [k, ...] are for -> the state, metrics [k, ...].

    The loop's length is an argument of the program, not a part of it: a call cut short at a period's boundary compiles
    nothing anew and plays the very same instructions, so where calls are cut never shows in a result.
    """

    def body(i: jax.Array, carry: tuple[TrainState, Metrics]) -> tuple[TrainState, Metrics]:
        state, rows = carry
        state, row = one_round(state, indices[i])
        return state, {name: rows[name].at[i].set(value) for name, value in row.items()}

    _, row = jax.eval_shape(one_round, state, indices[0])
    rows = {name: jnp.full((len(indices), *value.shape), jnp.nan) for name, value in row.items()}
    return lax.fori_loop(0, rounds, body, (state, rows))


def _mesh(axis: str) -> Mesh:
    return Mesh(np.array(jax.local_devices()), (axis,))
