"""Devices: the only file that uses pmap, shard_map and meshes."""

from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from gan_jax.core.collectives import AXIS
from gan_jax.errors import UserError

T = TypeVar("T")
Axes: TypeAlias = tuple[int | None, ...]


def check(batch_size: int, seeds: int, accumulate: int = 1) -> None:
    """Raises UserError if seeds, or the parts of one seed's batches, cannot be split evenly among the devices."""
    devices, processes = jax.device_count(), jax.process_count()
    if devices != processes * jax.local_device_count():
        raise UserError(
            f"this process has {jax.local_device_count()} of the {devices} devices of {processes} processes: "
            "give every process the same number of devices"
        )
    if seeds > 1 and processes > 1:
        raise UserError(
            f"config.seeds is {seeds}, but several seeds are trained together only by 1 process, not by {processes}: "
            "start one process, or train the seeds one after the other with config.seed"
        )
    name, number = ("batch_size", batch_size) if seeds == 1 else ("seeds", seeds)
    if number % devices:
        raise UserError(
            f"config.{name} is {number}, which {devices} devices cannot share evenly: "
            f"use a multiple of {devices}, such as {-(-number // devices) * devices}"
        )
    if seeds == 1 and number // devices % accumulate:
        raise UserError(
            f"config.accumulate is {accumulate}: it must divide the {number // devices} examples of a batch on "
            f"each of {devices} devices"
        )


def on_each(batch_size: int, seeds: int) -> int:
    """Returns each device's number of examples of a batch, or the batch size if they cannot be split evenly."""
    devices = jax.device_count() if seeds == 1 else 1
    return batch_size if batch_size % devices else batch_size // devices


def replicate(tree: T) -> T:
    """Returns the tree with a copy of every array on each device of this process."""
    return jax.device_put(tree, NamedSharding(_local(AXIS), PartitionSpec()))


def split(tree: T, axis: str) -> T:
    """Returns the tree with each array's first axis split over the devices of this process."""
    return jax.device_put(tree, NamedSharding(_local(axis), PartitionSpec(axis)))


def own_share() -> tuple[int, int]:
    """Returns (number, of): this process's part of the global batches."""
    return jax.process_index(), jax.process_count()


def share(batches: Any) -> Any:
    """Returns this process's part of batches, [k, r, b, ...], on its devices: [k, own devices, r, b / devices, ...]."""
    own = jax.local_device_count()

    def of_one(array: np.ndarray) -> np.ndarray:
        k, r, b, *rest = array.shape
        return array.reshape(k, r, own, b // own, *rest).swapaxes(1, 2)

    return jax.device_put(jax.tree.map(of_one, batches), NamedSharding(_local(AXIS), PartitionSpec(None, AXIS)))


def mapped(how: str, call: Callable, axis: str, in_axes: Axes, out_axes: int | None) -> Callable:
    """Returns the call mapped over all devices, each with its own part along these axes (None: with the whole).

    `how` is "pmap" or "shard_map", which compute the same. The first argument is donated.
    """
    on_devices = {"pmap": _pmap, "shard_map": _shard_map}[how](call, axis, in_axes, out_axes)

    def unsearched(*arguments: Any) -> Any:
        # The metrics of skipped steps are NaN. JAX's search for the origin of other NaNs ends in a recursion.
        with jax.debug_nans(False), jax.debug_infs(False):
            return on_devices(*arguments)

    return unsearched


def _pmap(call: Callable, axis: str, in_axes: Axes, out_axes: int | None) -> Callable:
    return jax.pmap(call, axis, in_axes=in_axes, out_axes=out_axes, donate_argnums=0)


def _shard_map(call: Callable, axis: str, in_axes: Axes, out_axes: int | None) -> Callable:
    """Like `_pmap`. A device's part is a block of length 1 along the axis, which is squeezed and expanded again."""
    mesh = Mesh(np.array([d for p in range(jax.process_count()) for d in jax.local_devices(p)]), (axis,))
    specs = tuple(_spec(axis, place) for place in in_axes)

    def on_blocks(*blocks: Any) -> Any:
        parts = (
            block if place is None else jax.tree.map(partial(jnp.squeeze, axis=place), block)
            for block, place in zip(blocks, in_axes, strict=True)
        )
        made = call(*parts)
        return made if out_axes is None else jax.tree.map(partial(jnp.expand_dims, axis=out_axes), made)

    # No check that outputs are the same on all devices: its rules lack some gradients (conv_transpose's).
    blocks = jax.shard_map(on_blocks, mesh=mesh, in_specs=specs, out_specs=_spec(axis, out_axes), check_vma=False)
    jitted = jax.jit(blocks, donate_argnums=0)
    if jax.process_count() == 1:
        return jitted
    return lambda *arguments: jitted(*multihost_utils.host_local_array_to_global_array(arguments, mesh, specs))


def _spec(axis: str, place: int | None) -> PartitionSpec:
    return PartitionSpec() if place is None else PartitionSpec(*[None] * place, axis)


def _local(axis: str) -> Mesh:
    return Mesh(np.array(jax.local_devices()), (axis,))
