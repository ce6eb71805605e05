"""Runs that start from the players of another run: `config.init_from`.

Parameters, running statistics and moving averages are taken from one checkpoint. Optimizers and the memory of loss
terms start fresh. Frozen players and networks take the moving averages, because predictions use those. The other run
is read only when the new one begins: a resumed run has its own checkpoints.
"""

import re
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np
from ml_collections import ConfigDict

from gan_jax import config as configs
from gan_jax.core.state import Place, Players, TrainState, averaged, places
from gan_jax.errors import MAX_NAMES, UserError, reraise_as, suggestions
from gan_jax.evaluation.predict import restore
from gan_jax.experiments import Experiment
from gan_jax.runs import origins
from gan_jax.runs.directory import RunDirectory
from gan_jax.runs.terminal import say

Arrays = dict[str, np.ndarray]
"""Arrays of players by their paths, such as ['generator'].params['Dense_0']['kernel']."""


class Origin:
    """The initial states of a run, with the players or networks that `config.init_from` takes from another run.

    Attributes:
        provenance: `{"origin": ...}` for config.json: the other run's folder and step, what was taken, what was
            not, and a checksum; {} if there is no other run.
    """

    def __init__(self, config: ConfigDict, experiment: Experiment, run_dir: RunDirectory):
        self._config, self._experiment, self._run_dir = config, experiment, run_dir
        self._taken: Arrays | None = None
        self.provenance: dict[str, Any] = {}

    def check(self, folders: Sequence[RunDirectory]) -> None:
        """Reads the other run, unless these folders have checkpoints; raises UserError if it does not fit."""
        saved = any(path.name.isdigit() for folder in folders for path in folder.checkpoints.glob("[0-9]*"))
        if self._config.init_from and not saved:
            self._taken = self._read()

    def first(self, key: jax.Array) -> TrainState:
        """Returns the initial state of a run with this key."""
        state = self._experiment.init(key)
        if not self._config.init_from:
            return state
        taken = self._taken = self._read() if self._taken is None else self._taken
        players = jax.tree_util.tree_map_with_path(
            lambda path, fresh: taken.get(jax.tree_util.keystr(path), fresh), state.players
        )
        return state._replace(players=players)

    def _read(self) -> Arrays:
        """Returns the other run's arrays by their paths in this run."""
        config, given = self._config, self._config.init_from
        with reraise_as(f"config.init_from is {given!r}"):
            known = configs.read_run(self._run_dir.config).get("origin") if self._run_dir.config.is_file() else None
            named = origins.named(given)
            folder = RunDirectory(named.folder)
            if folder.folder.resolve() == self._run_dir.folder.resolve():
                raise UserError("this is the run itself: give another one")
            own = folder.read_config()
            if own.seeds > 1:
                raise UserError(f"it holds {own.seeds} runs: choose one, such as {folder.by_seed(own)[0][1].folder}")
            chosen = known["step"] if known else folder.resolve_step(named.step, own.keep_best)
            experiment, state = restore(folder, own, chosen)
            like = jax.eval_shape(self._experiment.init, self._experiment.keys.init).players
            pairs = _pairs(named, (like, self._experiment.takes), (state.players, experiment.takes))
            taken, unlike = _matched(pairs, like, jax.device_get(state.players), _frozen(config, like))
            if unlike and (not config.init_partial or not taken):
                remedy = "--config.init_partial=True initialises these" if taken else "none of its arrays fits"
                raise UserError(
                    f"config.init_from is {given!r}: {len(unlike)} arrays differ from this config's ({remedy}): "
                    f"{_listed(unlike)}"
                )
            checksum = zlib.crc32(b"".join(path.encode() + taken[path].tobytes() for path in sorted(taken)))
            if known and known["crc32"] != checksum:
                raise UserError("it has changed since this run began: use another --workdir")
        self.provenance = {
            "origin": {
                "run": str(folder.folder.resolve()),
                "step": int(state.step),
                "taken": [_name(ours) for ours, _ in pairs],
                "anew": unlike,
                "crc32": checksum,
            }
        }
        anew = f"; not taken: {_listed(unlike)}" if unlike else ""
        say(f"starts from {folder.folder}, step {state.step}: {', '.join(_name(ours) for ours, _ in pairs)}{anew}")
        return taken


