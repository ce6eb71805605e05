"""Builds the experiment that a config describes: networks, objective, optimizers, first state, train step.

This is the last place that sees the whole config; everything deeper takes plain arguments.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jax import random
from ml_collections import ConfigDict

from gan_jax.core import fields, steps
from gan_jax.core.collectives import base_key
from gan_jax.core.fields import Batch, Samplers, Spec
from gan_jax.core.objective import Objective, Prediction
from gan_jax.core.state import Players, TrainState, averaged, size
from gan_jax.core.steps import Hyperparams, TrainStep, Updates
from gan_jax.data import Dataset, feeds, hold, pixels
from gan_jax.data.spec import DataSpec
from gan_jax.distributions.augment import Augmentations, augmented
from gan_jax.errors import UserError, reraise_as
from gan_jax.experiments.blocks import make_augmentations, make_networks, make_objective, provided
from gan_jax.experiments.updates import make_updates, with_frozen_networks
from gan_jax.objectives.game import GENERATOR
from gan_jax.parallel.executor import Executor, executor
from gan_jax.parallel.memory import device_bytes
from gan_jax.resolve import bind

AUTO, NETWORKS = "auto", "config.networks."
MAX_BYTES = 1 << 37  # of a state, or of a call's examples: more than any device holds
Predict: TypeAlias = Callable[[Players, jax.Array, Batch], Any]
"""`(players, keys [n], batch [n, ...]) -> values`: a prediction by averaged players, of examples as in the data set."""


class Keys(NamedTuple):
    """The run's independent streams of randomness, all from its seed."""

    init: jax.Array
    train: jax.Array
    sample: jax.Array
    evaluate: jax.Array


def streams(seed: int) -> Keys:
    """Returns the streams of a run with this seed."""
    return Keys(*random.split(base_key(seed), len(Keys._fields)))


class Inputs(NamedTuple):
    """The functions between a data set's examples and the networks' inputs; the attributes are those of `Experiment`.

    Attributes:
        stored: the fields of the data.
        spec: the fields after augmentation.
        augments: whether there is any augmentation.
    """

    stored: Spec
    spec: Spec
    scale: Callable[[Batch], Batch]
    augment: Callable[[Batch, jax.Array, jax.Array], Batch]
    view: Callable[[Dataset], Dataset]
    augments: bool


def make_inputs(config: ConfigDict, data: DataSpec) -> Inputs:
    """Returns how examples are scaled and augmented; raises UserError for an augmentation that does not suit them."""
    stored = data.fields(config.data.range)
    augmentations, spec = make_augmentations(config, stored, provided(config, data))
    return Inputs(
        stored,
        spec,
        scale=partial(pixels.scale, stored),
        augment=partial(_augmented, augmentations, data.unpaired),
        view=partial(pixels.centred, stored, spec),
        augments=bool(augmentations),
    )


class Experiment(NamedTuple):
    """All that training needs: pure functions, and how many batches a step takes.

    Attributes:
        init: `key -> TrainState`.
        train_step: a step rule, bound to the objective.
        hyperparams: the numbers that the train step is given, by player.
        scale: converts batches of the data set to the networks' floats.
        augment: `(batches [r, b, ...], key, step) -> batches`, augments scaled batches as a step trains on them; `key`
            is the run's for training. The train step calls it itself.
        view: returns a data set as it is evaluated and shown, with centre crops if augmentation crops images.
        predict: the objective's predictions by use, with the players' moving averages if any. Images are uint8.
        outputs: the same as floats in the networks' range, which have gradients with respect to batch and players.
        updates_per_step: the largest number of updates of a player in a step.
        spec: the fields of the data, as the train step gets them.
        sampled: the fields that samplers fill in.
        latents: the samplers of all fields that samples are made from.
        takes: the fields that each network takes, by role.
        reach: the generator's property of this name, see `tiles.enlarged`; None if it has none.
        keys: the run's random streams.
        present: the classes of samples, which are those that have examples; none if samples have no class.
        class_names: the name of each class, if known.
        makes: the objective's function of this name.
    """

    init: Callable[[jax.Array], TrainState]
    train_step: TrainStep
    hyperparams: dict[str, Hyperparams]
    scale: Callable[[Batch], Batch]
    augment: Callable[[Batch, jax.Array, jax.Array], Batch]
    view: Callable[[Dataset], Dataset]
    predict: dict[str, Predict]
    outputs: dict[str, Predict]
    updates_per_step: int
    spec: Spec
    sampled: frozenset[str]
    latents: Samplers
    takes: Mapping[str, tuple[str, ...]]
    reach: int | None
    keys: Keys
    present: tuple[int, ...]
    class_names: tuple[str, ...]
    makes: Callable[[], tuple[float, float] | None]

    def in_turn(self, n: int) -> np.ndarray:
        """Returns n classes, int32 [n], cycling through those that have examples."""
        return np.resize(np.array(self.present, np.int32), n)


