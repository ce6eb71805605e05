"""The modes of the command line: training, and the uses of a trained run. Each imports only what it needs."""

import json
import logging
import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from gan_jax.command import flags as command_flags
from gan_jax.command.flags import CONFIG, Flags
from gan_jax.errors import UserError, one_line
from gan_jax.runs import origins, terminal
from gan_jax.training.stop import Stop

if TYPE_CHECKING:
    from ml_collections import ConfigDict

    from gan_jax.runs.directory import RunDirectory

PLACE = ("data.path", "data.hold")
LOADING = ("evaluate", "reconstruct", "translate", "interpolate")
"""The uses of a trained run that load its data, which may have moved since training."""


def run(values: Flags, overrides: list[str], stop: Stop) -> None:
    """Runs the mode that the flags ask for, and prints its result.

    Raises UserError for wrong flags and fields, and whatever the mode raises.
    """
    command_flags.check(values)
    from gan_jax.runs import paths

    file = None if values.config is None else os.fspath(paths.of_user(values.config))
    folder = None if values.workdir is None else paths.of_user(values.workdir)
    if folder is None:
        _show_data(values, None, file, overrides, stop)
        return
    paths.check_name(folder, "workdir")
    modes = {"train": _train, "data": _show_data}
    modes.get(values.mode, _use)(values, folder, file, overrides, stop)


def _train(values: Flags, folder: Path, file: str | None, overrides: list[str], stop: Stop) -> None:
    """Trains a new run or resumes the folder's, and prints the path of each HTML page."""
    from gan_jax.command import line as command_line

    otherwise = CONFIG
    if values.init_from is not None:
        overrides = [*overrides, f"--config.init_from={values.init_from}"]
        if not (folder / "config.json").is_file():  # a new run uses the config of the run that it starts from
            otherwise = origins.named(values.init_from).folder / "config.json"
    config, file_values = command_line.for_training(file, folder, overrides, otherwise=otherwise)
    _configure_jax(values, stop)
    from gan_jax.command.overrides import given
    from gan_jax.runs.directory import RunDirectory
    from gan_jax.training import loop

    place = RunDirectory(folder, file_values=file_values, overrides=given(overrides))
    for run_dir in loop.run(config, place, stop):
        terminal.tell(run_dir.report)


def _show_data(values: Flags, folder: Path | None, file: str | None, overrides: list[str], stop: Stop) -> None:
    """Draws the batches of a step of a config or run, and prints facts about the data and the path of the file."""
    from gan_jax.command import line as command_line
    from gan_jax.runs import paths
    from gan_jax.runs.directory import RunDirectory

    if folder is None:
        config = command_line.of_file(CONFIG if file is None else file, overrides)
    else:
        run_dir = RunDirectory(folder)
        config = command_line.for_use(file, run_dir.read_config(), overrides, "data", PLACE)
        run_dir.check_holds(config)
    out = paths.of_user(values.out)
    paths.check_writable(out, "out")
    _configure_jax(values, stop)
    from gan_jax.evaluation import batches

    for line in batches.show(config, out, step=int(values.step or 0), num=values.num):
        terminal.tell(line)
    terminal.tell(out)


def _use(values: Flags, folder: Path, file: str | None, overrides: list[str], stop: Stop) -> None:
    """Uses a trained run, and prints the values measured or the file written."""
    from gan_jax.command import line as command_line
    from gan_jax.runs import paths

    _configure_jax(values, stop)
    from gan_jax.runs.directory import RunDirectory

    run_dir = RunDirectory(folder)
    used = ["keep_best"] if values.step == "best" else []
    # Not for an export: its config.json and its scores are the run's, so its sampler must be too.
    own = {"evaluate": ["evaluators"], "export": []}
    used += own.get(values.mode, ["networks.generator.psi"])
    used += PLACE if values.mode in LOADING and values.input is None else ()
    config = command_line.for_use(file, run_dir.read_config(), overrides, values.mode, used)
    run_dir.check_holds(config)
    if config.seeds > 1:
        _, first = run_dir.by_seed(config)[0]
        raise UserError(f"--workdir={folder} holds {config.seeds} runs: choose one, such as --workdir={first.folder}")
    if values.mode == "evaluate":
        step = run_dir.resolve_step(values.step, config.keep_best)
        paths.check_writable(run_dir.evaluations, "workdir")
        terminal.tell(_evaluate(run_dir, config, step))
        return
    for path in _write(values, run_dir, config, _checked_out(values)):
        terminal.tell(path)


def _checked_out(values: Flags) -> Path:
    """Returns the path of --out; raises UserError or OSError if it cannot be written."""
    from gan_jax.reporting import animations
    from gan_jax.runs import paths

    out = paths.of_user(values.out)
    if command_flags.suffix_of(values.out):
        paths.check_writable(out, "out")
    elif values.input is None:
        paths.check_folder(out, "out")
    else:  # pictures are added to existing ones; `translate` does not overwrite its inputs
        paths.check_writable(out / "0.png", "out")
    animations.check(out)
    return out


def _write(values: Flags, run_dir: "RunDirectory", config: "ConfigDict", out: Path) -> list[Path]:
    """Writes the outputs of a trained run, and returns the paths written."""
    from gan_jax.evaluation import outputs, predict, translate
    from gan_jax.runs import paths

    if values.step == command_flags.ALL:
        outputs.training(out, run_dir)
        return [out]
    step = run_dir.resolve_step(values.step, config.keep_best)
    if values.mode == "export":
        from gan_jax.evaluation import export

        return export.write(run_dir, config, out, step=step)
    if values.mode == "sample":
        chosen = {"label": values["class"].value, "truncation": values.truncation}
        return predict.sample(run_dir, config, values.num, values.sample_seed, out, step=step, **chosen)
    if values.mode == "translate" and values.input is not None:
        given, mask = paths.of_user(values.input), None if values.mask is None else paths.of_user(values.mask)
        chosen = {"given": given, "mask": mask, "back": values.back}
        translate.of_pictures(run_dir, config, values.sample_seed, out, step=step, **chosen)
        return [out]
    of_split = partial(translate.of_split, back=values.back)
    uses = {"reconstruct": predict.reconstruct, "interpolate": predict.interpolate, "translate": of_split}
    uses[values.mode](run_dir, config, values.sample_seed, out, step=step, split=values.split)
    return [out]


def _evaluate(run_dir: "RunDirectory", config: "ConfigDict", step: int | None) -> str:
    """Returns the values of the evaluators as JSON, and rewrites the run's HTML page."""
    from gan_jax.evaluation import evaluate
    from gan_jax.reporting import report

    row = evaluate.run(run_dir, config, step)
    report.write(run_dir)
    return json.dumps(row)


def _configure_jax(values: Flags, stop: Stop) -> None:
    """Caches compiled programs in the user's cache, so that a second start compiles less, and joins other processes.

    Raises UserError if the requested platform is missing, or the flags for several processes are wrong.
    """
    logging.getLogger("absl").setLevel(logging.CRITICAL)  # Orbax logs the traceback of errors that it also raises
    import jax

    from gan_jax.parallel import processes
    from gan_jax.runs.jax_settings import keep_programs

    keep_programs()
    try:
        if values.mode == "train" and processes.join(values.coordinator, values.processes, values.process):
            stop.synchronize(processes.largest)
        jax.devices()
    except (RuntimeError, AssertionError) as error:  # JAX may also raise an assertion without a message
        why = one_line(error) if str(error) else "none of the requested platforms is available"
        raise UserError(f"JAX finds no device ({why}): see JAX_PLATFORMS and JAX_PLATFORM_NAME") from error
