"""A run's page: one self-contained HTML file of its config, curves and samples over time, made from its files alone."""

import json
import math
from pathlib import Path
from typing import Any

from gan_jax import config as configs
from gan_jax.reporting import html
from gan_jax.runs import alarms
from gan_jax.runs.directory import RunDirectory
from gan_jax.runs.files import atomically
from gan_jax.runs.rows import Row, read_rows

TEMPLATE = Path(__file__).with_name("report.html.j2")
MAX_POINTS, MAX_PICTURES = 500, 12
GRADIENTS = "Norms of the players' gradients"
CHARTS = {
    "Losses": "/loss",
    "D(x) and D(G(z)): mean sigmoid of real and of fake scores": "_probability",
    "The critic's accuracy: examples told right, half of the real and half of the fake ones": "/accuracy",
    "Wasserstein's distance as the critic estimates it": "/distance",
    "The slopes that the penalty holds, mean and largest": ("/slope", "/slope_max"),
    "Fakes beside real examples: how widely spread, and how far from the next one like it": (
        "/diversity",
        "/nearest",
    ),
    GRADIENTS: "/gradient_norm",
}


def write(run_dir: RunDirectory) -> None:
    """Writes report.html of a run from its config.json, metrics.jsonl and samples."""
    planned: dict[str, Any] = {"versions": {}, "devices": [], "git": {}}  # of a run that has not begun
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
        evaluations=_shown(evaluations, best),
        best=best,
        charts=_charts(rows),
        pictures=_pictures(run_dir.samples),
    )
    with atomically(run_dir.report) as file:
        file.write(page)


def _shown(evaluations: list[Row], best: int | None) -> list[tuple[str, Row]]:
    """(what it is, row) of the last evaluation, and of the best checkpoint's where the run names one."""
    shown = [("last", evaluations[-1])] if evaluations else []
    return shown + [("best", row) for row in evaluations if row["step"] == best]


def _charts(rows: list[Row]) -> list[tuple[str, str]]:
    """(title, SVG) of each chart that these rows have curves for; a curve is thinned to what a page can show."""
    thinned = [*rows[: -1 : -(-len(rows) // MAX_POINTS)], rows[-1]] if rows else []
    charts = []
    for title, ending in CHARTS.items():
        names = [name for name in (rows[0] if rows else {}) if name.endswith(ending)]
        if names:
            charts.append((title, _chart(thinned, names, "log" if title == GRADIENTS else "linear")))
    return charts


def _chart(rows: list[Row], names: list[str], scale: str) -> str:
    def draw(figure, axes) -> None:
        del figure
        for name in names:
            axes.plot([row["step"] for row in rows], [row.get(name, math.nan) for row in rows], label=name, linewidth=1)
        axes.set_xlabel("round")
        axes.set_yscale(scale)
        axes.legend(frameon=False)

    return html.chart(draw, size=(8, 3))


def _pictures(folder: Path) -> list[tuple[int, str]]:
    """(round, data URL) of sample grids, first and last among them, evenly over the run."""
    paths = sorted(folder.glob("step_*.png"))
    if len(paths) > MAX_PICTURES:
        last = len(paths) - 1
        paths = [paths[round(number * last / (MAX_PICTURES - 1))] for number in range(MAX_PICTURES)]
    return [(int(path.stem.removeprefix("step_")), html.data_url(path)) for path in paths]
