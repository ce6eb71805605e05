"""Interrupts training runs at random moments, starts each again until it is done, and compares it with a twin.

    python scripts/chaos.py --kills=200 [--seed=0] [--workdir=DIR] [--config=configs/X.py] [--config.field=value ...]

A third of the interruptions are SIGKILL, half of these at any moment of a process's life and half while a checkpoint is
being written. The others are SIGTERM, SIGINT, SIGHUP and SIGUSR1 at any moment from the first line of the program on:
the process has to end by itself with status 0, after SIGINT with 130, says so in one line, and what it says is saved is
there. One process in four has to compile all anew. One in three has lost its terminal: its output is closed, a pipe
that nobody reads, or a full disk; that must change nothing.
A run that is done is compared with its twin, bit for bit: parameters, statistics and optimizers of the newest
checkpoint, rows of metrics (seconds aside) and of evaluations, sample pictures, and the names of all other files. Then
the next run starts, until there were so many interruptions. Prints what was hit and every difference; the exit status
is 1 where there is one.

By default it trains for 240 steps of configs/digits_dcgan.py, which log each step and save every 10.
"""

import argparse
import filecmp
import json
import logging
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[1]
SMALL = {
    "steps": 240,
    "batch_size": 16,
    "steps_per_call": 4,
    "log_every_steps": 1,
    "sample_every_steps": 20,
    "checkpoint_every_steps": 10,
}
SIGNALS = ("SIGTERM", "SIGINT", "SIGHUP", "SIGUSR1")
KINDS = ("any moment", "a save", *SIGNALS)
SEEN = "a file"  # what is said there is read
OUTPUTS = (*[SEEN] * 6, "closed", "a broken pipe", "a full disk")
COLD = 0.25  # of the processes find no compiled programs
LONGEST = 600.0  # seconds of a process that is not killed: after that it hangs
SAVES = 6  # of a process, the last one that a kill waits for
DRAFTS = "*.orbax-checkpoint-tmp"


class Failed(Exception):
    """A process that ended, or did not end, as it should not have."""


