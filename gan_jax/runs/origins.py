"""Names of runs that others start from, as in `config.init_from`: RUN, RUN:NAME, RUN@STEP or RUN:NAME@STEP."""

import re
from pathlib import Path
from typing import NamedTuple

from gan_jax.errors import UserError
from gan_jax.runs import paths

_FORM = re.compile(r"(?P<run>.+?)(:(?P<ours>\w+)(=(?P<theirs>\w+))?)?(@(?P<step>\d{1,19}|best))?", re.DOTALL)


class Named(NamedTuple):
    """A run that another one starts from.

    Attributes:
        folder: the run's folder.
        ours, theirs: the name of a player or a network in the new run, and in this one; None for all players.
        step: the checkpoint, a number or 'best'; None for the newest one.
    """

    folder: Path
    ours: str | None = None
    theirs: str | None = None
    step: str | None = None


def named(given: str) -> Named:
    """Returns the parts of a name: RUN, RUN:NAME or RUN:NEW=OLD, each also with @STEP or @best.

    Raises UserError if there is no such run.
    """
    if _holds_run(whole := paths.of_user(given)):  # a folder whose name has a colon or an @
        return Named(whole)
    found = _FORM.fullmatch(given)
    if found is None or not _holds_run(folder := paths.of_user(found["run"])):
        raise UserError(
            f"config.init_from is {given!r}: there is no run (no config.json): give RUN, RUN:NAME, RUN@STEP or "
            "RUN:NAME@STEP, where RUN is the --workdir of a training run"
        )
    return Named(folder, found["ours"], found["theirs"] or found["ours"], found["step"])


def _holds_run(folder: Path) -> bool:
    try:
        return (folder / "config.json").is_file()
    except (OSError, ValueError):  # a name too long, or with NUL
        return False
