"""Interrupts training runs at random moments, restarts each until it ends, and compares it with a reference run.

    python scripts/chaos.py --kills=200 [--seed=0] [--workdir=DIR] [--config=configs/X.py] [--config.field=value ...]

A third of the interruptions are SIGKILL, half of these at any moment of a process's life and half while a checkpoint is
being written. The others are SIGTERM, SIGINT, SIGHUP and SIGUSR1, at any moment from the program's first line on. The
process must then end with status 0, or 130 after SIGINT, and with one line. The step that this line calls saved must
exist. One process in four starts without compiled programs. One in three has lost its terminal: its output is closed, a
pipe without a reader, or a full disk. None of this may change the result.

A run that has ended is compared with the reference run, bit for bit: parameters, statistics and optimizers of the
newest checkpoint, rows of metrics (without seconds) and of evaluations, figures of samples, and the names of all other
files. Then the next run starts, until the number of interruptions is reached. Prints what was interrupted, and every
difference. The exit status is 1 if there are any differences.

By default it trains configs/digits_dcgan.py for 240 steps, logging each step and saving every 10.
"""

import argparse
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

from scripts.run_differences import compare

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
SEEN = "a file"  # the only output that is read
OUTPUTS = (*[SEEN] * 6, "closed", "a broken pipe", "a full disk")
COLD = 0.25  # share of the processes without compiled programs
LONGEST = 600.0  # seconds of a process that is not killed: longer ones count as hung
SAVES = 6  # the most that a kill waits for in a process
DRAFTS = "*.orbax-checkpoint-tmp"


class Failed(Exception):
    """A process ended wrongly, or did not end."""


