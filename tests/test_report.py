"""The report of a run, from rows made by hand: the curves that it draws, and their size."""

import json
import math

import numpy as np
import pytest
from conftest import ROOT

from gan_jax import config as configs
from gan_jax.reporting import curves, report
from gan_jax.runs.directory import RunDirectory

CRITIC = ("accuracy", "bce", "fake_probability", "gap", "gradient_norm", "loss", "real_probability")
GENERATOR = ("diversity", "gradient_norm", "loss", "mean_gap", "nearest_neighbor_ratio", "non_saturating")
METRICS = [*(f"critic/{term}" for term in CRITIC), *(f"generator/{term}" for term in GENERATOR)]


def logged(names, *, n=30):
    values = np.abs(np.random.default_rng(0).normal(size=(n, len(names))))
    return [{"step": 10 * i, "seconds": 1.0, **dict(zip(names, row, strict=True))} for i, row in enumerate(values, 1)]


@pytest.fixture
def page(tmp_path):
    """`page(rows, evaluations)`: the HTML of a run that has these rows."""

    def make(rows, evaluations=()):
        config = configs.load(ROOT / "configs" / "digits_dcgan.py")
        run_dir = RunDirectory(tmp_path)
        run_dir.config.write_text(
            json.dumps({"format": getattr(configs, "FORMAT", 1), "config": configs.to_json(config)})
        )
        run_dir.metrics.write_text("".join(json.dumps(row) + "\n" for row in rows))
        run_dir.evaluations.write_text("".join(json.dumps(row) + "\n" for row in evaluations))
        report.write(run_dir)
        return run_dir.report.read_text()

    return make


def test_every_logged_metric_is_drawn_the_groups_first_and_the_rest_by_player():
    rows = logged([*METRICS, "critic/input_gradient_norm", "autoencoder/kl"])
    rows[-1]["critic/late"] = 1.0  # not in the first row
    charts = curves.of_training(rows)
    titles = [title for title, _ in charts]
    assert titles[0] == "Losses"
    assert titles[-3:] == ["Other metrics: critic", "Other metrics: generator", "Other metrics: autoencoder"]
    text = "".join(svg for _, svg in charts)
    rest = {
        "critic/bce",
        "critic/gap",
        "critic/late",
        "generator/mean_gap",
        "generator/non_saturating",
        "autoencoder/kl",
    }
    for name in {*METRICS, "critic/input_gradient_norm"} - rest:
        assert f">{name}<" in text, name
    for name in rest:
        assert f">{name.partition('/')[2]}<" in text, name


def test_evaluations_are_drawn_over_time_from_the_second_one_on(page):
    values = {"samples/frechet/net": 3.0, "samples/frechet/net/std": 0.5, "samples/frechet/net/floor": 1.0}
    about = {"seed": 0, "samples/n_real": 20, "samples/split": "test", "samples/ema": True}
    first, second = ({"step": step, **about, **values} for step in (10, 20))
    assert curves.of_evaluations([first]) == []
    [(title, svg)] = curves.of_evaluations([first, {**second, "modes/found": 3}])
    assert title == "Evaluations over time: samples"
    assert svg.count(">frechet/net<") == 1
    assert not any(word in svg for word in ("floor", "n_real", "split", "ema<", "found"))
    assert "Evaluations over time: samples" in page(logged(METRICS), [first, second])
    assert "over time: samples" not in page(logged(METRICS), [first])


def test_odd_values_and_names_are_drawn_too(page):
    rows = logged(["critic/loss", "critic/$^$<b>"])
    rows[3]["critic/loss"] = math.nan
    rows[4]["critic/$^$<b>"] = math.inf
    html = page(rows, [{"step": step, "<i>/x": float(step)} for step in (1, 2)])
    assert "$^$&lt;b&gt;" in html
    assert "Evaluations over time: &lt;i&gt;" in html


def test_no_rows_give_no_charts():
    assert curves.of_training([]) == curves.of_evaluations([]) == []
    assert curves.of_training([{"step": 1, "seconds": 1.0}]) == []


def test_the_same_rows_give_the_same_small_charts():
    rows = logged(METRICS, n=600)
    charts = curves.of_training(rows)
    assert charts == curves.of_training(rows)
    assert sum(len(svg) for _, svg in charts) < 165_000  # 171,000 when it had 9 of the 13 metrics
