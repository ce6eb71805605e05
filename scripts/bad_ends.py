"""How a case of bad_input.py ends: the command line in this process, and what is wrong with what it said and left."""

import importlib
import json
import os
import shlex
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import jax

from gan_jax import config as configs
from gan_jax import data, main
from gan_jax.training import loop
from scripts.bad_values import Case

PLAYABLE = {"steps": 4, "batch_size": 64, "seeds": 2, "values": 20_000_000, "samples": 200, "updates": 10}
"""The most of a run that is played, not only taken at the door; `values` of its state."""
TRAIN, LOAD = loop._train, data.load
ROOT = Path(__file__).parents[1]
OURS = ("digits", "ring", "grid", "mnist", "binary_mnist", "stacked_mnist", "gaussians")
"""Data sets that are read once; but for those of a cache of the case's own."""
SECONDS = 100  # of a process of a case's own


class Outcome(NamedTuple):
    """How a case ended: its kind, and what is wrong with that, '' for nothing; after how many seconds."""

    kind: str
    wrong: str
    seconds: float = 0.0


class Trial:
    """The command line, with what lies between the door and the first round under control."""

    def __init__(self, held: Path):
        self.held, self.read = held, {}
        self.door = False
        self.taken: Any = ()  # what `loop._train` was given
        loop._train, data.load = self.play, self.load

    def outcome(self, case: Case, *, verbose: bool = False) -> Outcome:
        """How a case ends, in a folder of its own that is deleted after."""
        with tempfile.TemporaryDirectory() as temporary:
            place = Path(temporary)
            case.prepare(place, self.held)
            arguments = [_filled(argument, place) for argument in case.arguments]
            with _surroundings(case, place):
                self.door = case.door and not case.process
                found = self.once(case, arguments, place, verbose=verbose)
                if found == Outcome("taken", "") and case.played and self.is_small():
                    self.door = False
                    found = self.once(case, arguments, place, verbose=verbose)
                    if found.kind == "stopped in play" and case.right:
                        found = found._replace(wrong="found out only in play")
        return found._replace(wrong=f"{case.about}: {found.wrong}") if found.wrong else found

    def once(self, case: Case, arguments: list[str], place: Path, *, verbose: bool) -> Outcome:
        """The outcome of one call."""
        before, self.taken = _seen(place), ()
        try:
            status, said = _as_process(arguments) if case.process else _here(arguments)
        except BaseException as error:  # what nobody should see
            return Outcome("escaped", "".join(traceback.format_exception(error)[-3:]))
        if verbose:
            command = shlex.join(["python", "-m", "gan_jax.main", *arguments])
            print(f"{command[:2000]}\n-> {status}\n{said}", file=sys.stderr)
        after = _seen(place)
        wrong = _complaint(status, said) or _half_written({path for path, _ in after - before})
        if status in (1, 2):
            if not self.taken and (changed := before ^ after):
                wrong = wrong or f"a refused command changed {sorted(str(path) for path, _ in changed)[:3]}"
            kind = "stopped in play" if self.taken else "refused"
        elif self.door and self.taken:
            kind, wrong = "taken", wrong or self.read_back(place)
        else:
            kind = {0: "done", 3: "diverged"}.get(status, f"status {status}")
        right = case.right if self.door or "taken" not in case.right else (*case.right, "done", "diverged")
        if right and kind not in right:
            wrong = wrong or f"it was {kind}, not {' or '.join(right)}: {said[-300:]}"
        return Outcome(kind, wrong or case.check(place, said))

    def read_back(self, place: Path) -> str:
        """What is not the same in the config that was taken and in what its folder's config.json holds."""
        _, _, each = self.taken
        for its_config, run_dir in each:
            kept = configs.load(run_dir.config)
            if configs.to_json(kept) != configs.to_json(its_config) or kept.to_dict() != its_config.to_dict():
                return f"{run_dir.config} reads back as another config than was taken"
        return ""

    def play(self, *game: Any, **named: Any) -> None:
        """`loop._train`, but at the door nothing is played; notes that the command came so far."""
        self.taken = game
        if not self.door:
            TRAIN(*game, **named)

    def load(self, name: str, split: str, **arguments: Any) -> Any:
        """`data.load`, which reads once what many cases read."""
        usual = split in ("train", "test") and name in OURS and "GAN_JAX_CACHE" not in os.environ
        if not usual:
            return LOAD(name, split, **arguments)
        asked = name, split, repr(sorted(arguments.items()))
        if asked not in self.read:
            self.read[asked] = LOAD(name, split, **arguments)
        return self.read[asked]

    def is_small(self) -> bool:
        """Whether the run that was taken is one to be played."""
        experiment, config, _ = self.taken
        state = jax.eval_shape(experiment.init, experiment.keys.init)
        values = sum(leaf.size for leaf in jax.tree.leaves(state))
        samples = [block.get("samples", 0) for block in (config.to_dict().get("evaluators") or {}).values()]
        sizes = {
            **config.to_dict(),
            "values": values,
            "samples": max(samples, default=0),
            "updates": experiment.updates_per_step,
        }
        return all(sizes[name] <= most for name, most in PLAYABLE.items())