def _pairs(named: origins.Named, ours: tuple[Players, Any], theirs: tuple[Players, Any]) -> list[tuple[Place, Place]]:
    """Returns pairs of places, here and in the other run, to be taken. Each run is given as (players, networks)."""
    if named.ours is None or named.theirs is None:
        common = [name for name in ours[0] if name in theirs[0]]
        if not common:
            names = [", ".join(players) for players, _ in (theirs, ours)]
            raise UserError(
                f"it has the players {names[0]}, but this config has {names[1]}: give RUN:NEW=OLD with networks"
            )
        return [(Place(name, None), Place(name, None)) for name in common]
    return [(_place(named.ours, *ours, "this config"), _place(named.theirs, *theirs, "it"))]


def _place(name: str, players: Players, roles: Mapping[str, Any], where: str) -> Place:
    """Returns the place of a player or a network; raises UserError if none has this name."""
    if name in players:
        return Place(name, None)
    known = places(players, roles)
    if name not in known:
        raise UserError(f"{where} has no player or network {name!r}; {suggestions(name, {*players, *known})}")
    return known[name]


def _frozen(config: ConfigDict, players: Players) -> list[Place]:
    """Returns the places of what is not trained."""
    networks = [role for role, block in config.networks.items() if block.get("frozen")]
    return [*places(players, networks).values(), *(Place(name, None) for name in configs.frozen_players(config))]


def _matched(
    pairs: Sequence[tuple[Place, Place]], like: Players, players: Players, frozen: Sequence[Place]
) -> tuple[Arrays, list[str]]:
    """Returns the arrays of `players` by their paths in `like`, and descriptions of those that differ."""
    shapes, raw, mean = _flat(like), _flat(players), _flat(averaged(players))
    taken, unlike = {}, []
    for ours, theirs in pairs:
        for part, source in (("params", "params"), ("stats", "stats"), ("ema", "params"), ("ema_stats", "stats")):
            mine, other = _prefix(ours, part), _prefix(theirs, source)
            ends = {path.removeprefix(mine) for path in shapes if path.startswith(mine)}
            if part == source:
                unlike += [
                    f"{_name(theirs)} {_dotted(path.removeprefix(other))} exists only there"
                    for path in raw
                    if path.startswith(other) and path.removeprefix(other) not in ends
                ]
            for end in sorted(ends):
                still = part != source or any((mine + end).startswith(_prefix(place, part)) for place in frozen)
                array, want = (mean if still else raw).get(other + end), shapes[mine + end]
                if array is not None and (array.shape, array.dtype) == (want.shape, want.dtype):
                    taken[mine + end] = np.asarray(array)
                elif part == source:
                    has = "missing there" if array is None else f"{list(array.shape)} there"
                    unlike.append(f"{_name(ours)} {_dotted(end)} is {list(want.shape)} here, {has}")
    return taken, unlike


def _flat(players: Players) -> dict[str, Any]:
    return {jax.tree_util.keystr(path): leaf for path, leaf in jax.tree_util.tree_leaves_with_path(players)}


def _prefix(place: Place, part: str) -> str:
    return f"['{place.player}'].{part}" + (f"['{place.key}']" if place.key else "")


def _name(place: Place) -> str:
    return place.key or place.player


def _dotted(path: str) -> str:
    return ".".join(re.findall(r"'(\w+)'", path))


def _listed(unlike: Sequence[str]) -> str:
    more = f" and {len(unlike) - MAX_NAMES} more" if len(unlike) > MAX_NAMES else ""
    return "; ".join(unlike[:MAX_NAMES]) + more
