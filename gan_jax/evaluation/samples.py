"""Samples of trained players, in parts so that memory is constant, and walks from each sample to the next one."""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.core.collectives import AT_ONCE, base_key
from gan_jax.core.fields import Batch, fill_each, streams
from gan_jax.core.state import Players
from gan_jax.errors import UserError, suggestions
from gan_jax.experiments import Experiment


class Samples(NamedTuple):
    """The samples of an experiment's players. Sample i depends only on the seed, i, its class and the bound.

    Attributes:
        experiment, players: what makes them.
        seed: the seed of the latents.
        label: the class of all samples, or of each one [n]. None: in conditional models, the classes that have training
            examples, in turn.
        truncation: the bound of normal latents, as `latents.normal` truncates them; None does not truncate.
    """

    experiment: Experiment
    players: Players
    seed: int = 0
    label: int | np.ndarray | None = None
    truncation: float | None = None

    def check(self) -> None:
        """Raises UserError if the experiment makes no samples, has no such class or cannot truncate its latents."""
        if self.label is not None:
            if not self.experiment.present:
                raise UserError(f"class {_shown(self.label)}: this model is not class-conditional: leave the class out")
            if others := {*np.ravel(self.label).tolist()} - {*self.experiment.present}:
                raise UserError(_no_class(self.experiment, str(min(others))))
        if self.truncation is not None:
            self._check_truncation(self.truncation)

    def parts(self, n: int) -> Iterator[dict[str, np.ndarray]]:
        """Yields the first n samples in parts of at most 500, in order.

        A part has `images` uint8 [m, h, w, c], or `points` float32 [m, d], and `labels` int32 [m] if there are classes.
        """
        for first in range(0, n, AT_ONCE):
            batch = self._batch(first)
            made = self._made(batch, first)[: n - first]
            labels = {"labels": np.asarray(batch["label"])[: n - first]} if "label" in batch else {}
            yield {"images" if made.ndim == 4 else "points": made, **labels}

    def whole(self, n: int) -> dict[str, np.ndarray]:
        """Returns the first n samples as `parts` has them, all at once."""
        parts = [*self.parts(n)]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def walks(self, n: int, points: int) -> np.ndarray:
        """Returns walks from each of the first n samples to the next one, [points, n, ...]; classes stay.

        Raises UserError if no latents can be walked.
        """
        walked, frames = self._walked(), []
        if not walked:
            raise UserError("this model has no latents to walk between: write its samples as .png or .npz")
        t = jnp.linspace(0.0, 1.0, points)
        for first in range(0, n, AT_ONCE):
            start, end = self._drawn(first), self._drawn(first + 1)
            along = {name: walk(start[name], end[name], t) for name, walk in walked.items()}
            at = [{**start, **{name: z[:, number] for name, z in along.items()}} for number in range(points)]
            frames.append(np.stack([self._made(batch, first)[: n - first] for batch in at]))
        return np.concatenate(frames, axis=1)

    def plane(self, side: int) -> np.ndarray:
        """Returns samples over two axes of the latents, [side * side, ...]; none if no latents can be walked.

        Each row is a walk, whose ends walk from row to row. In conditional models each row is a class, in turn, and all
        rows have the same latents. All other fields are drawn once.
        """
        if not (walked := self._walked()):
            return np.empty(0)
        drawn, batch, n = self._drawn(0), Batch(), side * side
        across = down = jnp.linspace(0.0, 1.0, side)
        if "label" in drawn:
            batch["label"], down = drawn["label"][:side].repeat(side), jnp.zeros(side)
        for name, walk in walked.items():
            z = drawn[name][:4, None]
            plane = walk(walk(z[0], z[1], down)[0], walk(z[2], z[3], down)[0], across)
            batch[name] = plane.reshape(n, *plane.shape[2:])
        keys = jnp.broadcast_to(base_key(self.seed), (n,))
        return np.asarray(self.experiment.predict["sample"](self.players, keys, batch))

    def _walked(self) -> dict[str, Callable[[jax.Array, jax.Array, jax.Array], jax.Array]]:
        return {name: s.walk for name, s in self.experiment.latents.items() if s.walk is not None}

    def _made(self, batch: Batch, first: int) -> np.ndarray:
        return np.asarray(self.experiment.predict["sample"](self.players, self._keys(first), batch))

    def _keys(self, first: int) -> jax.Array:
        """Returns the keys [500] of the samples from number `first` on, as in `example_keys` of all samples."""
        numbers = first + np.arange(AT_ONCE, dtype=np.uint32)
        return jax.vmap(jax.random.fold_in, (None, 0))(base_key(self.seed), numbers)

    def _batch(self, first: int) -> Batch:
        """Returns the given fields of the samples from number `first` on: their classes, and truncated latents."""
        batch: Batch = {}
        if self.experiment.present:
            of_each = self.experiment.present if self.label is None else np.ravel(self.label)
            batch["label"] = jnp.asarray(np.asarray(of_each, np.int32)[(first + np.arange(AT_ONCE)) % len(of_each)])
        if self.truncation is not None:
            keys = self._keys(first)
            for name, sampler in self.experiment.latents.items():
                if sampler.truncated is not None:
                    batch[name] = sampler.truncated(streams(keys, name), self.truncation)
        return batch

    def _drawn(self, first: int) -> Batch:
        """Returns all fields that the samples from number `first` on are made from."""
        return fill_each(self.experiment.latents, self._batch(first), self._keys(first))

    def _check_truncation(self, bound: float) -> None:
        latents = {name: s.truncated for name, s in self.experiment.latents.items() if s.walk is not None}
        if bounded := [name for name, truncated in latents.items() if truncated is None]:
            raise UserError(
                f"truncation {bound:g}: it needs normal latents (config.samplers.NAME.name='latents.normal'), but "
                f"{', '.join(bounded)} are not normal: leave it out"
            )
        if not latents:
            raise UserError(f"truncation {bound:g}: this model has no latents: leave it out")
        if not (math.isfinite(bound) and bound > 0):
            raise UserError(f"truncation {bound:g}: it must be above 0, such as 0.7: the bound of normal latents")


def class_of(experiment: Experiment, name: str | int) -> int:
    """Returns the class with this name, or with this number if no class has that name.

    Raises UserError if there is none.
    """
    text = str(name)
    if text in experiment.class_names:
        return experiment.class_names.index(text)
    if not text.isascii() or not text.isdecimal():
        raise UserError(_no_class(experiment, text))
    return int(text)


def names_of(experiment: Experiment, labels: Sequence[int] | np.ndarray) -> list[str]:
    """Returns the names of classes, or their numbers if names are not known."""
    names = experiment.class_names
    return [names[label] if names else str(label) for label in labels]


def _no_class(experiment: Experiment, name: str) -> str:
    known = names_of(experiment, experiment.present)
    return f"class {name}: no training example has this class; {suggestions(name, known)}"


def _shown(label: int | np.ndarray) -> str:
    return str(label) if np.ndim(label) == 0 else f"of {len(np.ravel(label))} samples"
