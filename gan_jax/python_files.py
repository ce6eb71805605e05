"""Python files that the user names on the command line: configs and sweeps. They are run as code."""

import importlib.util
import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import ModuleType
from typing import Any

from gan_jax.errors import UserError, one_line


def made_by(place: str | Path, function: str, flag: str) -> Any:
    """What a function of a Python file returns; of `file.py:argument` what it returns for that argument, as text.

    Raises UserError, with the flag and the file's name, for what is no such file and for whatever goes wrong in it.
    """
    path, arguments = parted(place)
    spec = importlib.util.spec_from_file_location(f"{flag}_file", path)
    if not _is_file(path) or spec is None or spec.loader is None:
        raise UserError(f"--{flag}={place}: there is no such Python file")
    module = importlib.util.module_from_spec(spec)
    try:
        with _known(module):
            spec.loader.exec_module(module)
            target = getattr(module, function)
            if problem := _unfit(target, arguments):
                raise UserError(f"--{flag}={place}: {function}() {problem}")
            return target(*arguments)
    except UserError as error:
        said = str(error)
        raise UserError(said if said.startswith(f"--{flag}=") else f"--{flag}={place}: {said}") from error
    except (Exception, SystemExit) as error:
        raise UserError(f"--{flag}={place}: {type(error).__name__}: {one_line(error)}") from error


def parted(place: str | Path) -> tuple[Path, list[str]]:
    """The file, and in a list what stands after the colon; a file whose own path has colons is taken as it is."""
    text = str(place)
    if not _is_file(Path(text)):
        for at, letter in enumerate(text):
            if letter == ":" and _is_file(Path(text[:at])):
                return Path(text[:at]), [text[at + 1 :]]
    return Path(text), []


def _is_file(path: Path) -> bool:
    with suppress(OSError, ValueError):
        return path.is_file()
    return False


@contextmanager
def _known(module: ModuleType) -> Iterator[None]:
    """The module is found under its name for a time, as dataclasses with annotations as text need it to be."""
    before = sys.modules.get(module.__name__)
    sys.modules[module.__name__] = module
    try:
        yield
    finally:
        if before is None:
            sys.modules.pop(module.__name__, None)
        else:
            sys.modules[module.__name__] = before


def _unfit(target: Callable, arguments: list[str]) -> str:
    """Why a function cannot be called with these arguments; '' where it can."""
    try:
        signature = inspect.signature(target)
    except (TypeError, ValueError):  # it says nothing of itself
        return ""
    try:
        signature.bind(*arguments)
    except TypeError:
        if arguments:
            return f"takes no argument: leave out {':' + arguments[0]!r}"
        return f"needs an argument ({', '.join(signature.parameters)}): give it as FILE.py:ARGUMENT"
    return ""
