"""Checkpoints by Orbax: the state as NumPy arrays with checksums, which any number of devices can restore.

Orbax itself treats any folder named by a number as a checkpoint, and does not detect flipped bits.
"""

import errno
import json
import os
import shutil
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp

from gan_jax.core.state import TrainState
from gan_jax.errors import UserError, one_line
from gan_jax.runs.quiet import hush, quiet_orbax
from gan_jax.runs.terminal import say

SPARE_BYTES = 1 << 20  # for a checkpoint's files other than the arrays
CHECKSUMS = "checksums"  # the item of a checkpoint in addition to the state


class Damaged(Exception):
    """Raised for a checkpoint that differs from what was saved."""


class Checkpoints:
    """The checkpoints of a run by step, saved in the background. It keeps the newest `keep`, and the best one.

    best: maps the saved steps to the best one, or None.

    If `keep` is None, nothing is written, renamed or deleted, so that a run can be read while another process trains
    it. If several processes train a run, only the first one has its checkpoints.
    """

    def __init__(self, folder: Path, keep: int | None, *, best: Callable[[list[int]], int | None] = lambda steps: None):
        alone = ocp.options.MultiprocessingOptions(active_processes={0})  # wait for no other process
        if keep is None:
            options = ocp.CheckpointManagerOptions(
                read_only=True, create=False, save_interval_steps=0, multiprocessing_options=alone
            )
        else:
            folder.mkdir(parents=True, exist_ok=True)
            rules = ocp.checkpoint_managers
            options = ocp.CheckpointManagerOptions(
                preservation_policy=rules.AnyPreservationPolicy([rules.LatestN(keep), _Best(best)]),
                cleanup_tmp_directories=True,
                create=False,
                multiprocessing_options=alone,
            )
        self.folder, self._writes = folder, keep is not None
        self._passed_over: set[int] = set()
        with quiet_orbax():
            self._manager = ocp.CheckpointManager(folder.resolve(), options=options)

    def steps(self) -> list[int]:
        """Returns the saved steps in order, without those found damaged."""
        return sorted(set(self._manager.all_steps()) - self._passed_over)

    def forget_after(self, step: int) -> None:
        """Deletes the checkpoints of later steps."""
        for later in self.steps():
            if later > step:
                self._manager.delete(later)

    def save(self, state: TrainState) -> None:
        """Starts saving the state. Raises UserError if this save or the previous one fails."""
        step, newest = int(state.step), self._manager.latest_step()
        if step == newest:
            return
        arrays = jax.device_get(state)
        items = ocp.args.Composite(
            **{"state": ocp.args.StandardSave(arrays), CHECKSUMS: ocp.args.JsonSave(_signed(_described(arrays)))}
        )
        try:
            self._check_room(arrays)
            saved = self._manager.save(step, args=items)
        except Exception as error:  # by Orbax, its storage or the system, in any thread
            raise self._failed(error) from error
        if not saved:
            raise UserError(f"cannot write checkpoint {step} in {self.folder}: it already holds step {newest}")

    def restore(self, template: TrainState, step: int | None = None) -> TrainState:
        """Returns the state at a step, by default the newest undamaged one, as NumPy arrays.

        template: a state with the shapes and dtypes to restore. Raises UserError if there is no such checkpoint, or
        if its arrays do not match the template.
        """
        if step is None and (states := newest([self], [template])):
            return states[0]
        if step not in self.steps():
            named = "" if step is None else f" {step}"
            raise UserError(f"{self.folder} holds no checkpoint{named}; there are: {self.steps() or 'none'}")
        try:
            return self._read(template, step)
        except Damaged as damage:
            raise UserError(f"checkpoint {step} in {self.folder} is damaged ({damage}): use another step") from damage

    def whole(self, template: TrainState, step: int) -> TrainState | None:
        """Returns the state at a step, or None if the checkpoint is damaged.

        A damaged one is dropped from `steps` with a warning. Unless `keep` is None, it is renamed to `broken_STEP`.
        """
        try:
            return self._read(template, step)
        except Damaged as damage:
            self._quarantine(step, str(damage))
            return None

    def close(self) -> None:
        """Waits for the running save. Raises UserError if it failed."""
        try:
            self._manager.wait_until_finished()
        except Exception as error:
            raise self._failed(error) from error
        finally:
            self._manager.close()

    def _read(self, template: TrainState, step: int) -> TrainState:
        like = jax.tree.map(lambda a: np.zeros(a.shape, a.dtype), template)
        saved = self._checksums(step)
        if saved is not None and (others := _differences(_described(like), saved, "dtype", "shape")):
            raise UserError(
                f"checkpoint {step} in {self.folder} does not hold the arrays of this config and code: {others[0]}"
            )
        # By name, because with a template Orbax wants the same empty parts too: those of an added field are not there.
        held = _by_names(self._item(step, "state", ocp.args.StandardRestore()))
        try:
            restored = jax.tree_util.tree_map_with_path(lambda path, _: held[_names(path)], like)
        except KeyError as missing:
            raise Damaged(f"it lacks {'.'.join(missing.args[0])}") from missing
        if saved is not None and (wrong := _differences(_described(restored), saved, "crc32")):
            raise Damaged(f"{len(wrong)} of {len(saved)} checksums differ, such as that of {wrong[0]}")
        return restored

    def _checksums(self, step: int) -> dict[str, Any] | None:
        """Returns the checkpoint's description of its arrays, or None if it has no checksums."""
        folder = self.folder / str(step)
        if (folder / "state").is_dir() and not (folder / CHECKSUMS).is_dir():
            return None
        sealed = self._item(step, CHECKSUMS, ocp.args.JsonRestore())
        if not isinstance(sealed, dict) or _signed(sealed.get("arrays")) != sealed:
            raise Damaged("the list of its checksums has been changed")
        return sealed["arrays"]

    def _item(self, step: int, name: str, how: Any) -> Any:
        hush()
        try:
            with quiet_orbax():
                return self._manager.restore(step, args=ocp.args.Composite(**{name: how}))[name]
        except (MemoryError, PermissionError):  # not caused by the checkpoint
            raise
        except Exception as error:  # damage may surface as any error of Orbax, its storage, JSON or the system
            raise Damaged(one_line(error)[:120]) from error

    def _quarantine(self, step: int, why: str) -> None:
        done = "skipped"
        if self._writes:
            quarantine = self.folder / f"broken_{step}"
            shutil.rmtree(quarantine, ignore_errors=True)
            (self.folder / str(step)).rename(quarantine)
            done = f"renamed to {quarantine.name}"
            self._manager.reload()
        else:
            self._passed_over.add(step)
        before = [other for other in self.steps() if other < step]
        then = f"going back to {before[-1]}" if before else "there is no earlier one"
        say(f"warning: checkpoint {step} in {self.folder} is damaged ({why}): {done}, {then}")

    def _check_room(self, arrays: TrainState) -> None:
        """Raises OSError if the disk is too full: Orbax would fail in its threads, with a traceback from each."""
        needed = sum(leaf.nbytes for leaf in jax.tree.leaves(arrays)) + SPARE_BYTES
        if shutil.disk_usage(self.folder).free < needed:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _failed(self, error: Exception) -> UserError:
        """Deletes the unfinished checkpoint. Returns an error that says why it cannot be written."""
        for draft in self.folder.glob("*.orbax-checkpoint-tmp"):
            shutil.rmtree(draft, ignore_errors=True)
        why = "no space left on device" if "No space left" in str(error) else one_line(error)
        return UserError(
            f"cannot write a checkpoint in {self.folder}: {why}; the same command resumes from the last undamaged one"
        )


