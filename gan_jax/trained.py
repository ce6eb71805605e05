"""A trained run as functions: what `gan_jax.load` returns.

Arrays of uint8 are pixels from 0 to 255. Floats must be in the range that networks compute in, config.data.range. A
mask is 255, or 1.0 as a float, in the hole.
"""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from ml_collections import ConfigDict

from gan_jax.core.collectives import base_key, example_keys, in_batches
from gan_jax.core.fields import IMAGE
from gan_jax.core.state import Players, TrainState, averaged
from gan_jax.data import Dataset, pixels
from gan_jax.errors import UserError, reraise_as, suggestions
from gan_jax.evaluation import predict
from gan_jax.evaluation.samples import Samples, class_of
from gan_jax.evaluation.shown import examples_shown
from gan_jax.experiments import Experiment
from gan_jax.reporting import figures, frames
from gan_jax.runs.directory import RunDirectory
from gan_jax.runs.jax_settings import keep_programs
from gan_jax.runs.rows import read_rows


class Run:
    """A trained run in a folder, at a checkpoint. Made by `load` and `train`.

    Attributes:
        folder: the run's folder.
        config: its config, locked.
    """

    def __init__(self, run_dir: RunDirectory, config: ConfigDict, step: int | str | None):
        self.folder, self.config = run_dir.folder, config
        self._run_dir, self._asked = run_dir, step

    def __repr__(self) -> str:
        return f"gan_jax.load({str(self.folder)!r}, step={self._asked!r})"

    @property
    def seeds(self) -> list["Run"]:
        """The runs of its seeds, each in its own folder. With one seed it is just this run."""
        return [Run(run_dir, config, self._asked) for config, run_dir in self._run_dir.by_seed(self.config)]

    @property
    def step(self) -> int:
        """The step of its checkpoint."""
        return int(self._restored[1].step)

    @property
    def experiment(self) -> Experiment:
        """The run's experiment: pure functions of players and batches."""
        return self._restored[0]

    @property
    def players(self) -> Players:
        """The players as trained: parameters, moving averages, statistics and optimizer states.

        Those of an exported model have no optimizer states.
        """
        return self._restored[1].players

    @property
    def params(self) -> dict[str, Any]:
        """The parameters by player that all methods use: moving averages if there are any."""
        return {name: player.params for name, player in averaged(self.players).items()}

    def sample(
        self,
        n: int,
        *,
        seed: int = 0,
        label: int | str | ArrayLike | None = None,
        truncation: float | None = None,
    ) -> np.ndarray:
        """Returns n samples: uint8 [n, h, w, c], or points float32 [n, d]. They equal those of --mode=sample.

        label: a class, by number or name, or one number for each sample [n]. Without it, models with classes cycle
        through those that have training examples. truncation: the bound of normal latents (`latents.normal`). Raises
        UserError if the model does not make samples, has no such class or cannot truncate.
        """
        self._check("sample")
        if not isinstance(n, int | np.integer) or n < 1:
            raise UserError(f"n is {n}: it must be a whole number of at least 1")
        if isinstance(label, str):
            label = class_of(self.experiment, label)
        with reraise_as("label must be a class, by number or name, or one number for each sample"):
            chosen = None if label is None else np.asarray(label, np.int32)
        if chosen is not None and chosen.ndim and chosen.shape != (n,):
            raise UserError(f"label has shape {chosen.shape}: it must be one class, or one for each of {n} samples")
        samples = Samples(self.experiment, self.players, seed, chosen, truncation)
        samples.check()
        return next(iter(samples.whole(n).values()))

    def generator(self, z: ArrayLike | None = None, *, seed: int = 0, **fields: ArrayLike) -> jax.Array:
        """Returns the generator's or decoder's outputs for these fields, as differentiable floats [n, ...].

        z [n, dim], or a tokenizer's codes [n, h, w]; other fields by name, such as label=[7, 7] or source. A single
        number is used for all examples. Fields that are not given are sampled with the seed. Raises UserError for
        unknown fields.
        """
        use = self._check("sample", "decode", "translate")
        given = fields if z is None else {"z": z, **fields}
        known = {
            name
            for role, names in self.experiment.takes.items()
            if role.startswith(("generator", "decoder"))
            for name in names
        }
        if use == "decode":  # a tokenizer's generator takes x, but only its codes are decoded
            known = known - {"x"} | {"z"}
        for name in given:
            if name not in known:
                raise UserError(f"run.generator has no {name!r}: {suggestions(name, known)}")
        return self._outputs(use, given, seed)

    def critic(self, x: ArrayLike, **fields: ArrayLike) -> jax.Array:
        """Returns the critic's raw scores of examples x [n, ...]. It may take further fields, such as label."""
        return self._outputs(self._check("scores"), {"x": x, **fields})

    def encode(self, x: ArrayLike, **fields: ArrayLike) -> jax.Array:
        """Returns the latents [n, dim] of examples x [n, ...], a VAE's posterior means, or a tokenizer's codes."""
        return self._outputs(self._check("encode"), {"x": x, **fields})

    def classify(self, x: ArrayLike, **fields: ArrayLike) -> jax.Array:
        """Returns class probabilities of examples x [n, ...]: [n, classes], in the order of `class_names`.

        For classifiers, and for GANs whose critic learns the classes.
        """
        _, logits = self._outputs(self._check("classify"), {"x": x, **fields})
        return jax.nn.softmax(logits)

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes' names, if known. For a data folder they are its sub-folders' names."""
        return self.experiment.class_names

    def reconstruct(self, x: ArrayLike, **fields: ArrayLike) -> np.ndarray:
        """Returns reconstructions of examples x [n, ...] in the data set's form: uint8 images, or points."""
        made, batch = self.experiment.predict[self._check("reconstruct")], self._batch({"x": x, **fields})
        keys = example_keys(base_key(0), len(batch["x"]))
        with reraise_as(f"run.reconstruct of {_shapes(batch)}"):
            return in_batches(lambda inputs: made(self.players, *inputs), (keys, batch))

    def interpolate(
        self, n: int = 10, *, length: int = 10, seed: int = 0, between: ArrayLike | None = None
    ) -> np.ndarray:
        """Returns n walks of `length` images or points each, [n, length, ...]: those of --mode=interpolate for n = 10.

        between: examples [m, ...], at least 2, for autoencoders without a distribution of z, which walk between their
        codes; by default the split that the run is evaluated on. Raises UserError if the model uses no such examples.
        """
        self._check("interpolate", "walk")
        drawn = "interpolate" in self.experiment.predict
        if between is not None and drawn:
            raise UserError("between: this model interpolates between latents, not between examples: leave it out")
        real = np.zeros(0) if drawn or between is not None else self._judging_split().x
        with reraise_as("run.interpolate"):
            real = real if between is None else np.asarray(self._batch({"x": between})["x"])
            return figures.make_walks(self.experiment, self.players, example_keys(base_key(seed), n), real, length)

    def figure(self) -> Any:
        """Returns the figure that training writes at this step, a Pillow image. For examples see `examples_shown`."""
        from PIL import Image

        with TemporaryDirectory() as folder:
            path = Path(folder) / "figure.png"
            if self._check("sample", "reconstruct", "translate") == "sample":
                figures.samples(path, self.experiment, self.players, predict.backdrop(self._run_dir, self.config))
            else:
                load = predict.run_data(self._run_dir, self.config).load
                few = examples_shown(self.config, self.experiment, load)
                figures.examples(path, self.experiment, self.players, few)
            with Image.open(path, formats=["PNG"]) as picture:
                return picture.copy()

    def metrics(self) -> Any:
        """Returns the logged rows, `player/term` by step, as a pandas data frame; UserError without pandas."""
        return frames.frame(read_rows(self._alone().metrics), index="step")

    def evaluations(self) -> Any:
        """Returns the evaluations, `evaluator/value` by step, as a pandas data frame; UserError without pandas."""
        return frames.frame(read_rows(self._alone().evaluations), index="step")

    @cached_property
    def _restored(self) -> tuple[Experiment, TrainState]:
        keep_programs()
        with jax.ensure_compile_time_eval():  # the first use may be within a traced function
            return self._restore()

    def _restore(self) -> tuple[Experiment, TrainState]:
        asked, run_dir = self._asked, self._alone()
        if isinstance(asked, str):
            asked = run_dir.resolve_step("best", self.config.keep_best if asked == "best" else asked)
        return predict.restore(run_dir, self.config, asked)

    def _alone(self) -> RunDirectory:
        """Returns the run's directory; raises UserError if it holds a run for each of several seeds."""
        if self.config.seeds > 1:
            raise UserError(f"{self.folder} holds {self.config.seeds} runs: use one of run.seeds, such as run.seeds[0]")
        return self._run_dir

    def _check(self, *uses: str) -> str:
        """Returns the first of these predictions that the run's experiment has. Raises UserError if it has none."""
        for use in uses:
            if use in self.experiment.predict:
                return use
        able = ", ".join(sorted(self.experiment.predict))
        raise UserError(f"{self.config.objective.name} has no prediction {uses[0]!r}; there are: {able}")

    def _outputs(self, use: str, given: Mapping[str, ArrayLike], seed: int = 0) -> jax.Array:
        """Returns a prediction as floats, for the given examples."""
        batch = self._batch(given)
        keys = example_keys(base_key(seed), len(next(iter(batch.values()))) if batch else 1)
        with reraise_as(f"run.{use} of {_shapes(batch)}"):
            return self.experiment.outputs[use](self.players, keys, batch)

    def _batch(self, given: Mapping[str, ArrayLike]) -> dict[str, jax.Array]:
        """Returns the fields as arrays [n, ...], pixels as floats; a single number is repeated for each example."""
        arrays = {name: jnp.asarray(values) for name, values in given.items()}
        sizes = {name: len(values) for name, values in arrays.items() if values.ndim}
        if len({*sizes.values()}) > 1:
            raise UserError(f"the fields have different numbers of examples: {_shapes(arrays)}")
        n = max(sizes.values(), default=1)
        arrays = {name: values if values.ndim else jnp.full((n,), values) for name, values in arrays.items()}
        self._check_label(arrays.get("label"))
        return {name: self._as_floats(name, values, given[name]) for name, values in arrays.items()}

    def _as_floats(self, name: str, values: jax.Array, given: Any) -> jax.Array:
        """Returns pixels as floats: masks in 0..1, other images in the range of x. Other values do not change."""
        spec, latents = self.experiment.spec, self.experiment.latents
        is_image = latents[name].observes if name in latents else name in spec and spec[name].kind == IMAGE
        limits = (0.0, 1.0) if name == "mask" else spec["x"].range
        return pixels.given(name, values, given, limits) if is_image and limits else values

    def _check_label(self, label: jax.Array | None) -> None:
        """Raises UserError for a class that the data do not have. Traced labels are not checked."""
        field = self.experiment.spec.get("label")
        if field is None or label is None or isinstance(label, jax.core.Tracer):
            return
        if wrong := [number for number in label.tolist() if not 0 <= number < field.classes]:
            raise UserError(f"label is {wrong[0]}: it must be a class from 0 to {field.classes - 1}")

    def _judging_split(self) -> Dataset:
        return self.experiment.view(predict.load_split(self._run_dir, self.config, None))


def _shapes(batch: Mapping[str, jax.Array]) -> str:
    return ", ".join(f"{name} {list(values.shape)}" for name, values in batch.items()) or "no fields"
