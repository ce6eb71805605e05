"""Devices: the only file that names pmap, shard_map and meshes. What it wraps can be read, and run, without it.

A way to spread runs over the devices is a record of three functions; `over_batches` gives every device its share of one
run's batches, `over_seeds` gives it whole runs, which differ in their seeds alone, and plays them as one program. Of
several processes each puts what its own devices need there; the devices are counted process by process.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, TypeAlias, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.experimental import multihost_utils
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from gan_jax.core import collectives
from gan_jax.core.state import TrainState
from gan_jax.core.steps import Metrics, TrainStep
from gan_jax.errors import UserError

SEEDS = "seeds"
T = TypeVar("T")
Fetch: TypeAlias = Callable[[Any, jax.Array], Any]
Axes: TypeAlias = tuple[int | None, ...]
Each: TypeAlias = Callable[[Callable[..., Any]], Callable[..., Any]]


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


def spread(train_step: TrainStep, fetch: Fetch, seeds: int, *, how: str = "pmap") -> Spread:
    """The way that suits this many runs. `fetch(data, indices [r, b]) -> batches` reads a round's on the device.

    how: what a call is mapped over the devices by, "pmap" or "shard_map"; both play the same rounds.
    """
    if seeds == 1:
        return over_batches(train_step, fetch, how=how)
    on_cpu = jax.local_devices()[0].platform == "cpu"
    return over_seeds(train_step, fetch, seeds, each=in_turn if on_cpu else jax.vmap, how=how)


def in_turn(one_run: Callable[..., T]) -> Callable[..., T]:
    """One run after the other, in one program, where `jax.vmap` plays them side by side.

    A CPU is busy with one run already, and slower at the products of many small matrices that several become.
    """
    return lambda *runs: lax.map(lambda run: one_run(*run), runs)


def check(batch_size: int, seeds: int) -> None:
    """Raises UserError where the devices cannot share the seeds, or one seed's batches, evenly."""
    devices, processes = jax.device_count(), jax.process_count()
    if devices != processes * jax.local_device_count():
        raise UserError(
            f"this process has {jax.local_device_count()} of {processes} processes' {devices} devices: "
            "give every process the same number of them"
        )
    if seeds > 1 and processes > 1:
        raise UserError(
            f"config.seeds is {seeds}, and seeds are played side by side by 1 process, not by {processes}: "
            "start one process, or play the seeds one after the other by config.seed"
        )
    name, number = ("batch_size", batch_size) if seeds == 1 else ("seeds", seeds)
    if number % devices:
        raise UserError(
            f"config.{name} is {number}, which {devices} devices cannot share evenly: "
            f"take a multiple of {devices}, such as {-(-number // devices) * devices}"
        )


def replicate(tree: T) -> T:
    """The tree with a copy of every array on each device of this process."""
    return jax.device_put(tree, NamedSharding(_own(collectives.AXIS), PartitionSpec()))


def over_batches(train_step: TrainStep, fetch: Fetch, *, how: str = "pmap") -> Spread:
    """One run, its state on every device, its batches shared among them."""

    def call(state: TrainState, data: Any, indices: jax.Array, rounds: jax.Array, key: jax.Array):
        return _rounds(lambda state, indices: train_step(state, fetch(data, indices), key), state, indices, rounds)

    mapped = _mapped(how, call, collectives.AXIS, (None, None, 1, None, None), None)

    def play(state, data, indices: np.ndarray, rounds: int, keys: jax.Array):
        _, k, r, b = indices.shape
        own, all_devices = jax.local_device_count(), jax.device_count()
        shares = indices.reshape(k, r, all_devices, b // all_devices).swapaxes(1, 2)
        first = jax.process_index() * own
        return mapped(state, data, shares[:, first : first + own], np.int32(rounds), keys[0])

    def take(tree: T, number: int) -> T:
        del number
        return jax.tree.map(lambda a: a.addressable_shards[0].data, tree)

    return Spread(put=lambda states: replicate(states[0]), take=take, play=play)


def over_seeds(train_step: TrainStep, fetch: Fetch, seeds: int, *, each: Each, how: str = "pmap") -> Spread:
    """Runs that differ in their seeds, as many on each device, there by `each`: `jax.vmap` or `in_turn`."""
    devices = jax.local_device_count()
    shape = (devices, seeds // devices)

    def call(states: TrainState, data: Any, indices: jax.Array, rounds: jax.Array, keys: jax.Array):
        def one_run(state: TrainState, indices: jax.Array, key: jax.Array) -> tuple[TrainState, Metrics]:
            return _rounds(lambda state, indices: train_step(state, fetch(data, indices), key), state, indices, rounds)

        return each(one_run)(states, indices, keys)

    mapped = _mapped(how, call, SEEDS, (0, None, 0, None, 0), 0)

    def put(states: list[TrainState]) -> TrainState:
        stacked = jax.tree.map(lambda *arrays: np.stack(arrays).reshape(*shape, *np.shape(arrays[0])), *states)
        return jax.device_put(stacked, NamedSharding(_own(SEEDS), PartitionSpec(SEEDS)))

    def play(states, data, indices: np.ndarray, rounds: int, keys: jax.Array):
        shares = indices.reshape(*shape, *indices.shape[1:])
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


def _mapped(how: str, call: Callable, axis: str, in_axes: Axes, out_axes: int | None) -> Callable:
    """The call on every device at once, on its own part along these axes (None: on the whole); donates the first."""
    return {"pmap": _pmap, "shard_map": _shard_map}[how](call, axis, in_axes, out_axes)


def _pmap(call: Callable, axis: str, in_axes: Axes, out_axes: int | None) -> Callable:
    return jax.pmap(call, axis, in_axes=in_axes, out_axes=out_axes, donate_argnums=0)


def _shard_map(call: Callable, axis: str, in_axes: Axes, out_axes: int | None) -> Callable:
    """As `_pmap`: a device's part is a block of length 1 along the axis, which is taken off and put back."""
    mesh = Mesh(np.array([d for p in range(jax.process_count()) for d in jax.local_devices(p)]), (axis,))
    specs = tuple(_spec(axis, place) for place in in_axes)

    def on_blocks(*blocks: Any) -> Any:
        parts = (
            block if place is None else jax.tree.map(partial(jnp.squeeze, axis=place), block)
            for block, place in zip(blocks, in_axes, strict=True)
        )
        made = call(*parts)
        return made if out_axes is None else jax.tree.map(partial(jnp.expand_dims, axis=out_axes), made)

    # What is the same on all devices is not proven to be: the rules for it lack some gradients (conv_transpose's).
    blocks = jax.shard_map(on_blocks, mesh=mesh, in_specs=specs, out_specs=_spec(axis, out_axes), check_vma=False)
    mapped = jax.jit(blocks, donate_argnums=0)
    if jax.process_count() == 1:
        return mapped
    return lambda *arguments: mapped(*multihost_utils.host_local_array_to_global_array(arguments, mesh, specs))


def _spec(axis: str, place: int | None) -> PartitionSpec:
    return PartitionSpec() if place is None else PartitionSpec(*[None] * place, axis)


def _own(axis: str) -> Mesh:
    return Mesh(np.array(jax.local_devices()), (axis,))
