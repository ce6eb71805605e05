"""Train a config, or use what it trained.

    python -m gan_jax.main --config=configs/mnist_dcgan.py --workdir=runs/dcgan [--config.seed=1 ...]
    python -m gan_jax.main --workdir=runs/dcgan --mode=sample --num=10000 --out=samples.npz
    python -m gan_jax.main --workdir=runs/dcgan --mode=interpolate --out=walks.png
    python -m gan_jax.main --workdir=runs/vae --mode=reconstruct --out=reconstructions.npz

Training goes on where the folder's run was, with its config where none is given; another run's folder is refused. Every
field of the config can be set as --config.field=value. The other modes take the config of the run, and its newest
checkpoint that is whole, or that of --step. A flag or a field that a mode does not use is refused.

Several processes play one run together, each on its own devices, by the same command with --coordinator, --processes
and --process; a step of srun with several tasks, and a TPU pod, need none of these.

SIGTERM, SIGINT (Ctrl-C), SIGHUP, SIGUSR1, SIGUSR2 and SIGXCPU let training finish the call under way, save, and exit
with 0, after SIGINT with 130; a second SIGTERM or SIGINT ends it at once. The same command goes on from there. The
other modes end at once, with 128 and the signal's number. A loss that is not finite ends training with 3, once the last
finite players are saved.
"""

from gan_jax.training.stop import Stop, Stopped

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

from gan_jax.environment import blame, is_of_numbers
from gan_jax.errors import Diverged, UserError, one_line, printable
from gan_jax.runs import terminal
from gan_jax.runs.files import discard_unfinished

if TYPE_CHECKING:
    from ml_collections import ConfigDict

    from gan_jax.runs.directory import RunDirectory

CONFIG = Path(__file__).parents[1] / "configs" / "digits_dcgan.py"
MAX_SAMPLES = 1_000_000  # samples at a time: they are held in memory


USED_BY = {
    "step": ("sample", "reconstruct", "interpolate", "evaluate"),
    "num": ("sample",),
    "out": ("sample", "reconstruct", "interpolate"),
    "sample_seed": ("sample", "reconstruct", "interpolate"),
    "split": ("reconstruct", "interpolate"),
    **dict.fromkeys(("coordinator", "processes", "process"), ("train",)),
}
"""The modes that use a flag; of all others it is refused. Flags that are not named here all modes use."""
SUFFIXES = {"sample": ".npz", "reconstruct": ".npz", "interpolate": ".png"}
"""Of the files that modes write."""


def define() -> flags.FlagValues:
    """The command line's flags, in a set of their own."""
    values = flags.FlagValues()
    known = {"flag_values": values}
    modes = ["train", *SUFFIXES, "evaluate"]

    def words(flag: str, text: str) -> str:
        return f"{', '.join(USED_BY[flag])}: {text}"

    default = f"the run's own if none is given, and for a new run {CONFIG.name}"
    flags.DEFINE_string("config", None, f"config file, or file.py:argument for its get_config; {default}", **known)
    flags.DEFINE_string("workdir", None, "the run's folder", **known)
    flags.DEFINE_enum("mode", "train", modes, "what to do", **known)
    step = "which checkpoint, a number or 'best' (by config.keep_best); the newest if none is given"
    flags.DEFINE_string("step", None, words("step", step), **known)
    flags.DEFINE_integer("num", 64, words("num", "how many"), lower_bound=1, upper_bound=MAX_SAMPLES, **known)
    flags.DEFINE_string("out", None, words("out", "the file to write, .npz, of interpolate .png"), **known)
    seed = words("sample_seed", "fixes samples, walks and noise")
    flags.DEFINE_integer("sample_seed", 0, seed, lower_bound=0, upper_bound=2**32 - 1, **known)
    flags.DEFINE_string("split", None, words("split", "of the data set; test if none is given"), **known)
    several = "of several processes:"
    coordinator = words("coordinator", f"{several} HOST:PORT where the first one listens")
    flags.DEFINE_string("coordinator", None, coordinator, **known)
    flags.DEFINE_integer("processes", None, words("processes", f"{several} how many"), lower_bound=1, **known)
    process = words("process", f"{several} which one this is, from 0 on")
    flags.DEFINE_integer("process", None, process, lower_bound=0, **known)
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
        from gan_jax.parallel import processes

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
        from gan_jax.parallel import processes

        processes.part()
    terminal.settle()
    os._exit(status)


def _status(argv: list[str], stop: Stop) -> int:
    try:
        return _run(argv, stop)
    except UserError as error:
        return _failed(*_under_settings(error))
    except Diverged as error:
        return _failed(_under_settings(error)[0], 3)
    except OSError as error:
        return _failed(f"{error.strerror or error}: {_place(error)}", 1)
    except Stopped as stopped:
        terminal.say(stopped)
        return stopped.status
    except KeyboardInterrupt:
        return _failed("interrupted", 130)
    except Exception as error:
        return _failed(*_explained(error))


def _failed(why: object, status: int) -> int:
    terminal.say(f"error: {printable(why)}")
    return status


def _place(error: OSError) -> str:
    """The file that an error of the system names, or else the line of code that it comes from."""
    if named := error.filename2 or error.filename:
        return os.fsdecode(named) if isinstance(named, str | bytes | os.PathLike) else str(named)
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"in {last.name} ({last.filename}, line {last.lineno})"


