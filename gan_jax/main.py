"""Trains a config, or uses a trained run.

    python -m gan_jax.main --config=configs/mnist_dcgan.py --workdir=runs/dcgan [--config.seed=1 ...]
    python -m gan_jax.main --workdir=runs/dcgan --mode=sample --num=10000 --out=samples.npz
    python -m gan_jax.main --workdir=runs/dcgan --mode=interpolate --out=interpolations.png
    python -m gan_jax.main --workdir=runs/vae --mode=reconstruct --out=reconstructions.npz
    python -m gan_jax.main --config=configs/mnist_dcgan.py --mode=data --out=batch.png

Training resumes the run in the folder, with that run's config if none is given. It refuses a folder with another run.
--config.field=value sets any field of the config. The other modes use the run's config, and its newest undamaged
checkpoint or the one given by --step. A flag or a field that a mode does not use is refused.

Several processes can train one run together, each on its own devices. Start each with the same command, and with
--coordinator, --processes and --process. Under srun with several tasks, and on a TPU pod, these are not needed.

On SIGTERM, SIGINT (Ctrl-C), SIGHUP, SIGUSR1, SIGUSR2 and SIGXCPU training finishes the current call, saves, and exits
with status 0, or 130 after SIGINT. A second SIGTERM or SIGINT ends it at once. The same command resumes it. The other
modes end at once, with status 128 plus the signal's number. If a loss is not finite, the last finite players are
saved, and training ends with status 3.
"""

from gan_jax.training.stop import Stop, Stopped

if __name__ == "__main__":  # before the other imports, as a signal may arrive during these
    STOP = Stop()
    STOP.take()

import os
import sys
from contextlib import suppress
from typing import NoReturn

from gan_jax.command import failures, modes
from gan_jax.command import flags as command_flags
from gan_jax.errors import UserError
from gan_jax.runs import terminal
from gan_jax.runs.files import discard_unfinished


def command(stop: Stop) -> NoReturn:
    """Runs the command line of this process, whose signals `stop` handles, and ends the process."""
    terminal.guard()
    stop.end_process = _end_at_once
    status = main(sys.argv, stop)
    if stop.is_requested:
        _end_interrupted(status)
    stop.ignore()
    terminal.settle()
    sys.exit(status)


def run() -> NoReturn:
    """Runs the command line of this process, as `python -m gan_jax.main` does: the command `gan-jax`."""
    stop = Stop()
    stop.take()
    sys.path.insert(0, os.getcwd())  # noqa: PTH109  # as -m does, for modules that a config names
    command(stop)


def main(argv: list[str], stop: Stop | None = None) -> int:
    """Runs a command line and returns the exit status.

    It is 0 for success and for training that was stopped, but 130 after SIGINT. For errors see `failures.report`.
    """
    status = _status(argv, stop or Stop())
    if status in (1, 2) and "jax" in sys.modules:
        from gan_jax.parallel import processes

        processes.exit_alone(status)
    return status


def _status(argv: list[str], stop: Stop) -> int:
    try:
        _run(argv, stop)
    except Stopped as stopped:
        terminal.say(stopped)
        return stopped.status
    except (Exception, KeyboardInterrupt) as error:
        return failures.report(error)
    return 0


def _run(argv: list[str], stop: Stop) -> None:
    """Shows the help or runs a mode, according to the arguments."""
    values, overrides = command_flags.parse(argv)
    if values.help:
        terminal.tell(f"{__doc__}\n{values.get_help()}")
        return
    if not values.workdir and (values.mode != "data" or values.workdir is not None):
        raise UserError("--workdir=DIR is missing: give the folder of a new or existing run")
    with terminal.quiet(values.quiet), stop.listening(training=values.mode == "train"):
        modes.run(values, overrides, stop)


def _end_at_once(stopped: Stopped) -> None:
    """Ends this process from a signal handler, when nothing has to be saved.

    An exception raised there, during imports or compilation, may be lost, or crash the process in native code.
    """
    discard_unfinished()
    with suppress(OSError):  # not through a stream, which may be in the middle of a write
        os.write(2, f"{stopped}\n".encode())
    os._exit(stopped.status)


def _end_interrupted(status: int) -> NoReturn:
    """Ends this process after interrupted work, because JAX's leftover state would crash a normal exit."""
    if "jax" in sys.modules:
        from gan_jax.parallel import processes

        processes.disconnect()
    terminal.settle()
    os._exit(status)


if __name__ == "__main__":
    command(STOP)  # pyrefly: ignore[unbound-name]
