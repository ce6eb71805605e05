"""Streams: examples that are decoded when they are needed, by processes of their own, ahead of their step.

Grain reads ahead in the order of steps, in threads. Each thread has a process decode the examples of a step. Grain's
own processes would import JAX, and would outlive this process if it is killed.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from gan_jax.data.examples import Lazy
from gan_jax.data.order import Order
from gan_jax.data.rows import Rows
from gan_jax.data.workers import Workers, cores

MOST_WORKERS = 16
AHEAD_BYTES = 1 << 27
"""The most bytes of examples that are read ahead, if a step is smaller."""
SPARES = 3
"""The number of times that a step's examples are given to another process if one is killed."""
ENDLESS = 2**31 - 1  # steps


class Steps:
    """The examples of each step, by random access: `steps[n]` is {field: [S, updates, batch / shares, ...]}.

    Attributes:
        share: the part of each batch, as in `Order.indices`.
    """

    def __init__(self, arrays: Mapping[str, Any], order: Order):
        self.order, self.share = order, (0, 1)
        self._lazy = {name: array for name, array in arrays.items() if isinstance(array, Lazy)}
        self._rows = {name: Rows(array) for name, array in arrays.items() if name not in self._lazy}
        self._workers = Workers(partial(decode, self._lazy), count=workers(), spares=SPARES)

    def __len__(self) -> int:
        return ENDLESS

    def __getitem__(self, index: int) -> dict[str, np.ndarray]:
        chosen = {name: rows[:, 0] for name, rows in self.order.indices(index, 1, self.share).items()}
        by_field = {name: chosen[self.order.stream(name)] for name in self._lazy}
        decoded = self._workers.ask(by_field)
        return decoded | {name: rows.read(chosen[self.order.stream(name)]) for name, rows in self._rows.items()}

    @property
    def n_bytes(self) -> int:
        """The size of a step's examples."""
        shapes = [array.shape[1:] for array in self._lazy.values()]
        return len(self.order.seeds) * int(np.prod(self.order.shape)) * sum(int(np.prod(shape)) for shape in shapes)

    def close(self) -> None:
        """Ends the processes."""
        self._workers.close()
        for rows in self._rows.values():
            rows.close()


class Stream:
    """The examples of calls, read ahead from where the last call ended. It has no state to save."""

    def __init__(self, steps: Steps):
        self._steps, self._next = steps, -1
        self._iterator: Any = None

    def read(self, step: int, steps: int, share: tuple[int, int]) -> dict[str, np.ndarray]:
        """Returns the examples of `steps` steps after `step`: by field [S, steps, updates, batch / shares, ...]."""
        if step != self._next or share != self._steps.share:
            self._start(step, share)
        try:
            read = [next(self._iterator) for _ in range(steps)]
        except BaseException:
            self._next = -1
            raise
        self._next = step + steps
        return {name: np.stack([one[name] for one in read], axis=1) for name in read[0]}

    def close(self) -> None:
        """Ends the threads and the processes."""
        self._steps.close()
        if self._iterator is not None:
            self._iterator.close()

    def _start(self, step: int, share: tuple[int, int]) -> None:
        import grain  # takes about a second

        if self._iterator is not None:
            self._iterator.close()
        self._steps.share = share
        threads = workers()
        ahead = max(2 * threads, min(AHEAD_BYTES // max(1, self._steps.n_bytes), 64))
        options = grain.ReadOptions(num_threads=threads, prefetch_buffer_size=ahead)
        self._iterator = iter(grain.MapDataset.source(self._steps)[step:].to_iter_dataset(options))


def workers() -> int:
    """Returns how many processes decode: one for each core that this process may use, up to a limit."""
    return min(cores(), MOST_WORKERS)


def decode(fields: Mapping[str, Lazy], indices: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Returns each field's examples at its indices [...], as [..., *shape]. Those in one order are decoded once."""
    read: dict[tuple[int, bytes], dict[str, np.ndarray]] = {}
    made = {}
    for name, array in fields.items():
        place = id(array.examples), indices[name].tobytes()
        if place not in read:
            read[place] = array.with_others(indices[name])
        made[name] = read[place][name]
    return made
