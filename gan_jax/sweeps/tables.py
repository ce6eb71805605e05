"""The tables of the report, the same in Markdown and in HTML."""

import json
import math
from collections import Counter
from typing import Any, NamedTuple

from gan_jax.sweeps.statistics import LEAST, LEVEL, RANGE, T, seeds, width_with_one_more

ARROWS = {"lower": " ↓", "higher": " ↑", "": ""}
GAP = "—"


class Table(NamedTuple):
    """A table: its title, an explanation, and rows of texts."""

    title: str
    words: str
    header: list[str]
    rows: list[list[str]]


def of(report: dict[str, Any]) -> list[Table]:
    """Returns all tables of a report."""
    tables = [_results(report), *([_differences(report)] if len(report["cells"]) > 1 else []), _seeds(report)]
    tables += [_configs(report), _cost(report), *([_search(report)] if report.get("search") else []), _made(report)]
    return tables


def markdown(title: str, words: str, tables: list[Table]) -> str:
    """Returns the tables as a page of Markdown."""
    parts = [f"# {title}", words]
    for table in tables:
        lines = ["| " + " | ".join(map(_escaped, row)) + " |" for row in [table.header, *table.rows]]
        lines.insert(1, "|" + "---|" * len(table.header))
        parts += [f"## {table.title}", *([table.words] if table.words else []), "\n".join(lines)]
    return "\n\n".join(parts) + "\n"


def _results(report: dict[str, Any]) -> Table:
    header = ["cell", "seeds", "failed or collapsed", *(f"{m['name']}{ARROWS[m['better']]}" for m in report["metrics"])]
    rows = []
    for cell in report["cells"]:
        lost = Counter(fate for fate in cell["fates"].values() if fate != "finished")
        unfinished = ", ".join(f"{count} {fate}" for fate, count in sorted(lost.items())) or "0"
        row = [cell["name"], str(len(cell["fates"])), unfinished]
        rows.append(row + [interval(cell["metrics"][m["name"]], len(cell["fates"])) for m in report["metrics"]])
    if any(metric["floors"] for metric in report["metrics"]):
        rows.append(["training examples", "", "", *(_floor(metric["floors"]) for metric in report["metrics"])])
    shown = [cell["metrics"][metric["name"]] for cell in report["cells"] for metric in report["metrics"]]
    words = (
        "Mean over seeds at the last step; metrics logged during training are averaged over the last tenth of the "
        f"steps. {_kinds(shown)} ↓ lower is better, ↑ higher. A failed run has no value. The mean is then "
        f"over the other seeds and says how many, or is {GAP}. Collapsed runs are included."
    )
    return Table("Results", words, header, rows)


def _kinds(shown: list[dict[str, Any]]) -> str:
    """Returns an explanation of the brackets after these means, with the number of values."""
    counts = {kind: sorted({one["count"] for one in shown if one["kind"] == kind}) for kind in (T, RANGE)}
    words = []
    if counts[T]:
        words.append(f"Brackets: Student's {LEVEL} t interval of the mean ({seeds(counts[T])}).")
    if counts[RANGE]:
        words.append(
            f"A range in brackets: minimum and maximum ({seeds(counts[RANGE])}), not a confidence interval, which "
            f"needs {LEAST} seeds."
        )
    return " ".join(words) or "A single seed has no interval."


def _differences(report: dict[str, Any]) -> Table:
    header = ["cell", "seeds", *(metric["name"] for metric in report["metrics"])]
    rows, shown = [], []
    for cell in report["cells"]:
        differences = [cell["metrics"][metric["name"]]["difference"] for metric in report["metrics"]]
        if all(differences):
            count = len(cell["fates"])
            rows.append([cell["name"], str(count), *(_tested(difference, count) for difference in differences)])
            shown += differences
    words = f"The cell's value minus the baseline's for the same seed, averaged over seeds. {_kinds(shown)}"
    if any(difference["p"] is not None for difference in shown):
        words += " p is from a paired t test, with Holm's correction for the number of cells."
    return Table(f"Differences from {report['baseline']}", words, header, rows)


def _seeds(report: dict[str, Any]) -> Table:
    header = ["cell", "seed", "fate", *(metric["name"] for metric in report["metrics"]), "alarms at the end"]
    rows = []
    for cell in report["cells"]:
        for seed, fate in cell["fates"].items():
            values = [_number(cell["metrics"][metric["name"]]["values"][seed]) for metric in report["metrics"]]
            rows.append([cell["name"], seed, fate, *values, ", ".join(cell["alarms"][seed])])
    return Table("Every seed", "", header, rows)


def _configs(report: dict[str, Any]) -> Table:
    rows = [
        [cell["name"], ", ".join(f"{field} = {json.dumps(value)}" for field, value in cell["differs"].items())]
        for cell in report["cells"]
    ]
    return Table("What differs", "All fields that differ between cells.", ["cell", "fields"], rows)


def _cost(report: dict[str, Any]) -> Table:
    words = (
        "Images: steps x batch size x updates per step of the player that has most. Seconds: ablation.html, cost.json. "
        "One more seed: how much narrower the intervals would be, if the standard deviation stays the same."
    )
    rows = [
        [cell["name"], f"{cell['steps']:,}", f"{cell['images']:,}", _one_more(len(cell["fates"]))]
        for cell in report["cells"]
    ]
    return Table("Cost of a run", words, ["cell", "steps", "images", "one more seed"], rows)


def _search(report: dict[str, Any]) -> Table:
    search = report["search"]
    rows = [[cell["name"], _number(cell["value"]), "yes" if cell["chosen"] else ""] for cell in search["cells"]]
    words = (
        f"Chosen by {search['by']} ({search['better']} is better), averaged over {seeds(search['seeds'])}. The chosen "
        "cells were trained again with fresh seeds for the results above."
    )
    return Table("The preceding search", words, ["cell", search["by"], "chosen"], rows)


def _made(report: dict[str, Any]) -> Table:
    rows = [
        [kind, text, str(count)] for kind, texts in report["made_with"].items() for text, count in sorted(texts.items())
    ]
    return Table("Made with", "", ["", "", "runs"], rows)


def interval(values: dict[str, Any], count: int) -> str:
    """Returns a mean with its interval, rounded to significant digits."""
    if values["mean"] is None:
        return GAP
    some = f" ({values['count']} of {count} seeds)" if values["count"] < count else ""
    if values["kind"] is None:
        return f"{_number(values['mean'])}{some}"
    width = values["high"] - values["low"]
    mean, low, high = (_rounded(values[name], width) for name in ("mean", "low", "high"))
    return f"{mean} {'range ' if values['kind'] == RANGE else ''}[{low}, {high}]{some}"


def _tested(difference: dict[str, Any], count: int) -> str:
    """Returns a difference with its interval and its p, if there is one."""
    p = difference["p"]
    return interval(difference, count) + ("" if p is None else f", p {f'= {p:.2g}' if p >= 0.0001 else '< 0.0001'}")


def _one_more(count: int) -> str:
    """Returns by how much one more seed would narrow the intervals."""
    ratio = width_with_one_more(count)
    return GAP if ratio is None else f"{1 - ratio:.0%} narrower"


def _rounded(value: float, width: float) -> str:
    """Returns a number, rounded to a hundredth of the interval's width or finer, and to at most 6 digits."""
    return f"{round(value, 2 - math.floor(math.log10(width))):.6g}" if width > 0 else _number(value)


def _floor(values: list[float]) -> str:
    return " to ".join(dict.fromkeys(map(_number, values))) or GAP


def _number(value: float | None) -> str:
    return GAP if value is None else f"{value:.4g}"


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
