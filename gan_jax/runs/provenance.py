"""Provenance of a run in addition to its config: the data's version and content, and JAX's settings."""

from collections.abc import Mapping
from typing import Any

Changes = list[tuple[str, Any, Any]]
"""(name, value then, value now)."""


def base(name: str) -> str:
    """Returns the name of a data set without its version."""
    return name.partition(":")[0]


def difference(run: Mapping[str, Any], provenance: Mapping[str, Any]) -> str:
    """Returns what differs from a run's config.json, with both values and what to do; '' if nothing differs.

    Compares entries that both have: `data_spec`'s `version`, its `fingerprints` by split, the digests of `files` for
    splits not wholly decoded both then and now, and `jax_settings`.
    """
    if settings := _changed(run.get("jax_settings", {}), provenance.get("jax_settings", {})):
        as_then = (f"{name.upper()}={was}" if was is not None else f"no {name.upper()}" for name, was, _ in settings)
        return f"was trained with other settings of JAX ({_listed(settings)}): set {', '.join(as_then)}"
    was, now = run.get("data_spec", {}), provenance.get("data_spec", {})
    name, versions = base(run["config"]["data"]["name"]), (was.get("version"), now.get("version"))
    if all(versions) and versions[0] != versions[1]:
        return (
            f"was trained on version {versions[0]} of {name}, but the version here is {versions[1]}: "
            f"set --config.data.name={name}:{versions[0]}"
        )
    if other := _changed(was.get("fingerprints", {}), now.get("fingerprints", {})):
        return (
            f"was trained on other data of the same name: the contents of {name}'s splits differ ({_listed(other)}): "
            "restore the data"
        )
    decoded = was.get("fingerprints", {}).keys() & now.get("fingerprints", {}).keys()
    files = {split: digest for split, digest in was.get("files", {}).items() if split not in decoded}
    if other := _changed(files, now.get("files", {})):
        return f"was trained on other files of {name}: their names or sizes differ ({_listed(other)}): restore the data"
    return ""


def _changed(was: Mapping[str, Any], now: Mapping[str, Any]) -> Changes:
    """Returns the names in both whose values differ, with both values."""
    return [(name, was[name], now[name]) for name in sorted(was.keys() & now.keys()) if was[name] != now[name]]


def _listed(changed: Changes) -> str:
    return "; ".join(f"{name}: {was} -> {now}" for name, was, now in changed)
