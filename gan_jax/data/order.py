"""The order of examples: a pure function of the seed and the step, so that no position has to be saved."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np


def indices(seed: int, start: int, steps: int, shape: tuple[int, int], n: int) -> np.ndarray:
    """Returns indices of n examples for `steps` steps after `start`: int32 [steps, *shape], shape = (updates, batch).

    A run reads one endless stream of permutations of the data set, each a function of (seed, epoch) alone.
    """
    per_step = shape[0] * shape[1]
    positions = np.arange(start * per_step, (start + steps) * per_step)
    epochs, offsets = np.divmod(positions, n)
    stream = np.empty(len(positions), np.int32)
    for epoch in np.unique(epochs):
        here = epochs == epoch
        stream[here] = _permutation(seed, int(epoch), n)[offsets[here]]
    return stream.reshape(steps, *shape)


def of_runs(
    seeds: Sequence[int], start: int, steps: int, shape: tuple[int, int], n: int, share: tuple[int, int]
) -> np.ndarray:
    """Returns the indices of runs of S seeds, of a share of their batches: int32 [S, steps, updates, batch / shares].

    share: (number, of): the part `number`, from 0, of so many equal parts of each batch.
    """
    number, shares = share
    part = shape[1] // shares
    whole = np.stack([indices(seed, start, steps, shape, n) for seed in seeds])
    return whole[..., number * part : (number + 1) * part]


@lru_cache(maxsize=2)  # an epoch, and the next one that a call reaches into: as a rule many calls lie in one epoch
def _permutation(seed: int, epoch: int, n: int) -> np.ndarray:
    permutation = np.random.default_rng((seed, epoch)).permutation(n).astype(np.int32)
    permutation.flags.writeable = False
    return permutation
