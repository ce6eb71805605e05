"""Runs a case of bad_input.py as a command line, and checks its exit status, standard error and files."""

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

TRAINABLE = {"steps": 4, "batch_size": 64, "seeds": 2, "values": 20_000_000, "samples": 200, "updates": 10}
"""Limits of runs that are trained and not only started; `values` is the size of the state."""
TRAIN, LOAD = loop._train, data.load
ROOT = Path(__file__).parents[1]
OURS = ("digits", "ring", "grid", "mnist", "binary_mnist", "stacked_mnist", "gaussians")
"""Data sets that are read only once, except for cases with their own cache."""
SECONDS = 100  # limit for a case in its own process


class Outcome(NamedTuple):
    """The outcome of a case: its kind, what is wrong ('' for nothing), and its seconds."""

    kind: str
    wrong: str
    seconds: float = 0.0


class Trial:
    """The command line, stopped before the first step if the case says so."""

    def __init__(self, runs: Path):
        self.runs, self.read = runs, {}
        self.dry_run = False
        self.accepted: Any = ()  # the arguments of `loop._train`
        loop._train, data.load = self.train, self.load

    def outcome(self, case: Case, *, verbose: bool = False) -> Outcome:
        """Returns a case's outcome, from a run in its own folder, which is deleted afterwards."""
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            case.prepare(folder, self.runs)
            arguments = [_filled(argument, folder) for argument in case.arguments]
            with _surroundings(case, folder):
                self.dry_run = case.dry_run and not case.process
                found = self.once(case, arguments, folder, verbose=verbose)
                if found == Outcome("accepted", "") and case.trains and self.is_small():
                    self.dry_run = False
                    found = self.once(case, arguments, folder, verbose=verbose)
                    if found.kind == "stopped in training" and case.right:
                        found = found._replace(wrong="found only in training")
        return found._replace(wrong=f"{case.about}: {found.wrong}") if found.wrong else found

    def once(self, case: Case, arguments: list[str], folder: Path, *, verbose: bool) -> Outcome:
        """Returns the outcome of one call."""
        before, self.accepted = _seen(folder), ()
        try:
            status, said = _as_process(arguments) if case.process else _here(arguments)
        except subprocess.TimeoutExpired as error:
            return Outcome("hung", f"no end after {error.timeout:.0f} s")
        except BaseException as error:  # no user should see it
            return Outcome("escaped", "".join(traceback.format_exception(error)[-3:]))
        if verbose:
            command = shlex.join(["python", "-m", "gan_jax.main", *arguments])
            print(f"{command[:2000]}\n-> {status}\n{said}", file=sys.stderr)
        after = _seen(folder)
        wrong = _complaint(status, said) or _half_written({path for path, _ in after - before})
        if status in (1, 2):
            if not self.accepted and (changed := before ^ after):
                wrong = wrong or f"a refused command changed {sorted(str(path) for path, _ in changed)[:3]}"
            kind = "stopped in training" if self.accepted else "refused"
        elif self.dry_run and self.accepted:
            kind, wrong = "accepted", wrong or self.read_back(folder)
        else:
            kind = {0: "done", 3: "diverged"}.get(status, f"status {status}")
        right = case.right if self.dry_run or "accepted" not in case.right else (*case.right, "done", "diverged")
        if right and kind not in right:
            wrong = wrong or f"it was {kind}, not {' or '.join(right)}: {said[-300:]}"
        return Outcome(kind, wrong or case.check(folder, said))

    def read_back(self, folder: Path) -> str:
        """Returns how the accepted config and its folder's config.json differ, '' if they do not."""
        _, _, each = self.accepted
        for its_config, run_dir in each:
            kept = configs.load(run_dir.config)
            if configs.to_json(kept) != configs.to_json(its_config) or kept.to_dict() != its_config.to_dict():
                return f"{run_dir.config} reads back as another config than was accepted"
        return ""

    def train(self, *arguments: Any, **named: Any) -> None:
        """Replaces `loop._train`: records that the config was accepted, and trains nothing in a dry run."""
        self.accepted = arguments
        if not self.dry_run:
            TRAIN(*arguments, **named)

    def load(self, name: str, split: str, **arguments: Any) -> Any:
        """Replaces `data.load`: reads data that many cases use only once."""
        usual = split in ("train", "test") and name in OURS and "GAN_JAX_CACHE" not in os.environ
        if not usual:
            return LOAD(name, split, **arguments)
        key = name, split, repr(sorted(arguments.items()))
        if key not in self.read:
            self.read[key] = LOAD(name, split, **arguments)
        return self.read[key]

    def is_small(self) -> bool:
        """Returns True if the accepted run is small enough to train."""
        experiment, config, _ = self.accepted
        state = jax.eval_shape(experiment.init, experiment.keys.init)
        values = sum(leaf.size for leaf in jax.tree.leaves(state))
        samples = [block.get("samples", 0) for block in (config.to_dict().get("evaluators") or {}).values()]
        sizes = {
            **config.to_dict(),
            "values": values,
            "samples": max(samples, default=0),
            "updates": experiment.updates_per_step,
        }
        return all(sizes[name] <= most for name, most in TRAINABLE.items())


