"""The report of a sweep, made from its runs' files alone: ablation.md, .json, .csv, .tex and .html, and cost.json.

Its charts are in figures/, as SVG and PDF. All files but cost.json and ablation.html hold no measured times. They are
the same bytes however often the sweep was killed and resumed, and on any machine of the same kind.
"""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gan_jax.errors import UserError, suggestions
from gan_jax.reporting import html, images
from gan_jax.runs.files import atomically
from gan_jax.sweeps import folder as folders
from gan_jax.sweeps import papers, summary, tables
from gan_jax.sweeps.charts import chart
from gan_jax.sweeps.plan import Curve, Metric, required_values
from gan_jax.sweeps.results import CellRuns, Results, absent, read, searched

TEMPLATE = Path(__file__).with_name("ablation.html.j2")
FIGURES = "figures"
MAX_CELLS, MAX_STEPS = 10, 3  # in charts and sample images


def write(folder: Path, *, against: str = "") -> list[Path]:
    """Writes the report into the folder of a sweep, or any other folder of runs. Returns its files.

    `against`: the cell that others are compared with, instead of the sweep's baseline. Raises UserError if there is no
    run or no such cell, or, after writing the report, if no run has one of its metrics or curves; OSError.
    """
    results = read(folder)
    if against:
        results = results._replace(baseline=against)
    if results.baseline not in (names := [cell.name for cell in results.cells]):
        raise UserError(
            f"there is no cell {results.baseline!r} to compare with; {suggestions(results.baseline, names)}"
        )
    report = summary.summarise(results)
    if results.finals:
        report["search"] = _search(folder, results)
    summary_line = f"{len(report['cells'])} cells, {report['runs']} runs."
    made_tables, cost = tables.of(report), summary.cost(results)
    shown = summary.pick(results.cells, results.metrics, MAX_CELLS)
    charts = {curve: svg for curve in results.curves if (svg := chart(shown, curve))}
    contents = {
        "ablation.md": tables.markdown(report["sweep"], summary_line, made_tables).encode(),
        "ablation.json": _json(report),
        "ablation.csv": papers.table_csv(report).encode(),
        "ablation.tex": papers.table_tex(report).encode(),
        "cost.json": _json(cost),
        "ablation.html": _page(results, shown, charts, summary_line, made_tables, cost),
        **_figures(shown, charts),
    }
    (folder / FIGURES).mkdir(exist_ok=True)
    for name, content in contents.items():
        with atomically(folder / name) as file:
            file.write(content)
    runs = [run for cell in results.cells for run in cell.runs]
    if missing := absent(runs, required_values(results.metrics, results.curves, None)):
        raise UserError(missing)
    return [folder / name for name in contents]


def chosen(folder: Path, by: Metric, best: int) -> list[str]:
    """Returns the folder names of the search's best cells with a value for every seed, best first."""
    return [name for name, value in summary.ranked(searched(folder), by)[:best] if value is not None]


def _search(folder: Path, results: Results) -> dict[str, Any]:
    finals = results.finals or {}
    by = Metric(**finals["by"])
    names = {cell["folder"].rpartition("/")[2]: cell["name"] for cell in folders.read(folder)["cells"]}
    best = chosen(folder, by, finals["best"])
    cells = searched(folder)
    seeds = sorted({len(runs) for runs in cells.values()})
    order = summary.ranked(cells, by)
    rows = [{"name": names.get(name, name), "value": value, "chosen": name in best} for name, value in order]
    return {"by": by.name, "better": by.better, "seeds": seeds, "cells": rows}


def _json(values: Any) -> bytes:
    return (json.dumps(values, indent=1, ensure_ascii=False) + "\n").encode()


def _figures(shown: Sequence[CellRuns], charts: Mapping[Curve, str]) -> dict[str, bytes]:
    """Returns the charts' files by name, as SVG and as PDF."""
    files = {}
    for curve, svg in charts.items():
        name = re.sub(r"[^A-Za-z0-9-]+", "_", _title(curve))
        files[f"{FIGURES}/{name}.svg"] = svg.encode()
        files[f"{FIGURES}/{name}.pdf"] = chart(shown, curve, html.chart_pdf) or b""
    return files


def _title(curve: Curve) -> str:
    over = "" if curve.x == "step" else f" over {curve.x}"
    scale = "" if curve.scale == "linear" else f", {curve.scale}"
    return curve.y + over + scale


def _page(
    results: Results,
    shown: list[CellRuns],
    charts: Mapping[Curve, str],
    words: str,
    made: list[tables.Table],
    cost: list[dict[str, Any]],
) -> bytes:
    steps, samples = summary.samples(shown, MAX_STEPS)
    return html.rendered(
        TEMPLATE,
        title=results.name,
        words=words,
        tables=made,
        cost=cost,
        left_out=len(results.cells) - len(shown),
        charts=[(_title(curve), curve.x == "step", svg) for curve, svg in charts.items()],
        steps=steps,
        samples=[
            (name, seed, [html.data_url(path) for path in paths], images.columns_of(paths[-1]) if paths else "")
            for name, seed, paths in samples
        ],
    )
