"""The report of a run: one HTML file with its config, curves and samples, made from the run's files alone.

It needs no network: it contains Plotly's basic bundle (1.2 MB, MIT licence, plotly/LICENSE).
"""

import itertools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gan_jax import config as configs
from gan_jax.config.values import flatten
from gan_jax.reporting import curves, html, images
from gan_jax.reporting.curves import Chart
from gan_jax.runs import alarms
from gan_jax.runs.directory import RunDirectory
from gan_jax.runs.files import atomically
from gan_jax.runs.rows import Row, read_rows

HERE = Path(__file__).parent
TEMPLATE, SCRIPT, PLOTLY = HERE / "report.html.j2", HERE / "report.js", HERE / "plotly" / "plotly-basic.min.js"
MAX_PICTURES = 40
MAX_BYTES = 4_000_000  # for all pictures over time


def write(run_dir: RunDirectory) -> None:
    """Writes a run's report.html from its config.json, metrics.jsonl, evaluations.jsonl and samples."""
    planned: dict[str, Any] = {"versions": {}, "devices": [], "git": {}}  # for a run that has not begun
    run = planned | configs.read_run(run_dir.config)
    rows, evaluations = read_rows(run_dir.metrics), read_rows(run_dir.evaluations)
    best = run_dir.best(run["config"].get("keep_best", ""))
    charts = [*curves.of_evaluations(evaluations), *curves.of_training(rows)]
    samples, plane = _samples(run_dir.samples), _picture(run_dir.plane)
    newest = max(run_dir.samples.glob("step_*.png"), default=None)
    name = run_dir.folder.resolve().name
    data = {"name": name, "charts": [_for_page(chart) for chart in charts], "samples": samples}
    data |= {"plane": _sprite(run_dir.plane)} if plane else {}
    page = html.rendered(
        TEMPLATE,
        name=name,
        run=run,
        fields=[(field, json.dumps(value)) for field, value in flatten(run["config"])],
        last=rows[-1] if rows else None,
        is_training=bool(rows) and rows[-1]["step"] < run["config"]["steps"],
        siblings=_siblings(run_dir.folder),
        alarms=alarms.find(rows),
        evaluations=_named(evaluations, best),
        best=best,
        charts=_in_parts(charts),
        samples=len(samples),
        columns=images.columns_of(newest) if newest else "",
        real=_picture(run_dir.real),
        walks=_picture(run_dir.walks),
        plane=plane,
        data=html.embedded(data),
        plotly=PLOTLY.read_text("utf-8"),
        script=SCRIPT.read_text("utf-8"),
    )
    with atomically(run_dir.report) as file:
        file.write(page)


def _for_page(chart: Chart) -> dict[str, Any]:
    """Returns a chart in the form that the page's script takes."""
    return chart._asdict() | {"curves": [list(curve) for curve in chart.curves]}


def _in_parts(charts: Sequence[Chart]) -> list[tuple[str, list[tuple[int, Chart]]]]:
    """Returns the charts with their numbers, grouped by part of the page."""
    numbered = enumerate(charts)
    return [(part, list(some)) for part, some in itertools.groupby(numbered, key=lambda pair: pair[1].part)]


def _named(evaluations: list[Row], best: int | None) -> list[tuple[str, Row]]:
    """Returns (name, row) for the last evaluation, and for the best checkpoint's if the run has `keep_best`."""
    last = [("last", evaluations[-1])] if evaluations else []
    return last + [("best", row) for row in evaluations if row["step"] == best]


def _siblings(folder: Path) -> list[tuple[str, str]]:
    """Returns (seed, link) for reports of the same config's other seeds, in folders next to this run's."""
    folder = folder.resolve()
    if not folder.name.startswith("seed_"):
        return []
    pages = sorted(folder.parent.glob("seed_*/report.html"), key=lambda page: (len(page.parent.name), page.parent.name))
    names = [page.parent.name for page in pages if page.parent != folder]
    return [(name.removeprefix("seed_"), f"../{name}/report.html") for name in names]


def _samples(folder: Path) -> list[tuple[int, str]]:
    """Returns (step, data URL) for figures of samples, evenly over the run, including the first and the last one."""
    paths = sorted(folder.glob("step_*.png"))
    most = MAX_PICTURES
    if paths:
        most = min(most, max(2, MAX_BYTES // max(path.stat().st_size for path in paths)))
    if len(paths) > most:
        last = len(paths) - 1
        paths = [paths[round(number * last / (most - 1))] for number in range(most)]
    return [(int(path.stem.removeprefix("step_")), html.data_url(path)) for path in paths]


def _picture(path: Path) -> str:
    """Returns a PNG file as a data URL; '' if there is none."""
    return html.data_url(path) if path.is_file() else ""


def _sprite(path: Path) -> dict[str, int]:
    """Returns the layout of the images in a run's picture of a plane."""
    width, height = images.size_in_grid(path, images.ALONG, images.ALONG)
    return {"side": images.ALONG, "width": width, "height": height, "gap": images.GAP}