def main(argv: list[str]) -> int:
    """Runs a command line; the exit status is 1 where a run that was killed differs from its twin, or did not go on."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200, help="how many in all")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--workdir", type=Path, help="where the runs lie; by default a temporary folder")
    parser.add_argument("--config", help="config file; its own periods, unless they are set")
    args, overrides = parser.parse_known_args(argv)
    logging.getLogger("absl").setLevel(logging.ERROR)  # Orbax's remarks on reading
    small = [] if args.config else [f"--config.{field}={value}" for field, value in SMALL.items()]
    command = [sys.executable, "-m", "gan_jax.main", *([f"--config={args.config}"] if args.config else [])]
    with tempfile.TemporaryDirectory() as temporary:
        place = args.workdir.expanduser() if args.workdir else Path(temporary)
        try:
            differences = Chaos([*command, *small, *overrides], place, random.Random(args.seed)).run(args.kills)
        except Failed as failure:
            differences = [str(failure)]
    for difference in differences:
        print(f"DIFFERENT: {difference}")
    return bool(differences)


class Chaos:
    """A training command, where its runs lie, and what has been hit so far."""

    def __init__(self, command: list[str], place: Path, moments: random.Random):
        self.command, self.place, self.moments = command, place, moments
        self.hits: Counter[str] = Counter()
        self.slowest = 0.0

    def run(self, kills: int) -> list[str]:
        """Kills so many times and prints the count -> the differences, in words. Raises Failed."""
        twin, start = self.place / "twin", time.monotonic()
        ready = self.live(twin, lambda process: self.until_saved(process, twin))
        print(f"the twin is done; its first checkpoint came after {ready:.1f} s", file=sys.stderr)
        differences, done, runs = [], 0, 0
        while done < kills:
            runs += 1
            folder = self.place / f"run_{runs}"
            while done < kills and not self.one_life(folder, 2 * ready):
                done += 1
                if done % 20 == 0:
                    print(f"{done} interruptions, {time.monotonic() - start:.0f} s", file=sys.stderr)
            self.live(folder, lambda process: 0.0)
            differences += (found := compare(twin, folder))
            if not found:
                shutil.rmtree(folder)
        hits = ", ".join(f"{count} {where}" for where, count in self.hits.items())
        print(f"{runs} runs, {time.monotonic() - start:.0f} s: {hits}")
        print(f"the slowest end after a signal took {self.slowest:.1f} s; {len(differences)} differences")
        return differences

    def live(self, folder: Path, watch: Callable[[subprocess.Popen], float]) -> float:
        """A process that is not interrupted -> what `watch` makes of it. Raises Failed where it does not end well."""
        with self.started(folder) as process:
            seen = watch(process)
            self.check(process, folder, LONGEST)
        return seen

    def one_life(self, folder: Path, span: float) -> bool:
        """Starts a process and interrupts it within about so many seconds -> whether it was done before."""
        kind, delay = self.moments.choice(KINDS), self.moments.uniform(0, span)
        output, cold = self.moments.choice(OUTPUTS), self.moments.random() < COLD
        before = newest(folder)
        with tempfile.TemporaryDirectory() as empty, self.started(folder, output, empty if cold else None) as process:
            began = time.monotonic()
            if kind == "a save":
                saves = self.moments.randint(1, SAVES)
                delay = self.until_saved(process, folder, saves) + self.moments.uniform(0, 0.03)
            while process.poll() is None and (time.monotonic() - began < delay or not takes_signals(process.pid)):
                time.sleep(0.001)
            if process.poll() is not None:
                self.check(process, folder, LONGEST)
                return True
            asked = time.monotonic()
            process.send_signal(signal.Signals[kind] if kind in SIGNALS else signal.SIGKILL)
            if kind in SIGNALS:
                self.check(process, folder, LONGEST, (130,) if kind == "SIGINT" else (0,), kind, output)
                self.slowest = max(self.slowest, time.monotonic() - asked)
            process.wait()
            self.note(process.pid, kind, folder, output, cold)
        if newest(folder) < before:
            raise Failed(f"{folder} had step {before} saved and has {newest(folder)} after {kind}")
        return False

    def started(self, folder: Path, output: str = SEEN, compiled: str | None = None) -> subprocess.Popen:
        """The training command in this folder; what it says goes into a file beside it, or where `output` says."""
        self.place.mkdir(parents=True, exist_ok=True)
        command = [*self.command, f"--workdir={folder}"]
        if output == "closed":
            command = ["bash", "-c", 'exec "$@" >&- 2>&-', "bash", *command]
        environment = os.environ | ({} if compiled is None else {"JAX_COMPILATION_CACHE_DIR": compiled})
        reading, writing = os.pipe()
        os.close(reading)
        places = {"a broken pipe": writing, "a full disk": os.open("/dev/full", os.O_WRONLY)}
        with folder.with_suffix(".log").open("w") as said:
            place = places.get(output, said)
            process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=place, stderr=place)
        for descriptor in places.values():
            os.close(descriptor)
        return process

    def until_saved(self, process: subprocess.Popen, folder: Path, saves: int = 1) -> float:
        """Waits until so many checkpoints have begun to be written -> seconds."""
        began = time.monotonic()
        drafts = before = {path.name for path in (folder / "checkpoints").glob(DRAFTS)}
        while process.poll() is None and len(drafts - before) < saves:
            time.sleep(0.002)
            drafts = drafts | {path.name for path in (folder / "checkpoints").glob(DRAFTS)}
        return time.monotonic() - began

    def check(
        self,
        process: subprocess.Popen,
        folder: Path,
        seconds: float,
        allowed: tuple[int, ...] = (0,),
        kind: str | None = None,
        output: str = "",
    ) -> None:
        """Waits for the process's end; raises Failed where it is late, or not as a signal of this kind makes it end."""
        file = folder.with_suffix(".log")
        try:
            status = process.wait(seconds)
        except subprocess.TimeoutExpired as late:
            process.kill()
            raise Failed(f"{folder} hung for {seconds:.0f} s: {file.read_text()[-2000:]}") from late
        said = file.read_text()
        done = status == 0 and "stopped" not in said and newest(folder) == newest(self.place / "twin")  # it came late
        wrong = wrong_end(said, folder, kind) if kind and output == SEEN and not done else ""
        if wrong or not (status in allowed or done):
            after = f" after {kind}" if kind else ""
            raise Failed(f"{folder} ended with status {status}{after}{wrong}: {said[-2000:]}")

    def note(self, pid: int, kind: str, folder: Path, output: str, cold: bool) -> None:
        """Counts what an interruption has hit, by what lies there and by what was said."""
        self.hits["kills"] += 1
        self.hits["with nothing compiled"] += cold
        self.hits["without a terminal"] += output != SEEN
        if kind in SIGNALS:
            said = folder.with_suffix(".log").read_text()
            self.hits[f"by {kind}"] += 1
            where = "at start-up" if "nothing was under way" in said else "at play"
            self.hits[f"seen to be stopped {where}"] += output == SEEN
            return
        lock, rows = folder / ".lock", folder / "metrics.jsonl"
        if not lock.exists() or f"process {pid} " not in lock.read_text():
            self.hits["killed at start-up or at the very end"] += 1  # it had not come to the folder, or had left it
            return
        self.hits["killed in a save"] += any((folder / "checkpoints").glob(DRAFTS))
        self.hits["killed in a row"] += rows.exists() and not (rows.read_bytes() or b"\n").endswith(b"\n")
        self.hits["killed in another file"] += any(folder.rglob(".*.tmp"))


