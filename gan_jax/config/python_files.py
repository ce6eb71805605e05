"""Runs Python files that the user names on the command line: configs and sweeps."""

import importlib.util
import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

from gan_jax.errors import CODE_ERRORS, UserError, one_line

NAME = "configs"
_PACKAGED = Path(__file__).parents[1] / NAME  # in a wheel; a checkout has them next to the package
CONFIGS = _PACKAGED if _PACKAGED.is_dir() else Path(__file__).parents[2] / NAME
"""The folder of the configs that come with gan_jax."""


def call(path: str | Path, function: str, flag: str) -> Any:
    """Returns the result of a function of a Python file; for `file.py:argument` the function gets that text.

    While the file runs, it can import from `configs`: the folder of that name that contains the file, or otherwise the
    configs of gan_jax. A file in such a folder can read those of gan_jax with `load(CONFIGS / "NAME.py")`.

    Raises UserError, with the flag and the file's name, if there is no such file, and for any error in it.
    """
    file, arguments = split_argument(path)
    spec = importlib.util.spec_from_file_location(f"{flag}_file", file)
    if not _is_file(file) or spec is None or spec.loader is None:
        raise UserError(f"--{flag}={path}: there is no such Python file")
    module = importlib.util.module_from_spec(spec)
    try:
        with _importable(module, file):
            spec.loader.exec_module(module)
            target = getattr(module, function)
            if problem := _misfit(target, arguments):
                raise UserError(f"--{flag}={path}: {function}() {problem}")
            return target(*arguments)
    except UserError as error:
        message = str(error)
        raise UserError(message if message.startswith(f"--{flag}=") else f"--{flag}={path}: {message}") from error
    except CODE_ERRORS as error:
        raise UserError(f"--{flag}={path}: {type(error).__name__}: {one_line(error)}") from error


def split_argument(path: str | Path) -> tuple[Path, list[str]]:
    """Returns the file, and a list of the text after the colon, if any. The file's path may itself have colons.

    A relative path such as configs/X.py that is not below the current folder means a config of gan_jax.
    """
    text = str(path)
    if (file := _located(text)) is not None:
        return file, []
    for at, letter in enumerate(text):
        if letter == ":" and (file := _located(text[:at])) is not None:
            return file, [text[at + 1 :]]
    return Path(text), []


def _located(text: str) -> Path | None:
    path = Path(text)
    if _is_file(path):
        return path
    if path.parts[:1] == (NAME,) and _is_file(shipped := CONFIGS.joinpath(*path.parts[1:])):
        return shipped
    return None


def _is_file(path: Path) -> bool:
    with suppress(OSError, ValueError):
        return path.is_file()
    return False


@contextmanager
def _importable(module: ModuleType, file: Path) -> Iterator[None]:
    """Makes the module importable under its name, as dataclasses require, and its siblings as `configs.sibling`.

    Both are undone at the end, because another file's siblings may have the same names.
    """
    before = _taken_out(module.__name__)
    importlib.invalidate_caches()  # a sibling may be newer than the cached listing of its folder
    sys.modules.update({module.__name__: module, NAME: _siblings(file)})
    try:
        yield
    finally:
        _taken_out(module.__name__)
        sys.modules.update(before)


def _taken_out(name: str) -> dict[str, ModuleType]:
    """Removes the module of this name and all of `configs` from the imported modules, and returns them."""
    names = [key for key in sys.modules if key in (name, NAME) or key.startswith(f"{NAME}.")]
    return {key: sys.modules.pop(key) for key in names}


def _siblings(file: Path) -> ModuleType:
    """Returns a package `configs` of one folder: the innermost folder of that name that contains the file.

    If there is none, it is the importable `configs`, or otherwise that of gan_jax.
    """
    folders = [str(folder) for folder in file.absolute().parents if folder.name == NAME][:1]
    if not folders:
        with suppress(ImportError, ValueError):
            known = importlib.util.find_spec(NAME)
            folders = list(known.submodule_search_locations or ()) if known else []
    spec = ModuleSpec(NAME, None, is_package=True)
    spec.submodule_search_locations = folders or [str(CONFIGS)]
    return importlib.util.module_from_spec(spec)


def _misfit(target: Callable, arguments: list[str]) -> str:
    """Returns why a function cannot be called with these arguments; '' if it can."""
    try:
        signature = inspect.signature(target)
    except (TypeError, ValueError):  # a callable without a signature
        return ""
    try:
        signature.bind(*arguments)
    except TypeError:
        if arguments:
            return f"takes no argument: leave out {':' + arguments[0]!r}"
        return f"needs an argument ({', '.join(signature.parameters)}): give it as FILE.py:ARGUMENT"
    return ""
