"""The Python interface: trained runs as functions, training, and experiments for your own loops.

    import gan_jax

    run = gan_jax.load("runs/dcgan")            # files are only read when needed
    images = run.sample(64, seed=0)             # uint8 [64, h, w, c]
    x = run.generator(z)                        # floats, differentiable with respect to z

See `trained.Run` for what a run can do.
"""

from pathlib import Path
from typing import Any, TypeAlias

from ml_collections import ConfigDict

from gan_jax import config as configs
from gan_jax.data.source import Source
from gan_jax.data.spec import spec_of
from gan_jax.errors import UserError
from gan_jax.experiments import Experiment, build
from gan_jax.reporting import frames
from gan_jax.runs import paths
from gan_jax.runs.directory import RunDirectory
from gan_jax.runs.jax_settings import keep_programs
from gan_jax.trained import Run

__all__ = ["Run", "experiment", "load", "load_sweep", "train"]

Config: TypeAlias = ConfigDict | str | Path
"""A config, or the path of a config file: a Python file with get_config(), or a run's config.json."""


def load(folder: str | Path, step: int | str | None = None) -> Run:
    """Returns the run in a folder, at a checkpoint: the newest one, that of a step, or the best one.

    The folder may hold an exported model (--mode=export), which has one step and no optimizers.

    step: a number; "best", by the run's `config.keep_best`; or a rule such as "min samples/frechet". The best
    checkpoint is the kept one whose evaluation has the best value. Raises UserError if the folder holds no run. A
    missing checkpoint is only noticed when it is read.
    """
    run_dir = RunDirectory(paths.of_user(str(folder)))
    if isinstance(step, str) and step != "best" and not step.startswith(("min ", "max ")):
        raise UserError(f"step is {step!r}: it must be a number, 'best', or a rule such as 'min samples/frechet'")
    if not run_dir.config.is_file():
        raise UserError(f"{folder} holds no run (no config.json): give the --workdir of a training run")
    return Run(run_dir, run_dir.read_config(), step)


def train(config: Config, folder: str | Path) -> Run:
    """Trains a config in a folder, or resumes the same run there, as the command line does, and returns the run.

    Progress goes to standard error. An interruption loses the steps since the last checkpoint. Raises UserError, before
    anything is written, if something does not fit, and errors.Diverged if a loss is no longer finite.
    """
    from gan_jax.training import loop

    path = paths.of_user(str(folder))
    paths.check_name(path, "workdir")
    loop.run(_config(config), RunDirectory(path))
    return load(path)


def experiment(config: Config) -> Experiment:
    """Returns a config's experiment as pure functions: `init`, `train_step`, `outputs` and more, see `Experiment`.

    The data set is read for the shapes of its fields. Raises UserError if something does not fit.
    """
    config = _config(config)
    return build(config, spec_of(Source(config.data).load(config.data.split)))


def load_sweep(folder: str | Path) -> Any:
    """Returns the runs of a sweep, or of any folder of runs, as a pandas data frame with one row per run.

    Columns: `cell`, the fields in which cells differ, `seed`, `fate` (see results.Run), each metric at the last step,
    `seconds`, `folder`. Raises UserError if there is no run, or pandas is not installed.
    """
    from gan_jax.sweeps import results

    found = results.read(paths.of_user(str(folder)))
    rows = [
        {
            "cell": cell.name,
            **cell.differs,
            "seed": run.seed,
            "fate": run.fate,
            **{metric.name: run.value(metric.name) for metric in found.metrics},
            "seconds": run.seconds,
            "folder": str(run.run_dir.folder),
        }
        for cell in found.cells
        for run in cell.runs
    ]
    return frames.frame(rows)


def _config(config: Config) -> ConfigDict:
    keep_programs()
    return configs.checked(config.to_dict()) if isinstance(config, ConfigDict) else configs.load(config)
