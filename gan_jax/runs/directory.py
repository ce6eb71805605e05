"""The directory of a run. It belongs to one run from its first file on.

config.json               all values, the data's spec, JAX's settings, versions, devices, git state, format
metrics.jsonl             a row per logging step: step, seconds, player/term ...
evaluations.jsonl         a row per evaluation: step, evaluator/value ...
events.out.tfevents.*     rows, evaluations, pictures and hyper-parameters for TensorBoard
trackers.json             the IDs of this run in the trackers of `config.trackers`
samples/step_00001000.png samples, from the same latents every time
samples/real.png          real examples, in the same layout
samples/walks.png         walks between latents, at the last step
samples/plane.png         samples along two axes of the latents, or of each class along one, at the last step
checkpoints/              Orbax
report.html               one self-contained file
.lock                     while it trains: the process

A run of several seeds has config.json, and each seed's run directory in seed_N/.
"""

import json
import os
import platform
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from types import MappingProxyType
from typing import Any

import jax
from ml_collections import ConfigDict

from gan_jax import config as configs
from gan_jax.errors import UserError, reraise_as, suggestions
from gan_jax.runs import lock
from gan_jax.runs.files import atomically, clear_drafts, obstacles
from gan_jax.runs.provenance import base, difference
from gan_jax.runs.rows import best_step, read_rows

