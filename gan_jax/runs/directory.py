"""The folder of a run: one run's, from its first file on.

config.json               all values, what its data are, JAX's settings, versions, devices, git state
metrics.jsonl             a row per logging step: step, seconds, player/term ...
evaluations.jsonl         a row per evaluation: step, evaluator/value ...
events.out.tfevents.*     the same rows for TensorBoard
samples/step_00001000.png the same latents every time
checkpoints/              Orbax
report.html               one self-contained file
.lock                     while it trains: by which process

The folder of a run of several seeds has config.json, and in seed_N/ the folder of each seed's run.
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
from gan_jax.runs.files import atomically, clear_drafts, in_the_way
from gan_jax.runs.provenance import base, difference
from gan_jax.runs.rows import best_step, read_rows

OURS = (
    "config.json",
    "metrics.jsonl",
    "evaluations.jsonl",
    "events.out.tfevents.*",
    "samples",
    "checkpoints",
    "report.html",
)
"""The names in a run's folder, as patterns."""
PACKAGES = ("jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "ml-collections", "numpy")


class RunDirectory:
    """Where each file of a run lies.

    of_file: what its config.json is to keep for `given.for_training`.
    """

    def __init__(self, folder: Path, *, of_file: Mapping[str, Any] = MappingProxyType({})):
        self.folder, self.of_file = folder, of_file
        self.config = folder / "config.json"
        self.metrics = folder / "metrics.jsonl"
        self.checkpoints = folder / "checkpoints"
        self.samples = folder / "samples"
        self.evaluations = folder / "evaluations.jsonl"
        self.report = folder / "report.html"

    def sample(self, step: int) -> Path:
        """The picture of samples after this many rounds."""
        return self.samples / f"step_{step:08d}.png"

    def best(self, rule: str) -> int | None:
        """The step of the checkpoint whose evaluation is best by a rule, if any: see `writers.best_step`."""
        saved = [int(path.name) for path in self.checkpoints.glob("[0-9]*") if path.name.isdigit()]
        return best_step(self.evaluations, rule, saved)

    def asked(self, step: str | None, rule: str) -> int | None:
        """The checkpoint that `--step` asks for: a number, 'best' by a rule as in `best`, None for the newest.

        Raises UserError where there is no best one.
        """
        if step != "best":
            return None if step is None else int(step)
        if not rule:
            raise UserError(
                "--step=best: config.keep_best is '', so that this run has no best checkpoint: take --step=NUMBER, "
                "or say the rule, as --config.keep_best='min evaluator/value'"
            )
        if (best := self.best(rule)) is None:
            names = {name for row in read_rows(self.evaluations) for name in row} - {"step", "seed"}
            value = rule.partition(" ")[2]
            raise UserError(f"--step=best: no checkpoint here has a value of {value!r}; {suggestions(value, names)}")
        return best

    def by_seed(self, config: ConfigDict) -> list[tuple[ConfigDict, "RunDirectory"]]:
        """The config and the folder of each seed's run: of one seed, these."""
        if config.seeds == 1:
            return [(config, self)]
        return [(configs.of_seed(config, seed), run_dir) for seed, run_dir in self.of_seeds(config.seed, config.seeds)]

    def of_seeds(self, first: int, count: int) -> list[tuple[int, "RunDirectory"]]:
        """Each seed and the folder of its run: of one seed, this one."""
        if count == 1:
            return [(first, self)]
        seeds = range(first, first + count)
        return [(seed, RunDirectory(self.folder / f"seed_{seed}", of_file=self.of_file)) for seed in seeds]

    def read_config(self) -> ConfigDict:
        """The run's config; raises UserError where the folder holds no run."""
        if not self.config.is_file():
            raise UserError(f"--workdir={self.folder} holds no run (no config.json): train one there first")
        return configs.load(self.config)

    def check(self, config: ConfigDict) -> None:
        """Raises UserError where the folder holds another run than this config's, or other things."""
        if self.config.is_file():
            self.check_holds(config)
            self._check_steps(config)
        elif self.folder.exists() and not self.folder.is_dir():
            raise UserError(f"--workdir={self.folder} is a file: choose a folder")
        elif found := in_the_way(self.folder, OURS):
            raise UserError(
                f"--workdir={self.folder} holds {', '.join(found[:3])}{' ...' if len(found) > 3 else ''} and no run: "
                "choose another folder; a new run's may hold files of yours, but no folders and none of a run's names"
            )

    def check_holds(self, config: ConfigDict) -> None:
        """Raises UserError, saying what differs, where the folder holds no run of this config."""
        held = configs.to_json(self.read_config())
        given, was = str(config.data.name), str(held["data"]["name"])
        if self._version() in (given.partition(":")[2], was.partition(":")[2]) and base(given) == base(was):
            held["data"]["name"] = given  # the very version that it was trained on, named or not
        if changed := configs.differences(configs.to_json(config), held):
            raise UserError(
                f"--workdir={self.folder} holds another run ({'; '.join(changed)}): "
                "choose another folder, or that run's config"
            )

    def data_spec(self) -> dict[str, Any]:
        """Returns what config.json keeps of the run's data; nothing in a new folder, or an older version's run.

        Raises UserError where that is damaged.
        """
        if not self.config.is_file():
            return {}
        found = configs.read_run(self.config).get("data_spec", {})
        if not isinstance(found, dict):
            raise UserError(f"{self.config} is damaged: data_spec is {found!r}, not a block of fields")
        return found

    def _version(self) -> str:
        return str(self.data_spec().get("version") or "no version")

    def check_facts(self, facts: Mapping[str, Any]) -> None:
        """Raises UserError, with both values, where the run's data or JAX's settings were others than these facts.

        See `provenance.difference`.
        """
        if not self.config.is_file():
            return
        with reraise_as(f"{self.config} is damaged"):
            changed = difference(configs.read_run(self.config), facts)
        if changed:
            raise UserError(f"--workdir={self.folder} holds a run that {changed}, or choose another folder")

    def _check_steps(self, config: ConfigDict) -> None:
        played = [int(path.name) for path in self.checkpoints.glob("*") if path.name.isdecimal()]
        if (last := max(played, default=0)) > config.steps:
            raise UserError(
                f"--workdir={self.folder} holds {last} rounds of this run, config.steps is {config.steps}: "
                "take as many or more, or another folder"
            )

    @contextmanager
    def held(self, config: ConfigDict, facts: Mapping[str, Any]) -> Iterator[None]:
        """Makes the folder this config's, and this process's alone to train in for a time; the facts are kept in it.

        Raises UserError as `check` and `check_facts`, and where another process trains there; OSError.
        """
        with lock.held(self.folder):
            self.check(config)  # only now can nobody make it another run's
            self.check_facts(facts)
            self._claim(config, facts)
            yield

    def _claim(self, config: ConfigDict, facts: Mapping[str, Any]) -> None:
        data_spec = dict(facts.get("data_spec", {}))
        if self.config.is_file():  # splits that are not read this time stay known
            known = configs.read_run(self.config).get("data_spec", {}).get("fingerprints", {})
            data_spec["fingerprints"] = known | data_spec.get("fingerprints", {})
        content = {
            "format": configs.FORMAT,
            "config": configs.to_json(config),
            "of_file": dict(self.of_file),
            **facts,
            "data_spec": data_spec,
            "versions": {"python": platform.python_version()} | {p: metadata.version(p) for p in PACKAGES},
            "devices": [f"{device.platform} {device.device_kind}" for device in jax.devices()],
            "git": _git_state(),
        }
        with atomically(self.config) as file:
            file.write((json.dumps(content, indent=2) + "\n").encode())

    def forget_after(self, step: int) -> None:
        """Deletes the pictures of later rounds, and what a run that was killed left unfinished."""
        clear_drafts(self.folder, OURS)
        clear_drafts(self.samples, ("step_*.png",))
        for path in self.samples.glob("step_*.png"):
            if path > self.sample(step):
                path.unlink()


def _git_state() -> dict[str, Any]:
    """The commit of the code that runs, and whether its files differ from it; empty outside of a git checkout."""

    def git(*arguments: str) -> str:
        command = ["git", "-C", os.fspath(Path(__file__).parent), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()

    try:
        return {"commit": git("rev-parse", "HEAD"), "changed": bool(git("status", "--porcelain"))}
    except (OSError, subprocess.SubprocessError):
        return {}
