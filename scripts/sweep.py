"""Runs a sweep: many configs and seeds from one file, to the end, and its report.

    python scripts/sweep.py --sweep=configs/sweeps/objectives_digits.py --dry_run
    python scripts/sweep.py --sweep=configs/sweeps/objectives_digits.py --workdir=runs/objectives
    python scripts/sweep.py --status --workdir=runs/objectives

The same command goes on where it stopped, however it was stopped: programs that are finished are not run again. A cell
that fails is listed at the end, and the others are run; the exit status is then 1. --print_commands prepares the
folder and prints what is to be run in it, a JSON object a line, for any other scheduler; in the first of two phases
that is the search, and after it the same command prints the rest. With --launcher=slurm the same is submitted as a job
array.
"""

import argparse
import json
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # so that it runs as a file

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

START_SECONDS = 10  # of a program before its first round, without compiling


def main(argv: list[str]) -> int:
    """Runs a command line; the exit status is 0, 1 where a cell failed, 2 for what the user can put right."""
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
        print("stopped; the same command goes on from there", file=sys.stderr)
        return 130


def _check_names(sweep: Sweep, cells: list[Planned], *, on_cpu: bool) -> list[str]:
    """What the sweep asks for and cannot be checked before a run has ended, of which it warns; UserError as `check`.

    on_cpu: this process takes no other device for good, as a process that has one may hold it, and runs need them.
    """
    from gan_jax.sweeps import names  # a second of import, which --help and --status need not wait for

    if on_cpu:
        jax.config.update("jax_platforms", "cpu")
    unchecked = names.check(sweep, cells)
    for name in unchecked:
        print(f"warning: whether runs will have {name!r} is not known before the first one has ended", file=sys.stderr)
    return unchecked


def _parser() -> argparse.ArgumentParser:
    formatter = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=formatter, allow_abbrev=False)
    parser.add_argument("--sweep", help="the sweep's file")
    parser.add_argument("--workdir", help="the sweep's folder, new or to go on in")
    either = parser.add_mutually_exclusive_group()
    either.add_argument("--dry_run", action="store_true", help="only show cells, runs and about how long they take")
    either.add_argument("--print_commands", action="store_true", help="prepare the folder, print the commands")
    either.add_argument("--status", nargs="?", const=True, metavar="DIR", help="how far the sweep in --workdir is")
    parser.add_argument("--launcher", choices=["local", "slurm"], default="local", help="where programs run")
    parser.add_argument("--slots", type=_positive, default=1, help="programs at a time; locally one for each device")
    parser.add_argument("--sbatch", type=shlex.split, default=[], help="options of sbatch's own, as one word")
    parser.add_argument("--probe", type=int, default=3, help="how many cells --dry_run times a few rounds of")
    return parser


def _positive(text: str) -> int:
    if (value := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"{value}: it must be at least 1")
    return value


def _needed(path: str | None, flag: str) -> Path:
    if not path:
        raise UserError(f"no --{flag}; see --help")
    return of_user(path)


def _run(args: argparse.Namespace, folder: Path, sweep: Sweep, cells: list[Planned]) -> int:
    """Launches each phase that the one before has made possible, then reports."""
    for phase in _phases(folder, sweep, cells):
        every: list[Program] = []
        while len(every) < len(due := _with_alone(folder, phase)):  # more only where some have diverged by then
            every = due
            folders.prepare(folder, every)
            _launch(args, folder, every)
            if any(_state(folder, program) in ("waiting", "running") for program in every):
                return 0  # elsewhere, and later
    failures = _failures(folder)
    for line in failures:
        print(line, file=sys.stderr)
    for path in ablation.write(folder):
        print(path)
    return 1 if failures else 0


def _launch(args: argparse.Namespace, folder: Path, every: list[Program]) -> None:
    if args.print_commands:
        for program in every:
            if _state(folder, program) not in folders.SETTLED:
                print(json.dumps(described(folder, program)))
    elif args.launcher == "slurm":
        job = slurm.submit(folder, every, slots=args.slots, options=args.sbatch)
        print(f"submitted as job {job}" if job else "nothing is left to submit", file=sys.stderr)
    else:
        local.run(folder, every, slots=args.slots)


