"""Feeds: what a call is given, wherever the data set is held, and how examples are read from files."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import jax
import numpy as np
import pytest
from conftest import ROOT

from gan_jax.data import Dataset, feeds, hold
from gan_jax.data.order import Order
from gan_jax.data.rows import Rows
from gan_jax.errors import UserError
from gan_jax.parallel.memory import device_bytes
from tests.pictures import Pictures, workers_of

N, SHAPE = 40, (2, 4)


@pytest.fixture
def mapped(tmp_path):
    """A data set whose images lie in a file."""
    pixels = np.random.default_rng(0).integers(0, 256, (N, 3, 5, 1), np.uint8)
    np.save(tmp_path / "x.npy", pixels)
    x = np.load(tmp_path / "x.npy", mmap_mode="r")
    return Dataset("forty", "train", x, np.arange(N, dtype=np.int32) % 3, classes=3)


def made(make, dataset, **arguments):
    return make(dataset, lambda batch: batch, **{"seeds": [3, 4], "shape": SHAPE, "length": 5, **arguments})


def batches(feed, *call):
    """What the feed gives the steps of a call: by field [S, k, r, b, ...]."""
    return jax.tree.map(np.asarray, feed.fetch(jax.tree.map(jax.numpy.asarray, feed.resident), feed.inputs(*call)))


@pytest.mark.parametrize("share", [(0, 1), (1, 2), (3, 4)])
def test_feeds_give_the_same_examples(mapped, share):
    resident, host = made(feeds.resident, mapped), made(feeds.host, mapped)
    one, other = (batches(feed, 7, 3, share) for feed in (resident, host))
    assert one.keys() == other.keys() == {"x", "label"}
    for name, values in one.items():
        assert values.shape[:4] == (2, 5, SHAPE[0], SHAPE[1] // share[1])
        assert values.dtype == other[name].dtype
        np.testing.assert_array_equal(values[:, :3], other[name][:, :3])
    assert not host.resident
    host.close()


def test_shares_of_a_batch_make_it_whole():
    order = Order((0, 1), SHAPE, {"x": N})
    whole = order.indices(5, 2, (0, 1))["x"]
    assert whole.shape == (2, 2, *SHAPE)
    shares = [order.indices(5, 2, (number, 2))["x"] for number in range(2)]
    np.testing.assert_array_equal(np.concatenate(shares, axis=-1), whole)


def test_rows_are_those_of_the_array_and_of_its_slices(mapped):
    whole = np.array(mapped.x)
    for values, like in ((mapped.x, whole), (mapped.x[7:], whole[7:]), (mapped.x[5:][3:], whole[8:]), (whole, whole)):
        rows, indices = Rows(values), np.array([[4, 0], [len(like) - 1, 4]])
        np.testing.assert_array_equal(rows.read(indices), like[indices])
        rows.close()


def test_only_the_rows_asked_for_are_read():
    class Decoding:
        shape, dtype = (N, 2), np.dtype(np.float32)

        def __getitem__(self, indices):
            seen.extend(indices.tolist())
            return np.stack([np.full(2, index, np.float32) for index in indices])

    seen: list[int] = []
    np.testing.assert_array_equal(Rows(Decoding()).read(np.array([[5], [2]])), [[[5, 5]], [[2, 2]]])
    assert seen == [5, 2]


def test_a_file_that_was_cut_short_is_named(mapped):
    rows = Rows(mapped.x)
    with Path(mapped.x.filename).open("r+b") as file:
        file.truncate(file.seek(0, 2) - 1)
    rows.read(np.array([0]))
    with pytest.raises(UserError, match=r"x\.npy was cut short: delete it"):
        rows.read(np.array([0, N - 1]))
    rows.close()


@pytest.mark.parametrize(
    ("sizes", "can_stream", "place", "words"),
    [
        ((100, 400, 0), True, "device", "100 B of examples take at most 1/4 of 400 B on each device"),
        ((101, 400, 101), True, "host", "101 B of examples take more than 1/4 of 400 B on a device"),
        (
            (2_500_000_000, 400, 2_400_000_000),
            True,
            "stream",
            "2.5 GB .*, and the disk has only 2.4 GB free for a decoded copy",
        ),
        ((101, 400, 0), False, "host", "more than 1/4"),
    ],
)
def test_auto_holds_a_set_by_its_size(sizes, can_stream, place, words):
    chosen, why = hold.choose_hold(*sizes, can_stream=can_stream)
    assert chosen == place
    assert re.search(words, why)


def test_a_loaded_set_is_held_as_the_config_says_or_by_its_size(mapped):
    size = hold.n_bytes(mapped)
    assert size == N * (3 * 5 + 4)
    assert hold.held(mapped, "auto", 4 * size)[0] == "device"
    assert hold.held(mapped, "auto", 4 * size - 4)[0] == "host"
    assert hold.held(mapped, "device", 0) == ("device", "as config.data.hold says")
    with pytest.raises(UserError, match=r"config\.data\.hold is 'stream', but the examples of forty cannot be"):
        hold.held(mapped, "stream", 0)
    with pytest.raises(UserError, match=r"config\.data\.hold is 'hots': did you mean host"):
        hold.held(mapped, "hots", 0)
    assert 2**20 < device_bytes() <= 2**31


@pytest.fixture
def streamed():
    """`streamed(pictures)`: a feed of these pictures, ended after the test, and the feed that decodes them here."""
    opened = []

    def make(pictures):
        opened.append(made(feeds.stream, pictures.dataset()))
        return opened[-1], made(feeds.host, pictures.dataset())

    yield make
    for feed in opened:
        feed.close()
    assert workers_of(os.getpid()) == []


@pytest.mark.parametrize(("paired", "shuffled"), [(True, False), (False, False), (True, True)])
def test_streamed_examples_are_those_of_other_feeds_wherever_a_call_starts(streamed, paired, shuffled):
    stream, host = streamed(Pictures(N, paired=paired, shuffled=shuffled))
    for call in [(0, 3, (0, 1)), (3, 5, (0, 1)), (1, 2, (0, 1)), (3, 1, (1, 2)), (10**6, 2, (0, 1))]:
        given, expected = stream.inputs(*call), host.inputs(*call)
        assert given.keys() == expected.keys() == {"x", "source", "label"}
        for name, values in expected.items():
            assert given[name].dtype == values.dtype
            np.testing.assert_array_equal(given[name], values)
    same = (expected["x"][..., 0, 0, 0] == expected["source"][..., 0, 0, 0])[:, :2]
    assert same.all() if paired and not shuffled else same.mean() < 0.5


def test_an_unpaired_field_is_read_in_permutations_of_its_own():
    order = Order((0,), (1, 10), {"x": 10, "source": 5})
    read = {name: rows.ravel() for name, rows in order.indices(0, 1, (0, 1)).items()}
    assert sorted(read["x"]) == list(range(10))
    assert sorted(read["source"]) == sorted([*range(5)] * 2)
    assert [order.stream(name) for name in ("x", "label", "source")] == ["x", "x", "source"]


def test_nothing_of_the_pairs_reaches_training_where_they_are_not_used():
    """Sources come in the order that they have alone, whichever x there are, and seldom with their own x."""
    dataset = Pictures(N, shuffled=True).dataset()
    order = feeds.order_of(dataset, (0,), (1, 4))
    assert order == Order((0,), (1, 4), {"x": N, "source": N})
    fewer = Order((0,), (1, 4), {"x": 7, "source": N})
    read, alone = (each.indices(0, 100, (0, 1)) for each in (order, fewer))
    np.testing.assert_array_equal(read["source"], alone["source"])
    assert (read["x"] == read["source"]).mean() < 3 / N
    paired = feeds.order_of(Pictures(N).dataset(), (0,), (1, 4))
    assert paired.stream("source") == "x"


def test_a_killed_worker_is_replaced(streamed, tmp_path):
    (tmp_path / "poison").touch()
    stream, host = streamed(Pictures(N, dies=str(tmp_path / "poison")))
    np.testing.assert_array_equal(stream.inputs(0, 4, (0, 1))["x"], host.inputs(0, 4, (0, 1))["x"])
    assert not (tmp_path / "poison").exists()
    os.kill(workers_of(os.getpid())[0], signal.SIGKILL)
    np.testing.assert_array_equal(stream.inputs(60, 4, (0, 1))["x"], host.inputs(60, 4, (0, 1))["x"])


def test_workers_that_die_again_and_again_are_one_line(streamed):
    stream, _ = streamed(Pictures(N, dies="/"))
    with pytest.raises(UserError, match="a worker process died"):
        stream.inputs(0, 1, (0, 1))


def test_a_damaged_example_is_named_and_the_others_can_be_read(streamed):
    stream, host = streamed(Pictures(N, damaged=order_of_seed_3()[4]))
    with pytest.raises(UserError, match=rf"{order_of_seed_3()[4]}\.png is damaged"):
        stream.inputs(0, 3, (0, 1))
    with pytest.raises(UserError, match="damaged"):
        host.inputs(0, 3, (0, 1))


def order_of_seed_3():
    return Order((3,), SHAPE, {"x": N}).indices(0, 1, (0, 1))["x"].ravel()


def test_workers_end_with_the_process_that_is_killed(tmp_path):
    code = (
        "import os, time; from tests.pictures import Pictures; from gan_jax.data import feeds\n"
        f"feed = feeds.stream(Pictures({N}).dataset(), None, seeds=[0], shape=(1, 4), length=1)\n"
        "feed.inputs(0, 1, (0, 1)); print(os.getpid(), flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True) as parent:
        parent.stdout.readline()
        ours = workers_of(parent.pid)
        assert ours
        parent.kill()
    deadline = time.monotonic() + 10
    while any(Path(f"/proc/{pid}").exists() for pid in ours):
        assert time.monotonic() < deadline
        time.sleep(0.05)
