"""Convolutional VAE on MNIST: DCGAN's layers, 20 latents, Bernoulli pixels, 6 epochs.

python -m gan_jax.main --config=configs/mnist_conv_vae.py --workdir=runs/mnist_conv_vae

The ELBO on the test images is -103.0 nats (reconstruction 77.7, KL 25.3). Pixels are grey values, so it is not a lower
bound on a log-likelihood. 3,600 steps took 1 min 54 s on 2 CPU cores shared with other work (2026-11-23). Samples:
configs/pictures/mnist_conv_vae.png.

--config.likelihood.name=learned_normal gives pixels a normal distribution with one learned variance. Its samples looked
worse: the KL is then 62.8 nats, so the posteriors are far from the prior.
"""

from configs.common import BATCH_NORM, autoencoder_defaults, likelihood
from gan_jax.config import ConfigDict, player


def get_config() -> ConfigDict:
    """Returns the config."""
    config = autoencoder_defaults()
    config.steps = 3_600  # 6 epochs
    config.steps_per_call = 50
    config.log_every_steps = 50
    config.sample_every_steps = 600
    config.evaluate_every_steps = 1_200
    config.checkpoint_every_steps = 1_200

    config.objective = ConfigDict({"name": "vae.vae", "beta": 1.0})
    config.likelihood = ConfigDict({"name": "bernoulli"})
    encoder = {"name": "vae.ConvEncoder", "latents": 20, "width": 16, "norm": BATCH_NORM}
    decoder = {"name": "vae.ConvDecoder", "width": 16, "norm": BATCH_NORM}
    config.networks = ConfigDict({"encoder": encoder, "decoder": decoder})
    config.players = ConfigDict({"autoencoder": player({"name": "adam", "learning_rate": 1e-3})})
    config.evaluators = ConfigDict({"likelihood": likelihood(1)})
    return config
