"""The order of examples: a pure function of the seed and the step, so no position has to be saved."""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np


def indices(seed: int, start: int, steps: int, shape: tuple[int, int], n: int, *, stream: str = "") -> np.ndarray:
    """Returns indices into n examples for `steps` steps after `start`: int32 [steps, *shape], shape = (updates, batch).

    A run reads one endless stream of permutations of the data set, each a function of (seed, epoch, stream) alone.
    """
    per_step = shape[0] * shape[1]
    positions = np.arange(start * per_step, (start + steps) * per_step)
    epochs, offsets = np.divmod(positions, n)
    read = np.empty(len(positions), np.int32)
    for epoch in np.unique(epochs):
        here = epochs == epoch
        read[here] = _permutation(seed, int(epoch), n, stream)[offsets[here]]
    return read.reshape(steps, *shape)


@dataclass(frozen=True)
class Order:
    """The examples that the steps of several runs see.

    Attributes:
        seeds: the seeds of the S runs.
        shape: (updates, batch size) of a step.
        sizes: the number of examples in each stream: "x", and each field that has an order of its own.
        follows: for fields that are read in another field's stream, its name.
    """

    seeds: Sequence[int]
    shape: tuple[int, int]
    sizes: Mapping[str, int]
    follows: Mapping[str, str] = field(default_factory=dict)

    def stream(self, name: str) -> str:
        """Returns the stream that a field is read in: its own, that of another field, or that of x."""
        stream = self.follows.get(name, name)
        return stream if stream in self.sizes else "x"

    def indices(self, step: int, steps: int, share: tuple[int, int]) -> dict[str, np.ndarray]:
        """Returns the indices for `steps` steps after `step`, by stream: int32 [S, steps, updates, batch / shares].

        share: (number, of): which part of each batch, the `number`-th from 0, and how many equal parts there are.
        """
        number, shares = share
        part = self.shape[1] // shares
        made = {}
        for name, n in self.sizes.items():
            own = "" if name == "x" else name
            whole = [indices(seed, step, steps, self.shape, n, stream=own) for seed in self.seeds]
            made[name] = np.stack(whole)[..., number * part : (number + 1) * part]
        return made


@lru_cache(maxsize=4)  # an epoch and the next, into which a call may reach; usually an epoch has many calls
def _permutation(seed: int, epoch: int, n: int, stream: str) -> np.ndarray:
    own = (zlib.crc32(stream.encode()),) if stream else ()
    permutation = np.random.default_rng((seed, epoch, *own)).permutation(n).astype(np.int32)
    permutation.flags.writeable = False
    return permutation
