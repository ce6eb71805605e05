"""Checks of features, the inputs of metrics: finite arrays with one row for each example."""

import numpy as np
from jax.typing import ArrayLike


def check(features: ArrayLike, name: str = "features") -> np.ndarray:
    """Returns features [n, d] as float64. Raises ValueError for another shape, too few rows or non-finite values."""
    table = np.asarray(features)
    if table.ndim != 2 or not table.shape[1]:
        raise ValueError(f"{name} have shape {table.shape}: they must be [examples, dimensions]")
    if len(table) < 2:
        raise ValueError(f"{name} have {len(table)} examples: at least 2 are needed")
    table = table.astype(np.float64)
    bad = len(table) - np.isfinite(table).all(axis=1).sum()
    if bad:
        raise ValueError(
            f"{name} have NaN or infinity in {bad} of {len(table)} rows: the network or its input is broken"
        )
    return table


def check_pair(real: ArrayLike, fake: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Returns both as `check` does, [n, d] and [m, d]. Raises ValueError as there, and if their d differ."""
    real, fake = check(real, "real features"), check(fake, "fake features")
    if real.shape[1] != fake.shape[1]:
        raise ValueError(
            f"real features have {real.shape[1]} dimensions and fake ones {fake.shape[1]}: they must be the same"
        )
    return real, fake
