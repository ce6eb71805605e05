"""Sweeps on paper: cells, their configs and programs, what a sweep may not say; and that the shipped ones build."""

import json
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT, files_of
from ml_collections import ConfigDict
from shipped import on_its_data

from gan_jax import config as configs
from gan_jax import experiments
from gan_jax.errors import UserError
from gan_jax.features import lpips
from gan_jax.runs import schedule
from gan_jax.sweeps import folder as folders
from gan_jax.sweeps import main as sweep_main
from gan_jax.sweeps import names, plan
from gan_jax.sweeps.cells import (
    Cell,
    choice,
    grid,
    integers,
    log_uniform,
    named,
    product,
    random_search,
    short,
    uniform,
)
from gan_jax.sweeps.plan import Curve, Finals, Metric, Program, Seeds, Sweep, expand, load, programs, split_seeds

pytestmark = pytest.mark.heavy

FILES = sorted((ROOT / "configs" / "sweeps").glob("*.py"))
RATE, OTHER_RATE = (f"players.{player}.optimizer.learning_rate" for player in ("critic", "generator"))
TWO = named({"one": {}, "other": {"batch_size": 8}})


@pytest.fixture(scope="module")
def base():
    return configs.load(ROOT / "configs" / "digits_dcgan.py")


def test_grid_has_every_combination_named_by_its_values():
    cells = grid({(RATE, OTHER_RATE): [1e-3, 1e-4], "objective.name": ["a", "b"]})
    assert [cell.name for cell in cells] == [
        "learning_rate=0.001, objective=a",
        "learning_rate=0.001, objective=b",
        "learning_rate=0.0001, objective=a",
        "learning_rate=0.0001, objective=b",
    ]
    assert cells[2].overrides == {RATE: 1e-4, OTHER_RATE: 1e-4, "objective.name": "a"}


def test_crossed_joins_names_and_overrides():
    cells = product(named({"a": {"x": 1, "y": 1}}), [Cell("b", {"y": 2}), Cell("c", {"y": 3})])
    assert [(cell.name, cell.overrides) for cell in cells] == [("a, b", {"x": 1, "y": 2}), ("a, c", {"x": 1, "y": 3})]


def test_short_names_tell_fields_apart():
    assert short([RATE, OTHER_RATE, "step_rule.name", "samplers.z.dim"]) == {
        RATE: "critic.optimizer.learning_rate",
        OTHER_RATE: "generator.optimizer.learning_rate",
        "step_rule.name": "step_rule",
        "samplers.z.dim": "dim",
    }


def test_drawn_cells_are_different_and_the_first_of_more():
    laws = {RATE: log_uniform(1e-5, 1e-1), "samplers.z.dim": integers(2, 3), "step_rule.name": choice("a", "b")}
    cells = random_search(laws, 50, seed=3)
    assert cells[:20] == random_search(laws, 20, seed=3)
    assert len({cell.name for cell in cells}) == 50
    assert cells != random_search(laws, 50, seed=4)
    assert {cell.overrides["samplers.z.dim"] for cell in cells} == {2, 3}
    with pytest.raises(UserError, match="its samplers give only 2 different ones"):
        random_search({"step_rule.name": choice("a", "b")}, 3)


def test_laws_have_their_limits_and_middles():
    generator = np.random.default_rng(0)
    rates = [log_uniform(1e-4, 1e-2)(generator) for _ in range(400)]
    numbers = [uniform(-1.0, 3.0)(generator) for _ in range(400)]
    assert min(rates) >= 1e-4
    assert max(rates) <= 1e-2
    assert np.median(np.log10(rates)) == pytest.approx(-3, abs=0.15)
    assert np.mean(numbers) == pytest.approx(1, abs=0.2)
    assert all(float(f"{rate:.3g}") == rate for rate in rates)


