"""Which examples a round sees: a pure function of the seed and the round, so that no position need be saved."""

import numpy as np


def indices(seed: int, start: int, rounds: int, shape: tuple[int, int], n: int) -> np.ndarray:
    """Places in a data set of n examples for `rounds` rounds from `start`: [rounds, *shape], shape = (repeats, batch).

    The run reads one endless stream, permutation after permutation of the data set, each made from (seed, epoch) alone.
    """
    per_round = shape[0] * shape[1]
    places = np.arange(start * per_round, (start + rounds) * per_round)
    epochs, offsets = np.divmod(places, n)
    stream = np.empty(len(places), np.int32)
    for epoch in np.unique(epochs):
        here = epochs == epoch
        stream[here] = np.random.default_rng((seed, int(epoch))).permutation(n)[offsets[here]]
    return stream.reshape(rounds, *shape)
