"""The report of a run, from rows made by hand: the curves that it draws, and their size."""

import html
import json
import math
import re
import shutil
import subprocess

import numpy as np
import pytest
from conftest import ROOT

from gan_jax import config as configs
from gan_jax.reporting import curves, images, report
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
    assert charts[0].title == "Losses"
    parts = list(dict.fromkeys(chart.part for chart in charts))
    others = ["Other metrics: critic", "Other metrics: generator", "Other metrics: autoencoder"]
    assert parts == ["Training", *others]
    names = [curve.name for chart in charts for curve in chart.curves]
    assert sorted(names) == sorted([*METRICS, "critic/input_gradient_norm", "autoencoder/kl", "critic/late"])
    assert all(chart.help for chart in charts if chart.part == "Training")


def test_evaluations_are_drawn_over_time_from_the_second_one_on(page):
    values = {"samples/frechet/net": 3.0, "samples/frechet/net/std": 0.5, "samples/frechet/net/floor": 1.0}
    about = {"seed": 0, "samples/n_real": 20, "samples/split": "test", "samples/ema": True}
    first, second = ({"step": step, **about, **values} for step in (10, 20))
    assert curves.of_evaluations([first]) == []
    [chart] = curves.of_evaluations([first, {**second, "modes/found": 3}])
    assert (chart.part, chart.title) == ("Evaluations over time: samples", "frechet/net")
    assert chart.curves == [("samples/frechet/net", [10, 20], [3.0, 3.0], [0.5, 0.5], [1.0, 1.0])]
    assert "Evaluations over time: samples" in page(logged(METRICS), [first, second])
    assert "over time: samples" not in page(logged(METRICS), [first])


def test_odd_values_and_names_are_drawn_too(page):
    rows = logged(["critic/loss", "critic/$^$<b>", "critic/</script>"])
    rows[3]["critic/loss"] = math.nan
    rows[4]["critic/$^$<b>"] = math.inf
    made = page(rows, [{"step": step, "<i>/x": float(step)} for step in (1, 2)])
    assert "$^$&lt;b&gt;" in made
    assert "Evaluations over time: &lt;i&gt;" in made
    found = data_of(made)
    [losses] = [chart for chart in found["charts"] if chart["title"] == "Losses"]
    assert losses["curves"][0][2][3] is None
    assert any(chart["title"] == "</script>" for chart in found["charts"])


def test_no_rows_give_no_charts():
    assert curves.of_training([]) == curves.of_evaluations([]) == []
    assert curves.of_training([{"step": 1, "seconds": 1.0}]) == []


def test_speed_is_the_steps_between_rows():
    rows = [{"step": step, "seconds": seconds} for step, seconds in ((10, 1.0), (20, 3.0), (30, 0.5), (40, 1.5))]
    [chart] = curves.of_training(rows)
    assert chart.curves[0][:3] == ("steps per second", [20, 40], [5.0, 10.0])  # resumed at 30, the clock began anew


def test_a_page_is_the_same_again_and_of_bounded_size(page):
    rows = logged(METRICS, n=6_000)
    made = page(rows)
    assert made == page(rows)
    assert len(made) < 1_800_000  # 1.2 MB of it Plotly
    assert not any(outside in made.partition('id="data"')[0] for outside in ('src="http', 'href="http', "@import"))


def data_of(page):
    return json.loads(re.search(r'id="data">(.*?)</script>', page, re.DOTALL).group(1))


@pytest.fixture
def pictured(tmp_path, page):
    """The HTML of a run with samples, real examples, walks and a plane."""
    (tmp_path / "samples").mkdir()
    random = np.random.default_rng(0)
    counts = {"step_00000000": 4, "step_00000300": 4, "real": 4, "walks": 80, "plane": images.ALONG**2}
    for name, n in counts.items():
        pictures = random.integers(256, size=(n, 28, 30, 1), dtype=np.uint8)
        images.save_png(tmp_path / "samples" / f"{name}.png", images.grid(pictures, images.ALONG if n > 4 else 2))
    return page(logged(METRICS, n=40))


