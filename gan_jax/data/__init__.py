"""Data sets by name. A new one is one file here with a function `load(split) -> Dataset`: no registry."""

import difflib
import importlib
import pkgutil
from collections.abc import Callable

from gan_jax.data import prepared
from gan_jax.data.base import Dataset
from gan_jax.errors import UserError, options

__all__ = ["Dataset", "load", "own"]


def load(name: str, split: str) -> Dataset:
    """One split of a data set, whole in memory.

    Args:
        name: a module of this package that has a `load` ('digits'), or an image data set that TensorFlow
            Datasets prepared, by its TFDS name ('mnist', 'emnist/letters', 'mnist:3.0.1').
        split: one of its splits; for prepared sets also a part of one, such as 'train[:90%]'.

    Raises:
        UserError: for a name that is neither, or a split that it does not have.
    """
    if name in _modules() and (own_load := _load_of(name)):
        return own_load(split)
    if prepared.find(name) is None:
        raise UserError(_unknown(name))
    return prepared.read(name, split)


def own() -> list[str]:
    """The names of the data sets that are modules of this package."""
    return [name for name in _modules() if _load_of(name)]


def _modules() -> list[str]:
    return [module.name for module in pkgutil.iter_modules(__path__)]


def _load_of(name: str) -> Callable[[str], Dataset] | None:
    """The module's own `load`: what tells a data set from the modules that merely help."""
    return getattr(importlib.import_module(f"{__name__}.{name}"), "load", None)


def _unknown(name: str) -> str:
    place, known = prepared.place(), prepared.registered()
    if name.partition(":")[0].partition("/")[0] in known:
        return prepared.missing(name)
    near = difflib.get_close_matches(name, known, n=3)
    hint = f"; TFDS can prepare {', '.join(near)} (python scripts/prepare_data.py NAME)" if near else ""
    where = f"there is no data set {name!r} (config.data.name), here or in {place} (TFDS_DATA_DIR)"
    return f"{where}; {options(name, {*own(), *prepared.names()})}{hint}"
