"""Processes that do parts of a job side by side: fresh interpreters, which import nothing but what the job needs.

They are not started by multiprocessing, which would run a user's script again in each of them. They read the job and
then its parts from standard input, and end when that is closed, so that none of them outlives the process that started
it, however it ends.
"""

import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from queue import SimpleQueue
from typing import Any

from gan_jax.errors import UserError

FEW = 500  # examples: fewer are done sooner here than processes start


def run(job: Callable[..., Any], parts: Sequence[tuple[Any, ...]], size: int) -> Iterator[Any]:
    """Yields `job(*part)` of each part, in any order, by a process for each of the machine's cores.

    A small job, of a `size` below FEW, is done in this process. Raises what a part raises, and UserError where a
    process dies.
    """
    count = min(len(os.sched_getaffinity(0)), len(parts))
    if size < FEW or count < 2:
        yield from (job(*part) for part in parts)
        return
    started = [_start(job) for _ in range(count)]
    idle: SimpleQueue[subprocess.Popen] = SimpleQueue()
    for process in started:
        idle.put(process)
    with ThreadPoolExecutor(count) as threads:
        waiting = [threads.submit(_ask, idle, part) for part in parts]
        try:
            for future in as_completed(waiting):
                yield future.result()
        finally:
            for future in waiting:
                future.cancel()
            for process in started:
                process.kill()
                process.communicate()


def _start(job: Callable[..., Any]) -> subprocess.Popen:
    arguments = [sys.executable, "-c", "from gan_jax.data import workers; workers.serve()"]
    path = os.pathsep.join(folder or os.getcwd() for folder in sys.path)  # noqa: PTH109
    environment = os.environ | {"PYTHONPATH": path}
    process = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
    _send(process, job)
    return process


def _send(process: subprocess.Popen, value: Any) -> None:
    assert process.stdin
    pickle.dump(value, process.stdin)
    process.stdin.flush()


def _ask(idle: "SimpleQueue[subprocess.Popen]", part: tuple[Any, ...]) -> Any:
    """Returns what a process answers for this part; raises the error that it answers."""
    process = idle.get()
    try:
        _send(process, part)
        assert process.stdout
        answer, error = pickle.load(process.stdout)
    except (OSError, EOFError, pickle.UnpicklingError) as died:
        raise UserError(f"a worker process died (status {process.wait()}): start again, it goes on there") from died
    finally:
        idle.put(process)
    if error is not None:
        raise error
    return answer


def serve() -> None:
    """Answers each part read from standard input with the job's result or its error, until there are no more."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # the process that started this one decides
        signal.signal(number, signal.SIG_IGN)
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no answer
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
        pickle.dump(answer, answers)
        answers.flush()
