"""The normal form of a config's values: those that JSON preserves. Other values raise an error with their field."""

import os
from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from functools import partial
from typing import Any

from ml_collections import ConfigDict

from gan_jax.errors import UserError, one_line

MOST_DIGITS = 4000  # of an integer; Python does not read back longer ones
PIECES = "boundaries_and_scales"
"""The argument of Optax's piecewise schedules: factors or values by the step, a number, at which each begins."""
MANY = "a config holds numbers, text, True, False, None, and tuples and blocks of these"


def plain(value: Any, field: str = "config") -> Any:
    """Returns a value, also one of NumPy, JAX or ml_collections, as plain numbers, text, tuples and dicts.

    An array becomes a tuple. A scalar of an array library becomes the number that it prints as: `np.float32(1e-3)`
    becomes 0.001, which is the same float32 and equals 1e-3 in another config. Raises UserError, with the field and how
    to write it, for other values, such as functions, dtypes, paths and sets.
    """
    try:
        return _plain(value, field)
    except RecursionError as error:
        raise UserError(f"{field} contains itself, or is nested too deeply") from error


def flatten(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yields each `(dotted field, value)` of a config as JSON."""
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def plain_scalar(value: Any) -> Any:
    """Returns a number or text of NumPy or JAX as Python's type, and any other value as it is."""
    if not _is_array(value) or value.shape != ():
        return value
    try:
        return _of_array(value, "")
    except (UserError, TypeError, ValueError):
        return value


def _plain(value: Any, field: str) -> Any:
    if isinstance(value, ConfigDict):
        value = value.to_dict()
    if value is None or type(value) in (bool, str):
        return value
    if isinstance(value, Enum):
        raise _refused(field, value)
    if isinstance(value, str):
        return str(value)
    if isinstance(value, int | float):
        return _number(value, field)
    if isinstance(value, Mapping):
        return {_key(key, field): _plain(item, f"{field}.{key}") for key, item in value.items()}
    if isinstance(value, tuple | list):
        return tuple(_plain(item, field) for item in value)
    if _is_array(value):
        return _of_array(value, field)
    raise _refused(field, value)


def _number(value: float, field: str) -> float:
    number = int(value) if isinstance(value, int) else float(value)
    if isinstance(number, int) and number.bit_length() > MOST_DIGITS * 3.3:
        raise UserError(f"{field} has more than {MOST_DIGITS} digits: it must have fewer")
    return number


def _key(key: Any, field: str) -> str:
    if type(key) is int and field.endswith(f".{PIECES}"):
        return str(key)
    if not isinstance(key, str) or isinstance(key, Enum):
        raise UserError(f"{field} has a field {_shown(key)} of type {type(key).__name__}: names of fields must be text")
    return str(key)


def _is_array(value: Any) -> bool:
    """Returns True for an array or scalar of NumPy or of a library that NumPy reads, but not for types and dtypes."""
    return not isinstance(value, type) and hasattr(value, "dtype") and hasattr(value, "shape")


def _of_array(value: Any, field: str) -> Any:
    import numpy as np

    try:
        array = np.asarray(value)
    except Exception as error:  # raised by keys, tracers and deleted arrays
        raise _refused(field, value) from error
    if array.ndim:
        return tuple(_plain(item, field) for item in array)
    item = array[()]
    kind, name = array.dtype.kind, array.dtype.name
    if kind in "biu":
        return item.item()
    if kind == "U":
        return str(item)
    if kind == "f" or "float" in name:  # bfloat16 and similar types have no kind in NumPy
        return _number(float(item) if array.dtype.itemsize >= 8 else float(str(item)), field)
    if kind == "O":
        return _plain(item, field)
    raise _refused(field, value)


def _refused(field: str, value: Any) -> UserError:
    return UserError(f"{field} is {_shown(value)}: {_remedy(field.rpartition('.')[2], value)}")


def _remedy(name: str, value: Any) -> str:
    """Returns how to write a value that JSON cannot keep."""
    if isinstance(value, Enum):
        return f"write its value, {name} = {_shown(value.value)}"
    if isinstance(value, os.PathLike):
        return f'write it as text, {name} = "{_shown(os.fspath(value)).strip(chr(39))}"'
    if isinstance(value, bytes | bytearray):
        return f"write it as text, without the b before it; {MANY}"
    if isinstance(value, set | frozenset | range) or hasattr(value, "__next__"):
        return f"write it as a tuple, such as {name} = (1, 2)"
    if _is_dtype(value):
        return f'write a dtype as its name, {name} = "{getattr(value, "name", None) or value.__name__}"'
    if isinstance(value, complex):
        return f"write its two parts as two numbers; {MANY}"
    if callable(value):
        return f'write a function or class as a block with its name, {name} = {{"name": "{_name_of(value)}"}}'
    return MANY


def _is_dtype(value: Any) -> bool:
    scalar_type = isinstance(value, type) and hasattr(value, "dtype") and hasattr(value, "itemsize")
    return scalar_type or type(value).__name__ == "_ScalarMeta" or hasattr(value, "newbyteorder")


def _name_of(value: Callable) -> str:
    target = value.func if isinstance(value, partial) else value
    name = getattr(target, "__name__", None) or type(target).__name__
    return name if name.isidentifier() else "silu"


def _shown(value: Any) -> str:
    try:
        return one_line(ValueError(repr(value)))[:80]
    except Exception:  # its repr fails
        return f"a {type(value).__name__}"


def exchangeable(old: Any, new: Any) -> bool:
    """Returns whether `new` may replace `old`: a block (such as a schedule's) a number, or a number a schedule."""
    if isinstance(old, Mapping | ConfigDict):
        return is_schedule(old) and _is_number(new)
    return _is_number(old) and isinstance(new, Mapping | ConfigDict)


def is_schedule(block: Mapping[str, Any] | ConfigDict) -> bool:
    """Returns whether a block describes a schedule, according to its arguments or its name."""
    return "init_value" in block or str(block.get("name")).endswith(("schedule", "schedules"))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


class Fields(ConfigDict):
    """A ConfigDict whose number fields also take numbers of NumPy and JAX, in nested blocks too.

    A number may be replaced by a schedule's block, and a schedule by a number.
    """

    def __setitem__(self, key: str, value: Any) -> None:
        _make_fields(value)
        value = plain_scalar(value)
        if key in self and exchangeable(self[key], value):
            with self.ignore_type():
                super().__setitem__(key, value)
        else:
            super().__setitem__(key, value)
        _make_fields(self[key])  # a dict has become a ConfigDict


def _make_fields(block: Any) -> None:
    """Turns a ConfigDict and its blocks into Fields. They stay the same objects, as a config file may use them."""
    if type(block) is ConfigDict:
        object.__setattr__(block, "__class__", Fields)
        for value in block.values():
            _make_fields(value)