OURS = (
    "config.json",
    "metrics.jsonl",
    "evaluations.jsonl",
    "events.out.tfevents.*",
    "trackers.json",
    "samples",
    "checkpoints",
    "report.html",
)
"""The files and folders of a run, as patterns."""
PACKAGES = ("jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "ml-collections", "numpy")


class RunDirectory:
    """The paths of a run's files.

    file_values: the config file's values of free fields that the command line overrode, kept in config.json for the
        next command (`command_line.for_training`).
    overrides: the fields set on the command line, with their values as given there, kept for the report.
    """

    def __init__(
        self,
        folder: Path,
        *,
        file_values: Mapping[str, Any] = MappingProxyType({}),
        overrides: Mapping[str, str] = MappingProxyType({}),
    ):
        self.folder, self.file_values, self.overrides = folder, file_values, overrides
        self.config = folder / "config.json"
        self.metrics = folder / "metrics.jsonl"
        self.checkpoints = folder / "checkpoints"
        self.samples = folder / "samples"
        self.real, self.walks = self.samples / "real.png", self.samples / "walks.png"
        self.plane = self.samples / "plane.png"
        self.evaluations = folder / "evaluations.jsonl"
        self.weights = folder / "model.safetensors"  # instead of checkpoints, for an exported model
        self.report = folder / "report.html"

    def sample(self, step: int) -> Path:
        """Returns the path of the figure of samples at a step."""
        return self.samples / f"step_{step:08d}.png"

    def best(self, rule: str) -> int | None:
        """Returns the step of the best checkpoint by a rule, if any: see `rows.best_step`."""
        saved = [int(path.name) for path in self.checkpoints.glob("[0-9]*") if path.name.isdigit()]
        return best_step(self.evaluations, rule, saved)

    def resolve_step(self, step: str | None, rule: str) -> int | None:
        """Returns the step that `--step` names: a number, 'best' by a rule as in `best`, or None for the newest.

        Raises UserError if there is no best one.
        """
        if step != "best":
            return None if step is None else int(step)
        if not rule:
            raise UserError(
                "--step=best: config.keep_best is '', so this run has no best checkpoint: use --step=NUMBER, "
                "or set the rule, such as --config.keep_best='min evaluator/value'"
            )
        if (best := self.best(rule)) is None:
            names = {name for row in read_rows(self.evaluations) for name in row} - {"step", "seed"}
            value = rule.partition(" ")[2]
            raise UserError(f"--step=best: no checkpoint here has a value of {value!r}; {suggestions(value, names)}")
        return best

    @property
    def is_exported(self) -> bool:
        """True for the folder of an exported model, which has no checkpoints."""
        return self.weights.is_file() and not self.checkpoints.is_dir()

    def by_seed(self, config: ConfigDict) -> list[tuple[ConfigDict, "RunDirectory"]]:
        """Returns each seed's config and run directory; for a single seed, the config and this directory."""
        if config.seeds == 1:
            return [(config, self)]
        return [(configs.of_seed(config, seed), run_dir) for seed, run_dir in self.of_seeds(config.seed, config.seeds)]

    def of_seeds(self, first: int, count: int) -> list[tuple[int, "RunDirectory"]]:
        """Returns each seed and its run directory; for a single seed, this directory."""
        if count == 1:
            return [(first, self)]
        seeds = range(first, first + count)
        given: dict[str, Any] = {"file_values": self.file_values, "overrides": self.overrides}
        return [(seed, RunDirectory(self.folder / f"seed_{seed}", **given)) for seed in seeds]

    def read_config(self) -> ConfigDict:
        """Returns the run's config; raises UserError if the folder holds no run."""
        if not self.config.is_file():
            raise UserError(f"--workdir={self.folder} holds no run (no config.json): train one there first")
        return configs.load(self.config)

    def check(self, config: ConfigDict) -> None:
        """Raises UserError if the folder holds a run of another config, or other files."""
        if self.is_exported:
            raise UserError(
                f"--workdir={self.folder} holds an exported model, which has no optimizers to resume with: "
                "choose another folder"
            )
        if self.config.is_file():
            self.check_holds(config)
            self._check_steps(config)
        elif self.folder.exists() and not self.folder.is_dir():
            raise UserError(f"--workdir={self.folder} is a file: choose a folder")
        elif others := obstacles(self.folder, OURS):
            raise UserError(
                f"--workdir={self.folder} holds {', '.join(others[:3])}{' ...' if len(others) > 3 else ''} but no run: "
                "choose another folder (a new run's may hold other files, but no folders and no names of a run's files)"
            )

    def check_holds(self, config: ConfigDict) -> None:
        """Raises UserError with the differences if the folder's run has another config."""
        kept = configs.to_json(self.read_config())
        given, was = str(config.data.name), str(kept["data"]["name"])
        if self._version() in (given.partition(":")[2], was.partition(":")[2]) and base(given) == base(was):
            kept["data"]["name"] = given  # the same version, named or not
        if changed := configs.differences(configs.to_json(config), kept):
            raise UserError(
                f"--workdir={self.folder} holds another run ({'; '.join(changed)}): "
                "choose another folder, or use that run's config"
            )

    def data_spec(self) -> dict[str, Any]:
        """Returns the data's spec from the run's config.json, {} in a new folder.

        Raises UserError if it is damaged.
        """
        if not self.config.is_file():
            return {}
        spec = configs.read_run(self.config).get("data_spec", {})
        if not isinstance(spec, dict):
            raise UserError(f"{self.config} is damaged: data_spec is {spec!r}, not a block of fields")
        return spec

    def _version(self) -> str:
        return str(self.data_spec().get("version") or "no version")

    def check_provenance(self, provenance: Mapping[str, Any]) -> None:
        """Raises UserError, with both values, if the run's data or JAX's settings differ from this provenance.

        See `provenance.difference`.
        """
        if not self.config.is_file():
            return
        with reraise_as(f"{self.config} is damaged"):
            changed = difference(configs.read_run(self.config), provenance)
        if changed:
            raise UserError(f"--workdir={self.folder} holds a run that {changed}, or choose another folder")

    def _check_steps(self, config: ConfigDict) -> None:
        saved = [int(path.name) for path in self.checkpoints.glob("*") if path.name.isdecimal()]
        if (last := max(saved, default=0)) > config.steps:
            raise UserError(
                f"--workdir={self.folder} holds {last} steps of this run, but config.steps is {config.steps}: "
                f"set it to at least {last}, or choose another folder"
            )

    @contextmanager
    def locked(self, config: ConfigDict, provenance: Mapping[str, Any]) -> Iterator[None]:
        """Locks the folder for this process, and writes the config and the provenance there.

        Raises UserError as `check` and `check_provenance` do, and if another process trains there; OSError.
        """
        with lock.locked(self.folder):
            self.check(config)  # again, now that no other process can write there
            self.check_provenance(provenance)
            self._write_config(config, provenance)
            yield

    def _write_config(self, config: ConfigDict, provenance: Mapping[str, Any]) -> None:
        data_spec, overrides, before = dict(provenance.get("data_spec", {})), dict(self.overrides), {}
        values = configs.to_json(config)
        if self.config.is_file():  # keeps splits not read this time, and earlier commands' values
            before = configs.read_run(self.config)
            values, overrides = configs.as_given(values, before), before.get("overrides", {}) | overrides
            for kind in ("fingerprints", "files"):
                data_spec[kind] = before.get("data_spec", {}).get(kind, {}) | data_spec.get(kind, {})
        content = {
            "format": configs.FORMAT,
            "config": values,
            "file_values": dict(self.file_values),
            "overrides": overrides,
            **({"origin": before["origin"]} if "origin" in before else {}),
            **provenance,
            "data_spec": data_spec,
            "versions": {"python": platform.python_version()} | {p: metadata.version(p) for p in PACKAGES},
            "devices": [f"{device.platform} {device.device_kind}" for device in jax.devices()],
            "git": _git_state(),
        }
        with atomically(self.config) as file:
            file.write((json.dumps(content, indent=2) + "\n").encode())

    def forget_after(self, step: int) -> None:
        """Deletes the figures of later steps, and files that a killed run left unfinished."""
        clear_drafts(self.folder, OURS)
        clear_drafts(self.samples, ("step_*.png",))
        for path in self.samples.glob("step_*.png"):
            if path > self.sample(step):
                path.unlink()


def _git_state() -> dict[str, Any]:
    """Returns the commit of this code, and whether files have changed since; {} outside of a git checkout."""

    def git(*arguments: str) -> str:
        command = ["git", "-C", os.fspath(Path(__file__).parent), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()

    try:
        return {"commit": git("rev-parse", "HEAD"), "changed": bool(git("status", "--porcelain"))}
    except (OSError, subprocess.SubprocessError):
        return {}