def _explained(error: Exception) -> tuple[str, int]:
    """What made an error of NumPy, XLA or JAX, in words, and the exit status; raises it where it is our own."""
    if isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in str(error):
        return f"not enough memory ({one_line(error)}): take fewer examples at once", 1
    if isinstance(error, RuntimeError):
        from gan_jax.parallel import processes

        if processes.lost(error):
            why = f"another process of this run is gone ({one_line(error)})"
            return f"{why}: the same commands go on from the last checkpoint", 1
    if not blame(error):
        raise error
    return _under_settings(error)


def _under_settings(error: Exception) -> tuple[str, int]:
    """An error's words, after the settings of JAX that may have made it, and the exit status."""
    ours = isinstance(error, UserError | Diverged)
    settings = "" if isinstance(error, UserError) and not error.__cause__ else blame(error)
    words = str(error) if ours else one_line(error)
    return f"under {settings}: {words}" if settings else words, 3 if settings and is_of_numbers(error) else 2


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
    from gan_jax import command_line
    from gan_jax.runs import paths

    folder = paths.of_user(values.workdir)
    paths.check_name(folder, "workdir")
    file = None if values.config is None else os.fspath(paths.of_user(values.config))
    if values.mode != "train":
        return _use(values, folder, file, overrides, stop)
    config, of_file = command_line.for_training(file, folder, overrides, otherwise=CONFIG)
    _configure_jax(values, stop)
    from gan_jax.runs.directory import RunDirectory
    from gan_jax.training import loop

    for trained in loop.run(config, RunDirectory(folder, of_file=of_file), stop):
        terminal.tell(trained.report)
    return 0


def _use(values: flags.FlagValues, folder: Path, file: str | None, overrides: list[str], stop: Stop) -> int:
    """Puts a trained run to use, and prints the values measured or the file written."""
    from gan_jax import command_line
    from gan_jax.runs import paths

    _configure_jax(values, stop)
    from gan_jax.runs.directory import RunDirectory

    run_dir = RunDirectory(folder)
    used = [*(["evaluators"] if values.mode == "evaluate" else []), *(["keep_best"] if values.step == "best" else [])]
    config = command_line.for_use(file, run_dir.read_config(), overrides, values.mode, used)
    run_dir.check_holds(config)
    if config.seeds > 1:
        _, first = run_dir.by_seed(config)[0]
        raise UserError(f"--workdir={folder} holds {config.seeds} runs: name one, as --workdir={first.folder}")
    step = run_dir.asked(values.step, config.keep_best)
    if values.mode == "evaluate":
        paths.check_writable(run_dir.evaluations, "workdir")
        terminal.tell(_evaluated(run_dir, config, step))
        return 0
    out = paths.of_user(values.out)
    paths.check_writable(out, "out")
    from gan_jax.evaluation import predict

    if values.mode == "sample":
        predict.sample(run_dir, config, values.num, values.sample_seed, out, step=step)
    else:
        draw = {"reconstruct": predict.reconstruct, "interpolate": predict.interpolate}[values.mode]
        draw(run_dir, config, values.sample_seed, out, step=step, split=values.split)
    terminal.tell(out)
    return 0


def _evaluated(run_dir: "RunDirectory", config: "ConfigDict", step: int | None) -> str:
    """What the evaluators measure, as JSON; the run's page is made anew."""
    from gan_jax.evaluation import evaluate
    from gan_jax.reporting import report

    row = evaluate.run(run_dir, config, step)
    report.write(run_dir)
    return json.dumps(row)


def _check_flags(values: flags.FlagValues) -> None:
    """Raises UserError for flags that the mode does not use, and for values that none could."""
    mode = values.mode
    unused = [flag for flag, modes in USED_BY.items() if values[flag].present and mode not in modes]
    if unused:
        uses = "; ".join(f"--{flag} is for --mode={' or '.join(USED_BY[flag])}" for flag in unused)
        raise UserError(f"--mode={mode} does not use --{', --'.join(unused)}: leave it out ({uses})")
    step = values.step
    if step is not None and step != "best" and not (step.isascii() and step.isdecimal() and len(step) < 20):
        raise UserError(f"--step={step}: it must be 'best' or the number of a checkpoint, 0 or more")
    suffix = SUFFIXES.get(mode)
    if suffix and (values.out is None or Path(values.out).suffix != suffix):
        raise UserError(f"--mode={mode} needs --out=FILE{suffix}, not {values.out}")


def _configure_jax(values: flags.FlagValues, stop: Stop) -> None:
    """Keeps compiled programs in the user's cache, so that a second start need not compile; joins other processes.

    Raises UserError where the platform asked for is not there, or what is said of the processes cannot be.
    """
    from gan_jax.runs import cache

    # In the environment, where JAX looks when it is imported, and where the user's own choice would stand.
    with suppress(OSError):  # a cache that cannot be written is a slower start, no more
        os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(cache.folder("programs")))
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.2")
    logging.getLogger("absl").setLevel(logging.CRITICAL)  # Orbax prints the traceback of what it also raises
    import jax

    from gan_jax.parallel import processes

    try:
        if values.mode == "train" and processes.join(values.coordinator, values.processes, values.process):
            stop.synchronize(processes.largest)
        jax.devices()
    except (RuntimeError, AssertionError) as error:  # an assertion where JAX found nothing to say
        why = one_line(error) if str(error) else "none of those asked for is here"
        raise UserError(f"JAX finds no device ({why}): see JAX_PLATFORMS and JAX_PLATFORM_NAME") from error


if __name__ == "__main__":
    command(STOP)  # pyrefly: ignore[unbound-name]
