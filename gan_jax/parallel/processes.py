"""Processes that train one run together, each on its own devices.

All processes compute the same, and thus have the same state and metrics. Only the first one reads and writes the run's
folder. It sends the folder's content and errors to the others, which need no access to it. If one process dies, the
others end within HEARTBEAT seconds.
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

HEARTBEAT, MAX_BYTES = 30, 2000  # seconds until a silent process counts as dead; of an error's message
T = TypeVar("T")


def join(coordinator: str | None, processes: int | None, process: int | None) -> bool:
    """Makes this process one of several, before anything is computed. Returns True if there are several.

    coordinator: HOST:PORT where the first process listens. processes: their number. process: the index of this one.
    If they are not given, they come from srun with several tasks, or from a TPU pod; otherwise there is one process.

    Raises UserError if only some of them are given, or are wrong. JAX ends the process if the others do not start
    within five minutes.
    """
    given = coordinator is not None, processes is not None, process is not None
    try:
        if coordinator is not None and processes is not None and process is not None:
            _start(coordinator, processes, process, coordinator_bind_address=_checked(coordinator, processes, process))
        elif any(given):
            raise UserError("--coordinator, --processes and --process must be given together, or none of them")
        elif tasks := _tasks():
            _start(num_processes=tasks)
        elif "TPU_ML_PLATFORM" in os.environ:  # JAX leaves it there on a machine with TPUs
            with suppress(ValueError):  # a TPU outside of a pod
                _start()
    except RuntimeError as error:
        raise UserError(f"the processes of this run cannot connect to each other: {one_line(error)}") from error
    return jax.process_count() > 1


def is_main() -> bool:
    """Returns True for the process that writes: the first one, or the only one."""
    return jax.process_index() == 0


def on_main(act: Callable[[], Any]) -> None:
    """Runs `act` in the first process while the others wait.

    Raises its UserError or OSError there, and in the others a UserError with the same message.
    """
    failure = None
    if is_main():
        try:
            act()
        except (UserError, OSError) as error:
            failure = error
    if jax.process_count() > 1:
        message = b"" if failure is None else one_line(failure).encode()[:MAX_BYTES]
        received = bytes(_broadcast(np.frombuffer(message.ljust(MAX_BYTES, b"\0"), np.uint8))).rstrip(b"\0")
        if received:
            jax.distributed.shutdown()  # all disconnect properly, so that none counts as dead
            failure = failure or UserError(received.decode(errors="replace"))
    if failure:
        raise failure


def broadcast_from_main(make: Callable[[], T], like: Any) -> T:
    """Returns in all processes, bit for bit, the arrays that `make` returns in the first one.

    like: arrays of the same dtypes and shapes. Raises errors as `on_main` does.
    """
    value: Any = None

    def act() -> None:
        nonlocal value
        value = make()

    on_main(act)
    if jax.process_count() == 1:
        return value
    arrays = jax.device_get(value) if is_main() else jax.tree.map(lambda a: np.zeros(a.shape, a.dtype), like)
    sent = _broadcast(jax.tree.map(_bytes, arrays))
    return jax.tree.map(lambda data, array: data.view(array.dtype).reshape(array.shape), sent, arrays)


def check_same(what: str, *contents: Any) -> None:
    """Raises UserError in all processes if these arrays or texts are not the same, bit for bit, in all of them."""
    if jax.process_count() == 1:
        return
    checksum = 0
    for content in contents:
        array = np.frombuffer(content.encode(), np.uint8) if isinstance(content, str) else np.asarray(content)
        checksum = zlib.crc32(_bytes(array).data, checksum)
    checksums = multihost_utils.process_allgather(np.uint32(checksum))
    if (checksums != checksums[0]).any():
        jax.distributed.shutdown()
        others = ", ".join(map(str, np.flatnonzero(checksums != checksums[0])))
        raise UserError(
            f"{what} differ between process 0 and {others}: start all processes with the same command, code and data"
        )


def largest(number: int) -> int:
    """Returns the largest of the numbers that the processes give."""
    return number if jax.process_count() == 1 else int(multihost_utils.process_allgather(np.int32(number)).max())


def is_connection_error(error: Exception) -> bool:
    """Returns True for an error of the connection to other processes."""
    several = jax.distributed.is_initialized() and jax.process_count() > 1
    return several and isinstance(error, jax.errors.JaxRuntimeError)


def exit_alone(status: int) -> None:
    """Ends this process at once after its own error. In a normal exit it and the others would wait for each other."""
    if jax.distributed.is_initialized():
        terminal.settle()
        os._exit(status)


def disconnect() -> None:
    """Disconnects from the others when all of them end, so that none counts as dead."""
    if jax.distributed.is_initialized():
        with suppress(RuntimeError):
            jax.distributed.shutdown()


def _start(*who: Any, **found: Any) -> None:
    jax.config.update("jax_enable_preemption_service", False)  # it would handle SIGTERM, which training.stop does
    terminal.inform("waiting for the other processes of this run")
    method = "deactivate" if who else None
    timeouts = {"heartbeat_timeout_seconds": HEARTBEAT, "shutdown_timeout_seconds": HEARTBEAT}
    _in_thread(partial(jax.distributed.initialize, *who, **found, **timeouts, cluster_detection_method=method))


def _in_thread(act: Callable[[], Any]) -> None:
    """Runs `act` in another thread, as signal handlers run only while the main thread is in Python."""
    done: Future[Any] = Future()

    def work() -> None:
        try:
            done.set_result(act())
        except BaseException as error:
            done.set_exception(error)

    Thread(target=work, daemon=True).start()
    done.result()


def _broadcast(tree: Any) -> Any:
    """Returns the first process's arrays of bytes. Floats would lose the sign of zero, as JAX sends by adding zeros."""
    return multihost_utils.broadcast_one_to_all(tree)


def _checked(coordinator: str, processes: int, process: int) -> str | None:
    """Checks the flags. Returns the address at which the first process must listen, or None for all its addresses."""
    if not 0 <= process < processes:
        raise UserError(f"--process={process}: with --processes={processes} it must be from 0 to {processes - 1}")
    host, _, port = coordinator.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 2**16:
        raise UserError(
            f"--coordinator={coordinator}: it must be HOST:PORT of the first process, such as 10.0.0.1:1234"
        )
    try:
        address = socket.getaddrinfo(host.strip("[]"), int(port))[0][4][0]
    except OSError as error:
        raise UserError(f"--coordinator={coordinator}: cannot resolve the host {host} ({error.strerror})") from error
    named = host not in ("localhost", address, f"[{address}]")
    if named and ipaddress.ip_address(address).is_loopback:  # the machine's own name, which others resolve differently
        return None
    return f"[{address}]:{port}" if ":" in str(address) else f"{address}:{port}"


def _tasks() -> int:
    """Returns the number of tasks that srun started together with this one, or 0 if there is only one."""
    tasks = int(os.environ.get("SLURM_STEP_NUM_TASKS", 1)) if "SLURM_PROCID" in os.environ else 1
    return tasks if tasks > 1 else 0


def _bytes(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8)