def wrong_end(said: str, folder: Path, kind: str) -> str:
    """What is wrong with the words of a process that was stopped, in words; nothing where all is right."""
    last = said.splitlines()[-1] if said else ""
    if "Traceback" in said or not last.startswith(f"stopped by {kind}: "):
        return ", not with one line"
    saved = re.search(r": step (\d+) of \d+ is saved", last)
    if saved and not (folder / "checkpoints" / saved[1]).is_dir():
        return f", and step {saved[1]} is not saved"
    return ""


def newest(folder: Path) -> int:
    """Returns the last step saved, or -1."""
    return max((int(path.name) for path in (folder / "checkpoints").glob("[0-9]*") if path.name.isdigit()), default=-1)


def takes_signals(pid: int) -> bool:
    """Whether a process takes SIGTERM by now: Python's own start, before the first line of ours, cannot."""
    status = Path(f"/proc/{pid}/status")
    if not status.exists():  # no Linux
        return True
    taken = [line.split()[1] for line in status.read_text().splitlines() if line.startswith("SigCgt:")]
    return bool(int(taken[0], 16) >> (signal.SIGTERM - 1) & 1)


def compare(twin: Path, other: Path) -> list[str]:
    """What is not the same in two runs' folders, in words."""
    found = []
    for name in ("metrics.jsonl", "evaluations.jsonl"):
        if rows(twin / name) != rows(other / name):
            found.append(f"{other / name}: rows")
    one, two = (names(folder) for folder in (twin, other))
    found += [f"{other / name}: only in one of the two" for name in sorted(one ^ two)]
    pictures = [name for name in sorted(one & two) if name.startswith("samples/")]
    found += [f"{other / name}: pixels" for name in pictures if not filecmp.cmp(twin / name, other / name, False)]
    return found + [f"{other}: {place}" for place in changed(twin, other)]


def rows(path: Path) -> list[dict[str, float]]:
    """The rows of a file, without the seconds; NaN as words, as it is not equal to itself."""
    lines = path.read_text().splitlines() if path.exists() else []
    read = (json.loads(line, parse_constant=str) for line in lines)
    return [{name: value for name, value in row.items() if name != "seconds"} for row in read]


def names(folder: Path) -> set[str]:
    """The files of a run, but for its checkpoints and TensorBoard's, of which each process writes its own."""
    files = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return {str(path) for path in files if path.parts[0] != "checkpoints" and "tfevents" not in path.name}


def changed(twin: Path, other: Path) -> list[str]:
    """The places of arrays that differ in the two newest checkpoints; what else is wrong with these."""
    import jax
    import numpy as np

    from gan_jax.evaluation.predict import restore
    from gan_jax.runs.directory import RunDirectory

    config = RunDirectory(twin).read_config()
    one, two = (restore(RunDirectory(folder), config)[1] for folder in (twin, other))
    leaves, others = jax.tree_util.tree_leaves_with_path(one), jax.tree.leaves(two)
    found = [
        f"{jax.tree_util.keystr(place)}: values"
        for (place, array), same in zip(leaves, others, strict=True)
        if np.asarray(array).tobytes() != np.asarray(same).tobytes()
    ]
    return found + [f"{path.name}: damaged by a kill" for path in (other / "checkpoints").glob("broken_*")]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