def test_expand_overrides_fields_and_whole_blocks(base):
    penalised = {"name": "adversarial.wasserstein_gp", "critic": {"gradient_penalty": 1.0}}
    schedule = {"name": "linear_schedule", "init_value": 0.1, "end_value": 0.0, "transition_steps": 10}
    cells = named({"gp": {"objective": penalised, RATE: schedule}, "plain": {RATE: 1}, "whole": base})
    gp, plain, whole = expand(Sweep(base, cells, overrides={"steps": 7}))
    assert gp.values["objective"] == penalised
    assert gp.values["players"]["critic"]["optimizer"]["learning_rate"]["init_value"] == 0.1
    assert plain.values["players"]["critic"]["optimizer"]["learning_rate"] == 1
    assert plain.values["steps"] == whole.values["steps"] == 7
    assert base.steps != 7
    assert base.objective.name == "adversarial.non_saturating"


def test_folders_are_named_by_the_config_seeds_aside(base):
    sweep = Sweep(base, TWO, Seeds(5, first=3, at_once=2))
    cells = expand(sweep)
    assert expand(sweep._replace(seeds=Seeds(2))) == cells
    assert expand(sweep._replace(overrides={"steps": 7}))[0].folder != cells[0].folder
    made = programs(cells[:1], sweep.seeds, Path("cells"))
    assert [p.folder.name for p in made] == ["seeds_3_to_4", "seeds_5_to_6", "seed_7"]
    assert [(p.values["seed"], p.values["seeds"]) for p in made] == [(3, 2), (5, 2), (7, 1)]
    assert [p.folder.name for p in split_seeds(made[1])] == ["seed_5", "seed_6"]
    assert [len(p) for p in Seeds(3).programs()] == [3]


def test_more_seeds_are_new_programs_beside_those_that_exist(base, tmp_path):
    def folders_of(seeds):
        (due,) = sweep_main._phases(tmp_path, sweep._replace(seeds=seeds), cells)
        return [program.folder.name for program in due]

    sweep = Sweep(base, TWO[:1], Seeds(3))
    cells = expand(sweep)
    folders.prepare(tmp_path, programs(cells, sweep.seeds, Path(folders.CELLS)))
    assert folders_of(Seeds(3)) == folders_of(Seeds(2)) == folders_of(Seeds(3, at_once=1)) == ["seeds_0_to_2"]
    assert folders_of(Seeds(5)) == ["seeds_0_to_2", "seeds_3_to_4"]
    assert folders_of(Seeds(5, at_once=1)) == ["seeds_0_to_2", "seed_3", "seed_4"]
    assert folders_of(Seeds(2, first=3)) == ["seeds_3_to_4"]
    assert [*map(list, Seeds(6).programs([range(2, 4)]))] == [[0, 1], [2, 3], [4, 5]]


