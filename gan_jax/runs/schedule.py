"""What falls due after which round, and the calls that a run is cut into so that nothing falls due within one."""

from collections.abc import Iterator
from typing import Any, TypeAlias

from ml_collections import ConfigDict

Fields: TypeAlias = ConfigDict | dict[str, Any]
"""A config, or what the config.json of a run says of it."""


def falls_on(step: int, every: int, last: int) -> bool:
    """Whether a period (0 = never) ends at this step; the last step ends them all."""
    return every > 0 and (step % every == 0 or step == last)


def of_evaluators(config: Fields) -> dict[str, int]:
    """Each evaluator's own period, or else the common one, by name."""
    known = config.get("evaluators") or {}
    return {name: spec.get("every_steps", config["evaluate_every_steps"]) for name, spec in known.items()}


def evaluators_due(config: Fields, step: int) -> set[str]:
    """The evaluators, by name, whose period ends at this step; before the first round there are none."""
    return {name for name, every in of_evaluators(config).items() if step and falls_on(step, every, config["steps"])}


def is_boundary(config: Fields, step: int) -> bool:
    """Whether the run, or a period other than logging's, ends with this round."""
    return step == config["steps"] or any(falls_on(step, every, 0) for every in _boundaries(config))


def calls(config: Fields, start: int) -> Iterator[tuple[int, int]]:
    """(step, rounds) of each call from a step to the last: at most steps_per_call, never past a boundary."""
    step = start
    while step < config["steps"]:
        ends = [every - step % every for every in _boundaries(config) if every]
        rounds = min(config["steps_per_call"], config["steps"] - step, *ends)
        yield step, rounds
        step += rounds


def _boundaries(config: Fields) -> tuple[int, ...]:
    return config["sample_every_steps"], config["checkpoint_every_steps"], *of_evaluators(config).values()
