"""Train a config, or use what it trained.

    python -m gan_jax.main --config=configs/mnist_dcgan.py --workdir=runs/dcgan [--config.seed=1 ...]
    python -m gan_jax.main --workdir=runs/dcgan --mode=sample --num=10000 --out=samples.npz
    python -m gan_jax.main --workdir=runs/dcgan --mode=interpolate --out=walks.png
    python -m gan_jax.main --workdir=runs/vae --mode=reconstruct --out=reconstructions.npz

Training goes on where the folder's run was; another run's folder is refused. Every field of the config can be set as
--config.field=value. The other modes take the config of the run, and its newest checkpoint that is whole.

Several processes play one run together, each on its own devices, by the same command with --coordinator, --processes
and --process; a step of srun with several tasks, and a TPU pod, need none of these.

SIGTERM, SIGINT (Ctrl-C), SIGHUP, SIGUSR1, SIGUSR2 and SIGXCPU let training finish the call under way, save, and exit
with 0, after SIGINT with 130; a second SIGTERM or SIGINT ends it at once. The same command goes on from there. The
other modes end at once, with 128 and the signal's number. A loss that is not finite ends training with 3, once the last
finite players are saved.
"""

from gan_jax.stop import Stop, Stopped

if __name__ == "__main__":  # before the other imports, as a signal may come while they are under way
    STOP = Stop()
    STOP.take()

import json
import logging
import os
import sys
import traceback
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from absl import flags

from gan_jax import terminal
from gan_jax.errors import Diverged, UserError, one_line, shown
from gan_jax.files import discard_unfinished

if TYPE_CHECKING:
    from ml_collections import ConfigDict

    from gan_jax.run_directory import RunDirectory

CONFIG = Path(__file__).parents[1] / "configs" / "digits_dcgan.py"
MOST = 1_000_000  # samples at a time: they are held in memory


def define() -> flags.FlagValues:
    """The command line's flags, in a set of their own."""
    values = flags.FlagValues()
    known = {"flag_values": values}
    modes = ["train", "sample", "reconstruct", "interpolate", "evaluate"]
    flags.DEFINE_string("config", None, f"config file; for training {CONFIG.name} if none is given", **known)
    flags.DEFINE_string("workdir", None, "the run's folder", **known)
    flags.DEFINE_enum("mode", "train", modes, "what to do", **known)
    flags.DEFINE_integer("step", None, "evaluate: which checkpoint; the newest if none is given", **known)
    flags.DEFINE_integer("num", 64, "sample: how many", lower_bound=1, upper_bound=MOST, **known)
    flags.DEFINE_string("out", None, "sample, reconstruct: file.npz to write; interpolate: file.png", **known)
    flags.DEFINE_integer(
        "sample_seed", 0, "fixes samples, walks and noise", lower_bound=0, upper_bound=2**32 - 1, **known
    )
    flags.DEFINE_string("coordinator", None, "of several processes: HOST:PORT where the first one listens", **known)
    flags.DEFINE_integer("processes", None, "of several processes: how many", lower_bound=1, **known)
    flags.DEFINE_integer("process", None, "of several processes: which one this is, from 0 on", lower_bound=0, **known)
    flags.DEFINE_bool("help", False, "show this help", **known)
    return values


def command(stop: Stop) -> NoReturn:
    """Runs the command line of this process, which has taken its signals, and ends the process."""
    terminal.guard()
    stop.leave = _leave
    status = main(sys.argv, stop)
    if stop.asked:
        _part(status)
    stop.ignore()
    terminal.settle()
    sys.exit(status)


def main(argv: list[str], stop: Stop | None = None) -> int:
    """Runs a command line; the exit status is 0, 2 for what the user can put right, 1 for what the system refused.

    Of training that was stopped it is 130 after SIGINT, 0 after other signals; 3 where its values are not finite any
    more.
    """
    status = _status(argv, stop or Stop())
    if status in (1, 2) and "jax" in sys.modules:
        from gan_jax import processes

        processes.leave(status)
    return status


def _leave(stopped: Stopped) -> None:
    """Ends this process in the midst of anything but what has to be saved: in a handler of signals, by no exception.

    One that rises amid imports or compiling may be dropped there, or end the process in native code.
    """
    discard_unfinished()
    with suppress(OSError):  # not by a stream, which may be in the midst of writing
        os.write(2, f"{stopped}\n".encode())
    os._exit(stopped.status)


def _part(status: int) -> NoReturn:
    """Ends this process, whose work may have been broken off: what that left of JAX crashes in a usual exit."""
    if "jax" in sys.modules:
        from gan_jax import processes

        processes.part()
    terminal.settle()
    os._exit(status)


def _status(argv: list[str], stop: Stop) -> int:
    try:
        return _run(argv, stop)
    except UserError as error:
        return _failed(error, 2)
    except Diverged as error:
        return _failed(error, 3)
    except OSError as error:
        return _failed(f"{error.strerror or error}: {_place(error)}", 1)
    except Stopped as stopped:
        terminal.say(stopped)
        return stopped.status
    except KeyboardInterrupt:
        return _failed("interrupted", 130)
    except (MemoryError, RuntimeError) as error:  # NumPy's, XLA's
        return _failed(_refusal(error), 1)