def test_other_fields_are_given_the_seed(base):
    sweep = Sweep(base, TWO, Seeds(2, first=3, at_once=1, fields=("samplers.z.dim",)))
    cells = expand(sweep)
    assert expand(sweep._replace(seeds=sweep.seeds._replace(first=7))) == cells
    made = programs(cells, sweep.seeds, Path("cells"))
    numbers = [(p.values["seed"], p.values["samplers"]["z"]["dim"]) for p in made]
    assert numbers == [(3, 3), (4, 4)] * 2
    assert cells[0].values["samplers"]["z"]["dim"] == 0
    of_zero = expand(sweep._replace(seeds=Seeds(2, at_once=1), overrides={"samplers.z.dim": 0}))
    assert of_zero[0].values == cells[0].values
    assert of_zero[0].folder != cells[0].folder  # whose runs all have 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cells": []}, "no cells"),
        ({"cells": [Cell("a", {}), Cell("a", {"steps": 3})]}, "two cells are named 'a'"),
        ({"cells": [Cell("a", {}), Cell("b", {"log_every_steps": 50})]}, "cells 'a' and 'b' have the same config"),
        ({"cells": [Cell("a", {"stpes": 3})]}, "cell 'a': unknown config field 'stpes': did you mean steps"),
        ({"cells": [Cell("a", {"samplers.y.dim": 3})]}, "unknown config field 'samplers.y.dim': there are: z"),
        (
            {"cells": [Cell("a", {"steps.dim": 3})]},
            "unknown config field 'steps.dim': config.steps is 6000 here, which has",
        ),
        ({"cells": [Cell("a", {"seed": 3})]}, "config.seed cannot be overridden"),
        ({"cells": [Cell("a", {"steps": "many"})]}, "config.steps is 'many': it must be of type int"),
        ({"cells": [Cell("a", {"steps": 0})]}, "cell 'a': config.steps is 0"),
        ({"cells": [Cell("a", {"objective": 3})]}, "config.objective is 3"),
        ({"overrides": {"log_every_steps": 0}}, "set it, because a sweep reads its runs' logged rows"),
        ({"baseline": "ohter"}, "did you mean other"),
        ({"seeds": Seeds(0)}, "seeds: count is 0"),
        (
            {"seeds": Seeds(fields=("data.label_seed",))},
            "at_once is 0: it must be 1, because fields are set (data.label_seed)",
        ),
        ({"seeds": Seeds(at_once=1, fields=("date.label_seed",))}, "unknown config field 'date.label_seed'"),
        (
            {"seeds": Seeds(at_once=1, fields=("samplers.z.dim",)), "overrides": {"samplers.z.dim": 3}},
            "config.samplers.z.dim is set by the sweep's seeds",
        ),
        (
            {"finals": Finals(1, Metric("v", "lower"), Seeds(2, 5, 1, ("steps",)))},
            "finals' seeds have fields ('steps',",
        ),
        ({"metrics": [Metric("x", "less")]}, "better is 'less'"),
        ({"curves": [Curve("x", scale="lgo")]}, "did you mean log"),
        ({"finals": Finals(1, Metric("v", "lower"), Seeds(2, first=4))}, "were used in the search: start them at 5"),
        ({"finals": Finals(3, Metric("v", "lower"), Seeds(2, first=5))}, "must be from 1 to 2"),
        ({"finals": Finals(1, Metric("v"), Seeds(2, first=5))}, "say which is better"),
        ({"finals": Finals(1, Metric("m", "lower"), Seeds(2, first=5))}, "must report other metrics, and not this one"),
    ],
)
def test_expand_refuses(base, change, message):
    sweep = Sweep(base, TWO, metrics=[Metric("m")])._replace(**change)
    with pytest.raises(UserError) as error:
        expand(sweep)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [("x = ", "SyntaxError"), ("def get_sweep(): return 3", "returned int, not a Sweep"), ("", "get_sweep")],
)
def test_load_refuses(tmp_path, text, message):
    file = tmp_path / "s.py"
    file.write_text(text)
    with pytest.raises(UserError, match=message):
        load(file)
    with pytest.raises(UserError, match="no such Python file"):
        load(tmp_path / "absent.py")


def test_a_thousand_cells_expand_in_seconds(base):
    sweep = Sweep(base, random_search({RATE: log_uniform(1e-5, 1e-1), "samplers.z.dim": integers(2, 90)}, 1000))
    start = time.process_time()
    assert len(expand(sweep)) == 1000
    assert time.process_time() - start < 15  # 2.4 s on a quiet machine


KNOWN = ["critic/loss", "samples/frechet/digits-v1", "samples/frechet/digits-v1/floor", "seconds"]
EVALUATED = {"evaluate_every_steps": 250}


def asking(base, *metrics, overrides=EVALUATED, cells=TWO, **more):
    return Sweep(base, cells, overrides=overrides, metrics=[Metric(name) for name in metrics], **more)


def test_names_that_runs_will_have_are_found(base):
    sweep = asking(base, *KNOWN, curves=[Curve("critic/gap", "step"), Curve("critic/loss", "generator/gradient_norm")])
    assert names.check(sweep, expand(sweep)) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"metrics": [Metric("samples/frechet")]}, "did you mean samples/frechet/digits-v1"),
        ({"metrics": [Metric("samples/frechet/mnist-v1")]}, "did you mean samples/frechet/digits-v1"),
        ({"curves": [Curve("critic/los")]}, "did you mean critic/loss"),
        ({"curves": [Curve("critic/loss", "sep")]}, "'sep', which none of its runs will have; did you mean step"),
        ({"finals": Finals(1, Metric("validation/frechet/digits-v1", "lower"), Seeds(2, first=5))}, "'validation/fre"),
        ({"overrides": {}, "metrics": [Metric("samples/frechet/digits-v1")]}, "evaluator 'samples' is never due"),
    ],
)
def test_names_that_no_run_will_have_are_refused_with_near_ones(base, change, message):
    sweep = asking(base, *KNOWN[:1])._replace(**change)
    with pytest.raises(UserError) as error:
        names.check(sweep, expand(sweep))
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("networks.critic.width", 0, "a layer has 0 channels"),
        ("networks.critic.kernel_nrom", {"name": "SpectralNorm"}, "did you mean kernel_norm"),
        ("samplers.z.dmi", 3, "did you mean dim"),
    ],
)
def test_a_cell_that_cannot_be_built_is_refused_before_any_runs(base, path, value, message):
    sweep = asking(base, "critic/loss", cells=named({"plain": {}, "other": {path: value}}))
    with pytest.raises(UserError, match=rf"cell 'other': .*{message}"):
        names.check(sweep, expand(sweep))


