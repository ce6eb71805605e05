"""VAE on MNIST: fully connected networks, 20 latents, Bernoulli pixels, 20 epochs.

python -m gan_jax.main --config=configs/mnist_vae.py --workdir=runs/mnist_vae

The ELBO on the test images is -103.9 nats (reconstruction 78.1, KL 25.8). Pixels are grey values, so it is not a lower
bound on a log-likelihood. 12,000 steps took 90 s on 2 CPU cores (2026-11-23). Samples: configs/pictures/mnist_vae.png.

With 2 latents --mode=interpolate draws the learned manifold, digits over the whole plane of z (ELBO -151.3; 2 min on
the same cores, shared with other work; configs/pictures/mnist_vae_plane.png):

python -m gan_jax.main --config=configs/mnist_vae.py --workdir=runs/plane --config.networks.encoder.latents=2
python -m gan_jax.main --workdir=runs/plane --mode=interpolate --out=plane.png
"""

from configs.common import autoencoder_defaults, likelihood, sample_metrics
from gan_jax.config import ConfigDict, player


def get_config() -> ConfigDict:
    """Returns the config."""
    config = autoencoder_defaults()
    config.steps = 12_000  # 20 epochs
    config.steps_per_call = 200
    config.log_every_steps = 100
    config.sample_every_steps = 2_000
    config.evaluate_every_steps = 12_000
    config.checkpoint_every_steps = 4_000

    config.objective = ConfigDict({"name": "vae.vae", "beta": 1.0})
    config.likelihood = ConfigDict({"name": "bernoulli"})
    relu = {"name": "relu"}
    encoder = {"name": "vae.Encoder", "latents": 20, "widths": (400,), "activation": relu}
    decoder = {"name": "vae.Decoder", "widths": (400,), "activation": relu}
    config.networks = ConfigDict({"encoder": encoder, "decoder": decoder})
    config.players = ConfigDict({"autoencoder": player({"name": "adam", "learning_rate": 1e-3})})
    config.evaluators = ConfigDict({"likelihood": likelihood(1), "samples": sample_metrics()})
    return config
