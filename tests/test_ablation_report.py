"""The report of a sweep, from rows made by hand: means, intervals, pairs, gaps, fates, and the same bytes again."""

import json
import math
import time
from pathlib import Path

import numpy as np
import pytest
import scipy.stats
from conftest import ROOT

from gan_jax import config as configs
from gan_jax.errors import UserError
from gan_jax.reporting import images
from gan_jax.runs import alarms
from gan_jax.sweeps import ablation, papers
from gan_jax.sweeps.plan import Metric
from gan_jax.sweeps.results import COLLAPSES, read, unchecked
from gan_jax.sweeps.statistics import LEAST, holm, paired_p, summary, t_interval, width_with_one_more
from scripts import report as script

STEPS = 400
BASE = configs.to_json(configs.load(ROOT / "configs" / "digits_dcgan.py"))
MADE_WITH = {"versions": {"jax": "1.2"}, "devices": ["cpu cpu"], "git": {"commit": "abc", "changed": True}}


def rows(*, last=STEPS, every=8, **terms):
    """Rows of a metrics.jsonl in which each term is constant."""
    return [{"step": step, "seconds": step / 10, **terms} for step in range(every, last + 1, every)]


def run(folder, *, logged=None, evaluations=(), seeds=1, **changed):
    """A run directory by hand."""
    folder.mkdir(parents=True, exist_ok=True)
    config = {**BASE, "steps": STEPS, "seeds": seeds, **changed}
    (folder / "config.json").write_text(json.dumps({"format": configs.FORMAT, "config": config, **MADE_WITH}))
    for name, some in (("metrics", rows() if logged is None else logged), ("evaluations", evaluations)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in some))


FLOOR = {"samples/frechet/floor": 0.75}


def evaluated(value, step=STEPS, **more):
    return [{"step": step, "seed": 0, "samples/frechet": value, "samples/frechet/floor": 0.5} | more]


def z_of(dim):
    return {"z": {"name": "latents.uniform", "dim": dim}}


@pytest.fixture
def two_cells(tmp_path):
    """Latents of 32 and 8 values, three seeds each, without sweep.json; the third seed of the second one is a gap."""
    for seed, (mine, other) in enumerate([(1.0, 2.0), (2.0, 2.5), (4.0, None)]):
        run(tmp_path / f"a{seed}", seed=seed, evaluations=evaluated(mine))
        rest = evaluated(9.0, step=50) if other is None else evaluated(other)
        run(tmp_path / f"b{seed}", seed=seed, samplers=z_of(8), evaluations=rest)
    return tmp_path


def made(folder):
    ablation.write(folder)
    return json.loads((folder / "ablation.json").read_text())


