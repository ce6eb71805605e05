"""The schedule of a run: what is due at each step, and the calls that a run is divided into."""

from collections.abc import Iterable, Iterator
from itertools import chain, pairwise
from typing import Any, TypeAlias, TypeVar

from ml_collections import ConfigDict

T = TypeVar("T")
Fields: TypeAlias = ConfigDict | dict[str, Any]
"""A config, or the values of one in a run's config.json."""


def falls_on(step: int, every: int, last: int) -> bool:
    """Returns True if a period (0 = never) ends at this step. The last step ends all periods."""
    return every > 0 and (step % every == 0 or step == last)


def of_evaluators(config: Fields) -> dict[str, int]:
    """Returns each evaluator's period by name: its own, or otherwise the common one."""
    known = config.get("evaluators") or {}
    return {name: spec.get("every_steps", config["evaluate_every_steps"]) for name, spec in known.items()}


def evaluators_due(config: Fields, step: int) -> set[str]:
    """Returns the names of the evaluators that are due at this step. At step 0 there are none."""
    return {name for name, every in of_evaluators(config).items() if step and falls_on(step, every, config["steps"])}


def is_boundary(config: Fields, step: int) -> bool:
    """Returns True if the run, or a period other than logging's, ends at this step."""
    return step == config["steps"] or any(falls_on(step, every, 0) for every in _boundaries(config))


def calls(config: Fields, start: int) -> Iterator[tuple[int, int]]:
    """Returns (step, steps) of each call from `start` on: at most steps_per_call steps, never past a boundary."""
    step = start
    while step < config["steps"]:
        ends = [every - step % every for every in _boundaries(config) if every]
        steps = min(config["steps_per_call"], config["steps"] - step, *ends)
        yield step, steps
        step += steps


def with_next(items: Iterable[T]) -> Iterator[tuple[T, T | None]]:
    """Returns each item with the one after it, None after the last one."""
    return pairwise(chain(items, [None]))  # pyrefly: ignore


def _boundaries(config: Fields) -> tuple[int, ...]:
    return config["sample_every_steps"], config["checkpoint_every_steps"], *of_evaluators(config).values()
