"""The local launcher: a bounded queue of subprocesses, each running a program's plain command."""

import fcntl
import os
import subprocess
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import NamedTuple

from gan_jax.runs.terminal import say
from gan_jax.sweeps import folder as folders
from gan_jax.sweeps.commands import command
from gan_jax.sweeps.plan import Program
from gan_jax.sweeps.results import unchecked
from gan_jax.training.stop import handled_by

POLL_SECONDS = 0.2


class _Running(NamedTuple):
    program: Program
    process: subprocess.Popen | None  # None: started by a killed sweep, and still running


def run(folder: Path, programs: Sequence[Program], *, slots: int = 1) -> None:
    """Runs the programs that are not finished, at most `slots` at a time. Failures are recorded in their folders.

    With several slots, each sees one device of CUDA_VISIBLE_DEVICES, by the slot's number. If another process still
    trains a program, as after this function's process was killed, it is waited for. A signal that stops training is
    passed on: running programs save and end, and this function raises KeyboardInterrupt.
    """
    waiting = deque(program for program in programs if _is_due(folder, program))
    say(f"{len(programs) - len(waiting)} of {len(programs)} programs are done already")
    running: dict[int, _Running | None] = dict.fromkeys(range(slots))
    with _ending_programs(running):
        while waiting or any(running.values()):
            for slot, one in running.items():
                if one is not None and _has_ended(folder, one):
                    running[slot] = None
                    if one.process is None and _is_due(folder, one.program):
                        waiting.appendleft(one.program)
                    else:
                        _conclude(folder, one)
                if running[slot] is None and waiting:
                    running[slot] = _start(folder, waiting.popleft(), slot if slots > 1 else None)
            time.sleep(POLL_SECONDS)


def _is_due(folder: Path, program: Program) -> bool:
    return folders.progress(folder / program.folder, program.values).state not in folders.SETTLED


def _start(folder: Path, program: Program, slot: int | None) -> _Running:
    run_dir = folder / program.folder
    environment = os.environ if slot is None else {**os.environ, "CUDA_VISIBLE_DEVICES": _device(slot)}
    with (run_dir / folders.LOG).open("ab") as log:
        if folders.is_locked(run_dir):
            say(f"{program.folder}: waiting for another process that is training it")
            return _Running(program, None)
        say(f"{program.folder}: starts")
        (run_dir / folders.FAILURE).unlink(missing_ok=True)
        with suppress(OSError):  # if there are no locks
            fcntl.flock(log, fcntl.LOCK_EX | fcntl.LOCK_NB)  # inherited by the process, as its output is this file
        # In its own session, so that Ctrl-C reaches it only once: through `_ending_programs`.
        process = subprocess.Popen(
            command(folder, program),
            env=environment,
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
    return _Running(program, process)


def _device(slot: int) -> str:
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    devices = visible.split(",") if visible else []
    return devices[slot % len(devices)] if devices else str(slot)


def _has_ended(folder: Path, one: _Running) -> bool:
    if one.process is None:
        return not folders.is_locked(folder / one.program.folder)
    return one.process.poll() is not None


def _conclude(folder: Path, one: _Running) -> None:
    """Prints the outcome of a program that has ended."""
    run_dir, values = folder / one.program.folder, one.program.values
    now = folders.progress(run_dir, values)
    if one.process is not None:
        now = folders.conclude(run_dir, values, one.process.returncode)
    if now.state == "done":
        say(f"{one.program.folder}: done, {now.seconds:,.0f} s of training")
        if missing := unchecked(folder):
            say(f"error: {missing}")
    else:
        why = (run_dir / folders.FAILURE).read_text().splitlines()[-1]
        say(f"{one.program.folder}: {now.state} at step {now.step}: {why}")


@contextmanager
def _ending_programs(running: dict[int, _Running | None]) -> Iterator[None]:
    """Ends the running programs and waits for them, however the block ends, also by signals."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    with handled_by(stop):
        try:
            yield
        finally:
            alive = [one.process for one in running.values() if one and one.process and one.process.poll() is None]
            for process in alive:
                process.terminate()
            for process in alive:
                process.wait()
