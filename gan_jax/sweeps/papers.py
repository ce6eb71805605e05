"""A sweep's results for papers: ablation.csv with a row for each seed, and ablation.tex with a table of means."""

import csv
import io
from typing import Any

from gan_jax.sweeps.tables import ARROWS, interval

ESCAPES = {symbol: "\\" + symbol for symbol in "&%$#_{}"} | {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "—": "--",
    "↓": r"$\downarrow$",
    "↑": r"$\uparrow$",
}


def table_csv(report: dict[str, Any]) -> str:
    """Returns a row for each run, with all digits: cell, seed, fate and a column for each metric; gaps are empty."""
    names = [metric["name"] for metric in report["metrics"]]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["cell", "seed", "fate", *names])
    for cell in report["cells"]:
        for seed, fate in cell["fates"].items():
            values = (cell["metrics"][name]["values"][seed] for name in names)
            writer.writerow([cell["name"], seed, fate, *("" if value is None else repr(value) for value in values)])
    return text.getvalue()


def table_tex(report: dict[str, Any]) -> str:
    """Returns the table of means as LaTeX, for the package booktabs.

    For a metric with a direction, the best cell is bold, and so are cells whose intervals overlap with its own.
    """
    metrics = report["metrics"]
    bold = {metric["name"]: _best(report["cells"], metric) for metric in metrics}
    header = ["", "seeds", *(escaped(metric["name"] + ARROWS[metric["better"]]) for metric in metrics)]
    rows = []
    for cell in report["cells"]:
        count = len(cell["fates"])
        texts = [escaped(interval(cell["metrics"][metric["name"]], count)) for metric in metrics]
        chosen = [cell["name"] in bold[metric["name"]] for metric in metrics]
        values = [rf"\textbf{{{text}}}" if best else text for text, best in zip(texts, chosen, strict=True)]
        rows.append([escaped(cell["name"]), str(count), *values])
    lines = [f"{' & '.join(row)} \\\\" for row in (header, *rows)]
    body = [r"\toprule", lines[0], r"\midrule", *lines[1:], r"\bottomrule"]
    return "\n".join([f"\\begin{{tabular}}{{ll{'c' * len(metrics)}}}", *body, r"\end{tabular}", ""])


def escaped(text: str) -> str:
    """Returns a text with LaTeX's special characters escaped."""
    return "".join(ESCAPES.get(letter, letter) for letter in text)


def _best(cells: list[dict[str, Any]], metric: dict[str, Any]) -> set[str]:
    """Returns the names of the best cell and of those whose intervals overlap with its own; none without values."""
    sign = {"lower": 1, "higher": -1, "": 0}[metric["better"]]
    found = {cell["name"]: cell["metrics"][metric["name"]] for cell in cells}
    known = {name: _ends(values) for name, values in found.items() if values["mean"] is not None}
    if not sign or not known:
        return set()
    low, high = known[min(known, key=lambda name: sign * found[name]["mean"])]
    return {name for name, ends in known.items() if ends[0] <= high and low <= ends[1]}


def _ends(values: dict[str, Any]) -> tuple[float, float]:
    """Returns the ends of an interval, or a single seed's value twice."""
    return (values["mean"],) * 2 if values["low"] is None else (values["low"], values["high"])
