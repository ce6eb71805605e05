"""A trained model as a folder to publish: weights, config, programs for other runtimes, and a card."""

from pathlib import Path

from ml_collections import ConfigDict

from gan_jax.core.state import Players
from gan_jax.errors import UserError, one_line
from gan_jax.evaluation import card, predict, programs
from gan_jax.evaluation.programs import Program
from gan_jax.experiments import Experiment
from gan_jax.runs import terminal, weights
from gan_jax.runs.directory import RunDirectory
from gan_jax.runs.files import folder_atomically
from gan_jax.runs.rows import read_rows


def write(run_dir: RunDirectory, config: ConfigDict, out: Path, *, step: int | None = None) -> list[Path]:
    """Writes a folder with a run's model at a checkpoint (None: newest), whole or not at all; returns its files.

    They are `model.safetensors` (`weights`), the run's `config.json`, a StableHLO file for each of the predictions of
    `programs.FILES` that the model has, and the card `README.md`. Programs are compared with the model before anything
    is written. Raises UserError if a program's outputs differ, or OSError.
    """
    experiment, state = predict.restore(run_dir, config, step)
    made, left_out = _programs(experiment, state.players, config.dtype)
    held = int(state.step)
    scores = next((row for row in read_rows(run_dir.evaluations) if row["step"] == held), {})
    exported = RunDirectory(out)
    with folder_atomically(out) as draft:
        (draft / exported.config.name).write_bytes(run_dir.config.read_bytes())
        weights.write(draft / exported.weights.name, state)
        for program in made:
            (draft / programs.FILES[program.use]).write_bytes(program.content)
        text = card.write(out.name, config, state, scores, made, left_out)
        (draft / "README.md").write_text(text, "utf-8")
    return sorted(out.iterdir())


def _programs(experiment: Experiment, players: Players, dtype: str) -> tuple[list[Program], dict[str, str]]:
    """Returns the programs, and by use why a prediction of the model has none."""
    made, left_out = [], {}
    for use in [use for use in programs.FILES if use in experiment.predict]:
        try:
            made.append(programs.make(experiment, players, use, dtype))
        except (UserError, MemoryError):
            raise
        except Exception as error:  # from a model that needs to know its batch size
            left_out[use] = one_line(error)
            terminal.say(f"warning: no {programs.FILES[use]}, because the model cannot be exported: {left_out[use]}")
    return made, left_out