def test_a_cell_may_have_fields_that_the_base_leaves_out(base):
    sweep = asking(base, "critic/loss", cells=named({"sn": {"networks.critic.kernel_norm": {"name": "SpectralNorm"}}}))
    (cell,) = expand(sweep)
    assert cell.values["networks"]["critic"]["kernel_norm"] == {"name": "SpectralNorm"}
    assert names.check(sweep, [cell]) == []


def test_a_name_is_of_any_cell_and_cells_that_differ_in_numbers_are_tried_once(base, monkeypatch):
    gp = {"objective": {"name": "adversarial.wasserstein_gp", "critic": {"gradient_penalty": 1.0}}}
    gp |= {"networks.critic.norm": {"name": "InstanceNorm", "epsilon": 1e-5}}
    cells = named({"plain": {}, "gp": gp})
    sweep = asking(base, "critic/accuracy", "critic/input_gradient_norm", cells=cells)
    assert names.check(sweep, expand(sweep)) == []
    built = []
    monkeypatch.setattr(names, "build", lambda *given: built.append(given) or experiments.build(*given))
    sweep = asking(
        base,
        "critic/lsos",
        cells=random_search({RATE: log_uniform(1e-5, 1e-1), "samplers.z.dim": integers(2, 90)}, 300),
    )
    with pytest.raises(UserError, match="'critic/lsos'"):
        names.check(sweep, expand(sweep))
    assert len(built) == 1


def test_names_are_left_to_the_runs_where_data_or_weights_are_not_here(base):
    sweep = asking(base, "critic/lsos", overrides={"data.name": "mnist:0.0.1"})
    assert names.check(sweep, expand(sweep)) == ["critic/lsos"]
    weights = {"name": "samples.distribution", "features": "inception", "weights": "absent.npz"}
    elsewhere = {**EVALUATED, "evaluators": {"samples": weights}}
    sweep = asking(base, "critic/loss", "samples/frechet/inception", overrides=elsewhere)
    assert names.check(sweep, expand(sweep)) == ["samples/frechet/inception"]
    sweep = asking(base, "critic/lsos", overrides=elsewhere)
    with pytest.raises(UserError, match="did you mean critic/loss"):
        names.check(sweep, expand(sweep))


LONG = ("cifar10_networks", "emoji_inpainting", "emoji_translation", "gamma_r3gan", "ladder", "super_resolution")


def with_data(values, name):
    """The values of a cell on the data set of this name."""
    return {**values, "data": {**values["data"], "name": name}}


@pytest.mark.parametrize("file", files_of(FILES, *LONG))
def test_shipped_sweep_asks_for_what_its_runs_will_have(file, request):
    sweep = load(file)
    cells = expand(sweep)
    data = {cell.values["data"]["name"] for cell in cells}
    if any("mnist" in name for name in data):
        request.getfixturevalue("tfds_dir")
    if "folder" in data:
        request.getfixturevalue("images_dir")
    for name in data & {"cifar10", "facades"}:
        prepared = request.getfixturevalue("tfds_dir")
        copy = {"cifar10": "cifar10_jpeg"}.get(name, name)  # which has the same splits, classes and shapes
        if not (prepared / name).is_dir() and not (prepared / copy).is_dir():
            pytest.skip(f"needs {name} prepared by TFDS in TFDS_DATA_DIR")
        if not (prepared / name).is_dir():
            cells = [cell._replace(values=with_data(cell.values, copy)) for cell in cells]
    for network in ("alexnet", "vgg16"):
        if any(network in metric.name for metric in sweep.metrics) and not lpips.is_here(network):
            pytest.skip(f"needs the weights of {network} with LPIPS")
    assert names.check(sweep, cells) == []