def _filled(argument: str, place: Path) -> str:
    return argument.replace("{place}", str(place)).replace("{run}", str(place / "run"))


@contextmanager
def _surroundings(case: Case, place: Path) -> Iterator[None]:
    """A case's environment, settings of JAX, and modules: those of its folder can be imported, and are forgotten."""
    before, path, kept = dict(os.environ), list(sys.path), {name: getattr(jax.config, name) for name in case.settings}
    os.environ.update({name: _filled(value, place) for name, value in case.environment.items()})
    sys.path.insert(0, str(place))
    importlib.invalidate_caches()
    try:
        for name, value in case.settings.items():
            jax.config.update(name, value)
        yield
    finally:
        for name, value in kept.items():
            jax.config.update(name, value)
        os.environ.clear()
        os.environ.update(before)
        sys.path[:] = path
        for name, module in list(sys.modules.items()):
            if str(getattr(module, "__file__", None)).startswith(f"{place}{os.sep}"):
                del sys.modules[name]


def _here(arguments: list[str]) -> tuple[int, str]:
    """The status of a command in this process, and what it says on standard error."""
    with _captured() as said:
        status = main.main(["gan_jax", *arguments])
    return status, said[0]


def _as_process(arguments: list[str]) -> tuple[int, str]:
    """The same of a process of its own."""
    command = [sys.executable, "-m", "gan_jax.main", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=SECONDS, stdin=subprocess.DEVNULL)
    return done.returncode, done.stderr.decode(errors="replace")


@contextmanager
def _captured() -> Iterator[list[str]]:
    """A list that gets what was said on standard error, by C++ too; standard output goes nowhere."""
    said: list[str] = []
    kept = os.dup(1), os.dup(2)
    with tempfile.TemporaryFile() as file, Path(os.devnull).open("w") as nothing:
        sys.stdout.flush()
        os.dup2(nothing.fileno(), 1)
        os.dup2(file.fileno(), 2)
        try:
            yield said
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for descriptor, usual in enumerate(kept, start=1):
                os.dup2(usual, descriptor)
                os.close(usual)
            file.seek(0)
            said.append(file.read().decode(errors="replace"))


def _seen(place: Path) -> set[tuple[Path, bytes | str]]:
    """Every file in a folder with its bytes, every other thing with its kind; not a cache, which may grow."""
    found = (path for path in place.rglob("*") if place / "cache" not in (path, *path.parents))
    return {(path, path.read_bytes() if path.is_file() else f"folder {path.is_dir()}") for path in found}


def _complaint(status: int, said: str) -> str:
    """What is wrong with what a command said; '' for nothing."""
    lines = said.splitlines()
    errors = [line for line in lines if line.startswith("error: ")]
    if "Traceback" in said or status not in (0, 1, 2, 3) or bool(errors) != bool(status):
        return f"status {status}, said: {said[-1500:]}"
    if errors and (errors != lines[-1:] or len(lines[-1]) > 2200):
        return f"no single line: {said[-1500:]}"
    return ""


def _half_written(new: set[Path]) -> str:
    """Which of the files that a command wrote is not whole, in words; '' for none."""
    for path in sorted(new):
        if path.name == ".lock" or path.name.endswith((".tmp", ".orbax-checkpoint-tmp")):
            return f"{path} was left behind"
        if path.name == "config.json":
            json.loads(path.read_text())
        if path.suffix == ".jsonl" and not (path.read_bytes() or b"\n").endswith(b"\n"):
            return f"{path} ends in the middle of a row"
    return ""