def newest(folders: Sequence[Checkpoints], templates: Sequence[TrainState]) -> list[TrainState] | None:
    """Returns each run's state at the newest step undamaged in all, or None. Raises UserError as `restore` does."""
    while common := set.intersection(*(set(each.steps()) for each in folders)):
        step = max(common)
        states = [each.whole(template, step) for each, template in zip(folders, templates, strict=True)]
        whole = [state for state in states if state is not None]
        if len(whole) == len(states):
            return whole
    return None


class _Best(ocp.checkpoint_managers.PreservationPolicy):
    """A policy that keeps the best checkpoint, as chosen by a function of the steps."""

    def __init__(self, best: Callable[[list[int]], int | None]):
        self._best = best

    def should_preserve(self, checkpoints: Sequence[Any], *, context: Any) -> Sequence[bool]:
        del context
        best = self._best([each.step for each in checkpoints])
        return [each.step == best for each in checkpoints]


def _by_names(tree: Any) -> dict[tuple[str, ...], np.ndarray]:
    """Returns the arrays of a tree by their paths as names."""
    return {_names(path): leaf for path, leaf in jax.tree_util.tree_leaves_with_path(tree)}


def _names(path: tuple) -> tuple[str, ...]:
    """Returns a leaf's path as names. Orbax converts named tuples to dicts and tuples to lists, with the same names."""
    return tuple(jax.tree_util.keystr((part,), simple=True) for part in path)


def _described(state: TrainState) -> dict[str, Any]:
    """Returns each array's dtype, shape and CRC-32 of its bytes, by its path in the state."""
    return {
        jax.tree_util.keystr(place): {
            "dtype": str(array.dtype),
            "shape": list(array.shape),
            "crc32": zlib.crc32(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data),
        }
        for place, array in jax.tree_util.tree_leaves_with_path(state)
    }


def _signed(arrays: Any) -> dict[str, Any]:
    """Returns the description with its own checksum, since its bits may flip too."""
    return {"arrays": arrays, "crc32": zlib.crc32(json.dumps(arrays, sort_keys=True).encode())}


def _differences(mine: dict[str, Any], other: dict[str, Any], *facts: str) -> list[str]:
    """Returns the paths of arrays that differ in one of `facts`, or that only one side has."""
    return [
        place
        for place in sorted(mine.keys() | other.keys())
        if any(mine.get(place, {}).get(fact, ...) != other.get(place, {}).get(fact, ...) for fact in facts)
    ]
