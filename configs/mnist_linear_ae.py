"""Linear autoencoder on MNIST, 32 latents: it learns the subspace of PCA.

python -m gan_jax.main --config=configs/mnist_linear_ae.py --workdir=runs/mnist_linear_ae

The test error per pixel is 0.016830 against PCA's 0.016828, and the largest principal angle to PCA's subspace 1.5
degrees. 5,000 steps took 57 s on 2 CPU cores (2026-11-23). Tied weights (--config.objective.name=autoencoder.tied) give
0.016828 and 0.05 degrees, in 62 s.
"""

from configs.common import autoencoder_defaults, cosine
from gan_jax.config import ConfigDict, player


def get_config() -> ConfigDict:
    """Returns the config."""
    config = autoencoder_defaults()
    config.steps = 5_000  # 83 epochs
    config.batch_size = 1_000
    config.steps_per_call = 100
    config.log_every_steps = 100
    config.sample_every_steps = 1_000
    config.evaluate_every_steps = 1_000
    config.checkpoint_every_steps = 5_000

    config.objective = ConfigDict({"name": "autoencoder.undercomplete"})
    # Encoder and decoder start with singular values of 1: gradients to one of them are scaled by those of the other.
    one_layer = {"widths": (), "kernel_init": {"name": "orthogonal"}}
    encoder = {"name": "autoencoder.Encoder", "latents": 32, **one_layer}
    config.networks = ConfigDict({"encoder": encoder, "decoder": {"name": "autoencoder.Decoder", **one_layer}})
    # Large, because the loss is a mean over 784 pixels. Not Adam: noise in its steps hides the small components.
    rate = cosine(2.0, config.steps)
    config.players = ConfigDict({"autoencoder": player({"name": "sgd", "learning_rate": rate, "momentum": 0.98})})
    config.evaluators = ConfigDict(
        {"reconstruction": {"name": "reconstruction.beside_pca"}, "subspace": {"name": "reconstruction.subspace"}}
    )
    return config
