"""The executor: runs the train steps of one or several runs on all devices, many steps per call.

`data_parallel` gives every device its share of one run's batches. `seed_parallel` gives every device whole runs, which
differ only in their seeds, and trains them as one program. If there are several processes, each one puts only the data
of its own devices on them. Devices are numbered process by process.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from gan_jax.core.collectives import AXIS
from gan_jax.core.feed import Feed
from gan_jax.core.objective import Metrics
from gan_jax.core.state import Players, TrainState
from gan_jax.core.steps import Hyperparams, TrainStep
from gan_jax.parallel import mapping
from gan_jax.parallel.ahead import Ahead

SEEDS = "seeds"
T = TypeVar("T")
Each: TypeAlias = Callable[[Callable[..., Any]], Callable[..., Any]]


class Executor(NamedTuple):
    """The functions that put S runs on the devices and train them there.

    Attributes:
        put: `[state of each run] -> state`.
        get: `(tree, number) -> tree`, that run's part of a state or of metrics, on one device, without any transfer.
        run: `(state, step, steps) -> (state, metrics)`: runs `steps` steps after `step` as one call, at most as many as
            the feed puts in a call. `metrics` are [k] for each run, NaN after `steps`. The state is donated.
        prefetch: `(step, steps)`: starts reading the examples of a coming call, while this one runs.
        close: `()`: stops reading examples. Nothing can be run afterwards.
    """

    put: Callable[[list[TrainState]], TrainState]
    get: Callable[[Any, int], Any]
    run: Callable[[TrainState, int, int], tuple[TrainState, Metrics]]
    prefetch: Callable[[int, int], None]
    close: Callable[[], None]


def executor(
    train_step: TrainStep, feed: Feed, hyperparams: Mapping[str, Hyperparams], keys: jax.Array, *, how: str = "pmap"
) -> Executor:
    """Returns the executor for as many runs as there are keys [S], which are the runs' random streams.

    how: what maps a call over the devices, "pmap" or "shard_map". Both compute the same.
    """
    if len(keys) == 1:
        return data_parallel(train_step, feed, hyperparams, keys, how=how)
    on_cpu = jax.local_devices()[0].platform == "cpu"
    return seed_parallel(train_step, feed, hyperparams, keys, each=sequential if on_cpu else jax.vmap, how=how)


def sequential(one_run: Callable[..., T]) -> Callable[..., T]:
    """Runs one run after the other in one program, in contrast to `jax.vmap`, which trains them side by side.

    One run already keeps a CPU busy. Several at once become products of many small matrices, which are slower there.
    """
    return lambda *runs: lax.map(lambda run: one_run(*run), runs)


def data_parallel(
    train_step: TrainStep, feed: Feed, hyperparams: Mapping[str, Hyperparams], keys: jax.Array, *, how: str = "pmap"
) -> Executor:
    """Returns the executor of one run: its state is on every device, and its batches are split among them."""

    def call(state: TrainState, resident: Any, inputs: Any, steps: jax.Array, key: jax.Array):
        return _loop(_step(train_step, feed, resident, key), state, inputs, steps)

    mapped = mapping.mapped(how, call, AXIS, (None, None, 1, None, None), None)
    resident = mapping.replicate((feed.resident, hyperparams))

    def inputs(step: int, steps: int) -> Any:
        return mapping.share(jax.tree.map(lambda array: array[0], feed.inputs(step, steps, mapping.own_share())))

    def run(state: TrainState, inputs: Any, steps: int) -> tuple[TrainState, Metrics]:
        return mapped(state, resident, inputs, np.int32(steps), keys[0])

    def get(tree: T, number: int) -> T:
        del number
        return jax.tree.map(lambda a: a.addressable_shards[0].data, tree)

    return _reading_ahead(feed, inputs, run, put=lambda states: mapping.replicate(states[0]), get=get)


def seed_parallel(
    train_step: TrainStep,
    feed: Feed,
    hyperparams: Mapping[str, Hyperparams],
    keys: jax.Array,
    *,
    each: Each,
    how: str = "pmap",
) -> Executor:
    """Returns the executor of runs that differ only in their seeds, equally many on each device.

    each: how a device trains its runs, `jax.vmap` or `sequential`.
    """
    devices = jax.local_device_count()
    shape = (devices, len(keys) // devices)

    def call(states: TrainState, resident: Any, inputs: Any, steps: jax.Array, keys: jax.Array):
        step = states.step[0]  # the same in all runs; not mapped, so that conditions on it stay branches under vmap

        def one_run(players: Players, inputs: Any, key: jax.Array) -> tuple[TrainState, Metrics]:
            return _loop(_step(train_step, feed, resident, key), TrainState(step, players), inputs, steps)

        return each(one_run)(states.players, inputs, keys)

    mapped = mapping.mapped(how, call, SEEDS, (0, None, 0, None, 0), 0)
    resident = mapping.replicate((feed.resident, hyperparams))

    def put(states: list[TrainState]) -> TrainState:
        stacked = jax.tree.map(lambda *arrays: np.stack(arrays).reshape(*shape, *np.shape(arrays[0])), *states)
        return mapping.split(stacked, SEEDS)

    def inputs(step: int, steps: int) -> Any:
        whole = feed.inputs(step, steps, (0, 1))
        return mapping.split(jax.tree.map(lambda array: array.reshape(*shape, *array.shape[1:]), whole), SEEDS)

    def run(state: TrainState, inputs: Any, steps: int) -> tuple[TrainState, Metrics]:
        return mapped(state, resident, inputs, np.int32(steps), keys.reshape(shape))

    def get(tree: T, number: int) -> T:
        device, place = divmod(number, shape[1])
        return jax.tree.map(lambda a: a.addressable_shards[device].data[0, place], tree)

    return _reading_ahead(feed, inputs, run, put=put, get=get)


def _reading_ahead(
    feed: Feed,
    inputs: Callable[[int, int], Any],
    run: Callable[[TrainState, Any, int], tuple[TrainState, Metrics]],
    **places: Any,
) -> Executor:
    """Returns the executor that runs calls on `inputs`, (step, steps) -> arrays on the devices, with prefetching."""
    ahead = Ahead(inputs)

    def close() -> None:
        ahead.close()
        feed.close()

    return Executor(
        run=lambda state, step, steps: run(state, ahead.take(step, steps), steps),
        prefetch=ahead.start,
        close=close,
        **places,
    )


def _step(train_step: TrainStep, feed: Feed, resident: Any, key: jax.Array) -> Callable:
    """Returns `(state, inputs) -> (state, metrics)` of one step, given what the devices hold."""
    arrays, hyperparams = resident
    return lambda state, inputs: train_step(state, feed.fetch(arrays, inputs), key, hyperparams)


def _loop(
    one_step: Callable[[TrainState, Any], tuple[TrainState, Metrics]], state: TrainState, inputs: Any, steps: jax.Array
) -> tuple[TrainState, Metrics]:
    """Returns the state after the first `steps` of the k steps with inputs [k, ...], and metrics [k, ...].

    The loop's length is an argument of the program. A call cut short at a period's boundary thus compiles nothing new
    and runs the same instructions, so results never depend on where calls are cut.
    """
    length = len(jax.tree.leaves(inputs)[0])

    def of(number: jax.Array | int) -> Any:
        return jax.tree.map(lambda array: array[number], inputs)

    def body(number: jax.Array, carry: tuple[TrainState, Metrics]) -> tuple[TrainState, Metrics]:
        state, rows = carry
        state, row = one_step(state, of(number))
        return state, {name: rows[name].at[number].set(value) for name, value in row.items()}

    _, row = jax.eval_shape(one_step, state, of(0))
    rows = {name: jnp.full((length, *value.shape), jnp.nan) for name, value in row.items()}
    return lax.fori_loop(0, steps, body, (state, rows))
