"""What an autoencoder makes of a data set's examples."""

import jax
import numpy as np

from gan_jax.core.collectives import base_key, example_keys, in_batches
from gan_jax.core.state import Players
from gan_jax.data.base import Dataset
from gan_jax.experiment import Experiment


def make_reconstructions(
    experiment: Experiment, players: Players, dataset: Dataset, seed: int
) -> dict[str, np.ndarray]:
    """Of n examples: `images` as they are, `reconstructions` like them, and `latents` float32 [n, dim].

    Where the objective is a denoising one there are also `noisy` ones, made with this seed, which are what is encoded
    (as images, so rounded and clipped only here). Conditional models are given the examples' labels.
    """
    predict = experiment.predict

    def make(inputs: tuple[jax.Array, ...]) -> dict[str, jax.Array]:
        keys, x, *given = inputs
        x, made = experiment.scale(x), {}
        if "corrupt" in predict:
            x = predict["corrupt"](players, keys, x)
            made["noisy"] = experiment.unscale(x)
        latents, recon = (predict[name](players, x, *given) for name in ("encode", "reconstruct"))
        return {**made, "reconstructions": recon, "latents": latents}

    labels = (dataset.labels("a conditional model"),) if "sample_class" in predict else ()
    keys = example_keys(base_key(seed), len(dataset.x))
    return {"images": dataset.x, **in_batches(make, (keys, dataset.x, *labels))}