def test_the_docstrings_example_asks_for_what_its_runs_will_have(tmp_path):
    example = plan.__doc__[plan.__doc__.index("    def get_sweep") :]
    imports = (
        "from gan_jax.sweeps.plan import *\nfrom gan_jax.sweeps.cells import grid\nfrom gan_jax.config import load\n"
    )
    (tmp_path / "example.py").write_text(imports + textwrap.dedent(example))
    sweep = load(tmp_path / "example.py")
    assert names.check(sweep, expand(sweep)) == []


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
@pytest.mark.usefixtures("weights_of_zeros")
def test_shipped_sweep_builds(file):
    sweep = load(file)
    assert f"python scripts/sweep.py --sweep=configs/sweeps/{file.name}" in file.read_text()
    for cell in expand(sweep):
        config = configs.of_seed(ConfigDict(cell.values), 0)
        assert schedule.evaluators_due(config, config.steps)
        on_its_data(config)


def test_folder_refuses_what_is_not_this_sweeps(base, tmp_path):
    sweep, place = Sweep(base, TWO, Seeds(1)), tmp_path / "sweep"
    cells = expand(sweep)
    folders.claim(place, "mine", sweep, cells)
    folders.prepare(place, programs(cells, sweep.seeds, Path(folders.CELLS)))
    folders.claim(place, "mine", sweep, cells)
    with pytest.raises(UserError, match="holds another sweep, mine"):
        folders.claim(place, "other", sweep, cells)
    with pytest.raises(UserError, match="holds cells that this sweep does not have, or has changed: other-"):
        folders.claim(place, "mine", sweep, cells[:1])
    (tmp_path / "other" / "folder").mkdir(parents=True)
    with pytest.raises(UserError, match="holds folder and no sweep"):
        folders.claim(tmp_path / "other", "mine", sweep, cells)
    (tmp_path / "logged").mkdir()
    (tmp_path / "logged" / "nohup.out").touch()
    folders.claim(tmp_path / "logged", "mine", sweep, cells)


def test_seeds_run_alone_take_the_place_of_their_program(base, tmp_path):
    (cell,) = expand(Sweep(base, TWO[:1]))
    (program,) = programs([cell], Seeds(2), Path("cells"))
    folders.prepare(tmp_path, [program])
    assert [found.folder for found in folders.found(tmp_path)] == [program.folder]
    folders.prepare(tmp_path, split_seeds(program))
    assert [found.folder for found in folders.found(tmp_path)] == [one.folder for one in split_seeds(program)]


def test_progress_is_read_off_a_programs_files(base, tmp_path):
    (cell,) = expand(Sweep(base, TWO[:1], overrides={"steps": 4, "checkpoint_every_steps": 2}))
    program = Program("one", Path("p"), {**cell.values, "seed": 0, "seeds": 2})
    place = tmp_path / "p"

    def state():
        return folders.progress(place, program.values).state

    assert state() == "waiting"
    for seed in range(2):
        for folder in ("checkpoints/4", "samples"):
            (place / f"seed_{seed}" / folder).mkdir(parents=True)
        (place / f"seed_{seed}" / "samples" / "step_00000004.png").touch()
        (place / f"seed_{seed}" / "metrics.jsonl").write_text(json.dumps({"step": 4 - seed, "seconds": 1.0}) + "\n")
    assert folders.conclude(place, program.values, 2).state == "failed"
    assert folders.conclude(place, program.values, folders.DIVERGED).state == "diverged"
    (place / "seed_1" / "metrics.jsonl").write_text('{"step": 4, "seconds": 3.0}\n')
    assert folders.progress(place, program.values) == folders.Progress("done", 4, 3.0)
    (place / "seed_0" / "checkpoints" / "4").rmdir()
    assert state() == "diverged"