def build(config: ConfigDict, data: DataSpec) -> Experiment:
    """Returns the experiment that a config describes, on such data; raises UserError for parts that do not fit."""
    inputs = make_inputs(config, data)
    spec = inputs.spec
    rule = bind("gan_jax.core.steps", config.step_rule.to_dict(), "step_rule")
    known = provided(config, data._replace(shape=spec["x"].shape))
    networks = make_networks(config, known)
    objective = make_objective(config, known, networks)
    updates = make_updates(config, objective)
    most = max(update.per_step for update in updates.values())
    players = _check_shapes(partial(_first, objective, spec, updates), objective, spec, _automatic(config))
    updates = with_frozen_networks(config, updates, players)
    train_step = rule(objective, updates)
    return Experiment(
        init=jax.jit(partial(_first, objective, spec, updates)),
        train_step=_on_augmented(train_step, inputs.augment) if inputs.augments else train_step,
        hyperparams=steps.default_hyperparams(objective, updates),
        scale=inputs.scale,
        augment=inputs.augment,
        view=inputs.view,
        predict={name: _finished(prediction, spec) for name, prediction in objective.predictions.items()},
        outputs={name: _outputs(prediction) for name, prediction in objective.predictions.items()},
        updates_per_step=most,
        spec=inputs.stored,
        sampled=frozenset(objective.samplers),
        latents={**objective.prior, **objective.samplers},
        takes={role: network.fields for role, network in networks.items()},
        reach=getattr(networks[GENERATOR].module, "reach", None) if GENERATOR in networks else None,
        keys=streams(config.seed),
        present=data.present if "label" in objective.samplers else (),
        class_names=data.class_names,
        makes=objective.makes,
    )


def make_executor(config: ConfigDict, experiment: Experiment, dataset: Dataset) -> Executor:
    """Returns the executor that trains the config's runs, one for each of its seeds, on this data set."""
    seeds = range(config.seed, config.seed + config.seeds)
    place, _ = held(config, dataset)
    feed = feeds.BY_HOLD[place](
        dataset,
        experiment.scale,
        seeds=seeds,
        shape=(experiment.updates_per_step, config.batch_size),
        length=min(config.steps_per_call, config.steps),
    )
    keys = jnp.stack([streams(seed).train for seed in seeds])
    return executor(experiment.train_step, feed, experiment.hyperparams, keys, how=config.parallel)


def held(config: ConfigDict, dataset: Dataset) -> tuple[str, str]:
    """Returns where the config's data set is held, 'device', 'host' or 'stream', and the reason.

    Raises UserError if it cannot be held as the config says.
    """
    return hold.held(dataset, config.data.get("hold", "auto"), device_bytes())


def _augmented(
    augmentations: Augmentations, unpaired: tuple[str, ...], batches: Batch, key: jax.Array, step: jax.Array
) -> Batch:
    """Returns the batches [r, b, ...] of a step, augmented by the run's key, the step, the update and the example."""
    if not augmentations:
        return batches
    key = fields.stream(random.fold_in(key, step), "augment")
    keys = jax.vmap(random.fold_in, (None, 0))(key, jnp.arange(fields.size(batches)))
    return jax.vmap(lambda key, batch: augmented(augmentations, batch, key, unpaired))(keys, batches)


def _on_augmented(train_step: TrainStep, augment: Callable[[Batch, jax.Array, jax.Array], Batch]) -> TrainStep:
    """Returns the train step on augmented batches."""

    def step(state: TrainState, batches: Batch, key: jax.Array, hyperparams: Mapping[str, Hyperparams]):
        return train_step(state, augment(batches, key, state.step), key, hyperparams)

    return step


def _automatic(config: ConfigDict) -> str:
    """Returns the end of a message: overrides that derive layers from the image's size; '' if there are none."""
    given = [
        f"--config.networks.{role}.{field}={AUTO}"
        for role, block in config.networks.items()
        for field in ("widths", "kernels", "strides", "paddings")
        if "kernels" in block and field in block and block[field] != AUTO
    ]
    return f" (to derive the layers from the image's size, set {' '.join(given)})" if given else ""


def _first(objective: Objective, spec: Spec, updates: Updates, key: jax.Array) -> TrainState:
    """Returns the initial state of a run from its key."""
    example = fields.example(spec, objective.samplers, random.fold_in(key, len(updates)))
    starts = {
        name: init(random.fold_in(key, number), example) for number, (name, init) in enumerate(objective.init.items())
    }
    return TrainState(jnp.int32(0), {name: steps.start(start, updates[name]) for name, start in starts.items()})


def _check_shapes(init: Callable, objective: Objective, spec: Spec, remedy: str) -> Players:
    """Returns the shapes of the initial players. Raises UserError before anything is compiled if they do not fit."""
    shape = tuple(spec["x"].shape)
    with reraise_as(f"config.networks do not fit each other or examples of shape {shape}{remedy}", within=NETWORKS):
        state = jax.eval_shape(init, base_key(0))
    if (held := size(state.players)) > MAX_BYTES:
        raise UserError(f"config.networks and their optimizers hold {held // 10**9:,} GB: use smaller widths")
    if any(0 in leaf.shape for leaf in jax.tree.leaves([p.params for p in state.players.values()])):
        raise UserError("config.networks have layers of width 0: every width must be at least 1")
    for use in {"sample", "translate"} & objective.predictions.keys():
        with reraise_as(f"config.networks cannot make examples of shape {shape}", within=NETWORKS):
            given = {name: field for name, field in spec.items() if name != "x" or use == "translate"}
            example = {name: jnp.zeros((2, *field.shape), field.dtype) for name, field in given.items()}
            keys = random.split(base_key(0), 2)
            made = jax.eval_shape(objective.predictions[use].fn, state.players, keys, example)
        if made.shape[1:] != shape:
            raise UserError(f"config.networks make examples {made.shape[1:]}, but the data set's are {shape}{remedy}")
    return state.players


def _finished(prediction: Prediction, spec: Spec) -> Predict:
    """Returns the compiled prediction by averaged players, with examples as in the data set."""

    def finished(players: Players, keys: jax.Array, batch: Batch) -> Any:
        made = prediction.fn(averaged(players), keys, batch)
        return pixels.unscale(spec, prediction.makes, made) if prediction.makes else made

    return jax.jit(finished)


def _outputs(prediction: Prediction) -> Predict:
    """Returns the compiled prediction by averaged players, as it is."""
    return jax.jit(lambda players, keys, batch: prediction.fn(averaged(players), keys, batch))
