"""Gives wrong values and wrong files to the command line, and checks how each case ends.

    python scripts/bad_input.py --cases=3500 [--seed=0] [--config=configs/X.py ...] [--kind=K ...]
                                [--only=N] [--verbose]

Every field of every config gets values of other types, signs and sizes, NaN, names of other things, and text of every
kind: on the command line, in a config.json and in a Python file. Every mode gets damaged runs, data, caches, weights,
flags and paths, other data, and other settings of JAX. Data sets may be valid or not. KINDS lists the kinds.
A case must end in one line that says what is wrong (status 1 or 2), or as a valid run. A valid run is accepted, which
means that its first step would follow. A share of these is trained to the end (status 0, or 3 if it diverges). If the
right outcome is known, the case must end in it. An accepted config must read back equal from config.json.

A case fails if there is a traceback or more than one line, if a process dies, hangs or takes all memory, if a refusal
changes a folder, or if a half-written file is left. Prints the counts by outcome, and for each failure what went wrong
and the command that repeats it. The exit status is 1 if there is a failure. Cases run one after the other, in processes
of bounded memory and time.
"""

import argparse
import logging
import multiprocessing
import os
import random
import resource
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from gan_jax.data import tfds
from gan_jax.runs import cache
from gan_jax.runs.paths import of_user
from scripts import bad_configs, bad_data, bad_files, bad_prepared, bad_uses, bad_values
from scripts.bad_ends import Outcome, Trial
from scripts.bad_values import Case

ROOT = Path(__file__).parents[1]
CONFIGS = tuple(file for file in sorted((ROOT / "configs").rglob("*.py")) if "get_config" in file.read_text())
LONGEST = 120.0  # seconds until a case counts as hung
MAX_BYTES = 16 << 30  # of a process's address space
LIFE = 150  # cases per process: its compiled programs would fill the memory
TRAINED = 0.1
RUNS = {
    "gan": ("mnist_gan", {"samples.samples": 20, "samples.metrics": ("frechet",), "samples.seeds": 1}),
    "autoencoder": ("mnist_deep_ae", {}),
}
"""Runs that cases damage: a config and its evaluators' fields, trained on digits."""
OF_FIELDS = MappingProxyType({"command": bad_values.of_command, "json": bad_values.of_json})
"""Cases of a config's field. They take all fields in turn."""
OF_ANY: Mapping[str, Callable[[random.Random], Case]] = MappingProxyType(
    {
        "files": bad_files.of_files,
        "ranges": bad_configs.of_ranges,
        "own": bad_data.of_own,
        "prepared": bad_prepared.of_prepared,
        "evaluators": bad_data.of_evaluators,
        "resumes": bad_uses.of_resumes,
        "flags": bad_uses.of_flags,
        "paths": bad_uses.of_paths,
        "absent": bad_uses.of_absent_data,
        "environments": bad_uses.of_environments,
    }
)
KINDS = ("python", *OF_FIELDS, *OF_ANY)
CYCLE = ("command", "json", "files", "python", "command", "own", "command", "json", "files", "prepared", "command")
CYCLE += ("resumes", "command", "json", "evaluators", "python", "command", "own", "json", "flags", "command", "files")
CYCLE += ("python", "command", "paths", "json", "own", "command", "files", "ranges", "command", "prepared", "json")
CYCLE += ("resumes", "command", "evaluators", "python", "command", "absent", "json", "command", "environments")
"""The kinds of cases, in the order in which they repeat."""