def main(argv: list[str]) -> int:
    """Runs a command line. The exit status is 1 if an interrupted run differs or did not resume."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200, help="total number of interruptions")
    parser.add_argument("--seed", type=int, default=0, help="seed of the random moments")
    parser.add_argument("--workdir", type=Path, help="the folder of the runs; by default a temporary one")
    parser.add_argument("--config", help="config file; it keeps its own periods unless they are set")
    args, overrides = parser.parse_known_args(argv)
    logging.getLogger("absl").setLevel(logging.ERROR)  # Orbax warns about reading
    small = [] if args.config else [f"--config.{field}={value}" for field, value in SMALL.items()]
    command = [sys.executable, "-m", "gan_jax.main", *([f"--config={args.config}"] if args.config else [])]
    with tempfile.TemporaryDirectory() as temporary:
        folder = args.workdir.expanduser() if args.workdir else Path(temporary)
        try:
            differences = Chaos([*command, *small, *overrides], folder, random.Random(args.seed)).run(args.kills)
        except Failed as failure:
            differences = [str(failure)]
    for difference in differences:
        print(f"DIFFERENT: {difference}")
    return bool(differences)


class Chaos:
    """A training command, the folder of its runs, and counts of what was interrupted."""

    def __init__(self, command: list[str], folder: Path, moments: random.Random):
        self.command, self.folder, self.moments = command, folder, moments
        self.hits: Counter[str] = Counter()
        self.slowest = 0.0

    def run(self, kills: int) -> list[str]:
        """Interrupts runs this many times, prints the counts, and returns the differences as texts. Raises Failed."""
        reference, start = self.folder / "reference", time.monotonic()
        ready = self.live(reference, lambda process: self.until_saved(process, reference))
        print(f"the reference run has ended; its first checkpoint came after {ready:.1f} s", file=sys.stderr)
        differences, done, runs = [], 0, 0
        while done < kills:
            runs += 1
            folder = self.folder / f"run_{runs}"
            while done < kills and not self.one_life(folder, 2 * ready):
                done += 1
                if done % 20 == 0:
                    print(f"{done} interruptions, {time.monotonic() - start:.0f} s", file=sys.stderr)
            self.live(folder, lambda process: 0.0)
            differences += (found := compare(reference, folder))
            if not found:
                shutil.rmtree(folder)
        hits = ", ".join(f"{count} {where}" for where, count in self.hits.items())
        print(f"{runs} runs, {time.monotonic() - start:.0f} s: {hits}")
        print(f"the slowest end after a signal took {self.slowest:.1f} s; {len(differences)} differences")
        return differences

    def live(self, folder: Path, watch: Callable[[subprocess.Popen], float]) -> float:
        """Runs a process without interruption. Returns what `watch` returns. Raises Failed if it ends wrongly."""
        with self.started(folder) as process:
            seen = watch(process)
            self.check(process, folder, LONGEST)
        return seen

    def one_life(self, folder: Path, span: float) -> bool:
        """Starts a process and interrupts it within about `span` seconds. Returns True if it had already ended."""
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
        """Starts the training command in this folder. Its output goes to a file next to the folder, or to `output`."""
        self.folder.mkdir(parents=True, exist_ok=True)
        command = [*self.command, f"--workdir={folder}"]
        if output == "closed":
            command = ["bash", "-c", 'exec "$@" >&- 2>&-', "bash", *command]
        environment = os.environ | ({} if compiled is None else {"JAX_COMPILATION_CACHE_DIR": compiled})
        reading, writing = os.pipe()
        os.close(reading)
        outputs = {"a broken pipe": writing, "a full disk": os.open("/dev/full", os.O_WRONLY)}
        with folder.with_suffix(".log").open("w") as said:
            target = outputs.get(output, said)
            process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=target, stderr=target)
        for descriptor in outputs.values():
            os.close(descriptor)
        return process

    def until_saved(self, process: subprocess.Popen, folder: Path, saves: int = 1) -> float:
        """Waits until the writing of this many checkpoints has begun. Returns the seconds."""
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
        """Waits for the process to end. Raises Failed if it ends late, or not as this kind of signal requires."""
        file = folder.with_suffix(".log")
        try:
            status = process.wait(seconds)
        except subprocess.TimeoutExpired as late:
            process.kill()
            raise Failed(f"{folder} hung for {seconds:.0f} s: {file.read_text()[-2000:]}") from late
        said = file.read_text()
        done = (
            status == 0 and "stopped" not in said and newest(folder) == newest(self.folder / "reference")
        )  # it came late
        wrong = wrong_end(said, folder, kind) if kind and output == SEEN and not done else ""
        if wrong or not (status in allowed or done):
            after = f" after {kind}" if kind else ""
            raise Failed(f"{folder} ended with status {status}{after}{wrong}: {said[-2000:]}")

    def note(self, pid: int, kind: str, folder: Path, output: str, cold: bool) -> None:
        """Counts what was interrupted, by the files in the folder and by the process's output."""
        self.hits["kills"] += 1
        self.hits["with nothing compiled"] += cold
        self.hits["without a terminal"] += output != SEEN
        if kind in SIGNALS:
            said = folder.with_suffix(".log").read_text()
            self.hits[f"by {kind}"] += 1
            where = "at start-up" if "there was nothing to save" in said else "in training"
            self.hits[f"seen to be stopped {where}"] += output == SEEN
            return
        lock, rows = folder / ".lock", folder / "metrics.jsonl"
        if not lock.exists() or f"process {pid} " not in lock.read_text():
            self.hits["killed at start-up or at the very end"] += 1  # before it locked the folder, or after
            return
        self.hits["killed in a save"] += any((folder / "checkpoints").glob(DRAFTS))
        self.hits["killed in a row"] += rows.exists() and not (rows.read_bytes() or b"\n").endswith(b"\n")
        self.hits["killed in another file"] += any(folder.rglob(".*.tmp"))


def wrong_end(said: str, folder: Path, kind: str) -> str:
    """Returns what is wrong with a stopped process's output, '' for nothing."""
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
    """Returns True if a process handles SIGTERM. While Python starts, before the program, it does not yet."""
    status = Path(f"/proc/{pid}/status")
    if not status.exists():  # no Linux
        return True
    taken = [line.split()[1] for line in status.read_text().splitlines() if line.startswith("SigCgt:")]
    return bool(int(taken[0], 16) >> (signal.SIGTERM - 1) & 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
