"""Checkpoints: what is damaged is found, named and passed over, wherever it is; the newest and the best are kept."""

import json
import math
import shutil
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax import config
from gan_jax.command import overrides
from gan_jax.core.state import Player, TrainState
from gan_jax.errors import UserError
from gan_jax.reporting import report
from gan_jax.runs.checkpoints import Checkpoints, newest
from gan_jax.runs.directory import RunDirectory
from gan_jax.runs.rows import best_step, write_evaluation


def state(step):
    """A small state with every kind of leaf: floats of two widths, integers, no axes."""
    weights = {"w": jnp.arange(12.0).reshape(3, 4) * step, "half": jnp.full((5,), step, jnp.bfloat16)}
    player = Player(weights, {}, {"count": jnp.int32(step)}, {**weights})
    return TrainState(jnp.int32(step), {"critic": player})


def same(one, other):
    return all(
        np.array_equal(a, b) and a.dtype == b.dtype
        for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True)
    )


def saved(folder, *steps):
    checkpoints = Checkpoints(folder, 3)
    for step in steps:
        checkpoints.save(state(step))
    checkpoints.close()
    return folder


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    return saved(tmp_path_factory.mktemp("runs") / "checkpoints", 3, 6)


@pytest.fixture
def folder(sound, tmp_path):
    """A folder of checkpoints 3 and 6, to be spoilt."""
    return shutil.copytree(sound, tmp_path / "checkpoints")


def restored(folder, keep=None, step=None):
    checkpoints = Checkpoints(folder, keep)
    try:
        return checkpoints.restore(jax.eval_shape(lambda: state(0)), step)
    finally:
        checkpoints.close()


def test_a_state_comes_back_as_it_was(folder):
    assert same(restored(folder), state(6))
    assert same(restored(folder, step=3), state(3))


def files(checkpoint):
    return sorted(path for path in checkpoint.rglob("*") if path.is_file())


def flip(path, place):
    content = bytearray(path.read_bytes())
    content[place] ^= 1 << place % 8
    path.write_bytes(content)


