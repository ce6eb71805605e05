"""Class-conditional VAE on MNIST: the label's embedding in encoder and decoder, samples by class, 20 epochs.

python -m gan_jax.main --config=configs/mnist_cvae.py --workdir=runs/mnist_cvae

ELBO on the test images given their labels -99.3 nats (reconstruction 77.5, KL 21.8; of greys, so no likelihood of
anything; mnist_vae without labels: -103.9):
12,000 rounds in 2 min 31 s on 2 CPU cores, shared with other work (2026-11-23); its samples, a column for each class:
configs/pictures/mnist_cvae.png.
"""

from gan_jax.config import ConfigDict, defaults, player


def get_config() -> ConfigDict:
    """A fresh copy of this config."""
    config = defaults()
    config.data.name = "mnist"
    config.data.range = (0.0, 1.0)
    config.steps = 12_000  # 20 epochs
    config.batch_size = 100
    config.steps_per_call = 200
    config.log_every_steps = 100
    config.sample_every_steps = 2_000
    config.evaluate_every_steps = 4_000
    config.checkpoint_every_steps = 4_000

    config.objective = ConfigDict({"name": "vae.vae", "beta": 1.0})
    config.likelihood = ConfigDict({"name": "bernoulli"})
    config.samplers = ConfigDict({"label": {"name": "labels.uniform"}})
    common = {"embedding": 16, "widths": (400,), "activation": {"name": "relu"}}
    encoder = {"name": "vae.ConditionalEncoder", "latents": 20, **common}
    decoder = {"name": "vae.ConditionalDecoder", **common}
    config.networks = ConfigDict({"encoder": encoder, "decoder": decoder})
    config.players = ConfigDict({"autoencoder": player({"name": "adam", "learning_rate": 1e-3})})
    config.evaluators = ConfigDict({"likelihood": {"name": "likelihood.likelihood", "split": "test", "samples": 1}})
    return config
