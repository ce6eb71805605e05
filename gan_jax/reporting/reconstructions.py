"""Reconstructions and translations of a data set's examples."""

import jax
import numpy as np

from gan_jax.core.collectives import AT_ONCE, base_key, example_keys, in_batches
from gan_jax.core.fields import Batch
from gan_jax.core.state import Players
from gan_jax.data import pixels
from gan_jax.data.base import Dataset
from gan_jax.experiments import Experiment
from gan_jax.experiments.observed import observed


def make_reconstructions(
    experiment: Experiment, players: Players, dataset: Dataset, seed: int
) -> dict[str, np.ndarray]:
    """Returns the `images`, `reconstructions` of the same shape and dtype, and `latents`, float32 [n, dim].

    For a model with codes, latents are the codes' numbers, int32 [n, h, w]. A denoising objective also has the `noisy`
    inputs, made with this seed, which are rounded and clipped to images only in the result, not before encoding.
    Conditional models get the examples' labels.
    """
    predict = experiment.predict

    def make(inputs: tuple[jax.Array, Batch]) -> dict[str, jax.Array]:
        keys, batch = inputs
        batch, made = experiment.scale(batch), {}
        if "corrupt" in predict:
            batch = {**batch, "x": predict["corrupt"](players, keys, batch)}
            made["noisy"] = pixels.unscale(experiment.spec, "x", batch["x"])
        latents, recon = (predict[name](players, keys, batch) for name in ("encode", "reconstruct"))
        return {**made, "reconstructions": recon, "latents": latents}

    keys = example_keys(base_key(seed), len(dataset.x))
    arrays = _decoded(dataset)
    return {"images": arrays["x"], **in_batches(make, (keys, arrays))}


def make_translations(experiment: Experiment, players: Players, dataset: Dataset, seed: int) -> dict[str, np.ndarray]:
    """Returns the fields other than x, the `translations` [n, ...] made from them, and `targets`, the examples' x.

    Observed images are uint8 [n, h, w, c]; a `mask` among them is 255 in the hole. If the objective translates back,
    there are `round_trips` too. If x and source are unpaired, there are no targets.
    """
    if "source" in dataset.unpaired:  # all sources, for any number of other images: x is then unused
        n = len(dataset.others["source"])
        others = {name: values for name, values in dataset.others.items() if len(values) >= n}
        dataset = dataset._replace(x=np.broadcast_to(dataset.x[:1], (n, *dataset.shape)), others=others, label=None)
    dataset = dataset.first(min(len(values) for values in dataset.arrays.values()))
    arrays, keys = _decoded(dataset), example_keys(base_key(seed), len(dataset.x))
    predict = experiment.predict

    def make(inputs: tuple[jax.Array, Batch]) -> dict[str, jax.Array]:
        keys, batch = inputs
        batch = experiment.scale(batch)
        seen = observed(predict, players, keys, batch)
        fields = {name: values for name, values in {**batch, **seen}.items() if name != "x"}
        shown = {name: _shown(experiment, name, values) for name, values in seen.items()}
        if "round_trip" in predict:
            shown["round_trips"] = predict["round_trip"](players, keys, fields)
        return {**shown, "translations": predict["translate"](players, keys, fields)}

    fields = {name: values for name, values in arrays.items() if name != "x"}
    known = {*experiment.spec, *experiment.sampled}  # other fields, such as the nearest pair, are only shown
    given = {name: values for name, values in arrays.items() if name in known}
    made = in_batches(make, (keys, given), min(len(dataset.x), AT_ONCE))
    return {**fields, **made, **({} if "source" in dataset.unpaired else {"targets": arrays["x"]})}


def _decoded(dataset: Dataset) -> dict[str, np.ndarray]:
    """Returns the fields as NumPy arrays, also those that are only decoded when read."""
    return {name: np.asarray(values) for name, values in dataset.arrays.items()}


def _shown(experiment: Experiment, name: str, values: jax.Array) -> jax.Array:
    """Returns what samplers observe as uint8. A mask is in 0..1, and images are in the range of x."""
    return pixels.to_uint8(values, (0.0, 1.0)) if name == "mask" else pixels.unscale(experiment.spec, "x", values)
