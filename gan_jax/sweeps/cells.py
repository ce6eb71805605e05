"""Cells of a sweep, and the functions that list them: by hand, as a grid, as a product of lists, or at random.

A cell is a name and overrides, `{dotted field: value}`. A value that is a mapping replaces a whole block. The fields of
a tuple all get the same value.
"""

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from ml_collections import ConfigDict

from gan_jax.config.values import plain
from gan_jax.errors import UserError

Fields: TypeAlias = str | tuple[str, ...]
Overrides: TypeAlias = Mapping[str, Any]
Sampler: TypeAlias = Callable[[np.random.Generator], Any]
"""A function `generator -> value` with which a random search samples a field."""

DIGITS = 3  # of a sampled value, so that configs are easy to read and type
MAX_TRIES = 100  # per cell, before a search gives up


class Cell(NamedTuple):
    """One named config of a sweep: overrides of the sweep's base, or of its own base."""

    name: str
    overrides: Overrides
    base: ConfigDict | None = None


def named(cells: Mapping[str, Overrides | ConfigDict]) -> list[Cell]:
    """Returns named cells, made from overrides or from whole configs."""
    return [
        Cell(name, {}, content) if isinstance(content, ConfigDict) else Cell(name, content)
        for name, content in cells.items()
    ]


def grid(axes: Mapping[Fields, Sequence[Any]]) -> list[Cell]:
    """Returns a cell for each combination of values, the last field varying fastest. Names are `field=value, ...`."""
    return [_cell(dict(zip(axes, values, strict=True))) for values in itertools.product(*axes.values())]


def product(*lists: Sequence[Cell]) -> list[Cell]:
    """Returns a cell for each combination of one cell per list. Names are joined, and later overrides replace earlier.

    Only cells of the first list may have their own base.
    """
    return [
        Cell(
            ", ".join(cell.name for cell in cells),
            {field: value for cell in cells for field, value in cell.overrides.items()},
            cells[0].base,
        )
        for cells in itertools.product(*lists)
    ]


def random_search(samplers: Mapping[Fields, Sampler], count: int, *, seed: int = 0) -> list[Cell]:
    """Returns this many different cells with sampled fields, in sampling order. A larger count adds cells.

    Raises UserError for a count below 1, or if the samplers do not give so many.
    """
    if count < 1:
        raise UserError(f"a random search of {count} cells: it must have at least 1")
    generator, cells = np.random.default_rng(seed), {}
    for _ in range(MAX_TRIES * count):
        cell = _cell({fields: sample(generator) for fields, sample in samplers.items()})
        cells.setdefault(cell.name, cell)
        if len(cells) == count:
            return list(cells.values())
    raise UserError(f"a random search of {count} cells: its samplers give only {len(cells)} different ones")


def choice(*values: Any) -> Sampler:
    """Samples one of these values, all equally likely."""
    return lambda generator: values[generator.integers(len(values))]


def integers(low: int, high: int) -> Sampler:
    """Samples an integer from low to high, both included."""
    return lambda generator: int(generator.integers(low, high, endpoint=True))


def uniform(low: float, high: float) -> Sampler:
    """Samples a number between low and high, rounded to 3 digits."""
    return lambda generator: _rounded(generator.uniform(low, high))


def log_uniform(low: float, high: float) -> Sampler:
    """Samples a number above 0 whose logarithm is uniform between those of low and high, rounded to 3 digits."""
    ends = np.log([low, high])
    return lambda generator: _rounded(np.exp(generator.uniform(*ends)))


def short(fields: Iterable[str]) -> dict[str, str]:
    """Returns each dotted field's shortest unique suffix; `objective.name` is called `objective`."""
    parts = {field: field.removesuffix(".name").split(".") for field in fields}
    names = {}
    for field, own in parts.items():
        others = [other for name, other in parts.items() if name != field]
        lengths = range(1, len(own) + 1)
        enough = (n for n in lengths if all(other[-n:] != own[-n:] for other in others))
        names[field] = ".".join(own[-next(enough, len(own)) :])
    return names


def _cell(values: Mapping[Fields, Any]) -> Cell:
    of = {fields: (fields,) if isinstance(fields, str) else fields for fields in values}
    names = short(of[fields][0] for fields in values)
    written = {fields: plain(value, f"config.{of[fields][0]}") for fields, value in values.items()}
    return Cell(
        ", ".join(f"{names[of[fields][0]]}={value}" for fields, value in written.items()),
        {field: value for fields, value in written.items() for field in of[fields]},
    )


def _rounded(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")
