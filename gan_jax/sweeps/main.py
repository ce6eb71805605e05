"""Runs a sweep to completion, many configs and seeds from one file, and writes its report.

    gan-jax-sweep --sweep=configs/sweeps/objectives_digits.py --dry_run
    gan-jax-sweep --sweep=configs/sweeps/objectives_digits.py --workdir=runs/objectives
    gan-jax-sweep --status --workdir=runs/objectives

In a checkout, `python scripts/sweep.py` is the same command.

The same command resumes the sweep, however it was stopped. Finished programs are not run again. If a cell fails, the
others still run, it is listed at the end, and the exit status is 1. --print_commands prepares the folder and prints the
commands that are left to run, one JSON object per line, for any other scheduler. For a sweep with two phases it first
prints the search; once that is done, the same command prints the rest. --launcher=slurm submits the same commands as a
job array.
"""

import argparse
import json
import os
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import jax
from ml_collections import ConfigDict

from gan_jax import config as configs
from gan_jax.errors import UserError
from gan_jax.runs import terminal
from gan_jax.runs.paths import check_name, of_user
from gan_jax.sweeps import ablation, local, results, slurm
from gan_jax.sweeps import folder as folders
from gan_jax.sweeps.commands import described
from gan_jax.sweeps.plan import Planned, Program, Seeds, Sweep, expand, load, programs, split_seeds

START_SECONDS = 10  # of a program before its first step, without compiling


def run() -> NoReturn:
    """Runs the command line of this process and ends it: the command `gan-jax-sweep`."""
    terminal.guard()
    sys.path.insert(0, os.getcwd())  # noqa: PTH109  # as -m does, for modules that a config names
    status = main(sys.argv[1:])
    terminal.settle()
    sys.exit(status)


def main(argv: list[str]) -> int:
    """Runs a command line. Returns its exit status: 0, 1 if a cell failed, or 2 for what the user can correct."""
    terminal.escaped()
    args = _parser().parse_args(argv)
    try:
        if args.status:
            return _status(_needed(args.workdir if args.status is True else args.status, "workdir=DIR"))
        file = _needed(args.sweep, "sweep=FILE")
        sweep = load(file)
        cells = expand(sweep)
        unchecked = _check_names(sweep, cells, on_cpu=not args.dry_run)
        if args.dry_run:
            return _show(sweep, cells, args.probe)
        folder = _needed(args.workdir, "workdir=DIR")
        check_name(folder, "workdir")
        folders.claim(folder, file.stem, sweep, cells, unchecked=unchecked)
        return _run(args, folder, sweep, cells)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"error: {error.strerror or error}: {error.filename or args.workdir}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped: the same command resumes the sweep", file=sys.stderr)
        return 130


def _check_names(sweep: Sweep, cells: list[Planned], *, on_cpu: bool) -> list[str]:
    """Returns the metrics of the sweep that cannot be checked before a run has ended, and warns about them.

    Raises UserError as `names.check` does. on_cpu: use the CPU alone, since this process would hold any other device
    until it ends, and the runs need them.
    """
    from gan_jax.sweeps import names  # takes a second to import; --help and --status do not need it

    if on_cpu:
        jax.config.update("jax_platforms", "cpu")
    unchecked = names.check(sweep, cells)
    for name in unchecked:
        print(f"warning: {name!r} can only be checked once the first run has ended", file=sys.stderr)
    return unchecked


def _parser() -> argparse.ArgumentParser:
    formatter = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=formatter, allow_abbrev=False)
    parser.add_argument("--sweep", help="the sweep's file")
    parser.add_argument("--workdir", help="the sweep's folder, new or to be resumed")
    either = parser.add_mutually_exclusive_group()
    either.add_argument("--dry_run", action="store_true", help="only show cells, runs and an estimate of their time")
    either.add_argument("--print_commands", action="store_true", help="prepare the folder and print the commands")
    either.add_argument("--status", nargs="?", const=True, metavar="DIR", help="show the progress of a sweep")
    parser.add_argument("--launcher", choices=["local", "slurm"], default="local", help="where programs run")
    parser.add_argument(
        "--slots", type=_positive, default=1, help="how many programs run at a time; on this machine one per device"
    )
    parser.add_argument("--sbatch", type=shlex.split, default=[], help="options of sbatch, as one quoted argument")
    parser.add_argument("--probe", type=int, default=3, help="how many cells --dry_run measures for its estimate")
    return parser


def _positive(text: str) -> int:
    if (value := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"{value}: it must be at least 1")
    return value


def _needed(path: str | None, flag: str) -> Path:
    if not path:
        raise UserError(f"--{flag} is missing; see --help")
    return of_user(path)


def _run(args: argparse.Namespace, folder: Path, sweep: Sweep, cells: list[Planned]) -> int:
    """Launches the phases one after another, then writes the report."""
    for phase in _phases(folder, sweep, cells):
        launched: list[Program] = []
        # There is a second pass only if a program of several seeds diverged in the first.
        while len(launched) < len(due := _with_split_seeds(folder, phase)):
            launched = due
            folders.prepare(folder, launched)
            _launch(args, folder, launched)
            if any(_state(folder, program) in ("waiting", "running") for program in launched):
                return 0  # another scheduler runs them later
    failures = _failures(folder)
    for line in failures:
        print(line, file=sys.stderr)
    for path in ablation.write(folder):
        print(path)
    return 1 if failures else 0


