"""The weights of a trained run as one safetensors file, which other libraries can read too, without pickle.

Arrays are named PLAYER/PART/..., such as `generator/params/ConvTranspose_0/kernel`. The parts are `params` as trained,
`ema`, their moving averages if the player has them, `stats`, running statistics, and `ema_stats`, those of a network
with batch norm and the weights `ema`. Optimizers are left out. The metadata has the `step`. Format:
https://github.com/huggingface/safetensors.
"""

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.core.state import Player, Players, TrainState
from gan_jax.errors import UserError, reraise_as

PARTS = ("params", "stats", "ema", "ema_stats")


def named(players: Players) -> dict[str, Any]:
    """Returns the players' arrays, or their shapes, by name: all but the memory of optimizers and loss terms."""
    found, _ = jax.tree_util.tree_flatten_with_path(_parts(players))
    return {_name(path): leaf for path, leaf in found}


def write(path: Path, state: TrainState) -> None:
    """Writes the players of a state, and its step; raises OSError."""
    from safetensors import numpy as format

    arrays = {name: np.array(leaf, order="C") for name, leaf in named(state.players).items()}
    path.write_bytes(format.save(arrays, {"step": str(int(state.step))}))


def read(path: Path, template: TrainState, step: int | None = None) -> TrainState:
    """Returns the state in a file. Its players have no optimizer states.

    template: a state with the shapes and dtypes to read. step: the step that the file must hold, if given. Raises
    UserError for a damaged file, another step, or other arrays than the template's.
    """
    from safetensors import safe_open

    with reraise_as(f"{path} is damaged"), safe_open(path, framework="numpy") as file:
        held = int(file.metadata()["step"])
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # not a dict
    if step not in (None, held):
        raise UserError(f"{path} holds only step {held}, not {step}: leave the step out")
    wanted = named(template.players)
    here, there = ({name: (a.shape, a.dtype) for name, a in each.items()} for each in (wanted, arrays))
    if others := sorted({name for name in {*here, *there} if here.get(name) != there.get(name)}):
        raise UserError(f"{path} does not hold the arrays of this config and code: {others[0]}")
    parts = jax.tree_util.tree_map_with_path(lambda path, _: arrays[_name(path)], _parts(template.players))
    players = {name: Player(**each, opt_state=()) for name, each in parts.items()}
    return TrainState(jnp.int32(held), players)


def _parts(players: Players) -> dict[str, dict[str, Any]]:
    return {name: {part: getattr(player, part) for part in PARTS} for name, player in players.items()}


def _name(path: Any) -> str:
    return jax.tree_util.keystr(path, simple=True, separator="/")