def _failed(why: object, status: int) -> int:
    terminal.say(f"error: {shown(why)}")
    return status


def _place(error: OSError) -> str:
    """The file that an error of the system names, or else the line of code that it comes from."""
    if named := error.filename2 or error.filename:
        return os.fsdecode(named) if isinstance(named, str | bytes | os.PathLike) else str(named)
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"in {last.name} ({last.filename}, line {last.lineno})"


def _refusal(error: MemoryError | RuntimeError) -> str:
    """What the system refused, in words; raises the error where it is not the system's."""
    from gan_jax import processes

    if isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in str(error):
        return f"not enough memory ({one_line(error)}): take fewer examples at once"
    if processes.lost(error):
        return (
            f"another process of this run is gone ({one_line(error)}): the same commands go on from the last checkpoint"
        )
    raise error


def _run(argv: list[str], stop: Stop) -> int:
    values = define()
    values.set_gnu_getopt(True)
    try:
        overrides = values(argv, known_only=True)[1:]
    except flags.Error as error:
        raise UserError(f"{error}; see --help") from error
    if values.help:
        terminal.tell(f"{__doc__}\n{values.get_help()}")
        return 0
    if not values.workdir:
        raise UserError("no --workdir=DIR: the folder of the run, new or to be resumed")
    with stop.listening(training=values.mode == "train"):
        return _dispatch(values, overrides, stop)


def _dispatch(values: flags.FlagValues, overrides: list[str], stop: Stop) -> int:
    """Reads the config, the given one or else the run's, and does what the mode says, importing only what it needs."""
    _check_flags(values)
    from gan_jax import config as configs

    given = CONFIG if values.config is None and values.mode == "train" else values.config
    config = None if given is None else configs.override(configs.load(Path(given)), overrides)
    _configure_jax(values, stop)
    from gan_jax.run_directory import RunDirectory

    place = RunDirectory(Path(values.workdir).expanduser())
    if config is None:
        config = configs.override(place.read_config(), overrides)
    if values.mode == "train":
        from gan_jax import train

        for trained in train.run(config, place, stop):
            terminal.tell(trained.report)
        return 0
    place.check_holds(config)
    if config.seeds > 1:
        _, first = place.by_seed(config)[0]
        raise UserError(f"--workdir={place.folder} holds {config.seeds} runs: name one, as --workdir={first.folder}")
    terminal.tell(_use(values, config, place))
    return 0


def _use(values: flags.FlagValues, config: "ConfigDict", place: "RunDirectory") -> str | Path:
    """Puts a trained run to use -> what to print: the values measured, or the file written."""
    if values.mode == "evaluate":
        from gan_jax import evaluate

        return json.dumps(evaluate.run(place, config, values.step))
    from gan_jax import predict

    out = Path(values.out)
    if values.mode == "sample":
        predict.sample(place, config, values.num, values.sample_seed, out)
    else:
        draw = {"reconstruct": predict.reconstruct, "interpolate": predict.interpolate}[values.mode]
        draw(place, config, values.sample_seed, out)
    return out


def _check_flags(values: flags.FlagValues) -> None:
    if values.mode != "train" and (values.coordinator, values.processes, values.process) != (None, None, None):
        raise UserError(
            f"--mode={values.mode} is one process's: --coordinator, --processes and --process are for training"
        )
    suffixes = {"sample": ".npz", "reconstruct": ".npz", "interpolate": ".png"}
    suffix = suffixes.get(values.mode)
    if suffix and (values.out is None or Path(values.out).suffix != suffix):
        raise UserError(f"--mode={values.mode} needs --out=FILE{suffix}, not {values.out}")


def _configure_jax(values: flags.FlagValues, stop: Stop) -> None:
    """Keeps compiled programs in the user's cache, so that a second start need not compile; joins other processes.

    Raises UserError where the platform asked for is not there, or what is said of the processes cannot be.
    """
    from gan_jax import cache

    # In the environment, where JAX looks when it is imported, and where the user's own choice would stand.
    with suppress(OSError):  # a cache that cannot be written is a slower start, no more
        os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(cache.folder("programs")))
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.2")
    logging.getLogger("absl").setLevel(logging.CRITICAL)  # Orbax prints the traceback of what it also raises
    import jax

    from gan_jax import processes

    try:
        if values.mode == "train":
            with stop.unheard():
                several = processes.join(values.coordinator, values.processes, values.process)
            if several:
                stop.agree(processes.largest)
        jax.devices()
    except RuntimeError as error:
        raise UserError(f"JAX finds no device ({one_line(error)}): see JAX_PLATFORMS") from error


if __name__ == "__main__":
    command(STOP)  # pyrefly: ignore[unbound-name]