def test_a_flipped_bit_never_comes_back_as_a_number(sound, tmp_path):
    """In every file, at several places: the state is the one saved, or else the one before."""
    passed_over = 0
    for number, path in enumerate(files(sound / "6")):
        size = path.stat().st_size
        for place in range(0, size, max(1, size // 5)):
            copy = shutil.copytree(sound, tmp_path / f"{number}_{place}")
            flip(copy / path.relative_to(sound), place)
            found = restored(copy)
            assert same(found, state(int(found.step))), (path, place)
            passed_over += int(found.step) == 3
    assert passed_over > 20


def test_every_array_has_its_checksum(folder, monkeypatch):
    """Orbax gives some arrays back changed, without a word of its own."""
    leaves = len(jax.tree.leaves(state(6)))
    checkpoints = Checkpoints(folder, None)
    template = jax.eval_shape(lambda: state(0))
    item = checkpoints._item
    for changed in range(leaves):

        def spoilt(step, name, how, changed=changed):
            given = item(step, name, how)
            if name != "state" or step == 3:
                return given
            arrays, tree = jax.tree.flatten(given)
            array = np.array(arrays[changed])
            array.reshape(-1).view(np.uint8)[-1] ^= 1
            arrays[changed] = array
            return jax.tree.unflatten(tree, arrays)

        monkeypatch.setattr(checkpoints, "_item", spoilt)
        assert checkpoints.whole(template, 6) is None
    checkpoints.close()


@pytest.mark.parametrize("keep", [None, 3], ids=["reading", "training"])
@pytest.mark.parametrize("damage", ["empty", "truncated", "no_state", "half", "no_metadata"])
def test_damage_is_named_once_and_the_one_before_is_used(folder, damage, keep, capsys):
    for path in files(folder / "6"):
        if damage == "truncated":
            path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    if damage == "empty":
        shutil.rmtree(folder / "6")
        (folder / "6").mkdir()
    elif damage == "no_state":
        shutil.rmtree(folder / "6" / "state")
    elif damage == "half":
        for path in files(folder / "6")[::2]:
            path.unlink()
    elif damage == "no_metadata":
        (folder / "6" / "state" / "_METADATA").unlink()
        (folder / "6" / "_CHECKPOINT_METADATA").unlink()
    assert same(restored(folder, keep), state(3))
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert said.startswith(f"warning: checkpoint 6 in {folder} is damaged (")
    assert said.endswith("going back to 3\n")
    names = {path.name for path in folder.iterdir()}
    assert names == ({"3", "6"} if keep is None else {"3", "broken_6"})


@pytest.mark.parametrize("change", [("[3,", "[7,"), ("float32", "float33"), ("arrays", "errays"), ("{", "[")])
def test_a_damaged_list_of_checksums_is_damage_too(folder, change, capsys):
    path = folder / "6" / "checksums" / "metadata"
    path.write_text(path.read_text().replace(*change, 1))
    assert same(restored(folder), state(3))


def test_a_step_set_aside_can_be_saved_again(folder, capsys):
    flip(folder / "6" / "checksums" / "metadata", 20)
    checkpoints = Checkpoints(folder, 3)
    (found,) = newest([checkpoints], [state(0)])
    assert int(found.step) == 3
    checkpoints.save(state(6))
    checkpoints.close()
    assert same(restored(folder), state(6))


def test_runs_side_by_side_go_back_together(folder, tmp_path, capsys):
    other = saved(tmp_path / "other", 3, 6)
    shutil.rmtree(folder / "6" / "state")
    both = [Checkpoints(place, 3) for place in (other, folder)]
    assert [int(found.step) for found in newest(both, [state(0), state(0)])] == [3, 3]
    shutil.rmtree(other / "3" / "state")
    assert newest(both, [state(0), state(0)]) is None
    for checkpoints in both:
        checkpoints.close()
    assert capsys.readouterr().err.endswith("there is no earlier one\n")


def test_a_damaged_step_that_was_asked_for_is_an_error(folder):
    shutil.rmtree(folder / "6" / "state" / "d")
    with pytest.raises(UserError, match=r"checkpoint 6 in .* is damaged \(.*\): use another step"):
        restored(folder, step=6)
    with pytest.raises(UserError, match=r"no checkpoint 4; there are: \[3, 6\]"):
        restored(folder, step=4)


@pytest.mark.parametrize("change", [lambda w: w.astype(jnp.bfloat16), lambda w: w[:2]], ids=["dtype", "shape"])
def test_other_arrays_are_refused_not_taken_for_damage(folder, change):
    other = state(0)
    other.players["critic"].params["w"] = change(other.players["critic"].params["w"])
    checkpoints = Checkpoints(folder, 3)
    with pytest.raises(UserError, match=r"does not hold the arrays of .*: \.players\['critic'\]\.params\['w'\]"):
        checkpoints.restore(other)
    checkpoints.close()
    assert {path.name for path in folder.iterdir()} == {"3", "6"}


def test_a_checkpoint_older_than_checksums_is_taken_as_it_is(folder):
    shutil.rmtree(folder / "6" / "checksums")
    assert same(restored(folder), state(6))


def test_a_checkpoint_from_before_a_field_without_arrays_is_read(tmp_path):
    fields = [field for field in Player._fields if field != "ema_stats"]
    older = NamedTuple("Player", [(field, Any) for field in fields])  # type: ignore[misc]
    player = state(6).players["critic"]
    before = state(6)._replace(players={"critic": older(*(getattr(player, field) for field in fields))})
    checkpoints = Checkpoints(tmp_path / "checkpoints", 3)
    checkpoints.save(before)
    checkpoints.close()
    assert same(restored(tmp_path / "checkpoints"), state(6))


@pytest.mark.parametrize(
    ("rule", "kept"),
    [
        ("min a/b", {"2", "4", "5"}),
        ("max a/b", {"1", "4", "5"}),
        ("", {"4", "5"}),
        ("min a/how", {"4", "5"}),
        ("min a/of", {"2", "4", "5"}),  # the only value of that name
        ("min a", {"4", "5"}),  # one of several
    ],
)
def test_the_newest_and_the_best_are_kept(tmp_path, rule, kept):
    """Each is evaluated once it is saved, as in training; no value that is not finite is best."""
    path = tmp_path / "evaluations.jsonl"
    checkpoints = Checkpoints(tmp_path / "checkpoints", 2, best=partial(best_step, path, rule))
    for step, value in {1: 4.0, 2: 1.0, 3: math.nan, 4: -math.inf, 5: 2.0}.items():
        checkpoints.save(state(step))
        write_evaluation(path, {"step": step, "a/b": value, "a/how": "so", "a/of/net": value, "a/of/net/std": 1.0})
    checkpoints.close()
    assert {path.name for path in (tmp_path / "checkpoints").iterdir()} == kept


def test_what_is_best_is_a_value_of_the_configs_evaluators(tiny):
    overrides.apply(tiny("mnist_vae"), ["--config.keep_best=min likelihood/elbo"])
    for rule in ("likelihood/elbo", "least likelihood/elbo", "min nothing/elbo"):
        with pytest.raises(UserError, match=r"config.keep_best is '.*': it must be"):
            overrides.apply(tiny("mnist_vae"), [f"--config.keep_best={rule}"])


def test_a_run_older_than_a_field_that_changes_no_round_goes_on(tiny, tmp_path):
    values = config.to_json(tiny())
    del values["keep_best"]
    (tmp_path / "config.json").write_text(json.dumps({"format": config.FORMAT, "config": values}))
    assert config.load(tmp_path / "config.json").keep_best == ""


@pytest.mark.parametrize(("number", "release"), [(None, "an earlier"), (1, "an earlier"), (3, "a later"), ("x", "an")])
def test_a_run_of_another_format_is_refused_in_one_line_that_says_what_to_do(number, release, tiny, tmp_path):
    values = config.to_json(tiny())
    values["rounds_per_call"] = values.pop("steps_per_call")  # a field of the first format
    content = {"config": values} if number is None else {"format": number, "config": values}
    run_dir = RunDirectory(tmp_path)
    run_dir.config.write_text(json.dumps(content))
    asked = f"has format {number or 1}, of {release} .*reads format {config.FORMAT}: use that .*or train it again"
    for read in (run_dir.read_config, partial(run_dir.check, tiny()), partial(report.write, run_dir)):
        with pytest.raises(UserError, match=asked) as error:
            read()
        assert "\n" not in str(error.value)
