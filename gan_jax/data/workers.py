"""Processes that do parts of a job in parallel: fresh interpreters, which import only what the job needs.

They are not started by multiprocessing, which would run a user's script again in each of them. They read the job and
then its parts from standard input, and end when that is closed. So none of them outlives the process that started it,
however that ends.
"""

import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import closing, suppress
from queue import SimpleQueue
from threading import Lock
from typing import Any

from gan_jax.errors import UserError

IGNORED = signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGXCPU
"""Signals that workers ignore: a terminal or a scheduler sends them to all, and the starting process answers them."""
FEW = 500  # examples; fewer are done here before processes have started


def run(job: Callable[..., Any], parts: Sequence[tuple[Any, ...]], size: int) -> Iterator[Any]:
    """Yields `job(*part)` for each part, in any order, with one process for each core that this one may use.

    A small job, with `size` below FEW, is done in this process. Raises what a part raises, and UserError if a
    process dies.
    """
    count = min(cores(), len(parts))
    if size < FEW or count < 2:
        yield from (job(*part) for part in parts)
        return
    with closing(Workers(job, count)) as started, ThreadPoolExecutor(count) as threads:
        waiting = [threads.submit(started.ask, *part) for part in parts]
        try:
            for future in as_completed(waiting):
                yield future.result()
        finally:
            for future in waiting:
                future.cancel()
            started.close()


def cores() -> int:
    """Returns how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Workers:
    """Processes that do parts of one job for threads that ask for them, one part at a time each.

    spares: how many times a part is given to a new process if one dies while doing it.
    """

    def __init__(self, job: Callable[..., Any], count: int, *, spares: int = 0):
        self._job, self._spares, self._closed = job, spares, False
        self._idle: SimpleQueue[subprocess.Popen | None] = SimpleQueue()  # None: not started yet
        for _ in range(count):
            self._idle.put(None)
        self._started: set[subprocess.Popen] = set()
        self._lock = Lock()

    def ask(self, *part: Any) -> Any:
        """Waits for an idle process and returns its `job(*part)`; raises what the job raises there.

        Raises UserError if processes die while doing this part.
        """
        status = 0
        for _ in range(1 + self._spares):
            process = self._idle.get()
            try:
                process = process or self._start()
                answer, error = _answer(process, part)
            except (OSError, EOFError, ValueError, pickle.UnpicklingError):  # ValueError: it was closed here
                status, process = self._end(process) if process else status, None
                continue
            finally:
                self._idle.put(process)
            if error is not None:
                raise error
            return answer
        raise UserError(
            f"a worker process died (status {status}): run the command again; it continues where it stopped"
        )

    def close(self) -> None:
        """Ends the processes. Parts that are being done fail."""
        with self._lock:
            self._closed = True
        for process in list(self._started):
            self._end(process)

    def _start(self) -> subprocess.Popen:
        with self._lock:
            if self._closed:
                raise EOFError
            process = _started()
            self._started.add(process)
        _send(process, self._job)
        return process

    def _end(self, process: subprocess.Popen) -> int:
        """Kills a process, and returns its status."""
        process.kill()
        for pipe in (process.stdin, process.stdout):
            with suppress(OSError):  # unsent data cannot be flushed
                pipe and pipe.close()
        self._started.discard(process)
        return process.wait()


def _started() -> subprocess.Popen:
    arguments = [sys.executable, "-c", "from gan_jax.data import workers; workers.serve()"]
    path = os.pathsep.join(folder or os.getcwd() for folder in sys.path)  # noqa: PTH109
    environment = os.environ | {"PYTHONPATH": path}
    return subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)


def _send(process: subprocess.Popen, value: Any) -> None:
    assert process.stdin
    pickle.dump(value, process.stdin, pickle.HIGHEST_PROTOCOL)
    process.stdin.flush()


def _answer(process: subprocess.Popen, part: tuple[Any, ...]) -> tuple[Any, Exception | None]:
    _send(process, part)
    assert process.stdout
    return pickle.load(process.stdout)


def serve() -> None:
    """Answers each part read from standard input with the job's result or its error, until there are no more."""
    for number in IGNORED:
        signal.signal(number, signal.SIG_IGN)
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # so that a library's prints are not taken for answers
    job = pickle.load(sys.stdin.buffer)
    while True:
        try:
            part = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        try:
            answer = job(*part), None
        except Exception as error:
            answer = None, error
        pickle.dump(answer, answers, pickle.HIGHEST_PROTOCOL)
        answers.flush()
