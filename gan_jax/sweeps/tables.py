"""The report's tables, from its numbers: the same ones in Markdown and in HTML."""

import json
from collections import Counter
from typing import Any, NamedTuple

ARROWS = {"lower": " ↓", "higher": " ↑", "": ""}
GAP = "—"


class Table(NamedTuple):
    """A title, words about it, and texts in rows."""

    title: str
    words: str
    header: list[str]
    rows: list[list[str]]


def of(report: dict[str, Any]) -> list[Table]:
    """All tables of a report."""
    tables = [_results(report), *([_differences(report)] if len(report["cells"]) > 1 else []), _seeds(report)]
    tables += [_configs(report), _cost(report), *([_search(report)] if report.get("search") else []), _made(report)]
    return tables


def markdown(title: str, words: str, tables: list[Table]) -> str:
    """The tables as a page of Markdown."""
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
        rows.append(row + [_interval(cell["metrics"][m["name"]], len(cell["fates"])) for m in report["metrics"]])
    if any(metric["floor"] is not None for metric in report["metrics"]):
        rows.append(["training examples", "", "", *(_number(metric["floor"]) for metric in report["metrics"])])
    words = (
        "Mean over seeds at the last round, and its 95 % bootstrap interval in brackets. ↓ lower is better, ↑ higher. "
        f"A run that failed has no value: {GAP}, or over how many seeds the mean is. Collapsed ones count in it."
    )
    return Table("Results", words, header, rows)


def _differences(report: dict[str, Any]) -> Table:
    header = ["cell", *(metric["name"] for metric in report["metrics"])]
    rows = [
        [cell["name"], *(_interval(d, len(cell["fates"])) for d in differences)]
        for cell in report["cells"]
        if all(differences := [cell["metrics"][metric["name"]]["difference"] for metric in report["metrics"]])
    ]
    words = "The cell's value less the baseline's of the same seed: mean and 95 % bootstrap interval."
    return Table(f"Differences from {report['baseline']}", words, header, rows)


def _seeds(report: dict[str, Any]) -> Table:
    header = ["cell", "seed", "fate", *(metric["name"] for metric in report["metrics"]), "alarms at its end"]
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
    return Table("What differs", "All fields that are not the same in every cell.", ["cell", "fields"], rows)


def _cost(report: dict[str, Any]) -> Table:
    words = "Images: rounds x batch x moves of the player that moves most. Seconds: ablation.html, cost.json."
    rows = [[cell["name"], f"{cell['rounds']:,}", f"{cell['images']:,}"] for cell in report["cells"]]
    return Table("Cost of a run", words, ["cell", "rounds", "images"], rows)


def _search(report: dict[str, Any]) -> Table:
    search = report["search"]
    rows = [[cell["name"], _number(cell["value"]), "yes" if cell["chosen"] else ""] for cell in search["cells"]]
    words = f"Chosen by {search['by']}, {search['better']} is better; played again above, over fresh seeds."
    return Table("The search before", words, ["cell", search["by"], "chosen"], rows)


def _made(report: dict[str, Any]) -> Table:
    rows = [
        [kind, text, str(count)] for kind, texts in report["made_with"].items() for text, count in sorted(texts.items())
    ]
    return Table("Made with", "", ["", "", "runs"], rows)


def _interval(values: dict[str, Any], seeds: int) -> str:
    if values["mean"] is None:
        return GAP
    interval = "" if values["low"] is None else f" [{_number(values['low'])}, {_number(values['high'])}]"
    return f"{_number(values['mean'])}{interval}" + (
        f" ({values['count']} of {seeds})" if values["count"] < seeds else ""
    )


def _number(value: float | None) -> str:
    return GAP if value is None else f"{value:.4g}"


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
