"""The report of a run: one self-contained HTML file of its config, curves and samples, made from its files alone."""

import json
from pathlib import Path
from typing import Any

from gan_jax import config as configs
from gan_jax.reporting import curves, html
from gan_jax.runs import alarms
from gan_jax.runs.directory import RunDirectory
from gan_jax.runs.files import atomically
from gan_jax.runs.rows import Row, read_rows

TEMPLATE = Path(__file__).with_name("report.html.j2")
MAX_PICTURES = 12


def write(run_dir: RunDirectory) -> None:
    """Writes report.html of a run from its config.json, metrics.jsonl and samples."""
    planned: dict[str, Any] = {"versions": {}, "devices": [], "git": {}}  # until training begins
    run = planned | configs.read_run(run_dir.config)
    rows, evaluations = read_rows(run_dir.metrics), read_rows(run_dir.evaluations)
    best = run_dir.best(run["config"].get("keep_best", ""))
    page = html.rendered(
        TEMPLATE,
        name=run_dir.folder.resolve().name,
        run=run,
        fields=[(field, json.dumps(value)) for field, value in configs.flatten(run["config"])],
        last=rows[-1] if rows else None,
        alarms=alarms.find(rows),
        evaluations=_named(evaluations, best),
        best=best,
        charts=curves.of_training(rows),
        evaluation_charts=curves.of_evaluations(evaluations),
        figures=_figures(run_dir.samples),
    )
    with atomically(run_dir.report) as file:
        file.write(page)


def _named(evaluations: list[Row], best: int | None) -> list[tuple[str, Row]]:
    """Returns (name, row) of the last evaluation, and of the best checkpoint's where the run has `keep_best`."""
    last = [("last", evaluations[-1])] if evaluations else []
    return last + [("best", row) for row in evaluations if row["step"] == best]


def _figures(folder: Path) -> list[tuple[int, str]]:
    """Returns (step, data URL) of figures of samples, evenly over the run, the first and the last among them."""
    paths = sorted(folder.glob("step_*.png"))
    if len(paths) > MAX_PICTURES:
        last = len(paths) - 1
        paths = [paths[round(number * last / (MAX_PICTURES - 1))] for number in range(MAX_PICTURES)]
    return [(int(path.stem.removeprefix("step_")), html.data_url(path)) for path in paths]