@pytest.mark.parametrize("n", [4, 5, 10])
def test_interval_is_students_and_holds_the_mean_in_95_of_100_cases(n):
    values = np.random.default_rng(n).normal(3.0, 2.0, (10_000, n))
    low, high = t_interval(values)
    theirs = scipy.stats.ttest_1samp(values, 0.0, axis=-1).confidence_interval(0.95)
    np.testing.assert_allclose(low, theirs.low, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(high, theirs.high, rtol=1e-9, atol=1e-9)
    assert np.mean((low < 3.0) & (high > 3.0)) == pytest.approx(0.95, abs=0.01)
    one = summary(list(values[0]))
    assert one == (n, pytest.approx(values[0].mean()), pytest.approx(low[0]), pytest.approx(high[0]), "t")


def test_of_few_values_there_is_a_range_and_no_interval():
    assert summary([]) == (0, None, None, None, None)
    assert summary([3]) == (1, 3.0, None, None, None)
    assert summary([0.0, 1.0]) == (2, 0.5, 0.0, 1.0, "range")
    assert summary([4.0, 0.0, 1.0]) == (3, pytest.approx(5 / 3), 0.0, 4.0, "range")
    assert summary([2.0] * 4) == (4, 2.0, 2.0, 2.0, "t")
    assert all(math.isfinite(end) for end in summary([0.0, 1e200, -1e200, 3.0])[1:4])


def test_a_sweep_without_a_single_row_has_a_report_of_its_failures(tmp_path):
    for number in range(11):  # more cells than charts show
        run(tmp_path / f"cell{number}", logged=[], batch_size=8 + number)
    table = made(tmp_path)
    assert (table["runs"], table["metrics"]) == (11, [])


def test_names_are_shown_as_they_are_and_curves_have_files_of_their_own(tmp_path):
    from gan_jax.sweeps.charts import chart
    from gan_jax.sweeps.plan import Curve

    shown = []
    for name in (r"cost $\5$", "_base"):
        run(tmp_path / "a", logged=rows(**{"critic/loss": 2.0}))
        (cell,) = read(tmp_path / "a").cells
        shown.append(cell._replace(name=name))
    page = chart(shown, Curve("critic/loss"))
    assert page.count("<use") > 0
    both = [Curve("critic/loss"), Curve("critic/loss", scale="log")]
    assert len(ablation._figures(shown, dict.fromkeys(both, page))) == 4


def test_pairs_are_tested_and_several_tests_corrected():
    differences = [0.3, 0.5, -0.1, 0.4, 0.2]
    assert paired_p(differences) == pytest.approx(scipy.stats.ttest_1samp(differences, 0.0).pvalue)
    assert [paired_p(same) for same in ([1.0] * 4, [0.0] * 4, [1.0, 2.0, 3.0])] == [0.0, 1.0, None]
    assert holm([0.01, 0.04, 0.03, 0.5]) == pytest.approx([0.04, 0.09, 0.09, 0.5])  # 0.01 x 4, 0.03 x 3, not below it
    assert holm([]) == []


def test_one_more_seed_narrows_an_interval_by_students_law():
    assert width_with_one_more(LEAST - 1) is None
    low, high = t_interval(np.array([-1.0, 1.0] * 2))
    n = 4
    spread = (high - low) / 2 / np.std([-1.0, 1.0] * 2, ddof=1)
    after = scipy.stats.t.ppf(0.975, n) / math.sqrt(n + 1)
    assert width_with_one_more(n) == pytest.approx(after / spread)


@pytest.fixture
def three_cells(tmp_path):
    """Cells of 4 seeds, lower is better: 1 is the best, 2 is not told from it, 3 is worse."""
    metric = {"name": "samples/frechet", "better": "lower"}
    plan = {"sweep": "a & b", "cells": [], "metrics": [metric], "baseline": "dim=1"}
    (tmp_path / "sweep.json").write_text(json.dumps(plan))
    for dim, values in {1: (1.0, 2.0, 1.5, 1.25), 2: (1.5, 2.5, 1.0, 2.0), 3: (8.0, 8.5, 9.0, 8.1)}.items():
        for seed, value in enumerate(values):
            run(tmp_path / f"{dim}_{seed}", seed=seed, samplers=z_of(dim), evaluations=evaluated(value))
    return tmp_path


def test_papers_get_a_table_a_file_of_values_and_figures(three_cells):
    files = {path.relative_to(three_cells).as_posix() for path in ablation.write(three_cells)}
    assert files >= {"ablation.csv", "ablation.tex", "figures/samples_frechet.pdf", "figures/samples_frechet.svg"}
    assert (three_cells / "figures" / "samples_frechet.pdf").read_bytes().startswith(b"%PDF")
    lines = (three_cells / "ablation.csv").read_text().splitlines()
    assert lines[:2] == ["cell,seed,fate,samples/frechet", "dim=1,0,finished,1.0"]
    assert len(lines) == 1 + 12
    tex = (three_cells / "ablation.tex").read_text().splitlines()
    assert tex[0] == r"\begin{tabular}{llc}"
    assert tex[2] == r" & seeds & samples/frechet $\downarrow$ \\"
    bold = [line.partition(" &")[0] for line in tex if r"\textbf" in line]
    assert bold == ["dim=1", "dim=2"]
    assert {r"\toprule", r"\midrule", r"\bottomrule", r"\end{tabular}"} <= {*tex}
    page = (three_cells / "ablation.md").read_text()
    pairs = [line for line in page.partition("## Differences")[2].splitlines() if line.startswith("| dim=3 | 4 |")]
    assert "p < 0.0001" in pairs[0] or "p = 0.000" in pairs[0]
    assert "Holm" in page
    assert page.count("% narrower |") == 3


def test_symbols_of_latex_stand_for_themselves():
    assert papers.escaped("50% of a_b & {c} ↓") == r"50\% of a\_b \& \{c\} $\downarrow$"
    assert papers.escaped("a\\b^~") == r"a\textbackslash{}b\textasciicircum{}\textasciitilde{}"


def test_cells_are_told_apart_and_named_by_what_differs(two_cells):
    report = made(two_cells)
    assert [cell["name"] for cell in report["cells"]] == ["dim=32", "dim=8"]
    assert report["cells"][1]["differs"] == {"samplers.z.dim": 8}
    assert report["metrics"] == [{"name": "samples/frechet", "better": "", "floors": [0.5]}]
    first, second = (cell["metrics"]["samples/frechet"] for cell in report["cells"])
    assert first["mean"] == pytest.approx(7 / 3)
    assert first["difference"] is None
    assert second["values"] == {"0": 2.0, "1": 2.5, "2": None}
    assert (second["count"], second["mean"]) == (2, 2.25)
    assert (second["difference"]["count"], second["difference"]["mean"]) == (2, 0.75)
    assert report["cells"][0]["images"] == STEPS * 64
    assert report["made_with"]["git"] == {"abc with changes": 6}


def test_fields_that_are_given_the_seed_tell_no_cells_apart(two_cells):
    for seed in range(3):
        run(two_cells / f"a{seed}", seed=seed, evaluations=evaluated(1.0), data={**BASE["data"], "label_seed": seed})
    assert len(read(two_cells).cells) == 4
    (two_cells / "cells").mkdir()
    for folder in [*two_cells.glob("[ab]?")]:
        folder.rename(two_cells / "cells" / folder.name)
    (two_cells / "sweep.json").write_text(
        json.dumps(
            {"sweep": "draws", "cells": [{"name": "a", "folder": "cells/a"}], "seed_fields": ["data.label_seed"]}
        )
    )
    assert [len(cell.runs) for cell in read(two_cells).cells] == [3, 3]


def test_gaps_are_marked_and_counted(two_cells):
    made(two_cells)
    page = (two_cells / "ablation.md").read_text()
    assert "| dim=8 | 3 | 0 | 2.25 range [2, 2.5] (2 of 3 seeds) |" in page
    assert "| dim=8 | 3 | 0.75 range [0.5, 1] (2 of 3 seeds) |" in page
    assert "| dim=8 | 2 | finished | — |  |" in page
    assert "| training examples |  |  | 0.5 |" in page


def band_of(folder):
    return [line for line in (folder / "ablation.html").read_text().splitlines() if "seeds</text>" in line]


@pytest.mark.parametrize("seeds", [LEAST - 1, LEAST])
def test_every_page_says_which_interval_and_of_how_many_seeds(seeds, tmp_path):
    for seed in range(seeds):
        for dim in (32, 8):
            samplers = z_of(dim)
            logged = rows(**{"critic/loss": float(10 * seed + dim)})
            run(tmp_path / f"{dim}_{seed}", seed=seed, logged=logged, samplers=samplers)
    made(tmp_path)
    for name in ("ablation.md", "ablation.html"):
        page = (tmp_path / name).read_text().replace("&#39;", "'")
        tables = (
            f"Brackets: Student's 95 % t interval of the mean ({seeds} seeds)",
            f"minimum and maximum ({seeds} seeds)",
        )
        assert [page.count(words) for words in tables] == ([2, 0] if seeds == LEAST else [0, 2])
        assert ("95 %" in page) == (seeds == LEAST)
        assert "bootstrap" not in page
    (label,) = {line.partition(">")[2] for line in band_of(tmp_path)}
    assert label.startswith(f"95 % t interval, {seeds} seeds" if seeds == LEAST else f"range, {seeds} seeds")


def test_a_band_is_of_one_kind_where_seeds_are_lost(tmp_path):
    for seed in range(LEAST):
        run(tmp_path / f"{seed}", seed=seed, logged=rows(last=200 if seed else STEPS, **{"critic/loss": float(seed)}))
    made(tmp_path)
    assert "range, 1 to 4 seeds</text>" in "".join(band_of(tmp_path))


def test_digits_go_as_far_as_the_interval_leaves_them_meaning(tmp_path):
    values = {"a": (101.234, 153.456, 47.654, 98.7654), "b": (0.0168437, 0.0168439, 0.0168438, 0.0168436)}
    for name, each in values.items():
        for seed, value in enumerate(each):
            samplers = z_of(len(name) + ord(name))
            run(tmp_path / f"{name}{seed}", seed=seed, samplers=samplers, evaluations=evaluated(value))
    made(tmp_path)
    page = (tmp_path / "ablation.md").read_text()
    assert "| 100 [32, 169] |" in page
    assert "| 0.0168438 [0.0168435, 0.016844] |" in page


def test_floors_that_differ_are_shown_as_a_range(two_cells):
    run(
        two_cells / "b1",
        seed=1,
        samplers=z_of(8),
        evaluations=evaluated(2.5, **FLOOR),
    )
    assert made(two_cells)["metrics"][0]["floors"] == [0.5, 0.75]
    assert "| training examples |  |  | 0.5 to 0.75 |" in (two_cells / "ablation.md").read_text()


def test_seconds_of_a_run_are_of_whole_ones(tmp_path):
    run(tmp_path / "0")
    run(tmp_path / "1", seed=1, logged=rows(last=80))
    run(tmp_path / "2", seed=2, logged=[])
    made(tmp_path)
    assert json.loads((tmp_path / "cost.json").read_text()) == [
        {"cell": "all runs", "seconds_a_run": 40.0, "seconds": 48.0}
    ]
    run(tmp_path / "0", logged=rows(last=80))
    made(tmp_path)
    assert json.loads((tmp_path / "cost.json").read_text())[0]["seconds_a_run"] is None


def test_report_is_the_same_bytes_again_and_has_no_clock_in_its_table(two_cells, capsys):
    for folder in two_cells.glob("*"):
        (folder / "samples").mkdir()
        images.save_png(folder / "samples" / "step_00000400.png", np.zeros((8, 8, 1), np.uint8))
    assert script.main([str(two_cells)]) == 0
    files = capsys.readouterr().out.split()
    before = [Path(file).read_bytes() for file in files]
    assert script.main([str(two_cells)]) == 0
    assert [Path(file).read_bytes() for file in files] == before
    for folder in two_cells.glob("*/metrics.jsonl"):
        folder.write_text(folder.read_text().replace('"seconds": 4', '"seconds": 7'))
    ablation.write(two_cells)
    changed = {Path(file).name for file, old in zip(files, before, strict=True) if Path(file).read_bytes() != old}
    assert changed == {"cost.json", "ablation.html"}
    page = (two_cells / "ablation.html").read_text()
    assert page.count("data:image/png;base64,") == 2
    assert not any(
        outside in page for outside in ('src="http', 'href="http', "<script", "<link", "@import", "url(http")
    )


def test_lost_seeds_are_counted_and_never_dropped(tmp_path):
    good = {"generator/diversity": 1.0, "generator/nearest_neighbor_ratio": 1.0}
    run(tmp_path / "0", logged=rows(**good), evaluations=evaluated(1.0))
    run(
        tmp_path / "1",
        seed=1,
        logged=rows(**good | {"generator/nearest_neighbor_ratio": 0.1}),
        evaluations=evaluated(8.0),
    )
    broken = [*rows(last=200, **good), {"step": 201, "seconds": 5.1, "critic/loss": math.nan}]
    run(tmp_path / "2", seed=2, logged=broken, evaluations=evaluated(3.0, step=50))
    run(tmp_path / "3", seed=3, logged=rows(last=392, **good, **{"samples/frechet": 7.0}))
    run(tmp_path / "4", seed=4, logged=[])
    report = made(tmp_path)
    (cell,) = report["cells"]
    assert cell["fates"] == {"0": "finished", "1": "collapsed", "2": "diverged", "3": "failed", "4": "not run"}
    assert cell["alarms"]["1"] == ["the fakes repeat themselves"]
    assert cell["alarms"]["2"] == ["not finite"]
    assert cell["metrics"]["samples/frechet"]["mean"] == 4.5
    page = (tmp_path / "ablation.md").read_text()
    assert "| all runs | 5 | 1 collapsed, 1 diverged, 1 failed, 1 not run | 4.5 range [1, 8] (2 of 5 seeds) |" in page
    assert "NaN" not in (tmp_path / "ablation.json").read_text()


def test_collapse_is_told_by_alarms_that_exist():
    assert {rule.name for rule in alarms.RULES} >= COLLAPSES


def test_seeds_of_one_program_share_its_seconds(tmp_path):
    place = tmp_path / "cell" / "seeds_0_to_1"
    run(place, seeds=2, logged=[])
    run(place / "seed_0", seed=0, logged=rows(**{"critic/loss": 2.0}))
    run(place / "seed_1", seed=1, logged=rows(**{"critic/loss": 3.0}))
    report = made(tmp_path)
    assert report["runs"] == 2
    assert report["cells"][0]["metrics"]["critic/loss"]["values"] == {"0": 2.0, "1": 3.0}
    assert json.loads((tmp_path / "cost.json").read_text()) == [
        {"cell": "all runs", "seconds_a_run": 20.0, "seconds": 40.0}
    ]


def test_metrics_of_rows_are_means_over_the_last_tenth(tmp_path):
    run(
        tmp_path / "0",
        logged=[{"step": step, "seconds": 1.0, "critic/loss": float(step)} for step in range(1, 101)],
        steps=100,
    )
    assert read(tmp_path).cells[0].runs[0].value("critic/loss") == pytest.approx(np.mean(range(91, 101)))


def test_search_is_ranked_and_its_best_are_named(tmp_path):
    for name, values in {
        "good-1": (1.0, 2.0),
        "better-2": (1.0, 1.5),
        "lost-3": (0.1, None),
        "bad-4": (5.0, 5.0),
    }.items():
        for seed, value in enumerate(values):
            rest = [] if value is None else evaluated(value)
            run(tmp_path / "search" / name / f"seed_{seed}", seed=seed, evaluations=rest)
    metric = Metric("samples/frechet", "lower")
    assert ablation.chosen(tmp_path, metric, 2) == ["better-2", "good-1"]
    assert ablation.chosen(tmp_path, metric._replace(better="higher"), 9) == ["bad-4", "good-1", "better-2"]


def test_report_refuses(two_cells, tmp_path_factory, capsys):
    empty = tmp_path_factory.mktemp("empty")
    with pytest.raises(UserError, match="holds no run"):
        ablation.write(empty)
    assert script.main([str(two_cells), "--against=dim=9"]) == 2
    assert "did you mean dim=8" in capsys.readouterr().err
    assert script.main([str(two_cells), "--against=dim=8"]) == 0
    assert "## Differences from dim=8" in (two_cells / "ablation.md").read_text()
    run(two_cells / "again", evaluations=evaluated(1.0))
    with pytest.raises(UserError, match="are the same run"):
        ablation.write(two_cells)


def test_a_metric_that_no_run_has_is_an_error_once_the_report_is_there(two_cells, capsys):
    plan = {"sweep": "s", "cells": [], "metrics": [{"name": "samples/frecht", "better": ""}], "unchecked": []}
    (two_cells / "sweep.json").write_text(json.dumps(plan))
    assert script.main([str(two_cells)]) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: the sweep asks for 'samples/frecht', which no run has; did you mean samples/frechet")
    assert said.count("\n") == 1
    assert "samples/frecht |" in (two_cells / "ablation.md").read_text()


def test_what_could_not_be_checked_before_is_said_when_the_first_run_has_ended(tmp_path):
    plan = {"sweep": "s", "cells": [], "unchecked": ["samples/frecht", "samples/frechet"]}
    (tmp_path / "sweep.json").write_text(json.dumps(plan))
    run(tmp_path / "cells" / "a-0" / "seed_0", logged=rows(last=8))
    assert not unchecked(tmp_path)
    run(tmp_path / "cells" / "a-0" / "seed_0", evaluations=evaluated(1.0))
    assert unchecked(tmp_path).startswith("the sweep asks for 'samples/frecht', which no run has; did you mean")


def test_page_names_the_columns_of_pictures(tmp_path):
    for cell, columns in (("0", ("source", "truth")), ("1", ())):
        run(tmp_path / cell, samplers=z_of(8 + int(cell)), logged=rows(**{"critic/loss": 1.0}))
        file = tmp_path / cell / "samples" / "step_00000400.png"
        file.parent.mkdir()
        images.save_png(file, np.zeros((8, 16, 3), np.uint8), columns=columns)
    ablation.write(tmp_path)
    page = (tmp_path / "ablation.html").read_text()
    assert page.count("seed 0; each example, from the left: source, truth</td>") == 1
    assert page.count("seed 0</td>") == 1


def test_page_escapes_what_it_shows(tmp_path):
    run(tmp_path / "0", objective={"name": "<script>alert(1)</script>|x"}, logged=rows(**{"critic/loss": 1.0}))
    run(tmp_path / "1", logged=rows(**{"critic/loss": 1.0}))
    ablation.write(tmp_path)
    assert "<script>" not in (tmp_path / "ablation.html").read_text()
    assert "\\|x" in (tmp_path / "ablation.md").read_text()


def test_many_runs_take_seconds(tmp_path):
    logged = rows(**{"critic/loss": 1.0, "generator/loss": 2.0})
    for number in range(500):
        dim, seed = divmod(number, 5)
        run(
            tmp_path / f"{number}",
            seed=seed,
            samplers=z_of(dim + 1),
            logged=logged,
        )
    start = time.process_time()
    assert made(tmp_path)["runs"] == 500
    assert time.process_time() - start < 20
