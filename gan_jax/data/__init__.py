"""Data sets by name. To add one, add a file to this package with a function `load(split) -> Dataset`."""

import difflib
import functools
import importlib
import inspect
import pkgutil
import re
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from gan_jax import resolve
from gan_jax.data import store, tfds
from gan_jax.data.base import Dataset
from gan_jax.data.checked import checked
from gan_jax.data.examples import sources
from gan_jax.data.few_labels import keep_labels
from gan_jax.data.hold import check_hold
from gan_jax.errors import CODE_ERRORS, UserError, one_line, suggestions

__all__ = ["Dataset", "load", "own"]

# package.module:function; a version of a set has digits after ":"
_OUTSIDE = re.compile(r"[A-Za-z_]\w*(\.\w+)*:[A-Za-z_]\w*")

OPTIONS = "name", "split", "range", "hold", "use_pairs", "labels_per_class", "label_seed", "unlabelled"
"""The fields of `config.data` that all sets have. Other fields are arguments of the set's own `load`."""


def load(
    name: str,
    split: str,
    *,
    hold: str = "auto",
    use_pairs: bool = True,
    labels_per_class: int = 0,
    label_seed: int = 0,
    unlabelled: str = "keep",
    **arguments: Any,
) -> Dataset:
    """Returns one split of a data set, checked (checked.py).

    Args:
        name: a module of this package that has a `load` ('digits', 'folder'), a function of another package
            ('my_lab.pairs:load'), or an image data set that TensorFlow Datasets prepared, by its TFDS name ('mnist',
            'emnist/letters', 'mnist:3.0.1').
        split: one of its splits; also a part of one, such as 'train[:90%]', if the set allows it.
        hold: see `hold.HOLDS`. 'stream' decodes examples in files each time they are read. 'auto' does the same if the
            disk has no room for the decoded examples. Otherwise they are decoded once.
        use_pairs: if False, fields that belong to `x` are shuffled independently of it in training, as if unpaired.
            The pairs then serve for evaluation only.
        labels_per_class: the number of examples of each class that keep their labels, see `keep_labels`; 0 for all
            labels.
        label_seed, unlabelled: which examples keep their labels, and what happens to the others.
        arguments: arguments of the set's `load`, as fields of `config.data`; `range` is ignored.

    Raises:
        UserError: for an unknown name or split, for data that fail the checks, and for any error in a module's `load`,
            with its file and line.
    """
    check_hold(hold)
    _check_bool("use_pairs", use_pairs)
    few = labels_per_class != 0 or bool(arguments.get("unlabelled_folder"))
    if not few and (label_seed, unlabelled) != (0, "keep"):
        raise UserError(
            "config.data.label_seed and config.data.unlabelled apply only to data with few labels: set "
            "labels_per_class or unlabelled_folder too"
        )
    made = _loaded(name, split, hold, {key: value for key, value in arguments.items() if key != "range"})
    if not use_pairs:
        made = _without_pairs(made)
    return keep_labels(made, labels_per_class, seed=label_seed, unlabelled=unlabelled) if few else made


def _loaded(name: str, split: str, hold: str, own: Mapping[str, Any]) -> Dataset:
    """Returns a split, made with its set's own arguments, checked, and decoded unless it is streamed."""
    loads = _function(name)
    if loads is None:
        if tfds.find(name) is None:
            _check_arguments(name, own, {})
            raise UserError(_unknown(name))
        loads = functools.partial(tfds.open_split, name)
    taken = inspect.signature(loads).parameters
    _check_arguments(name, own, {key: taken[key] for key in taken if key not in ("name", "split")})
    made = _guarded(name, lambda: loads(split, **own))
    if isinstance(made, Dataset) and (files := sources(made.arrays.values())):
        made = made._replace(files="-".join(examples.identity for examples in files))
        if hold != "stream" and (hold != "auto" or store.has_room(files)):
            made = store.hold(made)
    return checked(made, name, split)


def _without_pairs(made: Dataset) -> Dataset:
    if not made.others:
        raise UserError(f"config.data.use_pairs is False, but {made.name} has no field other than x: leave it out")
    shuffled = tuple(field for field in made.others if field not in made.unpaired)
    return made._replace(shuffled=shuffled)


def _function(name: str) -> Callable[..., Any] | None:
    """Returns the function of this or another package that loads a set; None if no module has it."""
    if name in _modules():
        return _load_of(name)
    return resolve.outside(name, "data.name") if _OUTSIDE.fullmatch(name) else None


def _check_arguments(name: str, arguments: Mapping[str, Any], taken: Mapping[str, inspect.Parameter]) -> None:
    for key, value in arguments.items():
        if key not in taken:
            raise UserError(
                f"unknown field {key!r} in config.data: {name} takes no such argument; "
                f"{suggestions(key, [*OPTIONS, *taken])}"
            )
        if taken[key].annotation in (bool, "bool"):
            _check_bool(key, value)


def _check_bool(key: str, value: Any) -> None:
    if type(value) is not bool:  # any non-empty string is truthy
        raise UserError(f"config.data.{key} is {value!r}: it must be True or False")


def own() -> list[str]:
    """Returns the names of the data sets that are modules of this package."""
    return [name for name in _modules() if _is_set(name)]


def _modules() -> list[str]:
    return [module.name for module in pkgutil.iter_modules(__path__)]


def _is_set(name: str) -> bool:
    try:
        return _load_of(name) is not None
    except UserError:  # a data set whose file has errors
        return True


def _load_of(name: str) -> Callable[[str], Any] | None:
    """Returns the module's `load`, or None if the module is not a data set."""
    module = _guarded(name, lambda: importlib.import_module(f"{__name__}.{name}"))
    return getattr(module, "load", None)


def _guarded(name: str, act: Callable[[], Any]) -> Any:
    """Returns what a data set's module returns; raises any error there as a UserError with its file and line."""
    try:
        return act()
    except (UserError, MemoryError):
        raise
    except CODE_ERRORS as error:
        line = _line_of(error, f"{name}.py")
        raise UserError(f"config.data.name={name}: {type(error).__name__}: {one_line(error)} ({line})") from error


def _line_of(error: BaseException, file: str) -> str:
    """Returns the `path:line` that raised an error, preferably the innermost one in the file of this name."""
    if isinstance(error, SyntaxError):
        return f"{error.filename}:{error.lineno}"
    frames = traceback.extract_tb(error.__traceback__)
    frame = ([frame for frame in frames if Path(frame.filename).name == file] or frames)[-1]
    return f"{frame.filename}:{frame.lineno}"


def _unknown(name: str) -> str:
    folder, known = tfds.data_dir(), tfds.registered()
    if name.partition(":")[0].partition("/")[0] in known:
        return tfds.missing(name)
    near = difflib.get_close_matches(name, known, n=3)
    hint = f"; TFDS can prepare {', '.join(near)} (python scripts/prepare_data.py NAME)" if near else ""
    message = f"there is no data set {name!r} (config.data.name), in gan_jax or in {folder} (TFDS_DATA_DIR)"
    return f"{message}; {suggestions(name, {*own(), *tfds.names()})}{hint}"
