"""Feeds wrong values and wrong files to the command line and looks at how each case ends.

    python scripts/bad_input.py --cases=2000 [--seed=0] [--config=configs/X.py ...] [--verbose] [--only=N]

Every field of every config is given values of other types, signs and sizes, NaN, names of other things, text of every
kind, on the command line and in a config.json; every mode is given damaged runs, data, caches, weights, flags and
places. A case has to end in one line that says what is wrong (status 1 or 2), or as a run that is valid: taken at the
door, that is up to its first round, and of a share of the cases played to the end (status 0, or 3 where it diverges).

It is a failure where there is a traceback, more than one line, a process that dies, hangs or takes all memory, where
after a refusal at the door a folder is not as it was, or where a half-written file is left. Prints the counts by
outcome, and of each failure what went wrong and the command that repeats it; the exit status is 1 where there is one.
Cases run one after the other in processes of bounded memory and time.
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
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from gan_jax.data import tfds
from gan_jax.runs import cache
from gan_jax.runs.paths import of_user
from scripts import bad_files, bad_values
from scripts.bad_ends import Outcome, Trial
from scripts.bad_values import Case

ROOT = Path(__file__).parents[1]
CONFIGS = tuple(sorted(file for file in (ROOT / "configs").rglob("*.py") if file.parent.name != "sweeps"))
LONGEST = 120.0  # seconds of a case: after that it hangs
MAX_BYTES = 16 << 30  # of a process's addresses
LIFE = 150  # cases of a process, whose compiled programs would fill its memory
PLAYED = 0.1
RUNS = {
    "gan": ("mnist_gan", {"samples.samples": 20, "samples.metrics": ("frechet",), "samples.seeds": 1}),
    "autoencoder": ("mnist_deep_ae", {}),
}
"""What cases damage: a config and its evaluators' fields, to be trained on digits."""


def main(argv: list[str]) -> int:
    """Runs a command line; the exit status is 1 where a case fails."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=2000, help="how many")
    parser.add_argument("--seed", type=int, default=0, help="of the cases")
    parser.add_argument("--only", type=int, help="the number of one case")
    parser.add_argument("--verbose", action="store_true", help="show each case's command and its words")
    parser.add_argument("--config", type=of_user, action="append", help="config files; all if none is given")
    parser.add_argument("--played", type=float, default=PLAYED, help="the share of valid configs that is played")
    args = parser.parse_args(argv)
    files = tuple(path.resolve() for path in args.config or CONFIGS)
    numbers = range(args.cases) if args.only is None else [args.only]
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(cache.folder("programs")))
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as temporary:
        held = prepare(Path(temporary))
        outcomes = run(args.seed, numbers, files, args.played, held, verbose=args.verbose)
    failed = {number: outcome for number, outcome in outcomes.items() if outcome.wrong}
    counts = Counter(outcome.kind for outcome in outcomes.values()).most_common()
    slowest = max(outcome.seconds for outcome in outcomes.values())
    print(f"{len(outcomes)} cases, {len(failed)} failures: {', '.join(f'{count} {kind}' for kind, count in counts)}")
    print(f"{time.monotonic() - began:.0f} s, the slowest case {slowest:.0f} s")
    chosen = [f"--config={path}" for path in args.config or ()]
    for number, outcome in failed.items():
        again = [f"--seed={args.seed}", f"--played={args.played}", *chosen, f"--only={number}", "--verbose"]
        print(f"FAILED {outcome.kind}: {outcome.wrong}\n    python scripts/bad_input.py {shlex.join(again)}")
    return bool(failed)


def make(seed: int, number: int, files: tuple[Path, ...], played: float) -> Case:
    """The case of this number, a function of these alone: of five, one of files, one of a config.json, three of fields.

    Each field of the configs `files` comes in turn. played: the share of cases of fields that are to be played.
    """
    rng = random.Random(f"{seed}/{number}")
    if number % 5 == 4:
        return bad_files.of_files(rng)
    fields = list(bad_values.fields(files))
    random.Random(seed).shuffle(fields)
    file, field = fields[(number - number // 5) % len(fields)]
    wrong = bad_values.of_json if number % 5 == 3 else bad_values.of_command
    return wrong(rng, file, field)._replace(played=rng.random() < played)


def prepare(held: Path) -> Path:
    """Trains the runs that cases damage, with a cache of their own, and lays MNIST's prepared files beside them."""
    tiny = {**bad_values.TINY, "data.name": "digits", "checkpoint_every_steps": 1, "evaluate_every_steps": 2}
    for name, (config, evaluators) in RUNS.items():
        values = tiny | {f"evaluators.{field}": value for field, value in evaluators.items()}
        command = [sys.executable, "-m", "gan_jax.main", f"--config={ROOT / 'configs' / config}.py"]
        command += [f"--workdir={held / name}", *(f"--config.{field}={value}" for field, value in values.items())]
        environment = {**os.environ, "GAN_JAX_CACHE": str(held / "cache")}
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True, env=environment)
    if (mnist := tfds.data_dir() / "mnist").is_dir():
        shutil.copytree(mnist, held / "mnist", ignore=shutil.ignore_patterns("*train*"))
    return held


def run(
    seed: int, numbers: Iterable[int], files: tuple[Path, ...], played: float, held: Path, *, verbose: bool = False
) -> dict[int, Outcome]:
    """Runs the cases of these numbers, one after the other, in processes that are replaced -> their outcomes."""
    outcomes, worker = {}, Worker(held, verbose)
    for number in numbers:
        if worker.cases == LIFE or not worker.lives():
            worker.stop()
            worker = Worker(held, verbose)
        outcomes[number] = worker.ask(make(seed, number, files, played).about, (seed, number, files, played))
        if len(outcomes) % 100 == 0:
            print(f"{len(outcomes)} cases, {sum(bool(o.wrong) for o in outcomes.values())} failures", file=sys.stderr)
    worker.stop()
    return outcomes


class Worker:
    """A process that runs cases, one at a time."""

    def __init__(self, held: Path, verbose: bool):
        spawn = multiprocessing.get_context("spawn")
        self._pipe, theirs = spawn.Pipe()
        self._process = spawn.Process(target=work, args=(theirs, held, verbose))
        self._process.start()
        theirs.close()
        self.cases = 0
        self._pipe.recv()  # once it is ready: what starting takes is no case's

    def lives(self) -> bool:
        """Whether it can take another case."""
        return self._process.is_alive()

    def ask(self, about: str, case: tuple) -> Outcome:
        """The outcome of a case, however it ends."""
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
        """Ends the process, which goes by itself unless it hangs."""
        self._pipe.close()
        self._process.join(5)
        self._process.kill()
        self._process.join()


def work(pipe: Any, held: Path, verbose: bool) -> None:
    """Runs the cases that come through a pipe, within bounds of memory."""
    resource.setrlimit(resource.RLIMIT_AS, (MAX_BYTES, MAX_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    logging.getLogger("absl").setLevel(logging.CRITICAL)  # as the command sets it
    trial = Trial(held)
    pipe.send("ready")
    with suppress(EOFError):  # nobody is left to ask
        while True:
            pipe.send(trial.outcome(make(*pipe.recv()), verbose=verbose))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
