"""Which examples a round sees."""

import numpy as np

from gan_jax.data.order import indices


def test_an_epoch_is_a_permutation():
    seen = indices(0, 0, 5, (1, 4), 10).ravel()
    assert sorted(seen[:10]) == list(range(10))
    assert sorted(seen[10:]) == list(range(10))
    assert list(seen[:10]) != list(seen[10:])


def test_a_round_sees_the_same_wherever_a_call_starts():
    whole = indices(3, 0, 9, (2, 4), 21)
    for start in range(9):
        np.testing.assert_array_equal(indices(3, start, 9 - start, (2, 4), 21), whole[start:])


def test_each_repeat_has_a_batch_of_its_own():
    batches = indices(0, 0, 1, (5, 4), 20)[0]
    assert sorted(batches.ravel()) == list(range(20))


def test_seeds_differ():
    assert (indices(0, 0, 1, (1, 50), 50) != indices(1, 0, 1, (1, 50), 50)).any()


def test_far_rounds_are_permutations_too():
    assert sorted(indices(0, 10**7, 2, (1, 500), 1000).ravel()) == list(range(1000))