def _launch(args: argparse.Namespace, folder: Path, launched: list[Program]) -> None:
    if args.print_commands:
        for program in launched:
            if _state(folder, program) not in folders.SETTLED:
                print(json.dumps(described(folder, program)))
    elif args.launcher == "slurm":
        job = slurm.submit(folder, launched, slots=args.slots, options=args.sbatch)
        print(f"submitted as job {job}" if job else "nothing is left to submit", file=sys.stderr)
    else:
        local.run(folder, launched, slots=args.slots)


def _with_split_seeds(folder: Path, phase: list[Program]) -> list[Program]:
    """Returns the programs, and for those that stopped because one seed diverged, also each seed by itself."""
    diverged = [p for p in phase if p.values["seeds"] > 1 and _state(folder, p) == "diverged"]
    return [*phase, *(one for program in diverged for one in split_seeds(program))]


def _phases(folder: Path, sweep: Sweep, cells: list[Planned]) -> Iterator[list[Program]]:
    """Yields the programs of the only phase, or of the search and, once those are done, of its best cells."""
    if sweep.finals is None:
        yield _programs(folder, cells, sweep.seeds, folders.CELLS)
        return
    yield _programs(folder, cells, sweep.seeds, folders.SEARCH)
    by = sweep.finals.by
    best = ablation.chosen(folder, by, sweep.finals.best)
    if not best:
        raise UserError(f"no cell of the search has {by.name} for every seed, so none can be chosen")
    chosen = [cell for cell in cells if cell.folder in best]
    folders.check(folder, folders.CELLS, chosen)
    yield _programs(folder, chosen, sweep.finals.seeds, folders.CELLS)


def _programs(folder: Path, cells: list[Planned], seeds: Seeds, phase: str) -> list[Program]:
    return programs(cells, seeds, Path(phase), folders.seeds_by_cell(folder / phase))


def _state(folder: Path, program: Program) -> str:
    return folders.progress(folder / program.folder, program.values).state


def _failures(folder: Path) -> list[str]:
    """Returns a line for each program that ended before its last step."""
    lines = []
    for program in folders.found(folder):
        now = folders.progress(folder / program.folder, program.values)
        if now.state in ("failed", "diverged"):
            reason = (folder / program.folder / folders.FAILURE).read_text().splitlines()[-1]
            lines.append(f"{now.state} at step {now.step}: {program.folder}: {reason}")
    return lines


def _status(folder: Path) -> int:
    """Prints how many programs are done, running, failed and waiting, and about how long the rest will take."""
    folders.read(folder)
    progress = [(one, folders.progress(folder / one.folder, one.values)) for one in folders.found(folder)]
    counts = dict.fromkeys(("done", "running", "failed", "diverged", "waiting"), 0)
    for program, now in progress:
        counts[now.state] += 1
        if now.state == "running":
            print(f"running: {program.folder}: step {now.step:,} of {program.values['steps']:,}")
    for line in _failures(folder):
        print(line)
    if missing := results.unchecked(folder):
        print(missing)
    rates = [now.seconds / now.step for _, now in progress if now.step]
    print(", ".join(f"{count} {state}" for state, count in counts.items()) + f" of {len(progress)} programs", end="; ")
    left = 0.0
    for program, now in progress:
        if now.state in ("running", "waiting") and rates:
            rate = now.seconds / now.step if now.step else sum(rates) / len(rates)
            left += rate * (program.values["steps"] - now.step)
    print(f"about {_duration(left / max(counts['running'], 1))} left" if rates else "no estimate of the time yet")
    return 0


def _show(sweep: Sweep, cells: list[Planned], probe: int) -> int:
    """Prints the plan, and an estimate of how long it takes."""
    for cell in cells:
        print(f"{cell.name}  ({cell.folder})")
    phases = [("", len(cells), sweep.seeds)]
    if sweep.finals:
        phases = [("search: ", len(cells), sweep.seeds), ("finals: ", sweep.finals.best, sweep.finals.seeds)]
    chosen = cells[:: max(1, len(cells) // probe)][:probe] if probe > 0 else []
    for words, count, seeds in phases:
        total = len(seeds.programs()) * count
        times = [_seconds(cell, seeds) for cell in chosen]
        mean = sum(times) / max(len(times), 1)
        about = f", about {_duration(mean * total)} one after another, without samples and evaluations" if times else ""
        print(f"{words}{count} cells with {seeds.count} seeds: {count * seeds.count} runs in {total} programs{about}")
    return 0


def _seconds(cell: Planned, seeds: Seeds) -> float:
    """Returns an estimate of the seconds of a cell's first program, from a few of its steps."""
    from gan_jax import data
    from gan_jax.sweeps.timing import TimedRun

    count = len(seeds.programs()[0])
    config = configs.of_seed(ConfigDict(cell.values), seeds.first)
    config.seeds = count
    timed = TimedRun(config, data.load(**config.data.to_dict()))
    return START_SECONDS + timed.compile_seconds + config.steps * timed.ms_per_step(1.0) / 1e3


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{seconds:.0f} s" if seconds < 90 else f"{minutes} min" if minutes < 120 else f"{minutes / 60:.1f} h"


if __name__ == "__main__":
    run()
