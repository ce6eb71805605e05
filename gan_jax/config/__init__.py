"""Configs: their fields, loading, checking and comparing them, and their allowed values."""

from ml_collections import ConfigDict

from gan_jax.config.fields import (
    BLOCKS,
    FORMAT,
    OPTIONAL_BLOCKS,
    PARTS,
    RESUMABLE,
    as_given,
    checked,
    defaults,
    differences,
    frozen_players,
    is_free,
    load,
    of_seed,
    player,
    read_run,
    to_json,
    updates_per_step,
)

__all__ = [
    "BLOCKS",
    "FORMAT",
    "OPTIONAL_BLOCKS",
    "PARTS",
    "RESUMABLE",
    "ConfigDict",
    "as_given",
    "checked",
    "defaults",
    "differences",
    "frozen_players",
    "is_free",
    "load",
    "of_seed",
    "player",
    "read_run",
    "to_json",
    "updates_per_step",
]
