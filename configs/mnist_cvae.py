"""Class-conditional VAE on MNIST: the label's embedding in encoder and decoder, samples by class, 20 epochs.

python -m gan_jax.main --config=configs/mnist_cvae.py --workdir=runs/mnist_cvae

The ELBO on the test images given their labels is -99.3 nats (reconstruction 77.5, KL 21.8); mnist_vae, without labels,
has -103.9. Pixels are grey values, so it is not a lower bound on a log-likelihood. 12,000 steps took 2 min 31 s on 2
CPU cores shared with other work (2026-11-23). Samples, a column for each class: configs/pictures/mnist_cvae.png.
"""

from configs import mnist_vae
from configs.common import likelihood
from gan_jax.config import ConfigDict


def get_config() -> ConfigDict:
    """Returns the config: mnist_vae.py with labels."""
    config = mnist_vae.get_config()
    config.evaluate_every_steps = 4_000
    config.samplers = ConfigDict({"label": {"name": "labels.uniform"}})
    shared = {"embedding": 16, "widths": (400,), "activation": {"name": "relu"}}
    encoder = {"name": "vae.ConditionalEncoder", "latents": 20, **shared}
    decoder = {"name": "vae.ConditionalDecoder", **shared}
    config.networks = ConfigDict({"encoder": encoder, "decoder": decoder})
    config.evaluators = ConfigDict({"likelihood": likelihood(1)})
    return config
