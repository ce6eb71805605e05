"""Processes: several that play one run together, each on its own devices; named here and in parallel.py alone.

All of them do the same, and so hold the same state and the same metrics. The first one alone writes to the folder of
the run: what it finds there, and what goes wrong there, it tells the others, who need not see that folder. Where one of
them dies, the others end within HEARTBEAT seconds.
"""

import ipaddress
import os
import socket
import zlib
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from threading import Thread
from typing import Any, TypeVar

import jax
import numpy as np
from jax.experimental import multihost_utils

from gan_jax.errors import UserError, one_line
from gan_jax.runs import terminal

HEARTBEAT, TOLD = 30, 2000  # seconds until a silent process counts as dead; bytes of an error's words
T = TypeVar("T")


def join(coordinator: str | None, processes: int | None, process: int | None) -> bool:
    """Makes this process one of several, before anything is computed -> whether it is.

    At what HOST:PORT the first one listens, how many there are and which one this is, is given, or else found where
    srun started several tasks, and on the machines of a TPU pod. Without any of these it is alone and waits for nobody.

    Raises UserError where only some of it is given, or no process can be that. Where the others do not come within
    five minutes, JAX ends the process.
    """
    given = coordinator is not None, processes is not None, process is not None
    try:
        if coordinator is not None and processes is not None and process is not None:
            _start(coordinator, processes, process, coordinator_bind_address=_checked(coordinator, processes, process))
        elif any(given):
            raise UserError("--coordinator, --processes and --process are given together, or none of them")
        elif tasks := _tasks():
            _start(num_processes=tasks)
        elif "TPU_ML_PLATFORM" in os.environ:  # JAX leaves it there on a machine with TPUs
            with suppress(ValueError):  # one that is no part of a pod
                _start()
    except RuntimeError as error:
        raise UserError(f"the processes of this run do not find each other: {one_line(error)}") from error
    return jax.process_count() > 1


def is_main() -> bool:
    """Whether this is the process that writes: the first one, or the only one."""
    return jax.process_index() == 0


def on_main(act: Callable[[], Any]) -> None:
    """What the first process does alone while the others wait; what goes wrong there is an error in all of them.

    Raises the UserError or OSError of `act`; in the others UserError with its words.
    """
    failure = None
    if is_main():
        try:
            act()
        except (UserError, OSError) as error:
            failure = error
    if jax.process_count() > 1:
        words = b"" if failure is None else one_line(failure).encode()[:TOLD]
        told = bytes(_from_first(np.frombuffer(words.ljust(TOLD, b"\0"), np.uint8))).rstrip(b"\0")
        if told:
            jax.distributed.shutdown()  # they part in order, so that none is found missing
            failure = failure or UserError(told.decode(errors="replace"))
    if failure:
        raise failure


def broadcast_from_main(make: Callable[[], T], like: Any) -> T:
    """What the first process makes, to the bit, in all of them: arrays of the types and shapes of `like`.

    Raises as `by_first`.
    """
    made: Any = None

    def act() -> None:
        nonlocal made
        made = make()

    on_main(act)
    if jax.process_count() == 1:
        return made
    arrays = jax.device_get(made) if is_main() else jax.tree.map(lambda a: np.zeros(a.shape, a.dtype), like)
    sent = _from_first(jax.tree.map(_bytes, arrays))
    return jax.tree.map(lambda data, array: data.view(array.dtype).reshape(array.shape), sent, arrays)


def check_same(what: str, *contents: Any) -> None:
    """Raises UserError in all processes where these arrays or texts are not the same, to the bit, in all of them."""
    if jax.process_count() == 1:
        return
    checksum = 0
    for content in contents:
        array = np.frombuffer(content.encode(), np.uint8) if isinstance(content, str) else np.asarray(content)
        checksum = zlib.crc32(_bytes(array).data, checksum)
    found = multihost_utils.process_allgather(np.uint32(checksum))
    if (found != found[0]).any():
        jax.distributed.shutdown()
        others = ", ".join(map(str, np.flatnonzero(found != found[0])))
        raise UserError(f"{what} differ between process 0 and {others}: start all by the same command, code and data")


def largest(number: int) -> int:
    """The largest of the numbers that the processes give."""
    return number if jax.process_count() == 1 else int(multihost_utils.process_allgather(np.int32(number)).max())


def is_connection_error(error: Exception) -> bool:
    """Whether an error is of this process's connection to the others."""
    several = jax.distributed.is_initialized() and jax.process_count() > 1
    return several and isinstance(error, jax.errors.JaxRuntimeError)


def exit_alone(status: int) -> None:
    """Ends this process at once where it fails alone: a usual exit would wait for the others, who wait for it."""
    if jax.distributed.is_initialized():
        terminal.settle()
        os._exit(status)


def disconnect() -> None:
    """Leaves the others in order, where all of them end, so that none is found missing."""
    if jax.distributed.is_initialized():
        with suppress(RuntimeError):
            jax.distributed.shutdown()


def _start(*who: Any, **found: Any) -> None:
    jax.config.update("jax_enable_preemption_service", False)  # it would take SIGTERM, which is gan_jax.stop's
    terminal.say("waiting for the other processes of this run")
    method = "deactivate" if who else None
    timeouts = {"heartbeat_timeout_seconds": HEARTBEAT, "shutdown_timeout_seconds": HEARTBEAT}
    _in_thread(partial(jax.distributed.initialize, *who, **found, **timeouts, cluster_detection_method=method))


def _in_thread(act: Callable[[], Any]) -> None:
    """Does it in another thread: handlers of signals run in the main one, and only where that is in Python."""
    done: Future[Any] = Future()

    def work() -> None:
        try:
            done.set_result(act())
        except BaseException as error:
            done.set_exception(error)

    Thread(target=work, daemon=True).start()
    done.result()


def _from_first(tree: Any) -> Any:
    """The first process's arrays of bytes: floats would lose the sign of a zero, as they are sent by adding zeros."""
    return multihost_utils.broadcast_one_to_all(tree)


def _checked(coordinator: str, processes: int, process: int) -> str | None:
    """Checks what is given -> the one address that the first process has to listen at; None for all that it has."""
    if not 0 <= process < processes:
        raise UserError(f"--process={process}: of --processes={processes} it must be one of 0 to {processes - 1}")
    host, _, port = coordinator.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 2**16:
        raise UserError(f"--coordinator={coordinator}: it must be HOST:PORT of the first process, as 10.0.0.1:1234")
    try:
        address = socket.getaddrinfo(host.strip("[]"), int(port))[0][4][0]
    except OSError as error:
        raise UserError(f"--coordinator={coordinator}: there is no machine {host} ({error.strerror})") from error
    named = host not in ("localhost", address, f"[{address}]")
    if named and ipaddress.ip_address(address).is_loopback:  # what a machine may call itself; others call it otherwise
        return None
    return f"[{address}]:{port}" if ":" in str(address) else f"{address}:{port}"


def _tasks() -> int:
    """How many tasks srun started together, this process among them, where there are several; else 0."""
    tasks = int(os.environ.get("SLURM_STEP_NUM_TASKS", 1)) if "SLURM_PROCID" in os.environ else 1
    return tasks if tasks > 1 else 0


def _bytes(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8)
