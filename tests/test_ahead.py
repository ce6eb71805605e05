"""Reading ahead: inputs are made while a call runs, and whether they were never shows."""

import threading

import pytest

from gan_jax.errors import UserError
from gan_jax.parallel.ahead import Ahead


@pytest.fixture
def ahead():
    """Gives (step, steps) back, after counting the calls; fails at step 13."""

    def make(step, steps):
        made.append((step, steps))
        threads.add(threading.current_thread())
        if step == 13:
            raise UserError("photo.png is damaged")
        return step, steps

    made, threads = [], set()
    reader = Ahead(make)
    reader.made, reader.threads = made, threads
    yield reader
    reader.close()


def test_what_was_made_ahead_is_taken_once(ahead):
    ahead.start(0, 5)
    ahead.start(0, 5)
    assert ahead.take(0, 5) == (0, 5)
    assert ahead.made == [(0, 5)]
    assert ahead.take(0, 5) == (0, 5)
    assert ahead.made == [(0, 5)] * 2


@pytest.mark.parametrize("other", [(0, 4), (5, 5)])
def test_a_call_that_was_not_foreseen_gets_its_own(ahead, other):
    ahead.start(0, 5)
    assert ahead.take(*other) == other
    ahead.start(9, 1)
    assert ahead.take(9, 1) == (9, 1)


def test_all_are_made_by_one_other_thread(ahead):
    for step in range(3):
        ahead.start(step, 1)
        ahead.take(step, 1)
        ahead.take(step, 2)
    assert len(ahead.threads) == 1
    assert threading.main_thread() not in ahead.threads


def test_an_error_is_raised_where_its_inputs_are_taken_and_nowhere_else(ahead):
    ahead.start(13, 1)
    with pytest.raises(UserError, match=r"photo\.png is damaged"):
        ahead.take(13, 1)
    ahead.start(13, 1)
    assert ahead.take(14, 1) == (14, 1)
    ahead.start(13, 1)


def test_closing_waits_for_what_is_being_made_and_ends_the_thread():
    entered, go, done = threading.Event(), threading.Event(), []
    reader = Ahead(lambda step, steps: (entered.set(), go.wait(10), done.append(step)))
    reader.start(1, 1)
    entered.wait(10)
    threading.Timer(0.05, go.set).start()
    reader.close()
    assert done == [1]
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("inputs")]