def _filled(argument: str, folder: Path) -> str:
    return argument.replace("{folder}", str(folder)).replace("{run}", str(folder / "run"))


@contextmanager
def _surroundings(case: Case, folder: Path) -> Iterator[None]:
    """Sets a case's environment and JAX's settings. Modules in its folder can be imported, and are then forgotten."""
    before, path, kept = dict(os.environ), list(sys.path), {name: getattr(jax.config, name) for name in case.settings}
    os.environ.update({name: _filled(value, folder) for name, value in case.environment.items()})
    sys.path.insert(0, str(folder))
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
            if str(getattr(module, "__file__", None)).startswith(f"{folder}{os.sep}"):
                del sys.modules[name]


def _here(arguments: list[str]) -> tuple[int, str]:
    """Runs a command in this process. Returns its exit status and its standard error."""
    with _captured() as said:
        status = main.main(["gan_jax", *arguments])
    return status, said[0]


def _as_process(arguments: list[str]) -> tuple[int, str]:
    """Does the same in a new process, whose encoding the environment may set."""
    command = [sys.executable, "-m", "gan_jax.main", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=SECONDS, stdin=subprocess.DEVNULL)
    return done.returncode, done.stderr.decode(os.environ.get("PYTHONIOENCODING", "utf-8"), errors="replace")


@contextmanager
def _captured() -> Iterator[list[str]]:
    """Yields a list that receives the standard error, also from C++. Standard output is dropped."""
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


def _seen(folder: Path) -> set[tuple[Path, bytes | str]]:
    """Returns a folder's files with their bytes, and its folders, except for a cache, which may grow."""
    found = (path for path in folder.rglob("*") if folder / "cache" not in (path, *path.parents))
    return {(path, path.read_bytes() if path.is_file() else f"folder {path.is_dir()}") for path in found}


def _complaint(status: int, said: str) -> str:
    """Returns what is wrong with a command's exit status and standard error, '' for nothing."""
    lines = said.splitlines()
    errors = [line for line in lines if line.startswith("error: ")]
    if "Traceback" in said or status not in (0, 1, 2, 3) or bool(errors) != bool(status):
        return f"status {status}, said: {said[-1500:]}"
    if errors and (errors != lines[-1:] or len(lines[-1]) > 2200):
        return f"no single line: {said[-1500:]}"
    return ""


def _half_written(new: set[Path]) -> str:
    """Returns an incomplete file that a command wrote, '' if there is none."""
    for path in sorted(new):
        if path.name == ".lock" or path.name.endswith((".tmp", ".orbax-checkpoint-tmp")):
            return f"{path} was left behind"
        if path.name == "config.json":
            json.loads(path.read_text())
        if path.suffix == ".jsonl" and not (path.read_bytes() or b"\n").endswith(b"\n"):
            return f"{path} ends in the middle of a row"
    return ""
