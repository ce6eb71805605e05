"""A run's page: one self-contained HTML file of its config, curves and samples over time, made from its files alone."""

import base64
import io
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gan_jax import alarms
from gan_jax import config as configs
from gan_jax.files import atomically
from gan_jax.run_directory import RunDirectory
from gan_jax.writers import Row, read_rows

TEMPLATE = Path(__file__).with_name("report.html.j2")
MOST_POINTS, MOST_PICTURES = 500, 12
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


def write(place: RunDirectory) -> None:
    """Writes report.html of a run from its config.json, metrics.jsonl and samples."""
    import jinja2

    run = configs.read_run(place.config)
    rows, evaluations = read_rows(place.metrics), read_rows(place.evaluations)
    template = jinja2.Environment(autoescape=True).from_string(TEMPLATE.read_text("utf-8"))
    page = template.render(
        name=place.folder.resolve().name,
        run=run,
        fields=list(_fields(run["config"])),
        last=rows[-1] if rows else None,
        alarms=alarms.find(rows, run["config"]["objective"]["name"]),
        evaluation=evaluations[-1] if evaluations else None,
        charts=_charts(rows),
        pictures=_pictures(place.samples),
    )
    with atomically(place.report) as file:
        file.write(page.encode())


def _fields(tree: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from _fields(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", json.dumps(value)


def _charts(rows: list[Row]) -> list[tuple[str, str]]:
    """(title, SVG) of each chart that these rows have curves for; a curve is thinned to what a page can show."""
    thinned = [*rows[: -1 : -(-len(rows) // MOST_POINTS)], rows[-1]] if rows else []
    charts = []
    for title, ending in CHARTS.items():
        names = [name for name in (rows[0] if rows else {}) if name.endswith(ending)]
        if names:
            charts.append((title, _svg(thinned, names, "log" if title == GRADIENTS else "linear")))
    return charts


def _svg(rows: list[Row], names: list[str], scale: str) -> str:
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "gan_jax", "font.family": "sans-serif"}):
        figure = Figure(figsize=(8, 3), layout="constrained")
        axes = figure.subplots()
        for name in names:
            axes.plot([row["step"] for row in rows], [row.get(name, math.nan) for row in rows], label=name, linewidth=1)
        axes.set_xlabel("round")
        axes.set_yscale(scale)
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False)
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    text = buffer.getvalue()
    return text[text.index("<svg") :]


def _pictures(folder: Path) -> list[tuple[int, str]]:
    """(round, data URL) of sample grids, first and last among them, evenly over the run."""
    paths = sorted(folder.glob("step_*.png"))
    if len(paths) > MOST_PICTURES:
        last = len(paths) - 1
        paths = [paths[round(number * last / (MOST_PICTURES - 1))] for number in range(MOST_PICTURES)]
    return [
        (int(path.stem.removeprefix("step_")), f"data:image/png;base64,{base64.b64encode(path.read_bytes()).decode()}")
        for path in paths
    ]
