"""Checkpoints by Orbax: the state as NumPy arrays, which any number of devices can restore."""

import errno
import os
import shutil
from pathlib import Path

import jax
import numpy as np
import orbax.checkpoint as ocp

from gan_jax.errors import UserError, one_line
from gan_jax.state import TrainState

SPARE_BYTES = 1 << 20  # for a checkpoint's own files beside the arrays


class Checkpoints:
    """A run's folder of checkpoints, by step; saving goes on in the background, the last `keep` are kept.

    With `keep` None nothing is written or cleaned up, so that a run can be read while it trains in another process.
    """

    def __init__(self, folder: Path, keep: int | None):
        if keep is None:
            options = ocp.CheckpointManagerOptions(read_only=True)
        else:
            options = ocp.CheckpointManagerOptions(max_to_keep=keep, cleanup_tmp_directories=True)
        self.folder = folder
        self._manager = ocp.CheckpointManager(folder.resolve(), options=options)

    def steps(self) -> list[int]:
        """The steps saved, in order."""
        return sorted(self._manager.all_steps())

    def latest(self) -> int | None:
        """The newest step saved, or None."""
        return self._manager.latest_step()

    def forget_after(self, step: int) -> None:
        """Deletes the checkpoints of later steps."""
        for later in self.steps():
            if later > step:
                self._manager.delete(later)

    def save(self, state: TrainState) -> None:
        """Starts to write the state; raises UserError where this, or the save before it, cannot be written."""
        step = int(state.step)
        if step == self.latest():
            return
        arrays = jax.device_get(state)
        try:
            self._check_room(arrays)
            saved = self._manager.save(step, args=ocp.args.Composite(state=ocp.args.StandardSave(arrays)))
        except Exception as error:  # of Orbax, of its storage or of the system, from this thread or another
            raise self._failed(error) from error
        if not saved:
            raise UserError(f"cannot write checkpoint {step} in {self.folder}: it holds step {self.latest()} already")

    def restore(self, template: TrainState, step: int | None = None) -> TrainState:
        """The state of a step (the newest by default), in the template's shapes, as NumPy arrays.

        Raises UserError where there is no such checkpoint, or where it holds other arrays than the template.
        """
        steps = self.steps()
        if step is None and steps:
            step = steps[-1]
        if step not in steps:
            named = "" if step is None else f" {step}"
            raise UserError(f"{self.folder} holds no checkpoint{named}; there are: {steps or 'none'}")
        like = jax.tree.map(lambda a: np.zeros(a.shape, a.dtype), template)
        try:
            restored = self._manager.restore(step, args=ocp.args.Composite(state=ocp.args.StandardRestore(like)))
        except (OSError, ValueError, KeyError) as error:
            raise UserError(f"cannot read checkpoint {step} in {self.folder}: {one_line(error)}") from error
        return restored["state"]

    def close(self) -> None:
        """Waits for what is being written; raises UserError where that failed."""
        try:
            self._manager.wait_until_finished()
        except Exception as error:
            raise self._failed(error) from error
        finally:
            self._manager.close()

    def _check_room(self, arrays: TrainState) -> None:
        """Raises OSError where the disk is too full: Orbax would find out in threads of its own, one traceback each."""
        needed = sum(leaf.nbytes for leaf in jax.tree.leaves(arrays)) + SPARE_BYTES
        if shutil.disk_usage(self.folder).free < needed:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _failed(self, error: Exception) -> UserError:
        """The error of a checkpoint that cannot be written, once what there is of it is deleted."""
        for draft in self.folder.glob("*.orbax-checkpoint-tmp"):
            shutil.rmtree(draft, ignore_errors=True)
        why = "no space left on device" if "No space left" in str(error) else one_line(error)
        return UserError(
            f"cannot write a checkpoint in {self.folder}: {why}; "
            "the same command goes on from the last one that is whole"
        )
