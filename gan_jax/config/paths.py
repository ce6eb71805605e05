"""Dotted paths to the fields of a config, as used on the command line and in sweeps."""

from typing import Any

from gan_jax.config.values import exchangeable
from gan_jax.errors import UserError, suggestions

OPEN = ("evaluators", "samplers", "networks", "augment")
"""Blocks of blocks that may get new blocks. A config need not have them."""
BLOCKS_FOR_NUMBERS = ("objective", "players")
"""Blocks in which a block may replace a number: a term's block its weight, or a schedule a constant."""


def parent_of(values: dict[str, Any], path: str) -> tuple[dict[str, Any], str]:
    """Returns the block that holds a field, and the field's name, which need not exist in the block yet.

    A block with a name may get new fields, which the object of that name checks when it is built, and a block of `OPEN`
    new blocks. Raises UserError for any other field that is not there.
    """
    *blocks, last = path.split(".")
    if path.partition(".")[0] in OPEN:
        values.setdefault(path.partition(".")[0], {})
    block: Any = values
    for number, part in enumerate(blocks):
        block = _known(block, part, path, ".".join(blocks[:number]))
    if not isinstance(block, dict) or (
        last not in block and "name" not in block and path.rpartition(".")[0] not in OPEN
    ):
        _known(block, last, path, ".".join(blocks))
    return block, last


def _known(block: Any, part: str, path: str, above: str) -> Any:
    """Returns the value of a field of the block at the field `above`; raises UserError if there is none."""
    if not isinstance(block, dict):
        raise UserError(f"unknown config field {path!r}: config.{above} is {_plainly(block, above, part)}")
    if part not in block:
        raise UserError(f"unknown config field {path!r}: {suggestions(part, block)}")
    return block[part]


def _plainly(value: Any, path: str, part: str) -> str:
    """Returns a description of a value without fields, and how to give a block instead if a number may be one."""
    if not exchangeable(value, {}) or path.partition(".")[0] not in BLOCKS_FOR_NUMBERS:
        return f"{value!r} here, which has no fields"
    is_term = path.startswith("objective.") and path.count(".") == 2 and not path.startswith("objective.augment.")
    block = f"'weight': {value}" if is_term else "'name': ..."
    return f"the number {value} here: replace it with a block, --config.{path}=\"{{{block}, '{part}': ...}}\""
