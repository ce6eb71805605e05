"""What a run was played with beside its config: its data, by version and content, and JAX's settings."""

from collections.abc import Mapping
from typing import Any

Changes = list[tuple[str, Any, Any]]
"""(name, value then, value now)."""


def base(name: str) -> str:
    """The name of a data set without its version."""
    return name.partition(":")[0]


def difference(held: Mapping[str, Any], facts: Mapping[str, Any]) -> str:
    """How these facts differ from those that a run's config.json holds, with both values and what to do; '' if not.

    Only what both tell of is compared: `data_spec`'s `version` and `fingerprints` by split, and `jax_settings`.
    """
    if settings := _changed(held.get("jax_settings", {}), facts.get("jax_settings", {})):
        as_then = (f"{name.upper()}={was}" if was is not None else f"no {name.upper()}" for name, was, _ in settings)
        return f"was played under other settings of JAX ({_told(settings)}): set {', '.join(as_then)}"
    was, now = held.get("data_spec", {}), facts.get("data_spec", {})
    name, versions = base(held["config"]["data"]["name"]), (was.get("version"), now.get("version"))
    if all(versions) and versions[0] != versions[1]:
        return (
            f"was trained on version {versions[0]} of {name}, the one found now is {versions[1]}: "
            f"set --config.data.name={name}:{versions[0]}"
        )
    if other := _changed(was.get("fingerprints", {}), now.get("fingerprints", {})):
        return (
            f"was trained on other data of the same name, by what the splits of {name} hold ({_told(other)}): "
            "put the data back as they were"
        )
    return ""


def _changed(was: Mapping[str, Any], now: Mapping[str, Any]) -> Changes:
    """What both name and do not have the same."""
    return [(name, was[name], now[name]) for name in sorted(was.keys() & now.keys()) if was[name] != now[name]]


def _told(changed: Changes) -> str:
    return "; ".join(f"{name}: {was} -> {now}" for name, was, now in changed)