def main(argv: list[str]) -> int:
    """Runs a command line. The exit status is 1 if a case fails."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=2000, help="number of cases; default: %(default)s")
    parser.add_argument("--seed", type=int, default=0, help="seed of the cases; default: %(default)s")
    parser.add_argument("--only", type=int, help="run only the case with this number")
    parser.add_argument("--verbose", action="store_true", help="print each case's command and standard error")
    parser.add_argument(
        "--config",
        type=of_user,
        action="append",
        help="a config file to test, may be repeated; default: all in configs/",
    )
    parser.add_argument("--kind", choices=KINDS, action="append", help="a kind of case, may be repeated; default: all")
    parser.add_argument(
        "--trained", type=float, default=TRAINED, help="share of valid cases of fields to train to the end"
    )
    args = parser.parse_args(argv)
    files = tuple(path.resolve() for path in args.config or CONFIGS)
    numbers = range(args.cases) if args.only is None else [args.only]
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(cache.folder("programs")))
    plan = Plan(args.seed, files, args.trained, tuple(args.kind or CYCLE))
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as temporary:
        runs = prepare(Path(temporary))
        outcomes = run(plan, numbers, runs, args.verbose)
    failed = {number: outcome for number, outcome in outcomes.items() if outcome.wrong}
    counts = Counter(outcome.kind for outcome in outcomes.values()).most_common()
    slowest = max(outcome.seconds for outcome in outcomes.values())
    print(f"{len(outcomes)} cases, {len(failed)} failures: {', '.join(f'{count} {kind}' for kind, count in counts)}")
    print(f"{time.monotonic() - began:.0f} s, the slowest case {slowest:.0f} s")
    for number, outcome in failed.items():
        print(failure(plan, number, outcome))
    return bool(failed)


class Plan(NamedTuple):
    """The inputs of a plan of cases: a seed, config files, the share of cases of fields that is trained, the kinds."""

    seed: int
    files: tuple[Path, ...]
    trained: float
    kinds: tuple[str, ...] = CYCLE


def failure(plan: Plan, number: int, outcome: Outcome) -> str:
    """Returns what went wrong in a case, and the command that repeats it."""
    again = [f"--seed={plan.seed}", f"--trained={plan.trained}", f"--only={number}", "--verbose"]
    again += [f"--config={path}" for path in plan.files if plan.files != CONFIGS]
    again += [f"--kind={kind}" for kind in plan.kinds if plan.kinds != CYCLE]
    return f"FAILED {outcome.kind}: {outcome.wrong}\n    python scripts/bad_input.py {shlex.join(again)}"


def make(plan: Plan, number: int) -> Case:
    """Returns the case with this number. It depends only on the number and the plan."""
    rng = random.Random(f"{plan.seed}/{number}")
    cycle, index = divmod(number, len(plan.kinds))
    kind = plan.kinds[index]
    if kind == "python":
        return bad_configs.of_python(rng, plan.files)
    if kind in OF_ANY:
        return OF_ANY[kind](rng)
    fields = list(bad_values.fields(plan.files))
    random.Random(plan.seed).shuffle(fields)
    of_fields = [each in OF_FIELDS for each in plan.kinds]
    file, field = fields[(cycle * sum(of_fields) + sum(of_fields[:index])) % len(fields)]
    return OF_FIELDS[kind](rng, file, field)._replace(trains=rng.random() < plan.trained)


def prepare(runs: Path) -> Path:
    """Trains the runs that cases damage, with their own cache, and copies MNIST's prepared files next to them."""
    tiny = {**bad_values.TINY, "data.name": "digits", "checkpoint_every_steps": 1, "evaluate_every_steps": 2}
    for name, (config, evaluators) in RUNS.items():
        _train(runs, name, config, tiny | {f"evaluators.{field}": value for field, value in evaluators.items()})
    bad_prepared.write(runs / "tfds", "mine", bad_uses.SET)
    pixels = {"name": "samples.distribution", "features": "pixels", "metrics": ("frechet",), "samples": 20, "seeds": 2}
    own = {"data.name": "mine", "evaluate_every_steps": 1, "evaluators": {"samples": pixels}}
    _train(runs, "own", "mnist_gan", tiny | own | {"keep_best": bad_uses.RULES[0]})
    if (mnist := tfds.data_dir() / "mnist").is_dir():
        shutil.copytree(mnist, runs / "mnist", ignore=shutil.ignore_patterns("*train*"))
    return runs


def _train(runs: Path, name: str, config: str, values: Mapping[str, Any]) -> None:
    command = [sys.executable, "-m", "gan_jax.main", f"--config={ROOT / 'configs' / config}.py"]
    command += [f"--workdir={runs / name}", *(f"--config.{field}={value}" for field, value in values.items())]
    environment = {**os.environ, "GAN_JAX_CACHE": str(runs / "cache")}
    if name == "own":
        environment |= {"TFDS_DATA_DIR": str(runs / "tfds"), "GAN_JAX_CACHE": str(runs / "other cache")}
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, env=environment)


def run(plan: Plan, numbers: Iterable[int], runs: Path, verbose: bool = False) -> dict[int, Outcome]:
    """Runs these cases one after the other, in processes that are replaced now and then. Returns their outcomes."""
    outcomes, worker = {}, Worker(runs, verbose)
    for number in numbers:
        if worker.cases == LIFE or not worker.is_alive():
            worker.stop()
            worker = Worker(runs, verbose)
        outcomes[number] = worker.ask(make(plan, number).about, (plan, number))
        if outcomes[number].wrong:
            print(failure(plan, number, outcomes[number]), file=sys.stderr, flush=True)
        if len(outcomes) % 100 == 0:
            print(f"{len(outcomes)} cases, {sum(bool(o.wrong) for o in outcomes.values())} failures", file=sys.stderr)
    worker.stop()
    return outcomes


class Worker:
    """A process that runs cases, one at a time."""

    def __init__(self, runs: Path, verbose: bool):
        spawn = multiprocessing.get_context("spawn")
        self._pipe, theirs = spawn.Pipe()
        self._process = spawn.Process(target=work, args=(theirs, runs, verbose))
        self._process.start()
        theirs.close()
        self.cases = 0
        self._pipe.recv()  # ready: no case includes its start-up

    def is_alive(self) -> bool:
        """Returns True if it can run another case."""
        return self._process.is_alive()

    def ask(self, about: str, case: tuple) -> Outcome:
        """Returns the outcome of a case, however it ends."""
        self.cases += 1
        began = time.monotonic()
        try:
            self._pipe.send(case)
            if self._pipe.poll(LONGEST):
                return self._pipe.recv()._replace(seconds=time.monotonic() - began)
        except (EOFError, ConnectionError):
            self._process.join()
            return Outcome("died", f"{about}: the process ended with status {self._process.exitcode}")
        self.stop()
        return Outcome("hung", f"{about}: no end after {LONGEST:.0f} s", LONGEST)

    def stop(self) -> None:
        """Ends the process. Kills it if it hangs."""
        self._pipe.close()
        self._process.join(5)
        self._process.kill()
        self._process.join()


def work(pipe: Any, runs: Path, verbose: bool) -> None:
    """Runs the cases received through a pipe, in bounded memory."""
    resource.setrlimit(resource.RLIMIT_AS, (MAX_BYTES, MAX_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    logging.getLogger("absl").setLevel(logging.CRITICAL)  # as the command sets it
    trial = Trial(runs)
    pipe.send("ready")
    with suppress(EOFError):  # the parent process has ended
        while True:
            pipe.send(trial.outcome(make(*pipe.recv()), verbose=verbose))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
