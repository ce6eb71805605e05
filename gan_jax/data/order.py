"""The order of examples: a pure function of the seed and the step, so that no position has to be saved."""

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
        stream[here] = np.random.default_rng((seed, int(epoch))).permutation(n)[offsets[here]]
    return stream.reshape(steps, *shape)