def test_a_page_has_samples_real_examples_walks_parameters_and_what_was_set(pictured, tmp_path, page):
    found = data_of(pictured)
    assert [step for step, _ in found["samples"]] == [0, 300]
    assert found["plane"] == {"side": images.ALONG, "width": 60, "height": 56, "gap": images.GAP}
    assert 'alt="real examples"' in pictured
    assert 'alt="walks between latents"' in pictured
    assert "nothing; all values are from the config" in pictured
    about = json.loads((tmp_path / "config.json").read_text())
    about |= {"parameters": {"critic": 12345}, "overrides": {"seed": "3"}}
    (tmp_path / "config.json").write_text(json.dumps(about))
    report.write(RunDirectory(tmp_path))
    again = (tmp_path / "report.html").read_text()
    assert "critic 12,345" in again
    assert "<code>seed = 3</code>" in again


def test_a_page_follows_a_run_that_trains_and_links_its_siblings(page, tmp_path):
    assert 'id="follow"' in page(logged(METRICS))
    assert 'id="follow"' not in page([{"step": 6_000, "seconds": 1.0}])
    assert "Other seeds" not in page(logged(METRICS))
    for seed in (0, 1, 10):
        (tmp_path / f"seed_{seed}").mkdir()
        (tmp_path / f"seed_{seed}" / "config.json").write_bytes((tmp_path / "config.json").read_bytes())
        report.write(RunDirectory(tmp_path / f"seed_{seed}"))
    report.write(RunDirectory(tmp_path / "seed_1"))
    links = re.findall(r'<a href="(.*?)">', (tmp_path / "seed_1" / "report.html").read_text())
    assert links == ["../seed_0/report.html", "../seed_10/report.html"]


PROBE = """<script>{
const out = { plots: document.querySelectorAll(".js-plotly-plot").length, charts: DATA.charts.length };
out.errors = window.ERRORS;
const set = (id, value) => {
  const control = document.getElementById(id);
  control[control.type === "checkbox" ? "checked" : "value"] = value;
  control.dispatchEvent(new Event("input"));
};
const first = document.getElementById("sample").src;
set("sample-step", 0);
out.slid = document.getElementById("sample").src !== first && document.getElementById("sample-label").textContent;
set("down", 3); set("across", 2);
out.place = document.getElementById("explored").style.backgroundPosition;
const chart = document.getElementById("chart-0"), before = chart.data.length;
set("smoothing", 0.9);
out.faint = chart.data.length - before;
set("log", true);
out.axis = chart.layout.yaxis.type;
out.csv = csv(DATA.charts[0]).split("\\n")[0];
const probe = document.createElement("pre"); probe.id = "probe"; probe.textContent = JSON.stringify(out);
document.body.appendChild(probe);
}</script>"""
ERRORS = "<script>window.ERRORS = []; window.onerror = (message) => { window.ERRORS.push(message); };</script>"


@pytest.mark.skipif(not shutil.which("chromium"), reason="needs the browser chromium on the PATH")
def test_a_browser_draws_the_page_and_its_controls_work(pictured, tmp_path):
    head, _, tail = pictured.rpartition("</body>")
    (tmp_path / "driven.html").write_text(head.replace("<body>", "<body>" + ERRORS, 1) + PROBE + "</body>" + tail)
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]
    command = ["chromium", *options, f"--user-data-dir={tmp_path / 'browser'}", (tmp_path / "driven.html").as_uri()]
    dom = subprocess.run(command, capture_output=True, text=True, timeout=90, check=False).stdout
    out = json.loads(html.unescape(re.search(r'<pre id="probe">(.*?)</pre>', dom, re.DOTALL).group(1)))
    assert out["errors"] == []
    assert out["plots"] == out["charts"] > 5
    assert out["slid"] == "step 0"
    assert out["place"] == f"-{2 + 2 * 62}px -{2 + 3 * 58}px"
    assert out["faint"] == 2  # the two losses, without smoothing
    assert out["axis"] == "log"
    assert out["csv"] == 'step,"critic/loss","generator/loss"'
