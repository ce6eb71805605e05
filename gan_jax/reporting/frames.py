"""Rows as pandas data frames, if pandas is installed."""

import importlib
from collections.abc import Mapping, Sequence
from typing import Any

from gan_jax.errors import UserError


def frame(rows: Sequence[Mapping[str, Any]], index: str = "") -> Any:
    """Returns rows as a pandas data frame, indexed by a column if given; UserError if pandas is not installed."""
    try:
        pandas = importlib.import_module("pandas")
    except ImportError as error:
        raise UserError(
            "data frames need pandas (pip install pandas); without it gan_jax.runs.rows.read_rows reads a run's "
            "metrics.jsonl or evaluations.jsonl"
        ) from error
    made = pandas.DataFrame([*rows])
    return made.set_index(index) if index and len(made) else made