def _with_alone(folder: Path, phase: list[Program]) -> list[Program]:
    """The programs, and for one whose seeds all stopped because one of them diverged, each of its seeds alone."""
    stopped = [p for p in phase if p.values["seeds"] > 1 and _state(folder, p) == "diverged"]
    return [*phase, *(one for program in stopped for one in split_seeds(program))]


def _phases(folder: Path, sweep: Sweep, cells: list[Planned]) -> Iterator[list[Program]]:
    """The programs of the only phase; or those of the search and, once they are over, of its best cells."""
    if sweep.finals is None:
        yield programs(cells, sweep.seeds, Path(folders.CELLS))
        return
    yield programs(cells, sweep.seeds, Path(folders.SEARCH))
    by = sweep.finals.by
    best = ablation.chosen(folder, by, sweep.finals.best)
    if not best:
        raise UserError(f"no cell of the search has {by.name} of every seed: there is nothing to choose by")
    chosen = [cell for cell in cells if cell.folder in best]
    folders.check(folder, folders.CELLS, chosen)
    yield programs(chosen, sweep.finals.seeds, Path(folders.CELLS))


def _state(folder: Path, program: Program) -> str:
    return folders.progress(folder / program.folder, program.values).state


def _failures(folder: Path) -> list[str]:
    """A line for each program that ended before its last round."""
    lines = []
    for program in folders.found(folder):
        now = folders.progress(folder / program.folder, program.values)
        if now.state in ("failed", "diverged"):
            said = (folder / program.folder / folders.FAILURE).read_text().splitlines()
            lines.append(f"{now.state} at round {now.step}: {program.folder}: {said[-1]}")
    return lines


def _status(folder: Path) -> int:
    """Prints programs done, running, failed and waiting, and about how long those left will take."""
    folders.read(folder)
    every = [(program, folders.progress(folder / program.folder, program.values)) for program in folders.found(folder)]
    counts = dict.fromkeys(("done", "running", "failed", "diverged", "waiting"), 0)
    for program, now in every:
        counts[now.state] += 1
        if now.state == "running":
            print(f"running: {program.folder}: round {now.step:,} of {program.values['steps']:,}")
    for line in _failures(folder):
        print(line)
    if missing := results.unchecked(folder):
        print(missing)
    rates = [now.seconds / now.step for _, now in every if now.step]
    print(", ".join(f"{count} {state}" for state, count in counts.items()) + f" of {len(every)} programs", end="; ")
    left = 0.0
    for program, now in every:
        if now.state in ("running", "waiting") and rates:
            rate = now.seconds / now.step if now.step else sum(rates) / len(rates)
            left += rate * (program.values["steps"] - now.step)
    print(f"about {_duration(left / max(counts['running'], 1))} left" if rates else "no time known yet")
    return 0


def _show(sweep: Sweep, cells: list[Planned], probe: int) -> int:
    """Prints the plan, and how long some of it takes."""
    for cell in cells:
        print(f"{cell.name}  ({cell.folder})")
    phases = [("", len(cells), sweep.seeds)]
    if sweep.finals:
        phases = [("search: ", len(cells), sweep.seeds), ("finals: ", sweep.finals.best, sweep.finals.seeds)]
    chosen = cells[:: max(1, len(cells) // probe)][:probe] if probe > 0 else []
    for words, count, seeds in phases:
        total = len(seeds.programs()) * count
        print(f"{words}{count} cells of {seeds.count} seeds: {count * seeds.count} runs in {total} programs", end="")
        times = [_seconds(cell, seeds) for cell in chosen]
        mean = sum(times) / max(len(times), 1)
        about = f", about {_duration(mean * total)} one by one, pictures and evaluations aside" if times else ""
        print(f"{about}")
    return 0


def _seconds(cell: Planned, seeds: Seeds) -> float:
    """About how long a cell's first program takes, from a few of its rounds."""
    from gan_jax import data
    from scripts import timed

    count = len(seeds.programs()[0])
    config = configs.of_seed(ConfigDict(cell.values), seeds.first)
    config.seeds = count
    game = timed.Game(config, data.load(config.data.name, config.data.split))
    return START_SECONDS + game.compile_seconds + config.steps * game.block(1.0) / 1e3


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{seconds:.0f} s" if seconds < 90 else f"{minutes} min" if minutes < 120 else f"{minutes / 60:.1f} h"


if __name__ == "__main__":
    terminal.guard()
    status = main(sys.argv[1:])
    terminal.settle()
    sys.exit(status)
